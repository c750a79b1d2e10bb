"""Stale estimates."""

import numpy as np
import pytest

from bandit.statistics.sample import Sample
from bandit.statistics.starvation import stale_estimates, staleness


def history(rng, old_rates, new_rates, sizes):
    """Eight buckets, the last two at new rates."""
    kept = {}
    for variant, (old, new, (before, after)) in enumerate(zip(old_rates, new_rates, sizes, strict=True)):
        counts = [before] * 6 + [after] * 2
        rates = [old] * 6 + [new] * 2
        kept["abc"[variant]] = [
            Sample.of((rng.random(n) < p).astype(float)) for n, p in zip(counts, rates, strict=True)
        ]
    return kept


def test_a_starved_variant_that_wins_because_the_season_changed():
    rng = np.random.default_rng(0)
    kept = history(rng, (0.20, 0.21), (0.10, 0.10), ((1000, 2), (1000, 2000)))
    (found,) = stale_estimates(kept)
    assert (found.kind, found.severity) == ("stale_estimate", "critical")
    assert found.message.startswith("Only 4 of the 6,004 values of a (0.07%) are from the last quarter of the time, in")
    assert found.message.endswith(", and yet it leads.")
    assert found.numbers["moved"] == pytest.approx(-0.11, abs=0.02)
    # Where less is better, it does not lead.
    (found,) = stale_estimates(kept, "decrease")
    assert found.severity == "warning"


def test_a_starved_variant_in_a_steady_world():
    rng = np.random.default_rng(1)
    loser = history(rng, (0.10, 0.20), (0.10, 0.20), ((1000, 0), (1000, 2000)))
    assert stale_estimates(loser) == []
    (stale,) = staleness(loser)
    assert (stale.variant, stale.recent, stale.leads) == ("a", 0, False)
    assert stale.p_value > 0.01
    winner = history(rng, (0.25, 0.20), (0.25, 0.20), ((1000, 0), (1000, 2000)))
    (found,) = stale_estimates(winner)
    assert found.severity == "warning"
    assert "and yet it leads" in found.message


def test_shown_variants_are_not_stale():
    rng = np.random.default_rng(2)
    assert staleness(history(rng, (0.2, 0.2), (0.1, 0.1), ((1000, 300), (1000, 1700)))) == []


def test_the_others_are_averaged_by_precision():
    rng = np.random.default_rng(3)
    kept = history(rng, (0.2, 0.2, 0.2), (0.2, 0.3, 0.3), ((500, 0), (500, 500), (500, 500)))
    (stale,) = staleness(kept)
    assert stale.moved == pytest.approx(0.1, abs=0.03)
    assert stale.p_value < 1e-6


def test_edges():
    one = [Sample.of([1.0])] * 4
    none = [Sample.of([])] * 4
    assert staleness({}) == []
    assert staleness({"a": one[:3], "b": one[:3]}) == []
    assert staleness({"a": none, "b": none}) == []
    (stale,) = staleness({"a": one[:3] + none[:1], "b": one})
    assert (stale.moved, stale.p_value, stale.leads) == (0, 1, True)
    with pytest.raises(ValueError, match=r"history: \[3, 4\] buckets given, must be the same for all variants"):
        staleness({"a": one, "b": one[:3]})
