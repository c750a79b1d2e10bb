"""The probability that one of two Beta variables is the greater, as a finite sum.

A first parameter that is a whole number makes it a sum of so many positive terms, each the one before times a
fraction: several times as fast as the quadrature where there are few, and as exact. Successes counted on a whole prior
are whole.

Source: Cook, "Exact calculation of beta inequalities", University of Texas MD Anderson Cancer Center, 2005; Miller,
"Formulas for Bayesian A/B testing", 2015, equation 6.
"""

import math

import numpy as np

from policies.kernel import Array, kernel

MOST = 4000.0
"""Parameters that sum to more are left to the quadrature: logarithms of factorials lose digits, and terms are many."""
LEAST = -600.0
"""Below this logarithm the first term might vanish where the others do not."""


@kernel
def duel(a: Array, b: Array, out: Array) -> bool:
    """Write the probability that each of two Beta(a, b) variables is the greater, if a sum gives it.

    Args:
        a: First parameters, shape (2,), each > 0.
        b: Second parameters, shape (2,), each > 0.
        out: Shape (2,); left as it is where the answer is False.
    """
    if a[0] + b[0] + a[1] + b[1] > MOST:
        return False
    first = _greater(a[0], b[0], a[1], b[1])
    second = _greater(a[1], b[1], a[0], b[0])
    if np.isnan(first) or np.isnan(second):
        return False
    out[0], out[1] = first, second
    return True


@kernel
def _greater(a: float, b: float, c: float, d: float) -> float:
    """P(X > Y) of X ~ Beta(a, b) and Y ~ Beta(c, d); nan where no sum gives it."""
    # 1 - Y > 1 - X is the same, and has d terms.
    whole_a, whole_d = a == math.floor(a), d == math.floor(d)
    if whole_d and not (whole_a and a <= d):
        a, b, c, d = d, c, b, a
    elif not whole_a:
        return math.nan
    start = math.lgamma(b + d) + math.lgamma(c + d) - math.lgamma(b + c + d) - math.lgamma(d)
    if start < LEAST:
        return math.nan
    term = math.exp(start)
    total = term
    for i in range(int(a) - 1):
        term *= (c + i) * (b + i) / ((b + c + d + i) * (i + 1.0))
        total += term
    return float(total)
