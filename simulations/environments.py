"""Every environment by its name: a new one is a class and a line here."""

from simulations.changing import Abrupt, Drifting, Seasonal
from simulations.contextual import Linear, Logistic
from simulations.environment import Environment
from simulations.prior import RandomBernoulli, RandomLinear
from simulations.stationary import Bernoulli, Bounded, Gaussian, HeavyTailed, Poisson

ENVIRONMENTS: dict[str, type[Environment]] = {
    environment.model_fields["name"].default: environment
    for environment in (
        Bernoulli,
        Gaussian,
        Poisson,
        Bounded,
        HeavyTailed,
        Abrupt,
        Drifting,
        Seasonal,
        Linear,
        Logistic,
        RandomBernoulli,
        RandomLinear,
    )
}
