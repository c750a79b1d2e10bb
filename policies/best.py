"""The probability that an arm is the best, by quadrature.

P(arm k is best) is the integral of its density times the distribution functions of all others. All arms share one
grid of panels, with breakpoints at fixed distances around each of them, so that a narrow posterior beside wide ones
is resolved. Only densities are evaluated; within a panel the distribution functions are their running integrals. The
probabilities sum to one by themselves, and how far they do not tells the error: below 1e-10 for ten arms and 1e-9 for
a hundred, up to 1e12 trials; 1e-6 for a thousand identical arms, whose common grid is the coarsest.

Source: Scott, "A modern Bayesian look at the multi-armed bandit", Applied Stochastic Models in Business and Industry
26, 2010, equation 8, for the integral; the quadrature is ours.
"""

import numpy as np

from policies.density import LOG, LOGIT, UPPER, beta_density, clear, gamma_density, normal_density
from policies.duel import duel
from policies.integral import integrate
from policies.kernel import Array, kernel
from policies.panels import COLUMNS, mark

NO_WIDTH = 1e-14
"""A standard deviation below this part of the distance from the greatest mean is no wider than its rounding."""


@kernel
def best_beta(a: Array, b: Array, out: Array) -> float:
    """Write the probability that each of independent Beta(a, b) variables is the greatest; return the unscaled sum.

    Args:
        a: First parameters, shape (arms,), each > 0.
        b: Second parameters, shape (arms,), each > 0.
        out: Shape (arms,), a distribution afterwards.
    """
    arms = a.shape[0]
    if arms == 2 and duel(a, b, out):
        return _scaled(out)
    densities = np.empty((arms, COLUMNS))
    for arm in range(arms):
        beta_density(a[arm], b[arm], densities[arm])
        mark(densities[arm], LOGIT)
    clear(out)
    integrate(densities, -np.inf, LOGIT, out)
    return _scaled(out)


@kernel
def best_gamma(shape: Array, rate: Array, out: Array) -> float:
    """Write the probability that each of independent Gamma variables is the greatest; return the unscaled sum.

    Args:
        shape: Shape (arms,), each > 0.
        rate: Shape (arms,), each > 0.
        out: Shape (arms,), a distribution afterwards.
    """
    arms = shape.shape[0]
    densities = np.empty((arms, COLUMNS))
    for arm in range(arms):
        gamma_density(shape[arm], rate[arm], densities[arm])
        mark(densities[arm], LOG)
    clear(out)
    integrate(densities, -np.inf, LOG, out)
    return _scaled(out)


@kernel
def best_normal(mean: Array, sd: Array, out: Array) -> float:
    """Write the probability that each of independent Gaussians is the greatest; return the unscaled sum.

    Args:
        mean: Shape (arms,).
        sd: Shape (arms,), each >= 0; a variable with sd = 0 is its mean, and equal ones share a victory.
        out: Shape (arms,), a distribution afterwards.
    """
    arms = mean.shape[0]
    # Distances from the greatest mean keep their digits where the means themselves would not.
    origin = mean.max()
    unit = sd.max() if sd.max() > 0.0 else 1.0
    densities = np.empty((arms, COLUMNS))
    floor, points = -np.inf, 0
    for arm in range(arms):
        centre, width = (mean[arm] - origin) / unit, sd[arm] / unit
        out[arm] = 0.0
        if width > NO_WIDTH * max(abs(centre), NO_WIDTH):
            normal_density(centre, width, densities[arm])
            mark(densities[arm], LOGIT)
        else:
            densities[arm, UPPER] = -np.inf
            if centre > floor:
                floor, points = centre, 0
            points += centre == floor
    none_above = integrate(densities, floor, LOGIT, out)
    for arm in range(arms):
        if densities[arm, UPPER] == -np.inf and (mean[arm] - origin) / unit == floor:
            out[arm] = none_above / points
    return _scaled(out)


@kernel
def _scaled(out: Array) -> float:
    """Scale to a distribution; the sum before it."""
    raw = 0.0
    for arm in range(out.shape[0]):
        out[arm] = max(out[arm], 0.0)
        raw += out[arm]
    for arm in range(out.shape[0]):
        out[arm] /= raw
    return raw
