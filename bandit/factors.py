"""Factorial designs: factors whose levels, combined, make the variants of an experiment."""

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from bandit.model import JSON, Key, Model, Text
from bandit.statistics import fractions
from bandit.variant import Variant

MOST_FACTORS = 10
MOST_VARIANTS = 1000


class Level(Model):
    """One of the values of a factor, and what it adds to the config of every variant that has it."""

    key: Key
    config: dict[str, JSON] | None = Field(default=None, description="Unset: the factor's key with this one.")


class Factor(Model):
    """Something that is varied, whatever else is. The first level is the control's."""

    key: Key
    description: Text = ""
    levels: Annotated[list[Key | Level], Field(min_length=2, max_length=100)]

    @property
    def named(self) -> dict[str, dict[str, JsonValue]]:
        """What each level adds to a config."""
        levels = [Level(key=level) if isinstance(level, str) else level for level in self.levels]
        return {level.key: {self.key: level.key} if level.config is None else level.config for level in levels}

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if len(self.named) < len(self.levels):
            raise ValueError(f"levels: a level of {self.key!r} is given twice")
        return self


class Fraction(Model):
    """Which of all combinations are tried: a regular fraction of factors of two levels, by one of the two."""

    resolution: Annotated[int, Field(ge=3, le=MOST_FACTORS)] | None = Field(
        default=None, description="As few variants as keep effects apart so far: 3, 4, 5, ..."
    )
    generators: dict[Key, Annotated[list[Key], Field(min_length=1, max_length=MOST_FACTORS)]] | None = Field(
        default=None, description='Which factors each of the others is the product of: `{"d": ["a", "b", "c"]}`.'
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.resolution is None) == (self.generators is None):
            raise ValueError("resolution, generators: exactly one must be given")
        return self


def combined(factors: Sequence[Factor], fraction: Fraction | None) -> list[Variant]:
    """The variants of a design, named by their levels; the first is the control and has all first levels.

    Raises:
        ValueError: The factors or the fraction make no design; the message begins with the field.
    """
    keys = [factor.key for factor in factors]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"factors: key {twice[0]!r} is given twice")
    _check_configs(factors)
    levels = [list(factor.named) for factor in factors]
    if fraction is None:
        count = 1
        for names in levels:
            count *= len(names)
        if count > MOST_VARIANTS:
            raise ValueError(f"factors: {count} combinations, must be {MOST_VARIANTS} at most; take a fraction")
        tried = list(product(*levels))
    else:
        runs = fractions.runs(keys, _generators(factors, fraction))
        tried = [tuple(names[at] for names, at in zip(levels, run, strict=True)) for run in runs]
    return [_variant(factors, names, is_control=place == 0) for place, names in enumerate(tried)]


def check(factors: Sequence[Factor], variants: Sequence[Variant]) -> None:
    """Checks that variants have a level of each factor, and none the same ones as another.

    Raises:
        ValueError: One does not; the message begins with the field.
    """
    known = {factor.key: factor.named for factor in factors}
    seen: set[tuple[str, ...]] = set()
    for place, variant in enumerate(variants):
        if not factors:
            if variant.levels:
                raise ValueError(f"variants[{place}].levels: given, but there are no factors")
            continue
        if variant.levels.keys() != known.keys():
            raise ValueError(f"variants[{place}].levels: must name a level of each of {', '.join(known)}")
        for factor, level in variant.levels.items():
            if level not in known[factor]:
                raise ValueError(
                    f"variants[{place}].levels.{factor}: {level!r} given, must be one of {', '.join(known[factor])}"
                )
        cell = tuple(variant.levels[factor] for factor in known)
        if cell in seen:
            raise ValueError(f"variants[{place}].levels: the same as another variant's")
        seen.add(cell)


def _variant(factors: Sequence[Factor], names: Sequence[str], *, is_control: bool) -> Variant:
    key = "-".join(names)
    if len(key) > 100:
        raise ValueError(f"factors: the levels make the key {key[:100]!r}..., must be 100 letters at most")
    config: dict[str, JsonValue] = {}
    for factor, name in zip(factors, names, strict=True):
        config |= factor.named[name]
    levels = {factor.key: name for factor, name in zip(factors, names, strict=True)}
    return Variant(key=key, config=config, levels=levels, is_control=is_control)


def _check_configs(factors: Sequence[Factor]) -> None:
    """Refuses two factors that set the same: the later one would undo the other."""
    owner: dict[str, str] = {}
    for place, factor in enumerate(factors):
        for at, config in enumerate(factor.named.values()):
            for name in config:
                if owner.setdefault(name, factor.key) != factor.key:
                    raise ValueError(f"factors[{place}].levels[{at}].config: {name!r} is set by {owner[name]!r} too")


def _generators(factors: Sequence[Factor], fraction: Fraction) -> fractions.Generators:
    keys = [factor.key for factor in factors]
    for place, factor in enumerate(factors):
        if len(factor.levels) != 2:
            raise ValueError(f"factors[{place}].levels: {len(factor.levels)} given, must be 2 in a fraction")
    if fraction.generators is None:
        found = fractions.generators(keys, fraction.resolution or 3)
        if found is None:
            raise ValueError(
                f"fraction.resolution: {fraction.resolution} takes all combinations of {len(keys)} factors; "
                "leave the fraction out"
            )
        return found
    basic = [key for key in keys if key not in fraction.generators]
    for made, of in fraction.generators.items():
        if made not in keys:
            raise ValueError(f"fraction.generators: {made!r} is not a factor")
        for one in of:
            if one not in basic or of.count(one) > 1:
                raise ValueError(
                    f"fraction.generators.{made}: {one!r} must be another factor without a generator, once"
                )
    if fractions.resolution(keys, fraction.generators) < 3:
        raise ValueError("fraction.generators: two factors would always change together")
    return fraction.generators
