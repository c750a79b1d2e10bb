"""Environments whose arms never change."""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

import numpy as np
from pydantic import AfterValidator, Field

from policies.kernel import Array, kernel
from simulations.environment import Environment, Rewards
from simulations.signatures import ADVANCE, DRAW

Number = TypeVar("Number", bound=float)
MOST_ARMS = 1000


def one_an_arm(means: tuple[float, ...]) -> tuple[float, ...]:
    """The means themselves.

    Raises:
        ValueError: There are fewer than two, or too many.
    """
    if not 2 <= len(means) <= MOST_ARMS:
        raise ValueError(f"{len(means)} given, must be 2 to {MOST_ARMS}, one for each arm")
    return means


Arms = Annotated[tuple[Number, ...], Field(strict=False), AfterValidator(one_an_arm)]
Means = Arms[float]
Chances = Arms[Annotated[float, Field(ge=0.0, le=1.0)]]
Rates = Arms[Annotated[float, Field(ge=0.0)]]


@kernel(ADVANCE)
def fixed_advance(_t: float, params: Array, _rng: np.random.Generator, _context: Array, means: Array) -> None:
    """The means are the first of the parameters."""
    for arm in range(means.shape[0]):
        means[arm] = params[arm]


@kernel(DRAW)
def bernoulli_draw(mean: float, _arm: int, _t: float, _params: Array, rng: np.random.Generator) -> float:
    """1 with probability `mean`, else 0."""
    return 1.0 if rng.random() < mean else 0.0


@kernel(DRAW)
def gaussian_draw(mean: float, _arm: int, _t: float, params: Array, rng: np.random.Generator) -> float:
    """Normal; the last parameter is the standard deviation."""
    return float(mean + params[-1] * rng.standard_normal())


@kernel(DRAW)
def poisson_draw(mean: float, _arm: int, _t: float, _params: Array, rng: np.random.Generator) -> float:
    """A Poisson count."""
    return float(rng.poisson(mean))


@kernel(DRAW)
def beta_draw(mean: float, _arm: int, _t: float, params: Array, rng: np.random.Generator) -> float:
    """Beta(c mean, c (1 - mean)), c being the last parameter; a mean of 0 or 1 leaves no room for another value."""
    if mean <= 0.0 or mean >= 1.0:
        return mean
    return float(rng.beta(mean * params[-1], (1.0 - mean) * params[-1]))


@kernel(DRAW)
def student_t_draw(mean: float, _arm: int, _t: float, params: Array, rng: np.random.Generator) -> float:
    """Mean + scale * t; the last two parameters are the scale and the degrees of freedom."""
    return float(mean + params[-2] * rng.standard_t(params[-1]))


class Stationary(Environment):
    """Base class: arms with fixed means, the first parameter of the environment and the first of its kernels."""

    advance = staticmethod(fixed_advance)
    stationary: ClassVar[bool] = True

    means: Any = None

    @property
    def arms(self) -> int:
        """One a mean."""
        return len(self.means)

    def first_means(self) -> Array:
        """The expected rewards, shape (arms,)."""
        return np.array(self.means, dtype=np.float64)

    def parameters(self) -> Array:
        """The means, then the other parameters in order of their definition."""
        own = [getattr(self, name) for name in type(self).model_fields if name not in ("name", "means")]
        return np.array([*self.means, *own], dtype=np.float64)


class Bernoulli(Stationary):
    """Rewards of 0 and 1."""

    draw = staticmethod(bernoulli_draw)
    rewards: ClassVar[Rewards] = "binary"

    name: Literal["bernoulli"] = "bernoulli"
    means: Chances = Field(description="Probability of a 1, per arm.")


class Gaussian(Stationary):
    """Normal rewards of one standard deviation; they are summed about the middle of the means."""

    draw = staticmethod(gaussian_draw)
    rewards: ClassVar[Rewards] = "normal"

    name: Literal["gaussian"] = "gaussian"
    means: Means = Field(description="Expected reward, per arm.")
    sd: float = Field(default=1.0, gt=0.0, description="Standard deviation of one reward.")

    @property
    def origin(self) -> float:
        """The mean of the means."""
        return float(np.mean(self.means))


class Poisson(Stationary):
    """Counts: 0, 1, 2 and so on."""

    draw = staticmethod(poisson_draw)
    rewards: ClassVar[Rewards] = "count"

    name: Literal["poisson"] = "poisson"
    means: Rates = Field(description="Expected count, per arm.")


class Bounded(Stationary):
    """Fractions: rewards in [0, 1] from Beta distributions."""

    draw = staticmethod(beta_draw)
    rewards: ClassVar[Rewards] = "unit"

    name: Literal["bounded"] = "bounded"
    means: Chances = Field(description="Expected reward, per arm.")
    concentration: float = Field(
        default=2.0, gt=0.0, description="a + b of the Beta(a, b): small is near 0 and 1, large near the mean."
    )


class HeavyTailed(Stationary):
    """Student's t about the means: no variance with 2 degrees of freedom or fewer, no mean with 1.

    Policies for sub-Gaussian rewards lose their guarantee here. The variance, where there is one, is
    scale^2 * degrees / (degrees - 2).
    """

    draw = staticmethod(student_t_draw)
    rewards: ClassVar[Rewards] = "any"

    name: Literal["heavy_tailed"] = "heavy_tailed"
    means: Means = Field(description="Expected reward, per arm.")
    scale: float = Field(default=1.0, gt=0.0, description="Factor of the t variable.")
    degrees: float = Field(default=3.0, gt=1.0, description="Degrees of freedom.")

    @property
    def origin(self) -> float:
        """The mean of the means."""
        return float(np.mean(self.means))
