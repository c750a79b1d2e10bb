"""Verdicts: every decision, both goals, what is missing, and that better data never make a worse decision."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit.statistics.comparison import Comparison
from bandit.statistics.finding import Finding
from bandit.statistics.gain import Gain
from bandit.statistics.gates import Gates
from bandit.statistics.verdict import Contender, verdict


def comparison(relative, half, control=10.0, p_value=None, alpha_half=True):
    """An effect as a part of the control, give or take."""
    ends = relative - half, relative + half
    if p_value is None:
        p_value = 0.01 if abs(relative) > half else 0.5
    return Comparison(
        "test",
        control * relative,
        tuple(sorted((control * ends[0], control * ends[1]))),
        p_value,
        relative_effect=relative,
        relative_interval=ends,
    )


def decide(*parts, units=5000, control=5000, days=14, **options):
    contenders = [Contender(f"t{place}", units, comparison(*part)) for place, part in enumerate(parts)]
    return verdict(contenders, control, days, **options)


def test_ship():
    found = decide((0.05, 0.02))
    assert (found.decision, found.variant) == ("ship", "t0")
    assert found.reasons == ("t0 is better than control: +5.0% (+3.0% to +7.0%), p = 0.01.",)
    assert (found.more_units, found.more_days) == (None, None)


def test_the_best_of_several():
    found = decide((0.05, 0.02), (0.08, 0.03), (-0.1, 0.02), (0.0, 0.2))
    assert (found.decision, found.variant) == ("ship", "t1")
    assert found.losing == ("t2",)
    assert "t0 is better than control too" in found.reasons[1]


@pytest.mark.parametrize(("parts", "worst"), [([(-0.05, 0.02)], "t0"), ([(-0.05, 0.02), (-0.09, 0.05)], "t1")])
def test_harm_does_not_wait_for_the_days(parts, worst):
    found = decide(*parts, days=2)
    assert (found.decision, found.variant) == ("harmful", worst)


def test_a_small_loss_is_no_difference():
    found = decide((-0.005, 0.002))
    assert (found.decision, found.losing) == ("no_difference", ("t0",))
    assert decide((-0.005, 0.002), days=3).decision == "keep_collecting"
    assert decide((-0.005, 0.0049)).decision == "no_difference"
    assert decide((-0.006, 0.0055)).decision == "harmful"


def test_harm_waits_for_the_units():
    assert decide((-0.05, 0.02), units=999).decision == "keep_collecting"
    assert decide((-0.05, 0.02), (0.01, 0.09)).decision == "keep_collecting"
    assert decide((-0.05, 0.02), (0.01, 0.09)).losing == ("t0",)


@pytest.mark.parametrize("part", [(0.0, 0.009), (0.005, 0.002), (-0.004, 0.009)])
def test_no_difference(part):
    found = decide(part, (-0.1, 0.05))
    assert (found.decision, found.variant) == ("no_difference", None)
    assert found.reasons[0].startswith("t0 gains less than 1.0%, if anything: ")


def test_not_trustworthy():
    finding = Finding("sample_ratio", "critical", "Units are lost.", "Find out why.", {})
    found = decide((0.05, 0.02), findings=[finding])
    assert (found.decision, found.reasons) == ("not_trustworthy", ("Units are lost. Find out why.",))
    warning = Finding("novelty", "warning", "It fades.", "Wait.", {})
    found = decide((0.05, 0.02), findings=[warning])
    assert (found.decision, found.reasons[-1]) == ("ship", "It fades.")


def test_gates():
    found = decide((0.05, 0.02), days=3)
    assert found.decision == "keep_collecting"
    assert found.reasons[0] == "It has run for 3 days, 7 are needed."
    assert found.more_days == 4
    assert found.more_units == math.ceil(10_000 * 4 / 3)
    found = decide((0.05, 0.02), units=500, control=800)
    assert found.reasons[0] == "1,000 units a variant are needed: control has 800, t0 has 500."
    assert (found.more_units, found.more_days) == (1300, 14)
    loose = Gates(minimum_days=1, minimum_units=100, alpha=0.05, minimum_relative_effect=0.01)
    assert decide((0.05, 0.02), units=500, days=3, gates=loose).decision == "ship"


def test_the_p_value_decides_and_not_the_interval_alone():
    one = comparison(0.05, 0.04, p_value=0.03)
    assert verdict([Contender("t", 5000, one)], 5000, 14).decision == "ship"
    assert verdict([Contender("t", 5000, one, p_value=0.06)], 5000, 14).decision == "keep_collecting"
    assert verdict([Contender("t", 5000, one)], 5000, 14, gates=Gates(alpha=0.01)).decision == "keep_collecting"
    without = Comparison("bayesian", 0.5, (0.1, 0.9), None, relative_effect=0.05)
    assert verdict([Contender("t", 5000, without)], 5000, 14).decision == "ship"


def test_better_but_maybe_not_worth_having():
    found = decide((0.008, 0.006))
    assert found.decision == "keep_collecting"
    # The interval has to leave .01, which is .002 away: three times narrower, nine times the units.
    assert found.more_units == pytest.approx(80_000, abs=2)
    assert found.more_days == 14 * 8


def test_what_it_takes():
    found = decide((0.05, 0.1))
    assert found.more_units == pytest.approx(30_000, abs=2)
    assert found.more_days == 42
    assert "About 30,0" in found.reasons[-1]
    at_once = decide((0.05, 0.1), days=1e-300)
    assert (at_once.more_units, at_once.more_days) == (found.more_units, None)
    never = decide((0.0099999, 0.1))
    assert (never.more_units, never.more_days) == (None, None)
    assert never.reasons[-1].startswith("No number of units is foreseen")


def test_a_decrease_is_the_mirror_image():
    for part, decision in (((-0.05, 0.02), "ship"), ((0.05, 0.02), "harmful"), ((0.0, 0.009), "no_difference")):
        assert decide(part, goal="decrease").decision == decision
    assert "+5.0% (+3.0% to +7.0%)" in decide((-0.05, 0.02), goal="decrease").reasons[0]


def test_a_control_below_zero():
    """From -10 to -9.5 is a gain of 5%, though the ratio falls."""
    one = Comparison("t", 0.5, (0.3, 0.7), 0.01, relative_effect=-0.05, relative_interval=(-0.07, -0.03))
    gain = Gain.of("t", one, 100, None, "increase", 0.05)
    assert gain.relative == pytest.approx(0.05)
    assert gain.relative_interval == pytest.approx((0.03, 0.07))
    assert verdict([Contender("t", 5000, one)], 5000, 14).decision == "ship"


def test_a_control_of_zero():
    one = Comparison("t", 0.5, (0.3, 0.7), 0.01)
    assert verdict([Contender("t", 5000, one)], 5000, 14).decision == "ship"
    assert verdict([Contender("t", 5000, one)], 5000, 14).reasons[0].endswith("+0.5 (+0.3 to +0.7), p = 0.01.")
    flat = Comparison("t", 0.0, (-0.1, 0.1), 1.0)
    found = verdict([Contender("t", 5000, flat)], 5000, 14)
    assert (found.decision, found.more_units) == ("keep_collecting", None)


def test_one_sided():
    one = Comparison("t", 0.5, (0.1, math.inf), 0.01, relative_effect=0.05, relative_interval=(0.01, math.inf))
    found = verdict([Contender("t", 5000, one)], 5000, 14)
    assert found.reasons[0] == "t is better than control: +5.0% (+1.0% to no bound), p = 0.01."


def test_nothing_yet():
    found = verdict([Contender("t", 0, None)], 0, 0)
    assert (found.decision, found.more_units, found.more_days) == ("keep_collecting", 2000, None)
    assert found.reasons[-1] == "t could not be compared with control."
    found = verdict([Contender("t", 10, None)], 10, 0)
    assert (found.more_units, found.more_days) == (1980, None)
    found = verdict([Contender("t", 5000, None)], 5000, 14)
    assert (found.decision, found.more_units) == ("keep_collecting", None)
    assert found.reasons[0] == "There is no comparison by which to foresee what it takes."


def test_one_that_was_not_compared_is_not_decided_about():
    contenders = [Contender("t", 5000, comparison(-0.05, 0.02)), Contender("u", 5000, None)]
    found = verdict(contenders, 5000, 14)
    assert (found.decision, found.losing) == ("keep_collecting", ("t",))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.floats(-0.2, 0.2), st.floats(0.001, 0.3)), min_size=1, max_size=4),
    st.integers(0, 5000),
    st.floats(0, 30),
    st.sampled_from(["increase", "decrease"]),
)
def test_a_decision_follows_from_its_rules(parts, units, days, goal):
    found = decide(*parts, units=units, days=days, goal=goal)
    sign = 1 if goal == "increase" else -1
    oriented = [(sign * effect, half) for effect, half in parts]
    better = [effect - half > 0 and effect >= 0.01 for effect, half in oriented]
    worse = [effect + half < 0 for effect, half in oriented]
    small = [effect + half < 0.01 for effect, half in oriented]
    assert found.reasons
    if found.decision == "ship":
        assert units >= 1000
        assert days >= 7
        assert any(better)
        assert oriented[int(found.variant[1:])][0] == max(
            effect for (effect, _), wins in zip(oriented, better, strict=True) if wins
        )
    elif found.decision == "harmful":
        assert units >= 1000
        assert all(worse)
        assert any(effect - half <= -0.01 for effect, half in oriented)
    elif found.decision == "no_difference":
        assert units >= 1000
        assert days >= 7
        assert all(a or b for a, b in zip(small, worse, strict=True))
    else:
        closed = units >= 1000 and days >= 7
        assert not (closed and (any(better) or all(a or b for a, b in zip(small, worse, strict=True))))
        assert found.more_units is None or found.more_units >= 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0.0}, "alpha: 0 given, must lie strictly between 0 and 1"),
        ({"minimum_days": -1.0}, "minimum_days: -1 given, must be 0 or more, and finite"),
        ({"minimum_relative_effect": math.nan}, "minimum_relative_effect: nan given"),
    ],
)
def test_gates_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Gates(**arguments)
