import json
import math
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from bandit import Engine, Experiment, InvalidInput, Metric, Reweight, Variant
from policies import EpsilonGreedy, Fixed, ThompsonBeta, ThompsonNormal
from simulations.evaluation import RowClock, evaluate, experiment
from simulations.log import Log, read
from simulations.replay import policy, replay

OBD = Path(__file__).parents[2].parent / "shared" / "data" / "obd"
obd = pytest.mark.skipif(not OBD.is_dir(), reason="the Open Bandit Dataset is not beside the checkout")


def log(*events):
    arms = sorted({arm for arm, _ in events})
    return Log(tuple(arms), [arms.index(arm) for arm, _ in events], [float(reward) for _, reward in events])


def uniform_log(rows, means, seed):
    world = random.Random(f"log {seed}")
    events = []
    for _ in range(rows):
        arm = world.randrange(len(means))
        events.append((arm, float(world.random() < means[arm])))
    return Log(tuple("abcdefgh"[: len(means)]), *map(list, zip(*events, strict=True)))


class Scripted:
    """A decider that chooses what it is told to, and notes what it is asked."""

    def __init__(self, choices):
        self.choices = iter(choices)
        self.calls = []

    def create(self, definition):
        self.calls.append(("create", definition.key))

    def start(self, key):
        self.calls.append(("start", key))

    def choose(self, key, *, defer):
        assert defer
        return SimpleNamespace(id=f"d{len(self.calls)}", variant=next(self.choices))

    def activate(self, decision_id):
        self.calls.append(("activate", decision_id))

    def reward(self, decision_id, value):
        self.calls.append(("reward", decision_id, value))

    def results(self, key):
        return SimpleNamespace(variants=[SimpleNamespace(key="0", weight=0.25), SimpleNamespace(key="1", weight=0.75)])


def test_only_matches_are_activated_and_rewarded():
    logged = log(("x", 1), ("y", 0), ("y", 1), ("x", 0), ("y", 1))
    decider = Scripted("01001")
    found = evaluate(decider, experiment(logged, ThompsonBeta()), logged)
    assert decider.calls == [
        ("create", "replay"),
        ("start", "replay"),
        ("activate", "d2"),
        ("reward", "d2", 1.0),
        ("activate", "d4"),
        ("reward", "d4", 0.0),
        ("activate", "d6"),
        ("reward", "d6", 0.0),
        ("activate", "d8"),
        ("reward", "d8", 1.0),
    ]
    assert (found.rows, found.matched) == (5, 4)
    assert found.policy_mean.mean == pytest.approx(2 / 4)
    assert found.log_mean.mean == pytest.approx(3 / 5)
    assert [(arm.arm, arm.weight, arm.matched, arm.mean) for arm in found.arms] == [
        ("x", 0.25, 2, 0.5),
        ("y", 0.75, 2, 0.5),
    ]


def test_a_greedy_policy_matches_every_row_of_its_favourite():
    logged = log(*[("good", 1), ("poor", 0)] * 50)
    with Engine(seed=1) as engine:
        found = evaluate(engine, experiment(logged, EpsilonGreedy(epsilon=0.0)), logged)
        good, poor = found.arms
        assert (good.weight, poor.weight) == (1.0, 0.0)
        assert (good.mean, poor.mean, poor.matched) == (1.0, 0.0, 1)
        assert found.matched == good.matched + 1 >= 45
        assert found.policy_mean.mean == good.matched / found.matched
        assert engine.verify() == []


def test_rows_without_a_match_leave_no_trace():
    logged = uniform_log(400, [0.2, 0.5, 0.6], seed=2)
    with Engine(seed=1) as engine:
        found = evaluate(engine, experiment(logged, ThompsonBeta()), logged)
        for arm, variant in zip(found.arms, engine.results("replay").variants, strict=True):
            measured = variant.metrics["reward"]
            assert variant.decisions == variant.units == measured.count == arm.matched
            assert measured.mean == pytest.approx(arm.mean)
        assert engine.verify() == []
    assert 0 < found.matched < 400


def test_the_same_seed_gives_the_same_replay():
    logged = uniform_log(300, [0.2, 0.5], seed=3)
    found = []
    for seed in (5, 5, 6):
        clock = RowClock()
        with Engine(seed=seed, clock=clock) as engine:
            result = evaluate(engine, experiment(logged, ThompsonBeta(half_life=50)), logged, clock.follow(logged))
            found.append((result.matched, result.policy_mean, result.arms))
    assert found[0] == found[1] != found[2]


def test_a_fixed_split_is_worth_its_known_mean():
    means, weights = [0.1, 0.3, 0.8], [0.5, 0.3, 0.2]
    logged = uniform_log(6000, means, seed=4)
    variants = [Variant(key=str(arm), weight=weight) for arm, weight in enumerate(weights)]
    definition = Experiment(
        key="split", variants=variants, metrics=[Metric(key="reward")], policy=Fixed(), sticky=False
    )
    with Engine(seed=4) as engine:
        found = evaluate(engine, definition, logged)
    value = 0.5 * 0.1 + 0.3 * 0.3 + 0.2 * 0.8
    assert abs(found.policy_mean.mean - value) < 4 * math.sqrt(value * (1 - value) / found.matched)
    assert abs(found.matched - 2000) < 4 * math.sqrt(6000 * 2 / 9)
    assert found.policy_mean.lower < value < found.policy_mean.upper


