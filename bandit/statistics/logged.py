"""Logged trials beside what a target policy would have done."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bandit.statistics.arm_means import ArmMeans

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Logged:
    """Trials of a log as the estimators see them; every array has shape (n,).

    Attributes:
        reward: What was earned.
        weight: Share times target probability / propensity, both of the logged arm.
        share: How much the trial counts; 1 unless the target learns, see `shared`.
        ceiling: The greatest weight that any arm would have had; infinite where that is unknown, or where the target
            has arms that could not be logged.
        predicted: The reward model's prediction for the logged arm.
        expected: Its predictions averaged over the target's arms.
        lowest: Its least prediction among the target's arms; -inf where it is unknown.
        highest: Its greatest one; inf where it is unknown.
        accepted: Whether rejection sampling by the target keeps the trial.
    """

    reward: Array
    weight: Array
    share: Array
    ceiling: Array
    predicted: Array
    expected: Array
    lowest: Array
    highest: Array
    accepted: NDArray[np.bool_]

    def shared(self, share: Array, accepted: NDArray[np.bool_]) -> Self:
        """The same trials for a target that learns from those that it has accepted.

        What such a target does depends on what it has learnt, and it stays in a state until it accepts a trial. Where
        a trial is accepted with probability share times weight, shares of 1 / ceiling sum to 1 over the trials of a
        state in expectation, so that every state counts once, however long the log kept the target waiting.

        Source: Dudik, Erhan, Langford and Li, "Sample-efficient nonstationary policy evaluation for contextual
        bandits", UAI 2012 (their `c`; here it follows the logging policy of each trial).

        Args:
            share: How much each trial counts, known before its arm was drawn, 0 to 1 / ceiling.
            accepted: Whether the target has learnt from it.
        """
        ceiling = np.where(share > 0.0, share * np.where(share > 0.0, self.ceiling, 0.0), 0.0)
        return replace(self, weight=share * self.weight, share=share, ceiling=ceiling, accepted=accepted)


def logged(
    action: ArrayLike,
    reward: ArrayLike,
    propensity: ArrayLike,
    target: ArrayLike,
    *,
    logging: ArrayLike | None = None,
    predictions: ArrayLike | None = None,
    expected: ArrayLike | None = None,
    first: float = 0.0,
    ceiling: ArrayLike | None = None,
    seed: int | np.random.Generator = 0,
) -> Logged:
    """Checks the arrays of a log and puts them beside the target policy.

    Args:
        action: The logged arm of each trial, an index, shape (n,).
        reward: What it earned, shape (n,).
        propensity: The probability with which the logging policy drew it, shape (n,).
        target: The target policy's probabilities, shape (n, arms), or (n,) for those of the logged arm alone.
        logging: The logging policy's probabilities of all arms, shape (n, arms), where they are known. With them the
            interval is tighter, replay possible, and arms that could not be logged are seen.
        predictions: A reward model's, made without the trial itself and what came later: shape (n, arms), or (n,) for
            the logged arm alone, which needs `expected` too. None for the mean of each arm so far (`ArmMeans`), or
            where the target is given for the logged arms alone, of all arms so far.
        expected: The predictions averaged over the target's arms, shape (n,); taken from the others where they are
            matrices.
        first: What that model predicts for the first trial.
        ceiling: Instead of `logging`: the greatest weight that is possible, one for all trials or shape (n,).
        seed: For the draws of rejection sampling.

    Raises:
        ValueError: An array has the wrong shape or a value that is not allowed; the message names it.
    """
    rewards = _column("reward", reward)
    n = rewards.size
    if not np.isfinite(rewards).all():
        raise ValueError(f"reward: {rewards[~np.isfinite(rewards)][0]:g} given, must be finite")
    drawn = _column("propensity", propensity, n)
    _within("propensity", drawn, 0.0, 1.0, open_below=True)
    arms = np.asarray(action)
    if arms.shape != (n,) or (n and not np.issubdtype(arms.dtype, np.integer)):
        raise ValueError(f"action: shape {arms.shape} of {arms.dtype} given, must be {n} indexes of arms")
    arms = arms.astype(np.int64)
    wanted = np.asarray(target, np.float64)
    if wanted.shape != (n,) and (wanted.ndim != 2 or wanted.shape[0] != n):
        raise ValueError(f"target: shape {wanted.shape} given, must be ({n}, arms), or ({n},) for the logged arms")
    _within("target", wanted, 0.0, 1.0)
    matrix = wanted if wanted.ndim == 2 else None
    trial = np.arange(n)
    if matrix is not None:
        _distributions("target", matrix)
        _within("action", arms, 0, matrix.shape[1] - 1)
        wanted = matrix[trial, arms]
    greatest = np.full(n, np.inf)
    if ceiling is not None:
        greatest = np.broadcast_to(np.asarray(ceiling, np.float64), (n,))
    elif logging is not None:
        if matrix is None:
            raise ValueError(f"logging: shape {np.shape(logging)} given, which needs the target's ({n}, arms) too")
        greatest = ceilings(matrix, _like("logging", logging, matrix))
    ratio = wanted / drawn
    if (ratio > greatest * (1.0 + 1e-6)).any():
        place = int(np.argmax(ratio - greatest))
        raise ValueError(f"propensity[{place}]: {drawn[place]:g} given, less than logging or ceiling allow")
    if predictions is None:
        model = ArmMeans.none(1 if matrix is None else matrix.shape[1], first)
        made, _ = model.predict(np.zeros_like(arms) if matrix is None else arms, rewards)
        predictions, expected = (made[:, 0], made[:, 0]) if matrix is None else (made, None)
    uniform = 1.0 - np.random.default_rng(seed).random(n)
    predicted, average, lowest, highest = _predictions(predictions, expected, matrix, arms, n)
    return Logged(
        reward=rewards,
        weight=ratio,
        share=np.ones(n),
        ceiling=greatest,
        predicted=predicted,
        expected=average,
        lowest=lowest,
        highest=highest,
        accepted=(ratio > 0.0) & (uniform * greatest <= ratio),
    )


def ceilings(target: Array, logging: Array) -> Array:
    """The greatest ratio of target to logging probability in each trial, infinite without overlap; shape (n,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        greatest: Array = np.where(target > 0.0, target / logging, 0.0).max(axis=1, initial=0.0)
    return greatest


def _predictions(
    predictions: ArrayLike, expected: ArrayLike | None, target: Array | None, arms: NDArray[np.int64], n: int
) -> tuple[Array, Array, Array, Array]:
    """Predictions for the logged arms and for the target, with the least and the greatest of the target's arms."""
    given = np.asarray(predictions, np.float64)
    if not np.isfinite(given).all():
        raise ValueError(f"predictions: {given[~np.isfinite(given)][0]:g} given, must be finite")
    if given.ndim == 1:
        if expected is None:
            raise ValueError("predictions: given for the logged arms alone, which needs expected too")
        unknown = np.full(n, np.inf)
        return _column("predictions", given, n), _column("expected", expected, n), -unknown, unknown
    if target is None:
        raise ValueError(f"predictions: shape {given.shape} given, which needs the target's ({n}, arms) too")
    given = _like("predictions", given, target)
    chosen = target > 0.0
    average = (given * target).sum(axis=1) if expected is None else _column("expected", expected, n)
    lowest = np.where(chosen, given, np.inf).min(axis=1, initial=np.inf)
    highest = np.where(chosen, given, -np.inf).max(axis=1, initial=-np.inf)
    return given[np.arange(n), arms], average, lowest, highest


def _column(name: str, given: ArrayLike, size: int | None = None) -> Array:
    column = np.asarray(given, np.float64)
    if column.ndim != 1 or (size is not None and column.size != size):
        raise ValueError(f"{name}: shape {column.shape} given, must be ({'n' if size is None else size},)")
    return column


def _like(name: str, given: ArrayLike, matrix: Array) -> Array:
    other = np.asarray(given, np.float64)
    if other.shape != matrix.shape:
        raise ValueError(f"{name}: shape {other.shape} given, must be that of target, {matrix.shape}")
    return other


def _within(name: str, given: NDArray[np.generic], least: float, most: float, *, open_below: bool = False) -> None:
    values = np.asarray(given, np.float64)
    wrong = ~((values > least if open_below else values >= least) & (values <= most * (1.0 + 1e-9)))
    if wrong.any():
        place = np.argwhere(wrong)[0]
        allowed = f"above {least:g} and at most {most:g}" if open_below else f"{least:g} to {most:g}"
        raise ValueError(f"{name}{list(map(int, place))}: {values[tuple(place)]:g} given, must be {allowed}")


def _distributions(name: str, matrix: Array) -> None:
    sums = matrix.sum(axis=1)
    wrong = np.abs(sums - 1.0) > 1e-6
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ValueError(f"{name}[{place}]: probabilities that sum to {sums[place]:g} given, must sum to 1")
