"""What a policy is: parameters that people set, and two compiled kernels that read the statistics."""

from typing import Annotated, Any, ClassVar, Literal, Protocol, get_args

import numpy as np
from annotated_types import Gt
from pydantic import BaseModel, ConfigDict, Field

from policies.duration import Duration
from policies.kernel import RECORD, SELECT, WEIGHTS, Array
from policies.record import record
from policies.statistics import columns


class Weights(Protocol):
    """Writes the exact probability of every arm to `out`, shape (arms,).

    `stats` has shape (arms, 4 or more), columns as in `policies.statistics`; `context` holds the features: d of them,
    or arms * d where every arm has its own, or none for context-free policies; `t` is the sum of the counts; `params`
    is what `Policy.parameters` returns.
    """

    def __call__(self, stats: Array, context: Array, t: float, params: Array, out: Array, /) -> None: ...  # noqa: D102


class Select(Protocol):
    """Returns one arm drawn with the probabilities of `Weights`, in a compiled loop; `rng` is expensive to pass."""

    def __call__(  # noqa: D102
        self, stats: Array, context: Array, t: float, params: Array, rng: np.random.Generator, /
    ) -> int: ...


class Record(Protocol):
    """Adds a rewarded trial to the row of its arm, `weight` times (its growth, see `policies.statistics`)."""

    def __call__(  # noqa: D102
        self, stats: Array, context: Array, arm: int, reward: float, propensity: float, weight: float, params: Array, /
    ) -> None: ...


class Policy(BaseModel):
    """Base class of the policies.

    A subclass has a field `name: Literal["its_name"] = "its_name"`, its parameters as numeric fields with bounds, and
    the class variables `weights` and `select`, functions with `@kernel(WEIGHTS)` and `@kernel(SELECT)`, and `rewards`.

    Raises:
        TypeError: A subclass lacks one of these; the message says which.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)

    weights: ClassVar[Weights]
    select: ClassVar[Select]
    record: ClassVar[Record] = staticmethod(record)
    """What the sums of a trial are, for a compiled loop; a policy needs its own only for other sums than these.

    Where what it adds depends on the sums so far, the policy has its own `note` and `trial` too."""
    rewards: ClassVar[Literal["any", "unit", "sub_gaussian", "count"]]
    """Rewards for which the policy is sound: any real numbers, those in the unit interval, or whole numbers from 0."""
    contextual: ClassVar[bool] = False
    """Whether the kernels read a context and rows of `statistics.columns(d)` columns, for its d features."""
    reads_propensities: ClassVar[bool] = False
    """Whether the kernels read WEIGHTED, so that whoever records must know the propensity of every decision."""

    name: str
    half_life: Annotated[Duration, Gt(0)] | None = Field(
        default=None,
        description="Age at which a trial counts half, for environments that change; null never forgets.",
    )

    def parameters(self, base: Array) -> Array:  # noqa: ARG002
        """The parameter vector of the kernels: the numeric fields in order of their definition, None as nan.

        Args:
            base: The configured weights of the variants, shape (arms,), summing to one.
        """
        names = [name for name in type(self).model_fields if name not in Policy.model_fields]
        values = [getattr(self, name) for name in names]
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    def note(self, stats: Array, features: Array, arm: int, params: Array) -> tuple[float, ...]:  # noqa: ARG002
        """What must be kept with a decision, beside its features, so that `trial` gives the same row ever after.

        Nothing, for a policy whose sums are of the trials alone.

        Args:
            stats: What the decision was drawn from, shape (arms, columns(d)).
            features: Those of the drawn arm, shape (d,).
            arm: The drawn arm.
            params: What `parameters` returns.
        """
        return ()

    def trial(
        self,
        features: Array,
        reward: float,
        propensity: float,
        weight: float,
        params: Array,
        note: tuple[float, ...],  # noqa: ARG002
    ) -> Array:
        """What a rewarded trial adds to the row of its arm, shape (columns(d),); a correction subtracts it again.

        Args:
            features: Those of the drawn arm, shape (d,).
            reward: The reward, less its origin.
            propensity: The probability with which the arm was drawn.
            weight: How often the trial counts (its growth, see `policies.statistics`).
            params: What `parameters` returns.
            note: What `note` returned for the decision.
        """
        row = np.zeros((1, columns(features.shape[0])))
        self.record(row, features, 0, reward, propensity, weight, params)
        added: Array = row[0]
        return added

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Check what a policy needs, so that a mistake shows where the class is written and not in a decision."""
        super().__pydantic_init_subclass__(**options)
        named = cls.model_fields["name"].annotation is not str
        if not (named or hasattr(cls, "weights") or hasattr(cls, "select")):
            return  # a base class of a family
        default = cls.model_fields["name"].default
        if get_args(cls.model_fields["name"].annotation) != (default,):
            raise TypeError(f'{cls.__name__}.name: must be declared as `name: Literal["its_name"] = "its_name"`')
        if getattr(cls, "rewards", None) not in ("any", "unit", "sub_gaussian", "count"):
            raise TypeError(f'{cls.__name__}.rewards: must be declared as "any", "unit", "sub_gaussian" or "count"')
        for attribute, signature in (("weights", WEIGHTS), ("select", SELECT), ("record", RECORD)):
            given: Any = getattr(cls, attribute, None)
            if getattr(given, "signature", None) != signature:
                kind = attribute.upper()
                raise TypeError(f"{cls.__name__}.{attribute}: {given!r} given, must be a function with @kernel({kind})")
            # A compiled function binds like a method; unbound, policy.weights(...) is the kernel itself.
            setattr(cls, attribute, staticmethod(given))