def test_a_learning_policy_is_worth_what_it_earns_by_itself():
    """Replay against the policy running in the world, for the same number of decisions each time."""
    means, differences = [0.15, 0.4, 0.7], []
    for seed in range(200):
        logged = uniform_log(180, means, seed)
        with Engine(seed=seed) as engine:
            definition = experiment(logged, EpsilonGreedy(epsilon=0.2))
            replayed = evaluate(engine, definition, logged)
        world = random.Random(f"world {seed}")
        earned = 0.0
        with Engine(seed=1000 + seed) as engine:
            engine.create(definition)
            engine.start(definition.key)
            for _ in range(replayed.matched):
                decision = engine.choose(definition.key)
                reward = float(world.random() < means[int(decision.variant)])
                engine.reward(decision.id, reward)
                earned += reward
        differences.append(replayed.policy_mean.mean - earned / replayed.matched)
    mean = sum(differences) / len(differences)
    error = math.sqrt(sum((each - mean) ** 2 for each in differences) / len(differences) / (len(differences) - 1))
    assert error < 0.01
    assert abs(mean) < 4 * error


def test_the_metric_follows_the_rewards_and_the_policy():
    binary, real = log(("x", 1), ("y", 0)), log(("x", -2.5), ("y", 4), ("y", 1))
    assert experiment(binary, ThompsonBeta()).primary.type == "conversion"
    bounded = experiment(real, ThompsonBeta()).primary
    assert (bounded.type, bounded.lower, bounded.upper) == ("continuous", -2.5, 4.0)
    free = experiment(real, ThompsonNormal()).primary
    assert (free.type, free.lower, free.upper, free.origin) == ("continuous", None, None, pytest.approx(2.5 / 3))
    assert experiment(binary, ThompsonBeta()).reweight == Reweight(floor=0.0, budget=1.0)
    with pytest.raises(InvalidInput, match="every reward is 3"):
        experiment(log(("x", 3), ("y", 3)), ThompsonBeta())
    with pytest.raises(InvalidInput, match=r"must be 0 to 1 / 2 arms, given 0\.6"):
        experiment(binary, ThompsonBeta(), floor=0.6)


def test_a_log_is_read_in_order_and_arms_sort_as_numbers(tmp_path):
    file = tmp_path / "log.csv"
    file.write_bytes(b'\xef\xbb\xbfarm,note,reward\r\n10,"a, b",1\r\n\r\n9,"two\r\nlines",0.5\r\n')
    found = read(file, "arm", "reward")
    assert found.arms == ("9", "10")
    assert list(found) == [(1, 1.0), (0, 0.5)]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("epsilon=0.2", EpsilonGreedy(epsilon=0.2)),
        ("epsilon=.2", EpsilonGreedy(epsilon=0.2)),
        ("half_life=2h", EpsilonGreedy(half_life=7200.0)),
        ("half_life=null", EpsilonGreedy()),
    ],
)
def test_parameters(given, expected):
    assert policy("epsilon_greedy", [given]) == expected


def run(path, *options, arm="arm", reward="reward", name="thompson_beta"):
    return CliRunner().invoke(
        replay, ["--log", str(path), "--arm", arm, "--reward", reward, "--policy", name, *options]
    )


GOOD = "arm,reward,p\n" + "a,1,.5\nb,0,.5\n" * 30


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(GOOD)
    return path


def test_it_prints_a_report(good):
    found = run(good, "--propensity", "p", "--seed", "3")
    assert found.exit_code == 0, found.output
    for piece in ("thompson_beta on log.csv, 2 arms, seed 3", "rows           60", "policy's mean", "(Wilson)", "time"):
        assert piece in found.output
    assert "Note" not in found.output
    assert found.stderr == ""


def test_it_prints_json(good):
    found = json.loads(run(good, "--param", "prior_failures=3", "--json").output)
    assert found["policy"]["prior_failures"] == 3.0
    assert found["rows"] == 60
    assert found["matched"] == sum(arm["matched"] for arm in found["arms"]) == found["policy_mean"]["count"]
    assert found["log_mean"]["mean"] == 0.5
    assert sum(arm["weight"] for arm in found["arms"]) == pytest.approx(1)
    assert found["notes"] == []


