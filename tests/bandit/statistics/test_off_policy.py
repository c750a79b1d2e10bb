"""Estimators against their formulas written out, against the truth in seeded worlds, and on a real log."""

import csv
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit.statistics.arm_means import ArmMeans
from bandit.statistics.logged import logged
from bandit.statistics.off_policy import METHODS, evaluate, values
from bandit.statistics.tally import Tally, tally

OBD = Path(__file__).parents[3].parent / "shared" / "data" / "obd"
obd = pytest.mark.skipif(not OBD.is_dir(), reason="the Open Bandit Dataset is not beside the checkout")


def world(rng, trials, arms):
    """A log with a logging policy, a target and a reward model of its own for every trial."""
    logging, target = rng.dirichlet(np.ones(arms), trials), rng.dirichlet(np.ones(arms), trials)
    logging = 0.02 + (1 - 0.02 * arms) * logging
    action = np.array([rng.choice(arms, p=row) for row in logging], int)
    reward, predictions = rng.random(trials), rng.random((trials, arms))
    return action, reward, logging[np.arange(trials), action], target, logging, predictions


def written_out(action, reward, propensity, target, predictions, truncation):
    """The formulas, a trial at a time."""
    n = len(reward)
    w = [target[i, action[i]] / propensity[i] for i in range(n)]
    q = [predictions[i, action[i]] for i in range(n)]
    e = [sum(target[i, a] * predictions[i, a] for a in range(target.shape[1])) for i in range(n)]
    left = [w[i] * (reward[i] - q[i]) for i in range(n)]
    square = truncation**2
    return {
        "ips": sum(w[i] * reward[i] for i in range(n)) / n,
        "snips": sum(w[i] * reward[i] for i in range(n)) / sum(w),
        "dm": sum(e) / n,
        "dr": sum(e[i] + left[i] for i in range(n)) / n,
        "sndr": sum(e) / n + sum(left) / sum(w),
        "switch_dr": sum(e[i] + (left[i] if w[i] <= truncation else 0) for i in range(n)) / n,
        "dros": sum(e[i] + square * w[i] / (w[i] ** 2 + square) * (reward[i] - q[i]) for i in range(n)) / n,
    }, w


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 5), st.sampled_from([0.5, 1.0, 3.0, None]))
def test_estimates_are_their_formulas(seed, trials, arms, truncation):
    action, reward, propensity, target, logging, predictions = world(np.random.default_rng(seed), trials, arms)
    found = evaluate(
        action, reward, propensity, target, logging=logging, predictions=predictions, truncation=truncation, seed=seed
    )
    expected, w = written_out(action, reward, propensity, target, predictions, truncation or math.sqrt(trials))
    assert set(found) == set(METHODS) == {*expected, "replay"}
    for method, value in expected.items():
        assert found[method].method == method
        assert found[method].estimate == pytest.approx(value, rel=1e-9, abs=1e-12), method
        support = found[method].support
        assert (support.trials, support.greatest) == (trials, pytest.approx(max(w)))
        assert support.effective == pytest.approx(sum(w) ** 2 / sum(each**2 for each in w))
        assert support.mean == pytest.approx(sum(w) / trials)


def test_a_target_of_the_logged_arms_alone_is_enough():
    action, reward, propensity, target, _, predictions = world(np.random.default_rng(1), 40, 3)
    trial = np.arange(40)
    whole = evaluate(action, reward, propensity, target, predictions=predictions)
    alone = evaluate(
        action,
        reward,
        propensity,
        target[trial, action],
        predictions=predictions[trial, action],
        expected=(predictions * target).sum(axis=1),
    )
    for method, answer in whole.items():
        assert alone[method].estimate == pytest.approx(answer.estimate) or method == "replay"
    bare = evaluate(action, reward, propensity, target[trial, action])
    assert bare["snips"].estimate == pytest.approx(whole["snips"].estimate)
    before = np.concatenate([[0.0], np.cumsum(reward)[:-1] / np.arange(1, 40)])
    assert bare["dm"].estimate == pytest.approx(before.mean())


