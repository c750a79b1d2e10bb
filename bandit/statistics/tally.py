"""Sums over logged trials, from which every off-policy estimate follows."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from bandit.statistics.logged import Array, Logged
from bandit.statistics.wealth import Wealth


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over logged trials, from which every estimate follows; those of two parts of a log merge by `+`.

    With weights w, rewards r, predictions q for the logged arm and e for the target: `residual` sums w (r - q),
    `switched` the same over weights within the truncation, `shrunk` the same with weights shrunk towards 0.
    """

    trials: int = 0
    share: float = 0.0
    weight: float = 0.0
    squares: float = 0.0
    greatest: float = 0.0
    rewarded: float = 0.0
    expected: float = 0.0
    residual: float = 0.0
    switched: float = 0.0
    shrunk: float = 0.0
    accepted: int = 0
    accepted_reward: float = 0.0
    lower: Wealth | None = None
    upper: Wealth | None = None

    def __add__(self, other: Self) -> Self:
        """Of the trials of both."""
        if not self.trials or not other.trials:
            return self if self.trials else other
        sums = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in sums.items():
            more = getattr(other, name)
            if name == "greatest":
                sums[name] = max(value, more)
            else:
                sums[name] = None if value is None or more is None else value + more
        return type(self)(**sums)


def tally(log: Logged, truncation: float, bounds: tuple[float, float] | None) -> Tally:
    """Sums up some trials.

    Args:
        log: The trials, in the order of the log.
        truncation: The weight above which `switch_dr` leaves its correction out, and of whose order the greatest
            weight of `dros` is: its lambda is the square of it. Its root of the number of trials, see `evaluate`.
        bounds: Least and greatest reward that is possible; None for no interval.

    Raises:
        ValueError: A reward or a prediction lies outside of the bounds.
    """
    ratio = np.divide(log.weight, log.share, out=np.zeros_like(log.weight), where=log.share > 0.0)
    residual = log.weight * (log.reward - log.predicted)
    lower, upper = (None, None) if bounds is None else _bets(log, *bounds)
    return Tally(
        trials=log.reward.size,
        share=float(log.share.sum()),
        weight=float(log.weight.sum()),
        squares=float((log.weight * log.weight).sum()),
        greatest=float(log.weight.max(initial=0.0)),
        rewarded=float((log.weight * log.reward).sum()),
        expected=float((log.share * log.expected).sum()),
        residual=float(residual.sum()),
        switched=float(residual[ratio <= truncation].sum()),
        shrunk=float((residual / (1.0 + (ratio / truncation) ** 2)).sum()),
        accepted=int(log.accepted.sum()),
        accepted_reward=float(log.reward[log.accepted].sum()),
        lower=lower,
        upper=upper,
    )


def _bets(log: Logged, least: float, most: float) -> tuple[Wealth, Wealth]:
    """The bets against values that are too low, and against those that are too high."""
    scale = most - least
    value = (log.reward - least) / scale
    predicted, expected = (log.predicted - least) / scale, (log.expected - least) / scale
    for name, scaled in (("reward", value), ("predictions", predicted), ("expected", expected)):
        wrong = ~((scaled >= -1e-9) & (scaled <= 1.0 + 1e-9))
        if wrong.any():
            given = least + scale * scaled[wrong][0]
            raise ValueError(f"{name}: {given:g} given, must lie within the bounds {least:g} and {most:g}")
    value = np.clip(value, 0.0, 1.0)
    high, low = np.clip((log.highest - least) / scale, 0.0, 1.0), np.clip((log.lowest - least) / scale, 0.0, 1.0)
    below = Wealth.of(value, log.weight, log.share, predicted, expected, _product(log.ceiling, high))
    above = Wealth.of(
        1.0 - value, log.weight, log.share, 1.0 - predicted, 1.0 - expected, _product(log.ceiling, 1.0 - low)
    )
    return below, above


def _product(ceiling: Array, prediction: Array) -> Array:
    """The greatest weight times the greatest prediction; infinite where the weight is, whatever the prediction."""
    product = np.full_like(ceiling, np.inf)
    np.multiply(ceiling, prediction, out=product, where=np.isfinite(ceiling))
    return product
