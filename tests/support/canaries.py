"""Canaries and guarded experiments for tests, with rewards that are known."""

import random


def guarded(*guardrails, key="x", kind="ab_test", variants=("control", "b"), **more):
    """An experiment whose errors, and whose latency, are to decrease."""
    return {
        "key": key,
        "type": kind,
        "variants": [{"key": name, **({"is_control": True} if name == "control" else {})} for name in variants],
        "metrics": [
            {"key": "errors", "goal": "decrease", "primary": True},
            {"key": "latency", "type": "continuous", "goal": "decrease", "lower": 0.0},
        ],
        "guardrails": [{"metric": "errors", **guardrail} for guardrail in guardrails],
        **more,
    }


def canary(key="x", criteria=({"threshold": 0.5, "minimum_units": 20},), guardrails=(), steps=(10, 50, 100), **rollout):
    """A canary that dwells a minute at each step."""
    return guarded(
        *guardrails,
        key=key,
        kind="canary",
        variants=("control", "candidate"),
        rollout={
            "steps": [float(step) for step in steps],
            "dwell": 60.0,
            "criteria": [{"metric": "errors", **criterion} for criterion in criteria],
            **rollout,
        },
    )


def begin(engine, definition):
    """Creates and starts an experiment."""
    engine.create(definition)
    return engine.start(definition["key"])


def serve(engine, units, rates, key="x", seed=1):
    """Decides for units and says of each whether there was an error, with the rate of its variant.

    Returns the decisions.
    """
    rng = random.Random(seed)
    decisions = []
    for unit in units:
        decision = engine.choose(key, unit)
        engine.reward(decision.id, float(rng.random() < rates.get(decision.variant, 0.0)))
        decisions.append(decision)
    return decisions