def test_the_default_model_is_the_mean_of_each_arm_so_far():
    action, reward, propensity, target, _, _ = world(np.random.default_rng(2), 60, 4)
    predictions, _ = ArmMeans.none(4).predict(action, reward)
    default, given_it = (
        evaluate(action, reward, propensity, target),
        written_out(action, reward, propensity, target, predictions, math.sqrt(60)),
    )
    for method, value in given_it[0].items():
        assert default[method].estimate == pytest.approx(value), method


def test_parts_of_a_log_merge():
    rng = np.random.default_rng(3)
    action, reward, propensity, target, logging, predictions = world(rng, 200, 3)
    log = [action, reward, propensity, target]
    whole = tally(logged(*log, logging=logging, predictions=predictions, seed=4), 3.0, (0.0, 1.0))
    random, parts = np.random.default_rng(4), Tally()
    for part in (slice(0, 1), slice(1, 120), slice(120, 120), slice(120, 200)):
        rows = logged(
            *(column[part] for column in log), logging=logging[part], predictions=predictions[part], seed=random
        )
        parts += tally(rows, 3.0, (0.0, 1.0))
    for one, other in zip(values(whole, (0, 1)).values(), values(parts, (0, 1)).values(), strict=True):
        assert one.estimate == pytest.approx(other.estimate)
        assert one.interval == pytest.approx(other.interval)
        assert one.support.effective == pytest.approx(other.support.effective)


def every_log(means, trials):
    """Every log of a policy that gives .9 to the arm that has earned more, with its probability and propensities."""
    for action in product((0, 1), repeat=trials):
        for reward in product((0, 1), repeat=trials):
            earned, probability, logging = [0, 0], 1.0, []
            for arm, won in zip(action, reward, strict=True):
                lead = (earned[0] > earned[1]) - (earned[0] < earned[1])
                logging.append((0.5 + 0.4 * lead, 0.5 - 0.4 * lead))
                probability *= logging[-1][arm] * (means[arm] if won else 1.0 - means[arm])
                earned[arm] += won
            yield probability, np.array(action), np.array(reward, float), np.array(logging)


def test_only_predictions_of_earlier_trials_leave_a_log_that_learnt_unbiased():
    """The expectation over all 256 logs of four trials; predictions of the other trials too are biased by a tenth."""
    means, target = (0.3, 0.6), np.tile([0.8, 0.2], (4, 1))
    value, found, crossed, total = 0.8 * 0.3 + 0.2 * 0.6, {"ips": 0.0, "dr": 0.0}, 0.0, 0.0
    for probability, action, reward, logging in every_log(means, 4):
        propensity = logging[np.arange(4), action]
        answers = evaluate(action, reward, propensity, target, logging=logging)
        for method in found:
            found[method] += probability * answers[method].estimate
        chosen = action[:, None] == np.arange(2)
        others = (chosen * reward[:, None]).sum(axis=0) - chosen * reward[:, None]
        left_out = others / np.maximum(chosen.sum(axis=0) - chosen, 1)
        crossed += probability * evaluate(action, reward, propensity, target, predictions=left_out)["dr"].estimate
        total += probability
    assert total == pytest.approx(1.0)
    assert found == {"ips": pytest.approx(value, rel=1e-12), "dr": pytest.approx(value, rel=1e-12)}
    assert abs(crossed - value) > 0.01


MEANS = np.array([0.05, 0.2, 0.1])
TARGET = np.array([0.1, 0.2, 0.7])
VALUE = float(MEANS @ TARGET)


def learning_log(rng, trials):
    """Logged by a policy that gives .8 to the arm that looks best, at every trial anew."""
    counts, totals = np.zeros(3), np.zeros(3)
    action, reward = np.empty(trials, int), np.empty(trials)
    logging = np.full((trials, 3), 0.1)
    uniform = rng.random((trials, 2))
    for trial in range(trials):
        logging[trial, np.argmax(totals / np.maximum(counts, 1.0))] = 0.8
        arm = min(int(np.searchsorted(np.cumsum(logging[trial]), uniform[trial, 0])), 2)
        action[trial], reward[trial] = arm, uniform[trial, 1] < MEANS[arm]
        counts[arm] += 1.0
        totals[arm] += reward[trial]
    return action, reward, logging


