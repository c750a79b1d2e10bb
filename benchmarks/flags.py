"""Flags in process, beside growthbook and flagd's evaluation: the same rule, the same unit, the same answer."""

import json
import tempfile
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from bandit import Engine
from benchmarks.figures import Figure, beside

FEW, SOME, AT_ONCE, MANY = 10, 997, 1000, 10_000
ATTRIBUTES = {"country": "FR", "age": 40}
UNIT = "user-1"
ADULT = {
    "all": [
        {"attribute": "country", "operator": "in", "value": ["DE", "FR"]},
        {"attribute": "age", "operator": "greater_or_equal", "value": 18},
    ]
}


def flag(number: int) -> dict[str, Any]:
    return {
        "key": f"flag-{number}",
        "type": "boolean",
        "variants": {"on": True, "off": False},
        "default_variant": "off",
        "rules": [{"name": "adult", "when": ADULT, "split": {"on": 25, "off": 75}}],
    }


def define(engine: Engine, flags: int) -> None:
    for number in range(flags):
        engine.flags.create(flag(number))
    engine.evaluate_all(UNIT, ATTRIBUTES)


def evaluating(engine: Engine, flags: int, asked: int) -> Callable[[], object]:
    """A call that evaluates some of the flags that are defined, in turn."""
    keys = cycle([f"flag-{number}" for number in range(0, flags, flags // asked)])
    return lambda: engine.evaluate(next(keys), UNIT, ATTRIBUTES, False)


def growthbook() -> Callable[[], object]:
    from growthbook import GrowthBook

    rule = {
        "key": "adult",
        "condition": {"country": {"$in": ["DE", "FR"]}, "age": {"$gte": 18}},
        "variations": [True, False],
        "weights": [0.25, 0.75],
        "hashVersion": 2,
    }
    features = {f"flag-{number}": {"defaultValue": False, "rules": [rule]} for number in range(FEW)}
    book = GrowthBook(attributes={"id": UNIT, **ATTRIBUTES}, features=features)
    assert book.eval_feature("flag-0").source == "experiment"
    keys = cycle(features)
    return lambda: book.eval_feature(next(keys))


def flagd(folder: str) -> tuple[Callable[[], object], Callable[[], None]]:
    from openfeature.contrib.provider.flagd import FlagdProvider
    from openfeature.contrib.provider.flagd.config import ResolverType
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.flag_evaluation import Reason

    rule = {
        "if": [
            {"and": [{"in": [{"var": "country"}, ["DE", "FR"]]}, {">=": [{"var": "age"}, 18]}]},
            {"fractional": [["on", 25], ["off", 75]]},
        ]
    }
    definition = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": rule,
    }
    flags = {f"flag-{number}": definition for number in range(FEW)}
    path = Path(folder) / "flags.json"
    path.write_text(json.dumps({"flags": flags}))
    provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(path))
    provider.initialize(EvaluationContext())
    context = EvaluationContext(UNIT, ATTRIBUTES)
    assert provider.resolve_boolean_details("flag-0", False, context).reason == Reason.TARGETING_MATCH
    keys = cycle(flags)
    return lambda: provider.resolve_boolean_details(next(keys), False, context), provider.shutdown


def figures() -> Iterator[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine() as few,
        Engine() as many,
        Engine() as thousand,
        Engine(Path(folder) / "bench.db") as shared,
    ):
        for engine, flags in ((few, FEW), (thousand, AT_ONCE), (many, MANY), (shared, FEW)):
            define(engine, flags)
        theirs, shutdown = flagd(folder)
        measured = beside(
            {
                "few": evaluating(few, FEW, FEW),
                "many": evaluating(many, MANY, FEW),
                "spread": evaluating(many, MANY, SOME),
                "shared": evaluating(shared, FEW, FEW),
                "growthbook": growthbook(),
                "flagd": theirs,
            },
            repeats=9,
            each=2000,
        )
        at_once = beside({"all": lambda: thousand.evaluate_all(UNIT, ATTRIBUTES)}, repeats=5, each=10)["all"]
        shutdown()
    yield Figure("evaluate a flag: two conditions and a split", measured["few"], "us", 5)
    yield Figure("the same, where other processes may change it", measured["shared"], "us")
    yield Figure("evaluate 1,000 flags at once", at_once / 1e3, "ms", 10)
    yield Figure("evaluate a flag, 10,000 defined", measured["many"] / measured["few"], "x", 1.3, peer="10 defined")
    yield Figure("the same, 997 of them in turn", measured["spread"] / measured["few"], "x", peer="10 in turn")
    for peer in ("growthbook", "flagd"):
        text = f"{peer}, {measured[peer]:.1f} us"
        yield Figure("evaluate a flag: the same rule", measured["few"] / measured[peer], "x", 1, peer=text)
