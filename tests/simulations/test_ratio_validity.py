"""Ratios: the defaults keep their promise on data of every kind, and the delta method does not."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bandit.statistics import ratio, ratio_epochs, selection
from simulations import ratio_validity
from simulations.ratio_validity import CONTROL, EFFECT, TREATMENT, WAYS, joint, play, report, study


@pytest.fixture(scope="module")
def rows():
    with ThreadPoolExecutor(2) as pool:
        return {(row.way.name, row.test): row for row in study(pool, 400, 1)}


def test_every_default_keeps_its_promise(rows):
    defaults = [row for row in rows.values() if row.default]
    assert {row.test for row in defaults} == {"delta", "delta_sequence", "delta_aipw", "delta_design_based"}
    assert len(defaults) == 2 * len(WAYS)
    for row in defaults:
        assert row.valid, row
        assert row.coverage >= 0.95 - 2 * (0.05 * 0.95 / 800) ** 0.5, row


def test_the_delta_method_does_not(rows):
    assert not rows[WAYS[0].name, "delta, at every look"].valid
    assert not rows[WAYS[1].name, "delta"].valid


def test_an_effect_is_found(rows):
    assert rows[WAYS[2].name, "delta_aipw"].power > 0.5
    assert rows[WAYS[2].name, "delta_design_based"].power > 0.2


def test_the_defaults_are_those_of_results():
    data = {"kind": "ratio", "contextual": False}
    names = {
        selection.names(selection.Data(moved=m, sequential=s, **data)) for m in (True, False) for s in (True, False)
    }
    assert names == {("delta",), ("delta_sequence",), ("delta_aipw",), ("delta_design_based",)}


def test_many_at_once_say_what_one_alone_says():
    data = play(WAYS[1], EFFECT, 3, 0, 5)
    once, _ = ratio_validity.weighted_once(data, EFFECT)
    for place in range(5):
        alone = ratio_epochs.RatioEpochs(
            **{name: getattr(data, name)[place] for name in (*ratio_validity.SUMS, "probabilities")}, floor=data.floor
        )
        found = ratio_epochs.compare(alone, TREATMENT, CONTROL)
        assert once[place] == (found.p_value < 0.05)
        both = [joint(data, place, 10, arm) for arm in (TREATMENT, CONTROL)]
        assert found.effect == pytest.approx(ratio.delta(*both, "above", "below").effect, abs=0.1)


def test_its_report(tmp_path):
    lines = []
    with ThreadPoolExecutor(2) as pool:
        report(pool, 20, 1, lines.append)
    assert sum(line.endswith("<") for line in lines) >= 1
    assert any("Thompson" in line for line in lines)
    assert np.isfinite(float(lines[-1].split()[2]))