def test_estimates_of_a_log_that_learnt_are_near_and_covered():
    """150 logs, looked at three times each; the last interval is at most 2.5 times that of a single look at normals."""
    rng, trials, missed, widths = np.random.default_rng(5), 900, 0, []
    found = {method: [] for method in METHODS}
    for _ in range(150):
        action, reward, logging = learning_log(rng, trials)
        propensity, target = logging[np.arange(trials), action], np.tile(TARGET, (trials, 1))
        misses = False
        for look in (500, 700, trials):
            columns = (column[:look] for column in (action, reward, propensity, target))
            answers = evaluate(*columns, logging=logging[:look], bounds=(0, 1))
            lower, upper = answers["dr"].interval
            misses |= not lower <= VALUE <= upper
        missed += misses
        widths.append(upper - lower)
        for method, answer in answers.items():
            found[method].append(answer.estimate)
    assert missed / 150 <= 0.05
    assert np.mean(widths) < 2.5 * 2.0 * 1.96 * np.std(found["dr"])
    for method, estimates in found.items():
        error = np.std(estimates, ddof=1) / math.sqrt(150)
        assert abs(np.mean(estimates) - VALUE) < 4.0 * error + 0.01 * (method not in ("ips", "dr", "replay")), method
    assert np.std(found["dr"]) < np.std(found["ips"])


def test_heavy_weights_are_covered():
    """A log of a peaked policy, an even target: weights up to 17, on the arms that earn most."""
    rng, arms, trials, missed, naive = np.random.default_rng(6), 20, 2000, 0, 0
    logging = np.full(arms, 0.003)
    logging[:3] = (1.0 - 17 * 0.003) / 3.0
    means = np.where(np.arange(arms) < 3, 0.05, np.where(np.arange(arms) < 17, 0.02, 0.3))
    truth = means.mean()
    wide = np.tile(logging, (trials, 1))
    for seed in range(200):
        action = rng.choice(arms, trials, p=logging)
        reward = (rng.random(trials) < means[action]).astype(float)
        target = np.full((trials, arms), 1.0 / arms)
        for known in (wide, None):
            answer = evaluate(action, reward, logging[action], target, logging=known, bounds=(0, 1), seed=seed)["dr"]
            assert answer.support.effective > 50
            lower, upper = answer.interval
            missed += not lower <= truth <= upper
        terms = reward / arms / logging[action]
        naive += abs(terms.mean() - truth) > 1.96 * terms.std(ddof=1) / math.sqrt(trials)
    assert missed / 400 <= 0.05
    assert naive / 200 > 0.06


def test_a_target_that_learns_is_worth_what_it_earns_by_itself():
    """Greedy with a floor, replayed on a uniform log, against itself in the world for as many decisions."""
    rng, trials, replayed, shared, alone = np.random.default_rng(7), 300, [], [], []
    means = np.array([0.2, 0.6])

    def wanted(counts, totals):
        chosen = np.array([0.2, 0.2])
        chosen[np.argmax(totals / np.maximum(counts, 1.0))] = 0.8
        return chosen

    for _ in range(200):
        action, reward = rng.integers(0, 2, trials), rng.random(trials)
        reward = (reward < means[action]).astype(float)
        logging = np.full((trials, 2), 0.5)
        counts, totals, target, share = np.zeros(2), np.zeros(2), np.empty((trials, 2)), np.empty(trials)
        accepted = np.zeros(trials, bool)
        for trial, arm in enumerate(action):
            target[trial] = wanted(counts, totals)
            share[trial] = 0.5 / target[trial].max()
            if rng.random() < share[trial] * target[trial, arm] / 0.5:
                accepted[trial] = True
                counts[arm] += 1.0
                totals[arm] += reward[trial]
        rows = logged(action, reward, np.full(trials, 0.5), target, logging=logging).shared(share, accepted)
        answers = values(tally(rows, math.sqrt(trials), (0.0, 1.0)), (0.0, 1.0))
        replayed.append(answers["replay"].estimate)
        shared.append(answers["dr"].estimate)
        assert answers["dr"].support.mean == pytest.approx(1.0, abs=0.2)
        assert answers["dr"].interval[0] < answers["dr"].estimate < answers["dr"].interval[1]
        assert answers["dr"].interval[0] < float(np.average(target @ means, weights=share)) < answers["dr"].interval[1]
        counts, totals = np.zeros(2), np.zeros(2)
        for _ in range(int(accepted.sum())):
            arm = rng.choice(2, p=wanted(counts, totals))
            won = float(rng.random() < means[arm])
            counts[arm] += 1.0
            totals[arm] += won
        alone.append(totals.sum() / counts.sum())
    for estimates in (replayed, shared):
        error = math.hypot(np.std(estimates), np.std(alone)) / math.sqrt(200)
        assert error < 0.01
        assert abs(np.mean(estimates) - np.mean(alone)) < 4 * error
    assert np.std(shared) < np.std(replayed)


