"""Conditions beside GrowthBook's, and choosing where ten thousand experiments are defined."""

from collections.abc import Callable, Iterator
from itertools import count, cycle
from typing import Any

from bandit import Engine, Experiment, Metric, Variant
from bandit.conditions import Condition
from bandit.matcher import compiled
from benchmarks.figures import Figure, beside

FEW, MANY = 10, 10_000

ATTRIBUTES: dict[str, Any] = {
    "country": "DE",
    "plan": "pro",
    "age": 34,
    "visits": 12.5,
    "beta": True,
    "email": "ann@example.org",
    "version": "2.10.1",
    "tags": ["new", "mobile"],
}

# The same five rules in both languages, four times: every one is true, so that every one is evaluated.
OURS = [
    {"attribute": "country", "operator": "in", "value": ["DE", "FR", "NL"]},
    {"attribute": "plan", "operator": "equals", "value": "pro"},
    {"attribute": "age", "operator": "greater_or_equal", "value": 18},
    {"attribute": "beta", "operator": "equals", "value": True},
    {"attribute": "visits", "operator": "less", "value": 100},
]
THEIRS = [
    {"country": {"$in": ["DE", "FR", "NL"]}},
    {"plan": {"$eq": "pro"}},
    {"age": {"$gte": 18}},
    {"beta": {"$eq": True}},
    {"visits": {"$lt": 100}},
]
DEARER = [
    {"attribute": "email", "operator": "matches", "value": "@example[.]org$"},
    {"attribute": "version", "operator": "version_greater", "value": "2.9.0"},
    {"operator": "percentage", "value": 100, "salt": "spring"},
    {"operator": "weekday", "value": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]},
]


def matching(*parts: dict[str, Any]) -> Callable[[], object]:
    """A call that evaluates all of some conditions, compiled once."""
    predicate = compiled(Condition.model_validate({"all": list(parts)}), {})
    if not predicate(ATTRIBUTES, "user-1", 1_800_000_000.0):
        raise AssertionError("not all of the conditions are true")
    return lambda: predicate(ATTRIBUTES, "user-1", 1_800_000_000.0)


def growthbook() -> Callable[[], object]:
    from growthbook.core import evalCondition

    condition = {"$and": THEIRS * 4}
    if not evalCondition(ATTRIBUTES, condition):
        raise AssertionError("not all of the conditions are true")
    return lambda: evalCondition(ATTRIBUTES, condition)


def choosing(engine: Engine, experiments: int, asked: int) -> Callable[[], object]:
    """A call that chooses for new units, in turn in some of the experiments that are defined and running."""
    variants, metrics = [Variant(key="a"), Variant(key="b")], [Metric(key="m")]
    for number in range(experiments):
        key = f"e{number}"
        engine.create(Experiment(key=key, type="ab_test", variants=variants, metrics=metrics))
        engine.start(key)
    keys, units = cycle([f"e{number}" for number in range(0, experiments, experiments // asked)]), count()
    return lambda: engine.choose(next(keys), f"u{next(units)}")


def figures() -> Iterator[Figure]:
    measured = beside({"ours": matching(*OURS * 4), "theirs": growthbook()}, repeats=7, each=3000)
    yield Figure("20 conditions", measured["ours"], "us", bound=5.0)
    yield Figure("20 conditions", measured["ours"] / measured["theirs"], "x", bound=1.0, peer="growthbook")
    for part in DEARER:
        call = {"one": matching(part)}
        name = str(part["operator"])
        yield Figure(f"a condition of {name}", beside(call, repeats=5, each=2000)["one"], "us")
    with Engine(seed=1) as few, Engine(seed=1) as many:
        calls = {"few": choosing(few, FEW, FEW), "many": choosing(many, MANY, FEW)}
        measured = beside(calls, repeats=9, each=2000)
        yield Figure(
            f"choose with {MANY:,} experiments", measured["many"] / measured["few"], "x", bound=1.3, peer=f"with {FEW}"
        )
