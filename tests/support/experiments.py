"""Experiments for tests, and what they have counted."""

from bandit import Experiment, Metric, Variant


def define(key="copy", variants=("control", "short"), metrics=None, **rest):
    """An experiment with the least that one needs."""
    return Experiment(
        key=key,
        variants=[Variant(key=name) for name in variants],
        metrics=metrics or [Metric(key="purchase")],
        **rest,
    )


def started(engine, *arguments, **rest):
    experiment = engine.create(define(*arguments, **rest))
    return engine.start(experiment.key)


def sums(engine, key="copy", metric=None):
    """(count, sum) of a metric by variant."""
    results = engine.results(key)
    name = metric or next(iter(results.variants[0].metrics))
    return {
        variant.key: (variant.metrics[name].count, variant.metrics[name].sum)
        for variant in results.variants
        if variant.metrics[name].count
    }