def test_arms_that_could_not_be_logged_keep_the_interval_wide_and_true():
    rng, trials = np.random.default_rng(8), 5000
    logging, target = np.tile([0.5, 0.5, 0.0], (trials, 1)), np.tile([0.4, 0.4, 0.2], (trials, 1))
    action = rng.integers(0, 2, trials)
    reward = (rng.random(trials) < 0.3).astype(float)
    for best in (0.0, 1.0):
        answer = evaluate(action, reward, np.full(trials, 0.5), target, logging=logging, bounds=(0, 1))["ips"]
        lower, upper = answer.interval
        assert lower < 0.8 * 0.3 + 0.2 * best < upper
        assert upper - lower > 0.2
        assert answer.support.mean == pytest.approx(0.8)


def test_there_is_no_interval_without_bounds_or_support():
    action = np.zeros(200, int)
    target = np.tile([1.0, 0.0], (200, 1))
    args = (action, np.ones(200), np.full(200, 0.5), target)
    assert evaluate(*args)["ips"].interval is None
    assert evaluate(*args, bounds=(0, 1))["ips"].interval is not None
    few = evaluate(*(column[:49] for column in args), bounds=(0, 1))
    assert all(answer.interval is None for answer in few.values())
    assert few["ips"].support.effective == pytest.approx(49)
    replay = evaluate(*args, bounds=(0, 1), ceiling=8.0)["replay"]
    assert (replay.support.effective < 75, replay.interval is None) == (True, replay.support.effective < 50)


def test_a_log_with_nothing_for_the_target_says_so():
    args = (np.zeros(100, int), np.ones(100), np.full(100, 0.5), np.tile([0.0, 1.0], (100, 1)))
    found = evaluate(*args, bounds=(0, 1))
    assert found["ips"].estimate == 0.0
    assert [found[method].estimate for method in ("snips", "sndr", "replay")] == [None, None, None]
    assert (found["ips"].support.effective, found["ips"].support.mean) == (0.0, 0.0)
    assert found["ips"].interval is None
    nothing = evaluate(*(column[:0] for column in args), bounds=(0, 1))
    assert all(answer.estimate is None and answer.interval is None for answer in nothing.values())
    assert nothing["dr"].support.mean is None


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 1.0), (-5.0, 3.0), (1e8, 1e8 + 1.0), (-1e12, 1e12)])
def test_the_interval_moves_with_the_scale(lower, upper):
    rng = np.random.default_rng(9)
    action, unit, propensity, target, logging, predictions = world(rng, 400, 2)
    scale = upper - lower
    plain = evaluate(action, unit, propensity, target, logging=logging, predictions=predictions, bounds=(0, 1))
    moved = evaluate(
        action,
        lower + scale * unit,
        propensity,
        target,
        logging=logging,
        predictions=lower + scale * predictions,
        bounds=(lower, upper),
    )
    expected = [lower + scale * end for end in plain["dr"].interval]
    assert moved["dr"].interval == pytest.approx(expected, abs=1e-6 * scale)


