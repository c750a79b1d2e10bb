"""The likeliest rates of two arms whose difference is given: what a score test takes the variance from."""

import numpy as np

from policies.kernel import Array


def rates(trials: Array, successes: Array, difference: Array | float) -> Array:
    """Both rates, for many pairs at once.

    Args:
        trials: Shape (..., 2), treatment and control.
        successes: Likewise.
        difference: Of the treatment's rate from the control's, -1 to 1, shape (...) or a number.

    Returns:
        The rates, shape (..., 2). They are 1/2 and so on where there are no trials, and accurate to about 1e-8.

    Source: Miettinen and Nurminen, "Comparative analysis of two rates", Statistics in Medicine 4, 1985; the root of
    their cubic equation as Farrington and Manning, Statistics in Medicine 9, 1990, write it.
    """
    n1, n0 = np.maximum(trials[..., 0], 1e-9), np.maximum(trials[..., 1], 1e-9)
    p1, p0 = successes[..., 0] / n1, successes[..., 1] / n0
    delta, ratio = np.asarray(difference, np.float64), n0 / n1
    cubic = 1.0 + ratio
    square = -(1.0 + ratio + p1 + ratio * p0 + delta * (ratio + 2.0)) / (3.0 * cubic)
    linear = (delta * delta + delta * (2.0 * p1 + ratio + 1.0) + p1 + ratio * p0) / (3.0 * cubic)
    constant = -p1 * delta * (1.0 + delta) / cubic
    # Three real roots of x^3 + 3 square x^2 + 3 linear x + constant; the middle one is the likeliest rate.
    half = square**3 - 1.5 * square * linear + 0.5 * constant
    radius = np.copysign(np.sqrt(np.maximum(square * square - linear, 0.0)), half)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(radius != 0.0, half / radius**3, 0.0)
    angle = (np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3.0
    treated = np.clip(2.0 * radius * np.cos(angle) - square, np.maximum(0.0, delta), np.minimum(1.0, 1.0 + delta))
    return np.stack([treated, np.clip(treated - delta, 0.0, 1.0)], axis=-1)
