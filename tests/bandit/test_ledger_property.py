"""Any history of choices and events gives the state that a replay of its ledger gives, in every kind of store."""

import math
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bandit import Engine, Experiment, Feature, Metric, MultiarmError, Reweight, Variant
from policies import LinThompson, LinUCB, LogisticThompson, ThompsonNormal

METRICS = [
    Metric(key="buys", primary=True, window="1h", missing=0.0, late="correct"),
    Metric(key="spent", type="continuous", aggregation="sum", origin=10.0, window="2h"),
    Metric(key="clicks", type="count", aggregation="count"),
    Metric(key="spent-a-click", type="ratio", numerator="spent", denominator="clicks"),
    Metric(key="best", type="continuous", aggregation="max", goal="decrease"),
    Metric(key="first", type="continuous", aggregation="first", window="30m", late="refuse"),
]
KINDS = {
    "units": {},
    "decisions": {"trial": "decision", "reweight": Reweight(holdout=0.3)},
    "fades": {"policy": ThompsonNormal(half_life=600.0), "objective": {"buys": 1.0, "spent": -0.01}},
    "split": {"type": "ab_test"},
    "lines": {
        "policy": LinThompson(half_life=600.0),
        "features": [Feature(key="hour")],
        "trial": "decision",
        "reweight": Reweight(every="5m", holdout=0.3),
    },
    "shared": {
        "policy": LinUCB(shared=True),
        "features": [Feature(key="hour"), Feature(key="price")],
        "sticky": False,
        "objective": {"buys": 1.0, "spent": -0.001},
    },
    "logits": {"policy": LogisticThompson(), "features": [Feature(key="hour"), Feature(key="price")]},
}
HOURS = st.sampled_from([-1.0, 0.0, 0.3, 2])
PRICES = st.fixed_dictionaries(dict.fromkeys("abc", HOURS))
VALUES = st.sampled_from([0.0, 1.0, 2.0, -3.5, 0.1, 1e6, math.nan, math.inf, -1e300])


class Ledger(RuleBasedStateMachine):
    """Experiments of different kinds, any number of decisions, any event, a clock that only sometimes moves."""

    @initialize(durable=st.booleans(), seed=st.integers(0, 1000))
    def open(self, durable, seed):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        self.now = 1.8e9
        self.durable = durable
        self.decisions = ["0" * 16]
        self.applied = 0
        self.engine = self.other = Engine(self.path, durable=durable, clock=lambda: self.now, seed=seed)
        if durable:
            self.other = Engine(self.path, clock=lambda: self.now, seed=seed + 1)
        for key, options in KINDS.items():
            variants = [Variant(key="a"), Variant(key="b", weight=2.0), Variant(key="c")]
            self.engine.create(Experiment(key=key, variants=variants, metrics=METRICS, **options))
            self.engine.start(key)

    @rule(
        key=st.sampled_from(list(KINDS)),
        hour=HOURS,
        price=PRICES,
        unit=st.sampled_from([None, "u1", "u2", "u3"]),
        eligible=st.sampled_from([None, None, ["a"], ["b", "c"]]),
        defer=st.booleans(),
        token=st.sampled_from([None, None, "k1", "k2"]),
    )
    def choose(self, key, hour, price, unit, eligible, defer, token):
        known = {"hour": hour, "price": price}
        context = {feature.key: known[feature.key] for feature in KINDS[key].get("features", ())} or None
        token = token and f"{token} {unit}"
        decision = self.engine.choose(key, unit, context=context, eligible=eligible, defer=defer, idempotency_key=token)
        assert 0.0 < decision.propensity <= 1.0
        self.decisions.append(decision.id)

    @rule(
        data=st.data(),
        metric=st.sampled_from([None, "buys", "spent", "clicks", "best", "first", "unknown"]),
        value=VALUES,
        token=st.sampled_from([None, None, "k1", "k2"]),
        metadata=st.sampled_from([None, None, {}, {"order": [1, "é"]}]),
    )
    def reward(self, data, metric, value, token, metadata):
        decision = data.draw(st.sampled_from(self.decisions))
        try:
            status = self.engine.reward(decision, value, metric, idempotency_key=token, metadata=metadata)
        except MultiarmError:
            return
        assert status in ("applied", "duplicate", "superseded", "late")
        if token is not None:
            assert self.engine.reward(decision, 0.0, metric, idempotency_key=token) == "duplicate"

    @rule(data=st.data(), metric=st.sampled_from([None, "spent", "clicks", "first"]))
    def retract(self, data, metric):
        decision = data.draw(st.sampled_from(self.decisions[1:] or self.decisions))
        if decision != self.decisions[0]:
            assert self.engine.retract(decision, metric) == "retracted"

    @rule(data=st.data())
    def activate(self, data):
        decision = data.draw(st.sampled_from(self.decisions))
        if decision != self.decisions[0]:
            assert self.engine.activate(decision) == "activated"

    @rule(seconds=st.sampled_from([0.5, 60.0, 1900.0, 4000.0, 20_000.0, -30.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def forget(self):
        """Everything must be as good from the store as from memory."""
        self.engine._journal.flush()
        self.engine._memory.reset()

    @rule()
    def swap(self):
        """Two engines on one file, as two processes have them, take turns."""
        self.engine, self.other = self.other, self.engine

    @rule()
    def restart(self):
        self.engine.close()
        self.engine = Engine(self.path, durable=self.durable, clock=lambda: self.now)
        if not self.durable:
            self.other = self.engine

    @invariant()
    def replays(self):
        if hasattr(self, "engine"):
            assert self.engine.verify() == []

    def teardown(self):
        if hasattr(self, "engine"):
            learnt = self.learnt()
            self.engine.close()
            self.other.close()
            with Engine(self.path, durable=self.durable, clock=lambda: self.now) as self.engine:
                assert self.learnt() == learnt
            self.folder.cleanup()

    def learnt(self):
        """What each experiment's policy has learnt, from memory where it is there."""
        memory = self.engine._memory
        self.engine._journal.flush()
        return [memory.experiment(key).learner.state(self.now).round(6).tolist() for key in KINDS]


Ledger.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
TestLedger = Ledger.TestCase
