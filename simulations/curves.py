"""Curves over the decisions: columns for a file, bands for a plot, and the line that no policy can beat."""

import math
from typing import Any

import numpy as np

from policies.kernel import Array
from simulations.environment import Environment
from simulations.simulation import Outcome

QUANTILES = {"regret_p05": 0.05, "regret_median": 0.5, "regret_p95": 0.95}


def columns(outcome: Outcome) -> dict[str, Any]:
    """A row for each policy and grid point: the regret over replications, the best arm's share, the allocation.

    `arm_i` is the share of the decisions so far that arm i got, counted from 1.
    """
    study, points = outcome.study, len(outcome.grid)
    replications = len(outcome.replications)
    found: dict[str, Any] = {
        "policy": np.repeat(np.array(study.labels, dtype=object), points),
        "decisions": np.tile(outcome.grid, len(study.policies)),
        "regret_mean": outcome.regret.mean(axis=1).ravel(),
        "regret_se": standard_error(outcome).ravel(),
    }
    for name, level in QUANTILES.items():
        found[name] = np.quantile(outcome.regret, level, axis=1).ravel()
    found["best_arm_share"] = (outcome.best.sum(axis=1) / replications / outcome.grid).ravel()
    shares = outcome.allocation / outcome.grid[None, :, None]
    for arm in range(study.environment.arms):
        found[f"arm_{arm + 1}"] = shares[:, :, arm].ravel()
    return found


def standard_error(outcome: Outcome) -> Array:
    """The standard error of the mean regret, shape (policies, points); nan for one replication."""
    replications = outcome.regret.shape[1]
    if replications < 2:
        return np.full((outcome.regret.shape[0], outcome.regret.shape[2]), np.nan)
    error: Array = outcome.regret.std(axis=1, ddof=1) / math.sqrt(replications)
    return error


def lai_robbins(environment: Environment) -> float | None:
    """The constant C of the asymptotic lower bound C ln T; None where the environment has none of the known forms.

    No policy whose regret is o(T^a) for every a > 0 and all means can have a smaller limit of regret / ln T. At a
    finite T the regret of a good policy may well lie below C ln T.

    Source: Lai and Robbins, "Asymptotically efficient adaptive allocation rules", Advances in Applied Mathematics 6,
    1985, theorem 2.
    """
    means, divergence = environment.first_means(), _DIVERGENCES.get(environment.name)
    if means is None or divergence is None:
        return None
    greatest = float(means.max())
    spread = float(getattr(environment, "sd", 1.0))
    terms = [
        (greatest - mean) / divergence(float(mean), greatest, spread) if greatest > mean else 0.0 for mean in means
    ]
    return math.fsum(terms)


def _bernoulli(mean: float, other: float, _sd: float) -> float:
    def term(p: float, q: float) -> float:
        return 0.0 if p == 0.0 else math.inf if q == 0.0 else p * math.log(p / q)

    return term(mean, other) + term(1.0 - mean, 1.0 - other)


def _gaussian(mean: float, other: float, sd: float) -> float:
    return (mean - other) ** 2 / (2.0 * sd**2)


def _poisson(mean: float, other: float, _sd: float) -> float:
    return other - mean + (mean * math.log(mean / other) if mean > 0.0 else 0.0)


_DIVERGENCES = {"bernoulli": _bernoulli, "gaussian": _gaussian, "poisson": _poisson}
"""Kullback-Leibler divergence of the rewards of two arms, by the environment's name."""
