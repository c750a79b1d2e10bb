"""The posterior densities that the probability of being best is integrated from, one row an arm.

A Beta posterior is integrated over the logit y = ln(x / (1 - x)), where its density is proportional to x^a (1 - x)^b:
log-concave and analytic for all a, b > 0, with the mode at x = a / (a + b) and tails that fall exponentially. The
ends, where a density in x or in arcsin(sqrt(x)) is singular for small a or b, lie at infinity.

A narrow posterior would lose its digits in a log x + b log(1 - x), two terms of 1e12 that cancel; there the logarithm
of the density is a polynomial in y - mode, from the cumulants of the Bernoulli distribution. A Gaussian is the same
with one term.
"""

import math

from policies.kernel import Array, kernel

CENTRE, PEAK, SCALE, NARROW, A, B, TOP = 0, 1, 2, 3, 4, 5, 6
Q2, Q3, Q4, Q5, Q6 = 4, 5, 6, 7, 8
LOWER, UPPER = 9, 10
MARK = 11
"""Columns. Those from MARK on are the breakpoints that `policies.panels` adds, between LOWER and UPPER."""

NARROW_INFORMATION = 3e4
"""From this curvature of the logarithm of the density the terms left out of the polynomial stay below 1e-11."""


@kernel
def normal_density(mean: float, sd: float, row: Array) -> None:
    """Describe a Gaussian, sd > 0."""
    row[:] = 0.0
    row[CENTRE], row[PEAK], row[SCALE], row[NARROW] = mean, 1.0 / (sd * math.sqrt(2.0 * math.pi)), sd, 1.0
    row[Q2] = -0.5 / (sd * sd)


@kernel
def beta_density(a: float, b: float, row: Array) -> None:
    """Describe the logit of a Beta(a, b) variable."""
    row[:] = 0.0
    n = a + b
    k2 = (a / n) * (b / n)
    information = n * k2
    row[CENTRE] = math.log(a / b)
    # The density at the mode: Stirling's formula and its remainders, which do not cancel (Loader 2000).
    row[PEAK] = math.sqrt(information / (2.0 * math.pi)) * math.exp(_stirling(n) - _stirling(a) - _stirling(b))
    row[SCALE] = 1.0 / math.sqrt(information)
    if information >= NARROW_INFORMATION:
        skew = (b - a) / n
        row[NARROW] = 1.0
        row[Q2] = -information / 2.0
        row[Q3] = -information * skew / 6.0
        row[Q4] = -information * (1.0 - 6.0 * k2) / 24.0
        row[Q5] = -information * skew * (1.0 - 12.0 * k2) / 120.0
        row[Q6] = -information * (1.0 - 30.0 * k2 + 120.0 * k2 * k2) / 720.0
    else:
        row[SCALE] = min(row[SCALE], 1.0)
        row[A], row[B] = a, b
        row[TOP] = -a * math.log1p(b / a) - b * math.log1p(a / b)


@kernel
def logs(y: float) -> tuple[float, float]:
    """Logarithms of x and 1 - x at the logit y."""
    remainder = math.log1p(math.exp(-abs(y)))
    return min(y, 0.0) - remainder, min(-y, 0.0) - remainder


@kernel
def log_ratio(row: Array, y: float, log_x: float, log_rest: float) -> float:
    """The logarithm of the density relative to that at the mode."""
    if row[NARROW] != 0.0:
        d = y - row[CENTRE]
        return float(d * d * (row[Q2] + d * (row[Q3] + d * (row[Q4] + d * (row[Q5] + d * row[Q6])))))
    return float(row[A] * log_x + row[B] * log_rest - row[TOP])


@kernel
def _stirling(z: float) -> float:
    """The remainder of Stirling's formula, ln gamma(z) - (z - 1/2) ln z + z - ln(2 pi) / 2."""
    if z < 10.0:
        return math.lgamma(z) - (z - 0.5) * math.log(z) + z - 0.5 * math.log(2.0 * math.pi)
    s = 1.0 / (z * z)
    return (
        1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s * (1.0 / 1188 - s * 691.0 / 360360))))
    ) / z