GOOD = {
    "action": [0, 1],
    "reward": [1.0, 0.0],
    "propensity": [0.5, 0.5],
    "target": [[0.5, 0.5], [1.0, 0.0]],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reward": [1.0, math.nan]}, "reward: nan given, must be finite"),
        ({"reward": [[1.0, 0.0]]}, r"reward: shape \(1, 2\) given, must be \(n,\)"),
        ({"propensity": [0.5, 0.0]}, r"propensity\[1\]: 0 given, must be above 0 and at most 1"),
        ({"propensity": [1.5, 0.5]}, r"propensity\[0\]: 1.5 given, must be above 0 and at most 1"),
        ({"propensity": [0.5, math.nan]}, r"propensity\[1\]: nan given"),
        ({"propensity": [0.5]}, r"propensity: shape \(1,\) given, must be \(2,\)"),
        ({"action": [0, 2]}, r"action\[1\]: 2 given, must be 0 to 1"),
        ({"action": [0, -1]}, r"action\[1\]: -1 given, must be 0 to 1"),
        ({"action": [0.0, 1.0]}, "action: shape .* of float64 given, must be 2 indexes of arms"),
        ({"target": [[0.5, 0.4], [1.0, 0.0]]}, r"target\[0\]: probabilities that sum to 0.9 given, must sum to 1"),
        ({"target": [[1.5, -0.5], [1.0, 0.0]]}, r"target\[0, 0\]: 1.5 given, must be 0 to 1"),
        ({"target": [0.5]}, r"target: shape \(1,\) given, must be \(2, arms\)"),
        ({"target": [0.5, 0.5], "logging": [[0.5, 0.5]] * 2}, r"logging: shape \(2, 2\) given, which needs the target"),
        ({"logging": [[0.9, 0.1]] * 3}, r"logging: shape \(3, 2\) given, must be that of target, \(2, 2\)"),
        ({"ceiling": 0.9}, r"propensity\[0\]: 0.5 given, less than logging or ceiling allow"),
        ({"predictions": [0.5, 0.5]}, "predictions: given for the logged arms alone, which needs expected too"),
        ({"predictions": [[0.5]] * 2}, r"predictions: shape \(2, 1\) given, must be that of target"),
        ({"predictions": [[0.5, math.inf]] * 2}, "predictions: inf given, must be finite"),
        ({"target": [0.5, 0.5], "predictions": [[0.5, 0.5]] * 2}, "predictions: shape .* needs the target's"),
        ({"bounds": (0, 0.5)}, "reward: 1 given, must lie within the bounds 0 and 0.5"),
        ({"bounds": (0, 1), "predictions": [[2.0, 0.5]] * 2}, "predictions: 2 given, must lie within the bounds 0 and"),
        ({"bounds": (1, 1)}, "bounds: 1 and 1 given, must be the lower and the upper"),
        ({"alpha": 0.0}, "alpha: 0 given, must lie strictly between 0 and 1"),
        ({"truncation": 0.0}, "truncation: 0 given, must be above 0"),
    ],
)
def test_what_is_not_allowed_is_named(changes, message):
    given = GOOD | changes
    columns = [given.pop(name) for name in ("action", "reward", "propensity", "target")]
    with pytest.raises(ValueError, match=message):
        evaluate(*columns, **given)


def read(name):
    with (OBD / name).open() as file:
        rows = [
            (int(row["item_id"]), float(row["click"]), float(row["propensity_score"])) for row in csv.DictReader(file)
        ]
    action, reward, propensity = (np.array(column) for column in zip(*rows, strict=True))
    return action, reward, propensity


@obd
def test_the_uniform_policy_from_the_log_of_thompson_sampling():
    action, reward, propensity = read("bts.csv")
    assert reward.mean() == pytest.approx(0.0069)
    found = evaluate(action, reward, propensity, np.full((10_000, 34), 1 / 34), bounds=(0, 1))
    assert found["ips"].estimate == pytest.approx(0.0030086, abs=5e-8)
    assert found["snips"].estimate == pytest.approx(0.0031894, abs=5e-8)
    support = found["ips"].support
    assert support.effective == pytest.approx(655.7, abs=0.05)
    assert support.greatest == pytest.approx(178.25, abs=0.005)
    assert support.mean == pytest.approx(0.9433, abs=5e-5)
    lower, upper = found["ips"].interval
    assert lower < 0.0046 < upper


@obd
def test_one_item_from_the_uniform_log():
    action, reward, propensity = read("random.csv")
    assert reward.mean() == pytest.approx(0.0046)
    target = np.zeros((10_000, 34))
    target[:, 30] = 1.0
    found = evaluate(action, reward, propensity, target, logging=np.full_like(target, 1 / 34), bounds=(0, 1))
    assert found["ips"].estimate == pytest.approx(0.0136, abs=5e-5)
    assert found["snips"].estimate == pytest.approx(0.0143369, abs=5e-8)
    assert found["ips"].support.effective == pytest.approx(279)
    shown = action == 30
    assert found["replay"].estimate == pytest.approx(reward[shown].mean())
    assert found["replay"].support.effective == shown.sum() == 279
