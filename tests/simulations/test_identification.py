"""Best-arm identification: the statistic against scipy, the runs against another loop, and what is refused."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as distributions
from scipy.optimize import minimize

from bandit import InvalidInput
from policies import COUNT, SUM
from policies.statistics import empty
from simulations.block import POLICY, REWARD, generator
from simulations.command import simulate as command
from simulations.evidence import evidence, leading
from simulations.identification import identify
from simulations.studies.track_and_stop import TrackAndStop, proportions
from simulations.study import study


def sums(counts, totals):
    stats = empty(len(counts))
    stats[:, COUNT], stats[:, SUM] = counts, totals
    return stats


def run(threads=2, risk=0.1, **fields):
    with ThreadPoolExecutor(threads) as workers:
        return identify(study({"replications": 40, "seed": 1} | fields), risk, workers)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1)), min_size=2, max_size=5))
def test_the_statistic_is_the_likelihood_ratio_of_bernoulli_arms(arms):
    counts = np.array([count for count, _ in arms])
    wins = np.array([round(count * share) for count, share in arms])
    stats = sums(counts, wins)
    leader = leading(stats)
    assert wins[leader] / counts[leader] == (wins / counts).max()

    def ratio(other):
        """Their own means against one for both, the likeliest of those that do not put the leader first."""
        pair = [leader, other]
        own = distributions.binom.logpmf(wins[pair], counts[pair], wins[pair] / counts[pair]).sum()
        common = wins[pair].sum() / counts[pair].sum()
        return own - distributions.binom.logpmf(wins[pair], counts[pair], common).sum()

    least = min(ratio(other) for other in range(len(arms)) if other != leader)
    assert evidence(stats, leader, math.nan) == pytest.approx(least, abs=1e-7, rel=1e-7)


def test_the_statistic_is_the_likelihood_ratio_of_normal_arms():
    rng = np.random.default_rng(1)
    rewards = [rng.normal(mean, 2.0, count) for mean, count in ((1.0, 30), (0.3, 20), (0.0, 7))]
    stats = sums([len(each) for each in rewards], [each.sum() for each in rewards])
    leader = leading(stats)

    def likelihood(values, mean):
        return distributions.norm.logpdf(values, mean, 2.0).sum()

    ratios = []
    for other in set(range(3)) - {leader}:
        both = np.concatenate([rewards[leader], rewards[other]])
        own = sum(likelihood(rewards[arm], rewards[arm].mean()) for arm in (leader, other))
        ratios.append(own - likelihood(both, both.mean()))
    assert evidence(stats, leader, 2.0) == pytest.approx(min(ratios), rel=1e-9)
    stats[:, SUM] += 1e3 * stats[:, COUNT]
    assert evidence(stats, leader, 2.0) == pytest.approx(min(ratios), rel=1e-9)


def test_no_evidence_without_a_trial_of_every_arm_or_where_means_are_equal():
    assert evidence(sums([5, 0], [5, 0]), 0, math.nan) == 0.0
    assert evidence(sums([5, 5], [3, 3]), 0, math.nan) == 0.0
    assert evidence(sums([1e12, 1e12], [0, 0]), 0, math.nan) == 0.0
    assert leading(sums([0, 2, 0], [0, 0, 0])) == 1


def test_decisions_are_those_of_another_loop():
    """Two arms in turn by chance, in plain Python, from the same random numbers."""
    found = run(policies="fixed", environment="bernoulli:means=.3/.6", replications=12)
    for replication in range(12):
        rng, rewards = (generator(1, replication, stream) for stream in (POLICY, REWARD))
        seen, decisions = [[], []], 0
        while True:
            arm = 0 if rng.random() < 0.5 else 1
            seen[arm].append(rewards.random() < (0.3, 0.6)[arm])
            decisions += 1
            if not (seen[0] and seen[1]):
                continue
            together = np.mean(seen[0] + seen[1])
            ratio = sum(
                distributions.bernoulli.logpmf(each, np.mean(each)).sum()
                - distributions.bernoulli.logpmf(each, together).sum()
                for each in seen
            )
            if ratio > math.log((1 + math.log(decisions)) / 0.1):
                break
        assert found.decisions[0, replication] == decisions
        assert found.right[0, replication] == (np.mean(seen[1]) > np.mean(seen[0]))


def test_another_arm_is_named_less_often_than_the_risk():
    fields = {"policies": ["top_two_thompson", "fixed"], "environment": "bernoulli:means=.2/.6/.4", "horizon": 100_000}
    found = run(**fields, replications=200)
    assert found.stopped.all()
    assert (~found.right).mean(axis=1).max() < 0.1
    assert found.decisions[0].mean() < 0.9 * found.decisions[1].mean()
    surer = run(**fields, replications=200, risk=0.001)
    assert (surer.decisions > found.decisions).all()
    assert surer.right.all()


def test_threads_and_blocks_change_nothing():
    fields = {"policies": ["thompson_normal"], "environment": "gaussian:means=0/1,sd=2", "horizon": 5000}
    one, two = run(threads=1, **fields), run(threads=2, **fields, replications=25)
    np.testing.assert_array_equal(one.decisions[:, :25], two.decisions)


def test_identical_arms_are_never_told_apart_but_by_chance():
    found = run(policies="fixed", environment="bernoulli:means=.5/.5", horizon=500, replications=200, risk=0.001)
    assert found.stopped.mean() < 0.02
    assert (found.decisions[~found.stopped] == 500).all()
    assert found.right.all()  # both are the best


@pytest.mark.parametrize(
    ("fields", "risk", "message"),
    [
        ({}, 0.0, "risk: 0 given, must lie strictly between 0 and 1"),
        ({}, 1.0, "risk: 1 given"),
        ({"environment": "poisson:means=1/2"}, 0.1, "risk: given with poisson"),
        ({"environment": "seasonal:means=.3/.4"}, 0.1, "risk: given with seasonal"),
        ({"feedback": ["delayed:steps=3"]}, 0.1, "feedback"),
        ({"policies": "exp3"}, 0.1, "exp3, which reads propensities"),
        ({"policies": "thompson_beta:half_life=10"}, 0.1, "which forgets"),
    ],
)
def test_what_is_refused(fields, risk, message):
    with pytest.raises(InvalidInput) as refused:
        run(risk=risk, **({"policies": "fixed", "environment": "bernoulli:means=.1/.2"} | fields))
    assert message in refused.value.detail


def test_the_command_counts_decisions():
    arguments = ["--policy", "top_two_thompson", "--means", ".2,.8", "--replications", "20", "--risk", ".05"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "bernoulli:means=0.2/0.8, horizon 10,000, 20 replications, seed 0, risk 0.05"
    label, decisions, *_, wrong, unstopped = lines[-1].split()
    assert label == "top_two_thompson"
    assert 10 < float(decisions) < 200
    assert (wrong[-1], unstopped) == ("%", "0.0%")
    assert CliRunner().invoke(command, [*arguments, "--out", "anywhere"]).exit_code == 2
    assert CliRunner().invoke(command, ["scott-two-arms", "--risk", ".05"]).exit_code == 2


@pytest.mark.parametrize("means", [(0.5, 0.45, 0.43, 0.4), (0.1, 0.3), (0.9, 0.2, 0.85), (0.05, 0.05, 0.5)])
def test_proportions_gain_most_against_the_arm_that_is_hardest_to_tell(means):
    means, best = np.array(means), int(np.argmax(means))
    found = np.empty(len(means))
    proportions(means, best, found)
    others = [arm for arm in range(len(means)) if arm != best]

    def gains(shares):
        stats = sums(shares, shares * means)
        return [evidence(stats[[best, other]], 0, math.nan) for other in others]

    assert found.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(gains(found), gains(found)[0], rtol=1e-6)
    start = np.full(len(means), 1.0 / len(means))
    peak = minimize(
        lambda x: -min(gains(np.abs(x) / np.abs(x).sum())),
        start,
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000},
    )
    assert gains(found)[0] >= -peak.fun * (1 - 1e-6)


def test_the_study_tracks():
    """At the end the shares are near the best ones, and a run that starts with all or nothing goes on."""
    policy, out = TrackAndStop(), np.empty(3)
    policy.weights(sums([4, 4, 0], [4, 0, 0]), np.empty(0), 8.0, np.empty(0), out)
    assert out.tolist() == [0, 0, 1]
    policy.weights(sums([4, 4, 4], [4, 4, 0]), np.empty(0), 12.0, np.empty(0), out)
    assert out.tolist() == [0.5, 0.5, 0]
    policy.weights(sums([4, 1, 4], [4, 0, 0]), np.empty(0), 9.0, np.empty(0), out)
    assert out.tolist() == [0, 1, 0]
    policy.weights(sums([100, 100, 100], [60, 50, 10]), np.empty(0), 300.0, np.empty(0), out)
    assert out[2] == 0
