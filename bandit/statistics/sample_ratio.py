"""Whether units reached the variants as often as they were drawn: the first question to ask of any experiment.

Where they did not, something takes units away, or adds some, after the draw (a redirect, a crash, a bot filter, a
variant that logs less), and whatever does that may well depend on what is measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from bandit.statistics.comparison import Refused
from policies.kernel import Array

METHOD = "sample_ratio"
THRESHOLD = 0.001
"""A p-value below this is a mismatch: the test is run on every experiment, and an alarm stops people."""
LEAST = 5.0
"""Units that every variant must expect; with fewer the chi-square distribution is far off."""
CONCENTRATION = 1000.0
"""Units that the sequential test's belief in the weights is worth: it expects a half to be off by about
.016. With 100 it would find 60:40 among 500 units rather than 1,000, and miss .002 among 1,600,000."""

TILTS = np.outer([-1.0, 1.0], 0.0005 * 2.0 ** np.arange(12)).ravel()
"""By how much the logarithm of an arm's odds may be off, for `anytime`: from .05% to 180%. Between two of them the
evidence is at least about 8/9 of what knowing the true tilt would have given, less ln(24 arms) for not knowing it."""


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """A test of the numbers of units against the weights they were drawn with.

    Attributes:
        observed: Units of each variant.
        expected: As many as the weights say.
        statistic: Chi-square distributed, or, of `anytime`, the logarithm of a likelihood ratio; None if what was
            observed is impossible.
        degrees: Of freedom.
        p_value: Of there being no mismatch.
    """

    observed: tuple[float, ...]
    expected: tuple[float, ...]
    statistic: float | None
    degrees: int
    p_value: float

    @property
    def mismatch(self) -> bool:
        """Whether the p-value lies below THRESHOLD."""
        return self.p_value < THRESHOLD


def fixed(observed: Sequence[float], weights: Sequence[float]) -> SampleRatio:
    """Pearson's chi-square test of counts against constant weights, once: when looked at daily, use `sequential`.

    Args:
        observed: Units of each variant.
        weights: In any unit; a variant with weight 0 cannot have units.

    Raises:
        Refused: Some variant with a weight expects fewer than 5 units.
        ValueError: The arguments do not fit together, or are no counts or no weights.
    """
    counts, shares = _counts(observed), _shares(weights)
    if counts.size != shares.size:
        raise ValueError(f"weights: {shares.size} given, must be as many as the counts, {counts.size}")
    expected = counts.sum() * shares
    return _tested(counts, expected, np.diag(expected) - np.outer(expected, shares))


def changing(observed: Array, expected: Array) -> SampleRatio:
    """The same where weights changed, from sums by epoch: Q = (O - E)' V^-1 (O - E).

    O are the counts, E = sum of n_b e_b and V = sum of n_b (diag(e_b) - e_b e_b') over the epochs b. It holds for many
    units, whatever chose the weights, if every draw was made with those of its moment (O - E is a martingale). Where
    callers allowed different variants within an epoch, V is too large, and the test too cautious.

    Args:
        observed: Units that were drawn, shape (epochs, variants).
        expected: The sums of the probabilities that they were drawn with, likewise.

    Raises:
        Refused: A variant expects fewer than 5 units in all.
        ValueError: The arguments do not fit together.
    """
    counts, sums, probabilities = _epochs(observed, expected)
    total = sums.sum(axis=0)
    return _tested(counts.sum(axis=0), total, np.diag(total) - probabilities.T @ sums)


def sequential(
    looks: Sequence[Sequence[float]] | Array, weights: Sequence[float], concentration: float = CONCENTRATION
) -> tuple[float, ...]:
    """P-values that may be looked at any time, one after every look; the last is the one to report.

    The probability that it ever gets below a threshold is at most that threshold, while units are drawn with these
    weights. Each is one over the greatest Bayes factor so far, of shares from a Dirichlet distribution around the
    weights against the weights themselves.

    Source: Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022.

    Args:
        looks: Units of each variant so far, shape (looks, variants), in order of time.
        weights: In any unit, all above 0.
        concentration: Units that the belief in the weights is worth.

    Raises:
        ValueError: The arguments do not fit together, or are no counts or no weights.
    """
    counts, shares = np.asarray(looks, np.float64), _shares(weights)
    if counts.ndim != 2 or counts.shape[1] != shares.size:
        raise ValueError(f"looks: shape {counts.shape} given, must be (looks, {shares.size}), as there are weights")
    if not (shares > 0.0).all():
        raise ValueError("weights: 0 given, must be above 0")
    if not 0.0 < concentration < math.inf:
        raise ValueError(f"concentration: {concentration:g} given, must be above 0 and finite")
    _counts(counts.ravel())
    if (np.diff(counts, axis=0) < 0.0).any():
        raise ValueError("looks: must not fall from one look to the next")
    best = np.maximum.accumulate(np.maximum(_log_bayes_factors(counts, shares, concentration), 0.0))
    return tuple(np.exp(-best).tolist())


def anytime(observed: Array, expected: Array) -> SampleRatio:
    """A test that may be looked at any time, where weights changed or not, from sums by epoch in any order.

    If units are lost or added so that an arm k is found with exp(d) times its odds, a draw of probability e has the
    likelihood ratio exp(d 1{k}) / (1 + e (exp(d) - 1)). While every draw is made with its probabilities, whatever
    chose those, the product of these ratios over all draws is a martingale, and so is its mean over arms and TILTS.
    The probability that this ever reaches 1 / a is at most a, for any number of units. It needs no order of the epochs,
    so neither deferred decisions nor callers who allow different variants do any harm. Where each draw had its own
    probabilities their sums suffice: the product is then at least what is computed, which makes it too cautious.

    Args:
        observed: Units that were drawn, shape (epochs, variants).
        expected: The sums of the probabilities that they were drawn with, likewise.

    Returns:
        The statistic is the logarithm of the mean, and the p-value one over it.

    Raises:
        Refused: There are no units, or only one variant is served.
        ValueError: The arguments do not fit together.

    Source: Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, for mixed likelihood
    ratios as a test of the split; mixing over tilts of the odds, for weights that change, is ours.
    """
    counts, sums, probabilities = _epochs(observed, expected)
    total, drawn = sums.sum(axis=0), counts.sum(axis=0)
    served = total > 0.0
    impossible = bool((drawn[~served] > 0.0).any())
    if served.sum() < 2 and not impossible:
        few = "only one variant is served" if served.any() else "there are no units"
        raise Refused(METHOD, few, "it where there are two variants with units or more")
    growth = np.expm1(TILTS)[:, None]
    logs = np.stack(
        [
            TILTS * drawn[arm] - (sums.sum(axis=1) * np.log1p(probabilities[:, arm] * growth)).sum(axis=1)
            for arm in np.flatnonzero(served)
        ]
    )
    statistic = float(special.logsumexp(logs) - math.log(logs.size))
    return SampleRatio(
        observed=tuple(drawn.tolist()),
        expected=tuple(total.tolist()),
        statistic=None if impossible else statistic,
        degrees=int(served.sum()) - 1,
        p_value=0.0 if impossible else math.exp(-max(0.0, statistic)),
    )


def _epochs(observed: Array, expected: Array) -> tuple[Array, Array, Array]:
    """Counts, their expectations, and the probabilities of each epoch.

    Raises:
        ValueError: The arguments do not fit together.
    """
    counts, sums = np.asarray(observed, np.float64), np.asarray(expected, np.float64)
    if counts.ndim != 2 or counts.shape != sums.shape:
        raise ValueError(f"expected: shape {sums.shape} given, must be (epochs, variants) as observed, {counts.shape}")
    _counts(counts.ravel())
    _counts(sums.ravel(), "expected")
    sizes = sums.sum(axis=1)
    if (np.abs(counts.sum(axis=1) - sizes) > 1e-6 * (1.0 + sizes)).any():
        place = int(np.argmax(np.abs(counts.sum(axis=1) - sizes)))
        raise ValueError(
            f"expected[{place}]: {sizes[place]:g} units given in all, must be as many as observed,"
            f" {counts[place].sum():g}"
        )
    return counts, sums, np.divide(sums, sizes[:, None], out=np.zeros_like(sums), where=sizes[:, None] > 0.0)


def _log_bayes_factors(counts: Array, shares: Array, concentration: float) -> Array:
    """Of Dirichlet(concentration shares) against the shares; by Stirling's formula, so that digits stay."""
    prior, total = concentration * shares, counts.sum(axis=1)
    posterior = prior + counts
    shift = np.log1p((counts - total[:, None] * shares) / (shares * (concentration + total[:, None])))
    return np.asarray(
        ((posterior - 0.5) * shift).sum(axis=1)
        - 0.5 * (shares.size - 1) * np.log1p(total / concentration)
        + (_remainder(posterior) - _remainder(prior)).sum(axis=1)
        - (_remainder(concentration + total) - _remainder(np.array(concentration)))
    )


def _remainder(z: Array) -> Array:
    """The logarithm of gamma(z), less (z - 1/2) ln z - z + ln(2 pi) / 2."""
    large = np.maximum(z, 30.0)
    series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * large * large)) / (large * large)) / large
    small = np.minimum(z, 30.0)
    direct = special.gammaln(small) - (small - 0.5) * np.log(small) + small - 0.5 * math.log(2.0 * math.pi)
    return np.where(z > 30.0, series, direct)


