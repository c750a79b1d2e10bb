"""What another policy would have earned, from the log of the policy that ran."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bandit.statistics.logged import logged
from bandit.statistics.tally import Tally, tally

LEAST_EFFECTIVE = 50.0
"""Effective sample size under which there is no interval."""


@dataclass(frozen=True, slots=True)
class Support:
    """What an estimate rests on.

    Attributes:
        trials: Trials of the log.
        effective: Effective sample size, (sum of weights)^2 / sum of their squares (Kish 1965): about as many trials of
            the target policy itself would tell as much.
        greatest: The greatest weight; 1 is that of a trial of the target policy itself.
        mean: The mean weight; near 1 where the log has enough of what the target does, None without trials.
    """

    trials: int
    effective: float
    greatest: float
    mean: float | None


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """An estimate of the mean reward of a target policy, with what it rests on.

    Attributes:
        method: The estimator, one of `METHODS`.
        estimate: None where the log has nothing for it.
        interval: For the policy's value, whatever the estimator; None where it would not be sound.
        support: Of the estimate; for `replay`, of the trials that it keeps.
    """

    method: str
    estimate: float | None
    interval: tuple[float, float] | None
    support: Support


METHODS: Mapping[str, Callable[[Tally], float | None]] = {
    "dr": lambda tally: _ratio(tally.expected + tally.residual, tally.share),
    "ips": lambda tally: _ratio(tally.rewarded, tally.share),
    "snips": lambda tally: _ratio(tally.rewarded, tally.weight),
    "dm": lambda tally: _ratio(tally.expected, tally.share),
    "sndr": lambda tally: _sum(_ratio(tally.expected, tally.share), _ratio(tally.residual, tally.weight)),
    "switch_dr": lambda tally: _ratio(tally.expected + tally.switched, tally.share),
    "dros": lambda tally: _ratio(tally.expected + tally.shrunk, tally.share),
    "replay": lambda tally: _ratio(tally.accepted_reward, float(tally.accepted)),
}
"""The estimators, by name; the first is the one to read where nothing speaks for another.

`dr`: the model, corrected by weighted residuals (Dudik, Langford and Li, "Doubly robust policy evaluation and
learning", 2011); unbiased where the predictions are of earlier trials or of other data.
`ips`: inverse propensity scores (Horvitz and Thompson 1952), unbiased, and of great variance under great weights.
`snips`: the same divided by the mean weight (Swaminathan and Joachims, "The self-normalized estimator for
counterfactual learning", 2015); biased by about 1 / effective sample size, and of less variance.
`dm`: the reward model alone; as biased as the model.
`sndr`: the same with its weights normalised.
`switch_dr`: the model alone where the weight exceeds the truncation (Wang, Agarwal and Dudik, "Optimal and adaptive
off-policy evaluation in contextual bandits", 2017).
`dros`: doubly robust with optimistic shrinkage of the weights (Su, Dimakopoulou, Krishnamurthy and Dudik, "Doubly
robust off-policy evaluation with shrinkage", 2020).
`replay`: the mean over the trials that rejection sampling keeps, as if the target itself had drawn them (Li, Chu,
Langford and Wang, "Unbiased offline evaluation of contextual-bandit-based news article recommendation algorithms",
2011, for uniform logs).
"""


def values(found: Tally, bounds: tuple[float, float] | None, alpha: float = 0.05) -> dict[str, PolicyValue]:
    """Every estimate that a tally allows, by method, each with its support and, where it is sound, the interval.

    The interval is one for the policy's value, not one for each estimator: it holds where the propensities are those
    drawn from and rewards lie within the bounds, for any weights, also where the logging policy learnt from what it
    logged, at every look together with probability 1 - alpha. If the mean reward changes with time, it is for the mean
    over the trials of the log; for a target that learns, for the mean over the states that it passed through. Where the
    target has arms that could not be logged it still holds, and stays wide. See `Wealth`.

    Args:
        found: The sums.
        bounds: Those of `tally`.
        alpha: 1 - the level of the interval.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha: {alpha:g} given, must lie strictly between 0 and 1")
    support = _support(found)
    interval = None
    if bounds is not None and found.lower is not None and found.upper is not None:
        least, most = bounds
        ends = (found.lower.bound(alpha / 2.0), 1.0 - found.upper.bound(alpha / 2.0))
        interval = (least + (most - least) * min(ends), least + (most - least) * max(ends))
    kept = Support(found.trials, float(found.accepted), float(found.accepted > 0), 1.0 if found.accepted else None)
    answers = {}
    for method, estimator in METHODS.items():
        base = kept if method == "replay" else support
        sound = interval if base.effective >= LEAST_EFFECTIVE else None
        answers[method] = PolicyValue(method, estimator(found), sound, base)
    return answers


def evaluate(
    action: ArrayLike,
    reward: ArrayLike,
    propensity: ArrayLike,
    target: ArrayLike,
    *,
    logging: ArrayLike | None = None,
    predictions: ArrayLike | None = None,
    expected: ArrayLike | None = None,
    ceiling: ArrayLike | None = None,
    bounds: tuple[float, float] | None = None,
    alpha: float = 0.05,
    truncation: float | None = None,
    seed: int = 0,
) -> dict[str, PolicyValue]:
    """Estimates what a target policy would have earned a trial, by every method.

    Args:
        action: The logged arm of each trial, an index; see `logged` for shapes.
        reward: What it earned.
        propensity: With which probability it was drawn.
        target: The target policy's probabilities, of all arms or of the logged one.
        logging: The logging policy's probabilities of all arms.
        predictions: A reward model's; None for the mean of each arm so far.
        expected: The predictions averaged over the target's arms.
        ceiling: The greatest weight that is possible.
        bounds: Least and greatest reward that is possible; None for no interval, since without bounds a rare great
            reward that was not seen could be anything.
        alpha: 1 - the level of the interval.
        truncation: Of `switch_dr` and `dros`; None for the square root of the number of trials, with which their bias
            vanishes as the log grows (Ionides, "Truncated importance sampling", 2008).
        seed: For the draws of `replay`.

    Raises:
        ValueError: An argument has a value or a shape that is not allowed; the message names it.
    """
    rows = np.size(reward)
    limit = truncation if truncation is not None else math.sqrt(max(rows, 1))
    if not limit > 0.0:
        raise ValueError(f"truncation: {limit:g} given, must be above 0")
    if bounds is not None and not bounds[0] < bounds[1]:
        raise ValueError(f"bounds: {bounds[0]:g} and {bounds[1]:g} given, must be the lower and the upper")
    log = logged(
        action,
        reward,
        propensity,
        target,
        logging=logging,
        predictions=predictions,
        expected=expected,
        first=0.0 if bounds is None else min(max(0.0, bounds[0]), bounds[1]),
        ceiling=ceiling,
        seed=seed,
    )
    return values(tally(log, limit, bounds), bounds, alpha)


def _support(found: Tally) -> Support:
    if not found.share > 0.0:
        return Support(found.trials, 0.0, 0.0, None)
    mean_share = found.share / found.trials
    effective = found.weight * found.weight / found.squares if found.squares > 0.0 else 0.0
    return Support(found.trials, effective, found.greatest / mean_share, found.weight / found.share)


def _ratio(above: float, below: float) -> float | None:
    return above / below if below > 0.0 else None


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
