"""The posterior densities that the probability of being best is integrated from, one row an arm.

A Beta posterior is integrated over the logit y = ln(x / (1 - x)), where its density is proportional to x^a (1 - x)^b:
log-concave and analytic for all a, b > 0, with the mode at x = a / (a + b) and tails that fall exponentially. The
ends, where a density in x or in arcsin(sqrt(x)) is singular for small a or b, lie at infinity.

A narrow posterior would lose its digits in a log x + b log(1 - x), two terms of 1e12 that cancel; there the logarithm
of the density is a polynomial in y - mode, from the cumulants of the Bernoulli distribution. A Gaussian is the same
with one term.

A Gamma posterior is integrated over y = ln x, where its density is proportional to x^shape exp(-rate x): the same form
a u + b v as a Beta's, with u = ln x and v = -x in place of u = ln x and v = ln(1 - x). So the two differ in what they
are sums of, and in what follows from it: peak, slope and the polynomial.
"""

import math

from policies.kernel import Array, kernel

LOGIT, LOG = 0.0, 1.0
"""Scales of the integration variable: the logit of x for Beta and x itself for Gaussians, ln x for Gamma posteriors."""

CENTRE, PEAK, SCALE, NARROW, A, B, TOP = 0, 1, 2, 3, 4, 5, 6
Q2, Q3, Q4, Q5, Q6 = 4, 5, 6, 7, 8
LOWER, UPPER = 9, 10
MARK = 11
"""Columns. Those from MARK on are the breakpoints that `policies.panels` adds, between LOWER and UPPER."""

NARROW_INFORMATION = 3e4
"""From this curvature of the logarithm of the density the terms left out of the polynomial stay below 1e-11."""


@kernel
def clear(values: Array) -> None:
    """Set all to zero; a loop, because an assignment to a slice takes a fifth of a second to compile."""
    for i in range(values.shape[0]):
        values[i] = 0.0


@kernel
def normal_density(mean: float, sd: float, row: Array) -> None:
    """Describe a Gaussian, sd > 0."""
    clear(row)
    row[CENTRE], row[PEAK], row[SCALE], row[NARROW] = mean, 1.0 / (sd * math.sqrt(2.0 * math.pi)), sd, 1.0
    row[Q2] = -0.5 / (sd * sd)


@kernel
def beta_density(a: float, b: float, row: Array) -> None:
    """Describe the logit of a Beta(a, b) variable."""
    clear(row)
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
def gamma_density(shape: float, rate: float, row: Array) -> None:
    """Describe the logarithm of a Gamma variable with this shape and rate."""
    clear(row)
    row[CENTRE] = math.log(shape / rate)
    row[PEAK] = math.sqrt(shape / (2.0 * math.pi)) * math.exp(-_stirling(shape))
    row[SCALE] = 1.0 / math.sqrt(shape)
    if shape >= NARROW_INFORMATION:
        row[NARROW] = 1.0
        row[Q2], row[Q3], row[Q4] = -shape / 2.0, -shape / 6.0, -shape / 24.0
        row[Q5], row[Q6] = -shape / 120.0, -shape / 720.0
    else:
        # The right tail, exp(-exp(y)), falls within less than one.
        row[SCALE] = min(row[SCALE], 0.7)
        row[A], row[B] = shape, rate
        row[TOP] = shape * row[CENTRE] - shape


@kernel
def terms(y: float, scale: float) -> tuple[float, float]:
    """What a wide density's logarithm is a sum of: ln x and ln(1 - x) at the logit y, or ln x and -x at ln x = y."""
    if scale == LOG:
        return y, -math.exp(y)
    remainder = math.log1p(math.exp(-abs(y)))
    return min(y, 0.0) - remainder, min(-y, 0.0) - remainder


@kernel
def slope(row: Array, first: float, second: float, scale: float) -> float:
    """The derivative of a wide density's logarithm, from its two terms."""
    if scale == LOG:
        return float(row[A] + row[B] * second)
    return float(row[A] * math.exp(second) - row[B] * math.exp(first))


@kernel
def log_ratio(row: Array, y: float, first: float, second: float) -> float:
    """The logarithm of the density at y, whose two terms are given, relative to that at the mode."""
    if row[NARROW] != 0.0:
        d = y - row[CENTRE]
        return float(d * d * (row[Q2] + d * (row[Q3] + d * (row[Q4] + d * (row[Q5] + d * row[Q6])))))
    return float(row[A] * first + row[B] * second - row[TOP])


@kernel
def fallen(row: Array, drop: float, side: float, scale: float) -> float:
    """About where a wide density has fallen by `drop` on one side: Newton's method, from outside."""
    if scale == LOG:
        ratio = drop / row[A]
        distance = math.sqrt(2.0 * ratio)
        # The right tail is that of exp(-exp(y)), where Newton's method moves by one a step: start near.
        distance = math.log(1.0 + ratio + distance) if side > 0.0 else distance
    else:
        distance = math.sqrt(2.0 * drop * (row[A] + row[B]) / (row[A] * row[B]))
    y = row[CENTRE] + side * distance
    for _ in range(40):
        first, second = terms(y, scale)
        excess = log_ratio(row, y, first, second) + drop
        if abs(excess) < 0.05 * drop:
            break
        y -= excess / slope(row, first, second, scale)
    return float(y)


@kernel
def _stirling(z: float) -> float:
    """The remainder of Stirling's formula, ln gamma(z) - (z - 1/2) ln z + z - ln(2 pi) / 2."""
    if z < 10.0:
        return math.lgamma(z) - (z - 0.5) * math.log(z) + z - 0.5 * math.log(2.0 * math.pi)
    s = 1.0 / (z * z)
    return (
        1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s * (1.0 / 1188 - s * 691.0 / 360360))))
    ) / z
