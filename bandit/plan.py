"""How many units an experiment needs, as it is asked over HTTP, in process and on the command line."""

import math
from typing import Any, cast

from bandit.errors import InvalidInput
from bandit.sample_size import FORMULAS, MOMENTS, SampleSize, SampleSizeRequest, check
from bandit.statistics.boundaries import BOUNDARIES
from bandit.statistics.count_designs import Proportions, Rates
from bandit.statistics.crossing import Boundary, equally_spaced
from bandit.statistics.design import Design
from bandit.statistics.group_sequential import inflation_factor
from bandit.statistics.mean_designs import Means, Ratios, linearised_deviation
from bandit.statistics.planning import Size, detectable_effect, power_with_looks, sample_size, whole

DEFAULT_POWER = 0.8
LEAST_RATE = 1e-12
FEW_EVENTS = 10.0
FEW_UNITS = 30


def plan(request: SampleSizeRequest) -> SampleSize:
    """Whichever of sample size, effect and power was not given.

    Raises:
        InvalidInput: Too little or too much is given, something does not fit the metric, or nothing will do.
    """
    check(request)
    try:
        return _planned(request)
    except InvalidInput:
        raise
    except ValueError as error:
        raise InvalidInput.field(*_asked(request, *str(error).split(": ", 1))) from error


def _asked(request: SampleSizeRequest, field: str, message: str) -> tuple[str, str]:
    """What a design calls otherwise than the request did."""
    if field == "size":
        return ("sample_size_per_variant", message) if request.days is None else ("days", f"a size of {message}")
    if field == "effect" and request.effect is None:
        for given in ("treatment", "relative_effect", "margin"):
            if getattr(request, given):
                return given, f"an effect of {message}"
    return field, message


def _planned(request: SampleSizeRequest) -> SampleSize:
    baseline = _baseline(request)
    design = _design(request, baseline)
    boundary = _boundary(request, design)
    given, effect = _given_size(request, design), _effect(request, baseline)
    if given is not None and effect is not None:
        if request.power is not None:
            raise InvalidInput.field("power", "given with an effect and a sample size; leave one of the three out")
        power = design.power(given, effect) if boundary is None else power_with_looks(design, boundary, given, effect)
        return _answer(request, design, baseline, effect, power, whole(design, given), boundary, None)
    power = DEFAULT_POWER if request.power is None else request.power
    inflation = 1.0 if boundary is None else inflation_factor(boundary, design.level(), power)
    if effect is not None:
        size = sample_size(design, effect, power, inflation)
    elif given is not None:
        size, effect = whole(design, given), detectable_effect(design, given, power, inflation)
    else:
        raise InvalidInput.field(
            "effect",
            "missing; give effect, treatment or relative_effect for a sample size, "
            "or sample_size_per_variant (or traffic and days) for the least effect that it finds",
        )
    return _answer(request, design, baseline, effect, power, size, boundary, inflation)


def _baseline(request: SampleSizeRequest) -> float | None:
    if request.metric_type != "ratio":
        return request.baseline
    numerator_mean, _, denominator_mean, *_ = _moments(request)
    return numerator_mean / denominator_mean


def _moments(request: SampleSizeRequest) -> tuple[float, ...]:
    return tuple(getattr(request, field) for field in MOMENTS)


def _effect(request: SampleSizeRequest, baseline: float | None) -> float | None:
    if request.effect is not None:
        return request.effect
    for field in ("treatment", "relative_effect"):
        if getattr(request, field) is not None and baseline is None:
            raise InvalidInput.field("baseline", f"missing; {field} needs it")
    if request.treatment is not None and baseline is not None:
        return request.treatment - baseline
    if request.relative_effect is not None and baseline is not None:
        return request.relative_effect * baseline
    return 0.0 if request.margin and request.sample_size_per_variant is None and request.days is None else None


