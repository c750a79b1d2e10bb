"""The question how many units an experiment needs, and its answer."""

from typing import Annotated, Literal

from pydantic import Field

from bandit.errors import InvalidInput
from bandit.model import Model

MetricType = Literal["conversion", "continuous", "count", "ratio"]
Number = Annotated[float, Field(ge=-1e12, le=1e12)]
Positive = Annotated[float, Field(ge=1e-12, le=1e12)]


class SampleSizeRequest(Model):
    """Of effect, power and sample size, two are given and the third is the answer; power alone is .8 unless given."""

    metric_type: MetricType = Field(default="conversion", description="What is compared.")
    baseline: Number | None = Field(
        default=None,
        description="The control's conversion rate, mean, or events of a unit; a ratio's follows from its means.",
    )
    treatment: Number | None = Field(default=None, description="The treatment's, as the baseline.")
    effect: Number | None = Field(default=None, description="Treatment less control, instead of `treatment`.")
    relative_effect: Number | None = Field(default=None, description="The effect divided by the baseline, instead.")
    sd: Positive | None = Field(default=None, description="Of a continuous metric: its standard deviation.")
    exposure: Positive | None = Field(
        default=None, description="Of a count: how long each unit is watched, in the time unit of the baseline; else 1."
    )
    numerator_mean: Number | None = Field(default=None, description="Of a ratio: the numerator's mean over units.")
    numerator_sd: Positive | None = Field(default=None, description="Its standard deviation.")
    denominator_mean: Positive | None = Field(default=None, description="The denominator's mean over units.")
    denominator_sd: Annotated[float, Field(ge=0.0, le=1e12)] | None = Field(
        default=None, description="Its standard deviation."
    )
    correlation: float | None = Field(default=None, ge=-1.0, le=1.0, description="Of numerator and denominator.")
    alpha: float = Field(
        default=0.05, ge=1e-12, lt=1.0, description="Type I error, of all treatments together; one-sided, below .5."
    )
    power: float | None = Field(default=None, gt=0.0, lt=1.0, description="Of each treatment that has the effect.")
    alternative: Literal["two-sided", "greater", "less"] = Field(
        default="two-sided", description="Which effects count; `greater`: the treatment's value is the greater one."
    )
    margin: float = Field(
        default=0.0,
        ge=0.0,
        le=1e12,
        description="Of non-inferiority, one-sided: how much worse still counts as no worse.",
    )
    variants: int = Field(default=2, ge=2, le=1000, description="With the control.")
    ratio: float = Field(default=1.0, ge=1e-3, le=1e3, description="Units of each treatment for one of the control.")
    correction: Literal["bonferroni", "holm", "dunnett"] = Field(
        default="bonferroni", description="For several treatments; Holm's sizes are those of its first step."
    )
    formula: Literal["pooled", "unpooled", "arcsine", "t", "delta"] | None = Field(
        default=None,
        description="Conversions: pooled (unless set; as R's power.prop.test), unpooled, arcsine; counts: pooled, "
        "unpooled; else t for a continuous metric, delta for a ratio.",
    )
    sample_size_per_variant: int | None = Field(
        default=None, ge=2, le=10**12, description="Units of the control: asks for the effect, or the power, they have."
    )
    traffic: Positive | None = Field(default=None, description="Units a day, over all variants: asks for a duration.")
    days: Positive | None = Field(default=None, description="With `traffic`, instead of `sample_size_per_variant`.")
    looks: int = Field(default=1, ge=1, le=50, description="How often it is looked at, equally spaced, to stop early.")
    boundary: Literal["lan_demets_obrien_fleming", "lan_demets_pocock", "obrien_fleming", "pocock"] = Field(
        default="lan_demets_obrien_fleming", description="When to stop, with several looks."
    )


class SampleSize(Model):
    """Units, effect and power that belong together, in a fixed split; for a bandit they must be simulated."""

    solved_for: Literal["sample_size", "effect", "power"]
    metric_type: MetricType
    baseline: float | None
    treatment: float | None
    effect: float = Field(description="Treatment less control.")
    relative_effect: float | None
    power: float
    alpha: float
    alpha_per_comparison: float = Field(description="After the correction for several treatments.")
    alternative: Literal["two-sided", "greater", "less"]
    margin: float
    formula: Literal["pooled", "unpooled", "arcsine", "t", "delta"]
    correction: Literal["bonferroni", "holm", "dunnett"] | None = Field(description="None with one treatment.")
    variants: int
    ratio: float
    sample_size_per_variant: int = Field(description="The control's, and with ratio 1 everyone's; rounded up.")
    sample_size_exact: float = Field(description="The same as the formula has it.")
    sample_sizes: list[int] = Field(description="Of each variant, the control first; rounded up.")
    total: int
    total_exact: float
    duration_days: int | None = Field(description="Rounded up; None without traffic.")
    duration_exact: float | None
    looks: int
    boundary: list[float | None] | None = Field(
        description="With several looks: the z at each that ends it (two-sided: of either sign); None: nothing does."
    )
    inflation: float | None = Field(
        description="How many times the units of a single look the last look needs; None where power is the answer."
    )
    warnings: list[str] = Field(description="What a reader must know before relying on it.")


MOMENTS = ("numerator_mean", "numerator_sd", "denominator_mean", "denominator_sd", "correlation")
"""What a ratio's variance is made of."""
FORMULAS = {
    "conversion": ("pooled", "unpooled", "arcsine"),
    "continuous": ("t",),
    "count": ("pooled", "unpooled"),
    "ratio": ("delta",),
}
_NEEDED = {"conversion": ("baseline",), "continuous": ("sd",), "count": ("baseline",), "ratio": MOMENTS}
_TAKEN = {"conversion": (), "continuous": ("baseline",), "count": ("exposure",), "ratio": ()}
_EFFECTS = ("treatment", "effect", "relative_effect")


def check(request: SampleSizeRequest) -> None:
    """Refuses fields that do not fit together.

    Raises:
        InvalidInput: One is missing, or is given where it says nothing.
    """
    kind = request.metric_type
    for field in _NEEDED[kind]:
        if getattr(request, field) is None:
            raise InvalidInput.field(field, f"missing; a {kind} metric needs {', '.join(_NEEDED[kind])}")
    for field in (*MOMENTS, "baseline", "sd", "exposure"):
        if getattr(request, field) is not None and field not in (*_NEEDED[kind], *_TAKEN[kind]):
            raise InvalidInput.field(field, f"given, but a {kind} metric has no use for it")
    if request.formula is not None and request.formula not in FORMULAS[kind]:
        known = " or ".join(map(repr, FORMULAS[kind]))
        raise InvalidInput.field("formula", f"{request.formula!r} given, must be {known} for a {kind} metric")
    effects = [field for field in _EFFECTS if getattr(request, field) is not None]
    if len(effects) > 1:
        raise InvalidInput.field(effects[1], f"given together with {effects[0]}; give one of them")
    if request.days is not None and request.sample_size_per_variant is not None:
        raise InvalidInput.field("days", "given together with sample_size_per_variant; give one of them")
    if request.days is not None and request.traffic is None:
        raise InvalidInput.field("traffic", "missing; days alone say nothing of units")
    if request.looks > 1 and request.variants > 2 and request.correction == "dunnett":
        raise InvalidInput.field("correction", "'dunnett' given, must be 'bonferroni' or 'holm' with several looks")
