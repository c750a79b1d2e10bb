"""A treatment against a control on data that a bandit collected, looked at as often as one likes, by a normal limit.

The difference of the scores (see `pair`), weighted in each epoch by something that was decided before it, is a
martingale whatever the bandit did. A normal mixture bounds it at all times at once (see `confidence_sequences`, whose
formula this is). It is *design-based*: what is random is the draw of the arms by known probabilities, and values may be
anything, also follow a trend.

The weights `information` are large where both arms were drawn, and the variance is that of the values, through the
probabilities. With `uniform` weights the effect is that of all trials alike, also where it varies, and the variance is
that of the scores, as published; the few wild scores of an arm at its floor decide then, and early looks err more.

For values without bounds there is nothing better; where there are bounds, `wagers` is exact and about as sharp.

Source: Ham, Bojinov, Lindon and Tingley, "Design-based confidence sequences: a general approach to risk mitigation in
online experimentation", 2022; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 52, 2024. Weighting by information is ours.
"""

import numpy as np

from bandit.statistics import confidence_sequences
from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.confidence_sequences import PLANNED
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import Pair, pair
from bandit.statistics.score_sequence import EVENTS, VALUES, Weights, sequence
from bandit.statistics.tails import check as check_arguments

METHOD = "design_based"


def mixture(pair: Pair, planned: float, alpha: float, weights: Weights = "information") -> float:
    """The rho with which the interval is about the tightest after `planned` trials, fixed by the design alone.

    For `information` half of it is assumed to be that of an even split, and half that of an arm at its floor.
    """
    middle = 0.5 * (0.5 / pair.arms + pair.least_information) if weights == "information" else 1.0
    return confidence_sequences.best_rho(planned * middle, alpha)


def compare(
    epochs: Epochs,
    treatment: int,
    control: int,
    *,
    alpha: float = 0.05,
    planned: float = PLANNED,
    weights: Weights = "information",
) -> Comparison:
    """The difference of two arms' means, with an interval and a p-value that are valid whenever one looks.

    The interval is that of this look, the p-value the least so far.

    Args:
        epochs: What was collected so far; any number of epochs of any size.
        treatment: Its place among the arms.
        control: Its place.
        alpha: The probability that any of the intervals ever misses the effect.
        planned: Trials of all arms at which the interval is to be the tightest; fixed in advance.
        weights: See the module.

    Raises:
        Refused: There is no floor, or too little is expected of an arm at its floor, or the values do not vary.
        ValueError: An argument is out of its range.
    """
    check(pair(METHOD, epochs, treatment, control))
    return _compared(epochs, treatment, control, alpha, planned, weights, checked=True)


def check(pair: Pair) -> None:
    """Refuses data for which the limit is far.

    Raises:
        Refused: They are.
    """
    if not pair.floor > 0.0:
        raise Refused(METHOD, "without a floor an arm's probability can fall to 0", "rerandomisation, or set a floor")
    expected, least = float(pair.expected.min()), EVENTS if pair.binary else VALUES
    if expected < least:
        what = "successes or failures" if pair.binary else "trials"
        reason = f"an arm at the floor of {pair.floor:g} expects {expected:.3g} {what} by now, fewer than {least:g}"
        raise Refused(METHOD, reason, "wagers, which is exact for any number" if pair.bounds else "more trials")


def unchecked(
    epochs: Epochs,
    treatment: int,
    control: int,
    *,
    alpha: float = 0.05,
    planned: float = PLANNED,
    weights: Weights = "information",
) -> Comparison:
    """As `compare`, also where that would refuse, and with looks from the first epoch on.

    Raises:
        Refused: The values do not vary.
        ValueError: An argument is out of its range.
    """
    return _compared(epochs, treatment, control, alpha, planned, weights, checked=False)


def _compared(
    epochs: Epochs, treatment: int, control: int, alpha: float, planned: float, weights: Weights, *, checked: bool
) -> Comparison:
    check_arguments(alpha)
    chosen = pair(METHOD, epochs, treatment, control)
    found = sequence(chosen, weights, checked=checked)
    rho = mixture(chosen, planned, alpha, weights)
    if not found.deviation[-1] > 0.0:
        raise Refused(METHOD, "the values of neither arm vary", "more trials")
    effect, half = float(found.total[-1] / found.weight[-1]), float(found.half(rho, alpha)[-1])
    evidence = found.log_evidence(0.0, rho)
    return Comparison(
        method=METHOD,
        effect=effect,
        interval=(effect - half, effect + half),
        p_value=float(np.exp(-max(0.0, evidence.max()))),
        statistic=float(evidence[-1]),
    )