def _design(request: SampleSizeRequest, baseline: Any) -> Design:
    common: dict[str, Any] = {
        "alpha": request.alpha,
        "alternative": request.alternative,
        "margin": request.margin,
        "ratio": request.ratio,
        "treatments": request.variants - 1,
        "correction": request.correction,
    }
    formula, sd = _formula(request), cast(float, request.sd)
    match request.metric_type:
        case "conversion":
            return Proportions(baseline=baseline, formula=formula, **common)
        case "count":
            if baseline < LEAST_RATE:
                raise InvalidInput.field("baseline", f"{baseline:g} given, must be at least {LEAST_RATE:g} for a count")
            return Rates(baseline=baseline, exposure=request.exposure or 1.0, formula=formula, **common)
        case "continuous":
            return Means(unit_deviation=sd, **common)
        case "ratio":
            return Ratios(unit_deviation=linearised_deviation(*_moments(request)), **common)


def _boundary(request: SampleSizeRequest, design: Design) -> Boundary | None:
    if request.looks == 1:
        return None
    return BOUNDARIES[request.boundary](equally_spaced(request.looks), design.level(), request.alternative)


def _given_size(request: SampleSizeRequest, design: Design) -> float | None:
    if request.days is not None and request.traffic is not None:
        return request.traffic * request.days / (1.0 + design.treatments * design.ratio)
    return None if request.sample_size_per_variant is None else float(request.sample_size_per_variant)


def _formula(request: SampleSizeRequest) -> Any:
    """That which is asked for, else the metric's first; of those with several only `unpooled` takes a margin."""
    known = FORMULAS[request.metric_type]
    return request.formula or ("unpooled" if request.margin and len(known) > 1 else known[0])


def _answer(
    request: SampleSizeRequest,
    design: Design,
    baseline: float | None,
    effect: float,
    power: float,
    size: Size,
    boundary: Boundary | None,
    inflation: float | None,
) -> SampleSize:
    total_exact = size.exact * (1.0 + design.treatments * design.ratio)
    relative = effect / baseline if baseline else math.inf
    given = request.sample_size_per_variant is not None or request.days is not None
    return SampleSize(
        solved_for="power" if inflation is None else "effect" if given else "sample_size",
        metric_type=request.metric_type,
        baseline=baseline,
        treatment=request.treatment if baseline is None or request.treatment is not None else baseline + effect,
        effect=effect,
        relative_effect=relative if math.isfinite(relative) else None,
        power=power,
        alpha=request.alpha,
        alpha_per_comparison=design.level(size.exact),
        alternative=request.alternative,
        margin=request.margin,
        formula=_formula(request),
        correction=request.correction if design.treatments > 1 else None,
        variants=request.variants,
        ratio=request.ratio,
        sample_size_per_variant=size.control,
        sample_size_exact=size.exact,
        sample_sizes=[size.control, *[size.treatment] * design.treatments],
        total=size.total,
        total_exact=total_exact,
        duration_days=None if request.traffic is None else math.ceil(size.total / request.traffic),
        duration_exact=None if request.traffic is None else total_exact / request.traffic,
        looks=request.looks,
        boundary=None if boundary is None else _heights(boundary),
        inflation=inflation,
        warnings=_warnings(design, effect, size),
    )


def _heights(boundary: Boundary) -> list[float | None]:
    heights = boundary.lower if boundary.alternative == "less" else boundary.upper
    return [z if math.isfinite(z) else None for z in heights]


def _warnings(design: Design, effect: float, size: Size) -> list[str]:
    """Where the formula is only roughly right."""
    sizes = (size.control, size.treatment)
    if isinstance(design, Proportions):
        shares = (design.baseline, design.baseline + effect)
        fewest = min(units * min(share, 1.0 - share) for units, share in zip(sizes, shares, strict=True))
        if fewest < FEW_EVENTS:
            return [
                f"an arm expects fewer than {FEW_EVENTS:g} conversions or failures: the formula is a rough one there"
            ]
    elif isinstance(design, Rates):
        rates = (design.baseline, design.baseline + effect)
        if min(units * rate * design.exposure for units, rate in zip(sizes, rates, strict=True)) < FEW_EVENTS:
            return [f"an arm expects fewer than {FEW_EVENTS:g} events: the formula is a rough one there"]
    elif min(sizes) < FEW_UNITS:
        return [f"an arm has fewer than {FEW_UNITS} units: it holds only for values that are nearly normal"]
    return []