def _tested(observed: Array, expected: Array, covariance: Array) -> SampleRatio:
    served = expected > 0.0
    impossible = bool((observed[~served] > 0.0).any())
    if not impossible:
        _refuse_few(expected[served])
    # In units of each variant's own standard deviation, where a direction without variance has an eigenvalue of 0.
    scale = np.sqrt(expected[served])
    values, vectors = linalg.eigh(covariance[np.ix_(served, served)] / np.outer(scale, scale))
    distance = vectors.T @ ((observed - expected)[served] / scale)
    free = values > 1e-9
    impossible = impossible or bool((np.abs(distance[~free]) > 1e-6 * scale.sum()).any())
    degrees = int(free.sum())
    statistic = float((distance[free] ** 2 / values[free]).sum())
    return SampleRatio(
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
        statistic=None if impossible else statistic,
        degrees=degrees,
        p_value=0.0 if impossible else float(special.chdtrc(degrees, statistic)),
    )


def _refuse_few(expected: Array) -> None:
    least = expected.min(initial=math.inf)
    if not expected.size or not least:
        raise Refused(METHOD, "there are no units", "it once there are")
    if expected.size < 2:
        raise Refused(METHOD, "only one variant is served", "it where there are two or more")
    if least < LEAST:
        reason = f"some variant expects {least:.3g} units, fewer than {LEAST:g}"
        raise Refused(METHOD, reason, "it once there are more, or sample_ratio.anytime")


def _counts(values: Sequence[float] | Array, name: str = "observed") -> Array:
    counts = np.asarray(values, np.float64)
    wrong = ~(np.isfinite(counts) & (counts >= 0.0))
    if wrong.any():
        raise ValueError(f"{name}: {counts[wrong][0]:g} given, must be finite numbers, 0 or more")
    return counts


def _shares(weights: Sequence[float]) -> Array:
    values = _counts(weights, "weights")
    if not values.sum() > 0.0:
        raise ValueError("weights: must not all be 0")
    return np.asarray(values / values.sum())
