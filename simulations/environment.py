"""What an environment is: parameters that people set, and two compiled kernels that draw what happens."""

from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict

from policies.kernel import Array
from simulations.signatures import ADVANCE, DRAW, Advance, Draw

Rewards = Literal["binary", "unit", "count", "normal", "any"]


class Environment(BaseModel):
    """Base class of the environments, built like `policies.Policy`.

    A subclass has a field `name: Literal["its_name"] = "its_name"`, its parameters as fields, the property `arms`, the
    method `parameters`, and the class variables `advance` and `draw`, functions with `@kernel(ADVANCE)` and
    `@kernel(DRAW)`, and `rewards`.

    Raises:
        TypeError: A subclass lacks one of these; the message says which.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)

    advance: ClassVar[Advance]
    draw: ClassVar[Draw]
    rewards: ClassVar[Rewards]
    """What a reward can be: 0 or 1, any number in [0, 1], a whole number from 0, normal, or any real number."""
    stationary: ClassVar[bool] = False
    """Whether the means of step 0 hold for the whole run; the loop then asks for them once."""

    name: str

    @property
    def arms(self) -> int:
        """How many arms there are."""
        raise NotImplementedError

    @property
    def dimension(self) -> int:
        """How many features an arm is judged by; 0 for none."""
        return 0

    @property
    def features(self) -> int:
        """How many numbers the context holds: `dimension`, or `arms` times as many where every arm has its own."""
        return self.dimension

    @property
    def support(self) -> Rewards:
        """What a reward can be here; `rewards`, unless the parameters say more."""
        return type(self).rewards

    @property
    def origin(self) -> float:
        """A number near the rewards, taken off them before they are summed, as an experiment's metric does."""
        return 0.0

    def parameters(self) -> Array:
        """The parameter vector of the kernels."""
        raise NotImplementedError

    def first_means(self) -> Array | None:
        """The expected rewards, shape (arms,), where they are the same in every replication and at every step."""
        return None

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Check what an environment needs where the class is written."""
        super().__pydantic_init_subclass__(**options)
        named = cls.model_fields["name"].annotation is not str
        if not named and not (hasattr(cls, "advance") and hasattr(cls, "draw")):
            return  # a base class of a family
        default = cls.model_fields["name"].default
        if get_args(cls.model_fields["name"].annotation) != (default,):
            raise TypeError(f'{cls.__name__}.name: must be declared as `name: Literal["its_name"] = "its_name"`')
        if getattr(cls, "rewards", None) not in get_args(Rewards):
            raise TypeError(f"{cls.__name__}.rewards: must be declared as one of {', '.join(get_args(Rewards))}")
        for attribute, signature in (("advance", ADVANCE), ("draw", DRAW)):
            given: Any = getattr(cls, attribute, None)
            if getattr(given, "signature", None) != signature:
                kind = attribute.upper()
                raise TypeError(f"{cls.__name__}.{attribute}: {given!r} given, must be a function with @kernel({kind})")
            setattr(cls, attribute, staticmethod(given))
        for attribute in ("arms", "parameters"):
            if getattr(cls, attribute) is getattr(Environment, attribute):
                raise TypeError(f"{cls.__name__}.{attribute}: must be defined")
