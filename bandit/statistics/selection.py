"""Which comparison is valid for how the data were collected, and what is said where another is asked for.

| weights | looks | conversions | means | ratios |
|---|---|---|---|---|
| never moved | one | `pooled_z` | `welch` | `delta` |
| never moved | any | `confidence_sequence`, else `beta_binomial` | `confidence_sequence` | `delta_sequence` |
| moved | one | `aipw`, else `wagers` | `aipw` | `delta_aipw` |
| moved | any | `wagers` | `design_based`, else `wagers` | `delta_design_based` |
| follow from a context | | none | none | none |

A metric with a covariate is compared by `cuped` and `cuped_sequence` before those where weights never moved. Where they
moved nothing is known that holds and uses it.

The second of two is exact for any number of trials, and used where the first refuses because there are too few. It
needs values with bounds. For conversions on data of a bandit `wagers` is as sharp as `design_based` besides. What each
does on data of each kind is shown by `multiarm simulate validity`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bandit.statistics import (
    aipw,
    beta_binomial,
    bols,
    confidence_sequences,
    covariates,
    design_based,
    estimate_sequences,
    exact,
    means,
    proportions,
    ratio,
    ratio_epochs,
    rerandomisation,
    wagers,
)
from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.joint import JointSample
from bandit.statistics.proportion import Proportion
from bandit.statistics.ratio_epochs import RatioEpochs
from bandit.statistics.rerandomisation import Redrawable
from bandit.statistics.sample import Sample
from bandit.statistics.score_weights import Weights

Kind = Literal["conversion", "mean", "ratio"]

UNUSED = "The covariate is not used: the weights moved, and no method is known that holds then and uses it."


@dataclass(frozen=True, slots=True)
class Data:
    """What two arms have shown of a metric, and how it was collected.

    Attributes:
        kind: `conversion` for values of 0 and 1; a ratio has joint samples instead of samples.
        moved: Whether not every trial was drawn with the same probabilities.
        sequential: Whether the results may be acted upon at any look.
        contextual: Whether the probabilities followed from a context, so that every trial had its own.
        treatment: All its values; None for a ratio.
        control: Likewise.
        covariate: Treatment and control where a covariate is known of some trials: columns of the metric, which is the
            first, and of what is known of all trials from before.
        joint: Treatment and control of a ratio, with the columns `above` and `below`.
        epochs: Reads the sums by epoch, where weights moved; that costs more the more there are.
        joint_epochs: The same for a ratio.
        places: Of treatment and control among the arms of the epochs.
        bounds: Least and greatest value, infinite where there is none.
        again: Reads what drawing the arms again needs.
    """

    kind: Kind
    moved: bool
    sequential: bool
    contextual: bool = False
    treatment: Sample | None = None
    control: Sample | None = None
    covariate: tuple[JointSample, JointSample] | None = None
    joint: tuple[JointSample, JointSample] | None = None
    epochs: Callable[[], Epochs] | None = None
    joint_epochs: Callable[[], RatioEpochs] | None = None
    places: tuple[int, int] = (1, 0)
    bounds: tuple[float, float] = (-math.inf, math.inf)
    again: Callable[[], Redrawable] | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """A comparison by name.

    Attributes:
        run: Compares at level alpha.
        kinds: Of metric that it is for.
        moved: Whether it is valid where weights moved.
        sequential: Whether it is valid at any look.
        covariate: Whether it needs a covariate.
        anyway: Compares where `run` refuses; None where there is nothing to be had then.
    """

    run: Callable[[Data, float], Comparison]
    kinds: frozenset[Kind]
    moved: bool = False
    sequential: bool = False
    covariate: bool = False
    anyway: Callable[[Data, float], Comparison] | None = None

    def takes(self, data: Data) -> bool:
        """Whether it is for data of this kind, valid or not."""
        return data.kind in self.kinds and (data.covariate is not None or not self.covariate)


def names(data: Data) -> tuple[str, ...]:
    """The methods that are valid for the data, the first the default and the others where those before refuse."""
    if data.kind == "ratio":
        if data.moved:
            return ("delta_design_based",) if data.sequential else ("delta_aipw",)
        return ("delta_sequence",) if data.sequential else ("delta",)
    if data.covariate is not None and not data.moved:
        plain = names(replace(data, covariate=None))
        return ("cuped_sequence" if data.sequential else "cuped", *plain)
    bounded = math.isfinite(data.bounds[0]) and math.isfinite(data.bounds[1])
    if data.moved and data.sequential and data.kind == "conversion":
        return ("wagers",)
    if data.moved:
        return ("design_based" if data.sequential else "aipw", *(("wagers",) if bounded else ()))
    if data.sequential:
        return ("confidence_sequence", *(("beta_binomial",) if bounded else ()))
    return ("pooled_z",) if data.kind == "conversion" else ("welch",)


def compare(data: Data, alpha: float = 0.05, method: str | None = None) -> Comparison:
    """Compares treatment and control by the default, or by the method that is asked for.

    One that is not valid for the data answers with a warning that says so, if it can be computed at all.

    Raises:
        Refused: No method holds for the data as they are.
        ValueError: There is no such method, or it is for another kind of metric.
    """
    if data.contextual:
        raise Refused(
            method or "comparison",
            "weights followed from each decision's context, so that no trials can be taken together",
            "the log, where every trial counts by its own propensity: `counterfactual` with `always:variant=KEY`",
        )
    if method is not None:
        return _asked(data, alpha, method)
    *others, last = names(data)
    for name in others:
        try:
            return _told(data, METHODS[name].run(data, alpha))
        except Refused:
            continue
    return _told(data, METHODS[last].run(data, alpha))


def _told(data: Data, found: Comparison) -> Comparison:
    unused = (UNUSED,) if data.covariate is not None and data.moved else ()
    return replace(found, warnings=(*found.warnings, *unused))


def withheld(data: Data) -> str:
    """Why the usual tests are not shown; empty where the default is one of them."""
    if data.contextual:
        return (
            "Each decision's weights followed from its context. Then variants are served in contexts of their own, and"
            " the plain means compare those as well as the variants."
        )
    if data.moved:
        return (
            "The weights moved with the rewards. Then the plain means are biased, and tests for fixed splits find"
            " effects that are not there; they are shown only when asked for by name."
        )
    if data.sequential:
        return "Results may be acted upon at any look, which tests for a single look do not allow for."
    return ""


def _asked(data: Data, alpha: float, name: str) -> Comparison:
    if name not in METHODS:
        raise ValueError(f"method: {name[:100]!r} given, must be one of {', '.join(METHODS)}")
    method = METHODS[name]
    if data.kind not in method.kinds:
        raise ValueError(f"method: {name!r} does not compare a {data.kind}")
    if method.covariate and data.covariate is None:
        raise ValueError(f"method: {name!r} needs a covariate")
    warnings = []
    try:
        found = method.run(data, alpha)
    except Refused as refusal:
        if method.anyway is None:
            raise
        found = method.anyway(data, alpha)
        warnings.append(str(refusal))
    if data.moved and not method.moved:
        warnings.append(
            f"{name} is not valid here: {_how(data)}; its estimate is biased and its level is not {alpha:g}"
        )
    if data.sequential and not method.sequential:
        warnings.append(f"{name} is valid for one look at the end, and these results may be acted upon at any")
    return replace(found, warnings=(*warnings, *found.warnings))


def _how(data: Data) -> str:
    return "the weights moved while the data were collected" if data.moved else "results may be acted upon at any look"


def _samples(data: Data) -> tuple[Sample, Sample]:
    if data.treatment is None or data.control is None:
        raise ValueError("data: a ratio has no samples")
    return data.treatment, data.control


def _proportions(data: Data) -> tuple[Proportion, Proportion]:
    treatment, control = (
        Proportion(min(max(round(one.mean * one.count), 0.0), one.count), one.count) if one.count else Proportion(0, 0)
        for one in _samples(data)
    )
    return treatment, control


def _epochs(data: Data) -> Epochs:
    if data.epochs is None:
        raise ValueError("method: it reads what every trial was drawn from, which is not known here")
    return data.epochs()


def _ratio(run: Callable[..., Comparison]) -> Callable[[Data, float], Comparison]:
    def compared(data: Data, alpha: float) -> Comparison:
        if data.joint is None:
            raise ValueError("data: only a ratio has joint samples")
        return run(*data.joint, "above", "below", alpha=alpha)

    return compared


def _ratio_epochs(run: Callable[..., Comparison]) -> Callable[[Data, float], Comparison]:
    def compared(data: Data, alpha: float) -> Comparison:
        if data.joint_epochs is None:
            raise ValueError("method: it reads what every trial was drawn from, which is not known here")
        return run(data.joint_epochs(), *data.places, alpha=alpha)

    return compared


def _covariate(run: Callable[..., Comparison]) -> Method:
    def compared(data: Data, alpha: float) -> Comparison:
        if data.covariate is None:
            raise ValueError("data: no covariate is known of any trial")
        value, *known = data.covariate[0].names
        return run(*data.covariate, value, known, alpha=alpha)

    return Method(compared, _VALUES, covariate=True, sequential=run is estimate_sequences.cuped)


def _adaptive(run: Callable[..., Comparison], **more: str) -> Callable[[Data, float], Comparison]:
    return lambda data, alpha: run(_epochs(data), *data.places, alpha=alpha, **more)


_CONVERSION: frozenset[Kind] = frozenset({"conversion"})
_VALUES: frozenset[Kind] = frozenset({"conversion", "mean"})
_RATIO: frozenset[Kind] = frozenset({"ratio"})


def _redrawn(data: Data, alpha: float) -> Comparison:
    if data.again is None:
        raise ValueError("method: it draws by the policy again, which is not known here")
    given = data.again()
    found = rerandomisation.compare(given.trials, given.mechanism, *data.places, lower=given.lower, scale=given.scale)
    try:
        exact = wagers.compare(_epochs(data), *data.places, alpha=alpha)
    except Refused:
        return found
    return replace(
        found,
        effect=exact.effect,
        interval=exact.interval,
        warnings=("effect and interval are those of wagers, which may contain 0 where this test rejects",),
    )


def _weighted(weights: Weights) -> Method:
    run, anyway = (_adaptive(function, weights=weights) for function in (aipw.compare, aipw.unchecked))
    return Method(run, _VALUES, moved=True, anyway=anyway)


METHODS: Mapping[str, Method] = {
    "pooled_z": Method(lambda data, alpha: proportions.pooled_z(*_proportions(data), alpha=alpha), _CONVERSION),
    "unpooled_z": Method(lambda data, alpha: proportions.unpooled_z(*_proportions(data), alpha=alpha), _CONVERSION),
    "chi_square": Method(lambda data, alpha: proportions.chi_square(*_proportions(data), alpha=alpha), _CONVERSION),
    "g": Method(lambda data, alpha: proportions.g(*_proportions(data), alpha=alpha), _CONVERSION),
    "fisher": Method(lambda data, alpha: exact.fisher(*_proportions(data), alpha=alpha), _CONVERSION),
    "welch": Method(lambda data, alpha: means.welch(*_samples(data), alpha=alpha), _VALUES),
    "student": Method(lambda data, alpha: means.student(*_samples(data), alpha=alpha), _VALUES),
    "delta": Method(_ratio(ratio.delta), _RATIO),
    "fieller": Method(_ratio(ratio.fieller), _RATIO),
    "delta_sequence": Method(_ratio(estimate_sequences.delta), _RATIO, sequential=True),
    "delta_aipw": Method(_ratio_epochs(ratio_epochs.compare), _RATIO, moved=True),
    "delta_design_based": Method(_ratio_epochs(ratio_epochs.at_any_look), _RATIO, moved=True, sequential=True),
    "cuped": _covariate(covariates.cuped),
    "cuped_sequence": _covariate(estimate_sequences.cuped),
    "confidence_sequence": Method(
        lambda data, alpha: confidence_sequences.compare(*_samples(data), alpha=alpha), _VALUES, sequential=True
    ),
    "beta_binomial": Method(
        lambda data, alpha: beta_binomial.compare(*_samples(data), alpha=alpha, bounds=data.bounds),
        _VALUES,
        moved=True,
        sequential=True,
    ),
    "aipw": _weighted("common"),
    "aipw_uniform": _weighted("uniform"),
    "aipw_sqrt": _weighted("sqrt"),
    "aipw_two_point": _weighted("two_point"),
    "bols": Method(_adaptive(bols.compare), _VALUES, moved=True, anyway=_adaptive(bols.unchecked)),
    "design_based": Method(
        _adaptive(design_based.compare), _VALUES, moved=True, sequential=True, anyway=_adaptive(design_based.unchecked)
    ),
    "rerandomisation": Method(_redrawn, _VALUES, moved=True),
    "wagers": Method(
        _adaptive(wagers.compare), _VALUES, moved=True, sequential=True, anyway=_adaptive(wagers.unchecked)
    ),
}
"""Every comparison by its name."""
