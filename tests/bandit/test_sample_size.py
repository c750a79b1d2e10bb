"""The question and its answer: what fits together, and that everything in an answer belongs together."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit import Engine, InvalidInput
from bandit.sample_size import SampleSize, SampleSizeRequest


@pytest.fixture(scope="module")
def engine():
    with Engine() as engine:
        yield engine


RATE = {"baseline": 0.1}
MOMENTS = {
    "metric_type": "ratio",
    "numerator_mean": 4.0,
    "numerator_sd": 3.0,
    "denominator_mean": 10.0,
    "denominator_sd": 5.0,
    "correlation": 0.7,
}


@pytest.mark.parametrize(
    ("formula", "exact"), [(None, 3840.847), ("pooled", 3840.847), ("unpooled", 3838.102), ("arcsine", 3834.596)]
)
def test_a_sample_size_by_its_formula(engine, formula, exact):
    for way in ({"treatment": 0.12}, {"effect": 0.02}, {"relative_effect": 0.2}):
        answer = engine.sample_size({**RATE, **way, "formula": formula})
        assert round(answer.sample_size_exact, 3) == exact
        assert answer.sample_size_per_variant == math.ceil(exact)
        assert answer.sample_sizes == [answer.sample_size_per_variant] * 2
        assert (answer.total, answer.formula) == (2 * math.ceil(exact), formula or "pooled")
        assert (answer.solved_for, answer.power, answer.correction) == ("sample_size", 0.8, None)
        assert (answer.treatment, answer.effect, answer.relative_effect) == pytest.approx((0.12, 0.02, 0.2))
        assert answer.warnings == []


def test_the_other_metrics(engine):
    mean = engine.sample_size({"metric_type": "continuous", "sd": 2, "effect": 1})
    assert (round(mean.sample_size_exact, 5), mean.formula, mean.baseline) == (63.76561, "t", None)
    count = engine.sample_size({"metric_type": "count", "baseline": 2, "treatment": 2.2, "exposure": 7})
    once = engine.sample_size({"metric_type": "count", "baseline": 2, "treatment": 2.2})
    assert once.sample_size_exact == pytest.approx(7.0 * count.sample_size_exact)
    ratio = engine.sample_size({**MOMENTS, "relative_effect": 0.05})
    assert (ratio.baseline, ratio.effect, ratio.formula) == (pytest.approx(0.4), pytest.approx(0.02), "delta")
    deviation = math.sqrt(9.0 - 2.0 * 0.4 * 0.7 * 15.0 + 0.16 * 25.0) / 10.0
    assert ratio.sample_size_exact == pytest.approx(2.0 * (2.8015852 * deviation / 0.02) ** 2, rel=1e-6)


@pytest.mark.parametrize(
    "request_",
    [
        RATE,
        {**RATE, "variants": 5, "correction": "dunnett", "ratio": 0.5},
        {**RATE, "looks": 4, "boundary": "pocock", "formula": "unpooled"},
        {**RATE, "alternative": "less", "looks": 3, "variants": 3, "correction": "holm"},
        {**RATE, "alternative": "greater", "margin": 0.01},
        {"metric_type": "continuous", "sd": 5.0, "alpha": 0.01},
        {"metric_type": "continuous", "sd": 5.0, "variants": 4, "correction": "dunnett"},
        {"metric_type": "count", "baseline": 0.3, "formula": "unpooled"},
        {**MOMENTS, "looks": 2},
    ],
)
def test_size_effect_and_power_answer_each_other(engine, request_):
    size = {"sample_size_per_variant": 4000}
    effect = engine.sample_size({**request_, **size, "power": 0.85})
    assert (effect.solved_for, effect.sample_size_per_variant, effect.sample_size_exact) == ("effect", 4000, 4000.0)
    again = engine.sample_size({**request_, "effect": effect.effect, "power": 0.85})
    assert (again.solved_for, again.sample_size_exact) == ("sample_size", pytest.approx(4000.0, rel=1e-7))
    power = engine.sample_size({**request_, **size, "effect": effect.effect})
    assert (power.solved_for, power.power) == ("power", pytest.approx(0.85, rel=1e-7))
    assert power.inflation is None
    assert effect.sample_sizes == power.sample_sizes
    assert again.inflation == effect.inflation
    assert (again.boundary is None) == (again.looks == 1)


def test_a_duration(engine):
    answer = engine.sample_size({**RATE, "treatment": 0.12, "traffic": 1000})
    assert (answer.duration_days, round(answer.duration_exact, 3)) == (8, 7.682)
    asked = engine.sample_size({**RATE, "traffic": 1000, "days": 8, "variants": 4})
    assert (asked.solved_for, asked.sample_size_per_variant, asked.total) == ("effect", 2000, 8000)
    assert (asked.duration_days, asked.duration_exact) == (8, 8.0)
    assert engine.sample_size({**RATE, "treatment": 0.12}).duration_days is None


def test_several_variants(engine):
    one = engine.sample_size({**RATE, "treatment": 0.12})
    found = {
        correction: engine.sample_size({**RATE, "treatment": 0.12, "variants": 4, "correction": correction})
        for correction in ("bonferroni", "holm", "dunnett")
    }
    assert found["bonferroni"].alpha_per_comparison == pytest.approx(0.05 / 3)
    assert found["holm"].sample_size_exact == found["bonferroni"].sample_size_exact
    assert one.total < found["dunnett"].total < found["bonferroni"].total
    assert found["holm"].correction == "holm"
    assert found["dunnett"].sample_sizes == [found["dunnett"].sample_size_per_variant] * 4


def test_looks(engine):
    answer = engine.sample_size({**RATE, "treatment": 0.12, "looks": 5})
    assert [round(z, 4) for z in answer.boundary] == [4.8769, 3.3570, 2.6803, 2.2898, 2.0310]
    assert answer.sample_size_exact == pytest.approx(3840.8474824 * answer.inflation)
    down = engine.sample_size({**RATE, "treatment": 0.08, "looks": 5, "alternative": "less", "alpha": 0.025})
    assert [round(z, 4) for z in down.boundary] == [-4.8769, -3.3570, -2.6803, -2.2898, -2.0310]
    early = engine.sample_size({**RATE, "treatment": 0.12, "looks": 50, "alpha": 1e-9})
    assert early.boundary[0] is None
    assert 6.1094 < early.boundary[-1] < 6.2  # the quantile of a single look is 6.1094


def test_non_inferiority_needs_no_effect(engine):
    answer = engine.sample_size({"baseline": 0.3, "margin": 0.05, "alternative": "greater", "alpha": 0.025})
    assert (answer.effect, answer.formula) == (0.0, "unpooled")
    assert answer.sample_size_exact == pytest.approx(2.8015852**2 * 0.42 / 0.0025, rel=1e-6)
    mean = engine.sample_size({"metric_type": "continuous", "sd": 1, "margin": 0.1, "alternative": "less"})
    assert (mean.formula, mean.solved_for) == ("t", "sample_size")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"baseline": 0.001, "treatment": 0.05}, "fewer than 10 conversions"),
        ({"metric_type": "count", "baseline": 0.01, "treatment": 0.5}, "fewer than 10 events"),
        ({"metric_type": "continuous", "sd": 1, "effect": 2}, "fewer than 30 units"),
    ],
)
def test_a_rough_formula_says_so(engine, request_, words):
    assert words in engine.sample_size(request_).warnings[0]


@pytest.mark.parametrize(
    ("request_", "field", "message"),
    [
        ({}, "baseline", "missing; a conversion metric needs baseline"),
        ({"metric_type": "continuous", "effect": 1}, "sd", "missing; a continuous metric needs sd"),
        ({"metric_type": "ratio", "effect": 1}, "numerator_mean", "missing; a ratio metric needs numerator_mean, "),
        ({**RATE, "sd": 1, "effect": 0.1}, "sd", "given, but a conversion metric has no use for it"),
        ({**MOMENTS, "baseline": 1, "effect": 0.1}, "baseline", "given, but a ratio metric has no use for it"),
        (
            {"metric_type": "count", "baseline": 1, "effect": 1, "formula": "arcsine"},
            "formula",
            "'arcsine' given, must be 'pooled' or 'unpooled' for a count metric",
        ),
        ({**RATE, "effect": 0.1, "treatment": 0.2}, "effect", "given together with treatment; give one of them"),
        ({**RATE, "days": 3, "traffic": 9, "sample_size_per_variant": 9}, "days", "given together with"),
        ({**RATE, "days": 3}, "traffic", "missing; days alone say nothing of units"),
        (RATE, "effect", "missing; give effect, treatment or relative_effect for a sample size, or"),
        ({**RATE, "effect": 0.1, "sample_size_per_variant": 9, "power": 0.8}, "power", "given with an effect and a"),
        ({"metric_type": "continuous", "sd": 1, "treatment": 1}, "baseline", "missing; treatment needs it"),
        ({"metric_type": "continuous", "sd": 1, "relative_effect": 1}, "baseline", "missing; relative_effect needs it"),
        ({"baseline": 1.0, "effect": 0.1}, "baseline", "1 given, must lie strictly between 0 and 1"),
        ({"metric_type": "count", "baseline": 0, "effect": 0.1}, "baseline", "0 given, must be at least 1e-12"),
        ({**RATE, "treatment": 1.5}, "treatment", "an effect of 1.4 given, must be finite and lie from -0.1 to 0.9"),
        ({**RATE, "treatment": 0.1}, "treatment", "an effect of 0 given, must be other than 0 to be found"),
        ({**RATE, "effect": 0}, "effect", "0 given, must be other than 0 to be found"),
        ({**RATE, "effect": -0.01, "alternative": "greater"}, "effect", "-0.01 given, must be above 0 to be found"),
        ({**RATE, "sample_size_per_variant": 3}, "sample_size_per_variant", "3 given, with which no effect is found"),
        ({**RATE, "days": 1, "traffic": 1}, "days", "a size of 0.5 given, must lie from 1 to 1e+15"),
        ({**RATE, "effect": 0.1, "margin": 0.1}, "margin", "given with a two-sided alternative, must be with"),
        ({**RATE, "effect": 0.1, "alpha": 0.6, "alternative": "less"}, "alpha", "0.6 given, must lie strictly between"),
        ({**RATE, "power": 0.04, "sample_size_per_variant": 99, "alternative": "less"}, "power", "0.04 given, must be"),
        ({**RATE, "effect": 0.1, "power": 0.01, "looks": 2}, "power", "0.01 given, must lie between the type I error"),
        (
            {**RATE, "effect": 0.1, "looks": 2, "variants": 3, "correction": "dunnett"},
            "correction",
            "'dunnett' given, must be 'bonferroni' or 'holm' with several looks",
        ),
        ({**RATE, "effect": 0.1, "alpha": 1.5}, "alpha", "Input should be less than 1, given 1.5"),
        ({**RATE, "effect": "much"}, "effect", "Input should be a valid number, given 'much'"),
        ({**RATE, "effects": 0.1}, "effects", "Extra inputs are not permitted"),
        ({**RATE, "effect": 0.1, "variants": 1}, "variants", "Input should be greater than or equal to 2, given 1"),
    ],
)
def test_what_does_not_fit_is_told_by_its_field(engine, request_, field, message):
    with pytest.raises(InvalidInput) as caught:
        engine.sample_size(request_)
    assert [error.field for error in caught.value.errors] == [field]
    assert caught.value.errors[0].message.startswith(message)


numbers = st.one_of(
    st.floats(-1e12, 1e12), st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0, 1e-12, 1e12, 5e-324, 0.5, -0.1])
)
requests = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(choices)
        for name, choices in {
            "metric_type": ["conversion", "continuous", "count", "ratio"],
            "alternative": ["two-sided", "greater", "less"],
            "correction": ["bonferroni", "holm", "dunnett"],
            "formula": ["pooled", "unpooled", "arcsine", "t", "delta", None],
            "boundary": ["lan_demets_obrien_fleming", "lan_demets_pocock", "obrien_fleming", "pocock"],
            "variants": [2, 3, 1000],
            "looks": [1, 1, 1, 2, 4],
            "sample_size_per_variant": [None, 2, 100, 10**12],
            "ratio": [1.0, 1e-3, 0.7, 1e3],
            "power": [None, 1e-9, 0.05, 0.8, 1.0 - 1e-12],
            "alpha": [1e-12, 0.05, 0.3, 1.0 - 1e-9],
            "margin": [0.0, 0.0, 1e-9, 0.05, 1e12],
        }.items()
    },
)
values = st.fixed_dictionaries(
    {"baseline": numbers, "sd": numbers},
    optional=dict.fromkeys(("effect", "exposure", "traffic", "days", *list(MOMENTS)[1:]), numbers),
)
BELONGS = {
    "conversion": {"baseline"},
    "continuous": {"baseline", "sd"},
    "count": {"baseline", "exposure"},
    "ratio": set(MOMENTS) - {"metric_type"},
}


@settings(max_examples=300, deadline=None)
@given(requests, values)
def test_whatever_is_asked_is_answered_in_finite_numbers_or_refused(engine, request_, more):
    kind = request_.get("metric_type", "conversion")
    fitting = {name: value for name, value in more.items() if name in BELONGS[kind] | {"effect", "traffic", "days"}}
    refused = []
    try:
        answer = engine.sample_size({**request_, **fitting})
    except InvalidInput as error:
        refused = error.errors or [("nothing", "")]
    assert {field for field, _ in refused} <= set(SampleSizeRequest.model_fields), refused
    if refused:
        return
    assert SampleSize.model_validate_json(answer.model_dump_json()) == answer
    json.dumps(answer.model_dump(), allow_nan=False)
    assert 0.0 <= answer.power <= 1.0
    assert answer.sample_size_per_variant >= answer.sample_size_exact - 1e-6
    assert answer.total == sum(answer.sample_sizes)


def test_asking_is_what_loads_scipy():
    code = (
        "import sys\nfrom bandit import Engine\n"
        "before = 'scipy.stats' in sys.modules or 'scipy.optimize' in sys.modules\n"
        "with Engine() as engine: answer = engine.sample_size({'baseline': .1, 'treatment': .12})\n"
        "print(before, 'scipy.stats' in sys.modules, answer.sample_size_per_variant)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "3841"]
