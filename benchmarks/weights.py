"""P(best) of Beta posteriors: time, and the error against an integral on a much finer grid."""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from benchmarks.figures import Figure, median_us
from policies import COLUMNS, COUNT, SUM, ThompsonBeta


def posteriors(arms: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Successes and failures of arms whose widths differ a hundredfold."""
    random = np.random.default_rng(seed)
    trials = np.floor(10 ** random.uniform(0.5, 4.5, arms))
    successes = np.floor(trials * random.uniform(0.08, 0.12, arms))
    return successes, trials - successes


def exact(successes: np.ndarray, failures: np.ndarray) -> np.ndarray:
    """The same integral by adaptive quadrature, cut at every arm's quantiles."""
    arms = [stats.beta(1 + s, 1 + f) for s, f in zip(successes, failures, strict=True)]
    cuts = np.unique(np.concatenate([arm.ppf([1e-13, 1e-6, 0.02, 0.5, 0.98, 1 - 1e-6, 1 - 1e-13]) for arm in arms]))
    nodes, shares = np.polynomial.legendre.leggauss(40)
    edges = np.concatenate([[0.0], cuts, [1.0]])
    x = ((edges[1:] - edges[:-1])[:, None] / 2 * (nodes + 1) + edges[:-1, None]).ravel()
    w = ((edges[1:] - edges[:-1])[:, None] / 2 * shares).ravel()
    logs = np.array([arm.logcdf(x) for arm in arms])
    with np.errstate(invalid="ignore"):
        others = logs.sum(axis=0) - logs
    return np.array([np.nansum(w * arm.pdf(x) * np.exp(other)) for arm, other in zip(arms, others, strict=True)])


def figures() -> Iterator[Figure]:
    policy = ThompsonBeta()
    for arms, bound in ((10, 100), (100, 10_000)):
        successes, failures = posteriors(arms, seed=arms)
        state = np.zeros((arms, COLUMNS))
        state[:, COUNT], state[:, SUM] = successes + failures, successes
        out, context, parameters = np.empty(arms), np.empty(0), policy.parameters(np.full(arms, 1 / arms))

        def weigh(state=state, context=context, parameters=parameters, out=out) -> None:
            policy.weights(state, context, float(state[:, COUNT].sum()), parameters, out)

        weigh()
        yield Figure(f"weights of {arms} Beta arms", median_us(weigh, 300), "us", bound)
        yield Figure(
            f"their greatest error, {arms} arms", float(np.abs(out - exact(successes, failures)).max()), "", 1e-7
        )