def test_it_notes_a_scale_and_a_log_that_is_not_uniform(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("arm,reward\n" + "a,2\n" * 90 + "b,7\n" * 10)
    output = run(path).output
    assert "least and greatest, 2 and 7" in output
    assert "not shown equally often" in output
    assert "Student t" in output
    assert "least and greatest" not in run(path, name="thompson_normal").output


def test_no_match_is_said():
    logged = log(("x", 1), ("y", 0))
    found = evaluate(Scripted("10"), experiment(logged, ThompsonBeta()), logged)
    assert (found.matched, found.policy_mean.mean, found.policy_mean.lower) == (0, None, None)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "log.csv: the file is empty"),
        ("arm,reward\n", {}, "log.csv: a header and no rows"),
        (GOOD, {"arm": "item"}, "column 'item' is not one of the columns: 'arm', 'reward', 'p'"),
        (GOOD, {"reward": "click"}, "column 'click' is not one of the columns"),
        ("arm,arm,reward\na,b,1\n", {}, "column 'arm' is given twice"),
        ("arm,reward\na,1\nb,yes\n", {}, "line 3: reward is 'yes', must be a finite number"),
        ("arm,reward\na,nan\nb,1\n", {}, "line 2: reward is 'nan', must be a finite number"),
        ("arm,reward\na,1\nb,-inf\n", {}, "line 3: reward is '-inf', must be a finite number"),
        ("arm,reward\na,1\nb,\n", {}, "line 3: reward is '', must be a finite number"),
        ("arm,reward\na,1\n,1\n", {}, "line 3: arm is empty"),
        ("arm,reward\na,1\nb\n", {}, "line 3: 1 values given, the header has 2"),
        ("arm,reward\na,1\nb,1,2\n", {}, "line 3: 3 values given, the header has 2"),
        ("arm,reward\na,1\na,0\n", {}, "arm is 'a' in every row, at least two arms are needed"),
        ("arm,reward\n" + "".join(f"a{n},1\n" for n in range(1001)), {}, "1001 different values, at most 1000"),
        ('arm,reward\na,1\n"b"c,1\n', {}, "line 3: not CSV"),
        (b"arm,reward\n\xff,1\n", {}, "log.csv: not UTF-8 text"),
        (GOOD, {"name": "thomson"}, "--policy: 'thomson' given, must be one of fixed, epsilon_greedy"),
        (
            GOOD,
            {"options": ["--param", "epsilon=2"], "name": "epsilon_greedy"},
            "--param epsilon: Input should be less",
        ),
        (
            GOOD,
            {"options": ["--param", "eps=1"], "name": "epsilon_greedy"},
            "is not a parameter of epsilon_greedy: eps",
        ),
        (GOOD, {"options": ["--param", "epsilon"], "name": "epsilon_greedy"}, "'epsilon' given, must be NAME=VALUE"),
        (GOOD, {"options": ["--param", "epsilon=nan"], "name": "epsilon_greedy"}, "--param epsilon: "),
        (GOOD, {"name": "lin_ucb"}, "policy: 'lin_ucb' reads a context, and a replay has none"),
        (GOOD, {"name": "thompson_gamma"}, "policy: 'thompson_gamma' is sound only for one count"),
        (GOOD, {"options": ["--floor", "0.6"]}, "floor: must be 0 to 1 / 2 arms, given 0.6"),
        (GOOD, {"options": ["--floor", "nan"]}, "floor: must be 0 to 1 / 2 arms, given nan"),
        (GOOD, {"options": ["--propensity", "q"]}, "column 'q' is not one of the columns"),
        ("arm,reward,p\na,1,.5\nb,0,.4\n", {"options": ["--propensity", "p"]}, "line 3: p is 0.4 and was 0.5 before"),
        ("arm,reward,p\na,1,0\nb,0,0\n", {"options": ["--propensity", "p"]}, "line 2: p is '0', must be above 0"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_a_line(tmp_path, text, options, message):
    path = tmp_path / "log.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = run(path, *options.get("options", ()), **{key: options[key] for key in options if key != "options"})
    assert found.exit_code == 2
    assert message in found.stderr
    assert found.stderr.startswith("Error: ")
    assert found.stderr.count("\n") == 1
    assert found.stdout == ""


@pytest.mark.parametrize(("name", "message"), [("absent.csv", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read(tmp_path, name, message):
    found = run(tmp_path / name)
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert message in found.stderr


@obd
def test_the_open_bandit_dataset():
    logged = read(OBD / "random.csv", "item_id", "click", "propensity_score")
    assert (len(logged), len(logged.arms)) == (10_000, 34)
    assert logged.uniformity() > 1e-6
    with Engine(seed=0) as engine:
        found = evaluate(engine, experiment(logged, ThompsonBeta()), logged)
        assert engine.verify() == []
    assert abs(found.matched - 10_000 / 34) < 4 * math.sqrt(10_000 / 34)
    assert found.log_mean.mean == pytest.approx(0.0046)
    assert found.log_mean.lower < 0.0046 < found.log_mean.upper
    assert found.policy_mean.lower < 0.0046 < found.policy_mean.upper


@obd
def test_a_log_of_a_learning_policy_is_refused_by_its_propensities():
    with pytest.raises(InvalidInput, match="replay is unbiased only for a log whose arms were drawn uniformly"):
        read(OBD / "bts.csv", "item_id", "click", "propensity_score")
    assert read(OBD / "bts.csv", "item_id", "click").uniformity() < 1e-6
