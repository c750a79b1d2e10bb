"""Experiments by what they are, a page at a time."""

import pytest
from experiments import define

from bandit import InvalidInput

KEYS = ["alpha", "beta", "gamma", "delta"]


@pytest.fixture
def filled(engine):
    engine.create(define("alpha", owner="ann", tags=["web", "copy"], name="Größe"))
    engine.create(define("beta", owner="bob", tags=["web"], type="ab_test"))
    engine.create(define("gamma", owner="ann", name="100% A_B"))
    engine.create(define("delta", type="feature_flag"))
    engine.start("beta")
    return engine


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, KEYS),
        ({"status": None}, KEYS),
        ({"status": "running"}, ["beta"]),
        ({"status": "archived"}, []),
        ({"type": "bandit"}, ["alpha", "gamma"]),
        ({"type": "feature_flag"}, ["delta"]),
        ({"owner": "ann"}, ["alpha", "gamma"]),
        ({"owner": ""}, ["delta"]),
        ({"tag": "web"}, ["alpha", "beta"]),
        ({"tag": "we"}, []),
        ({"text": "TA"}, ["beta", "delta"]),
        ({"text": "grÖSSE"}, ["alpha"]),
        ({"text": "0% a_"}, ["gamma"]),
        ({"text": "%"}, ["gamma"]),
        ({"owner": "ann", "tag": "copy", "status": "draft"}, ["alpha"]),
        ({"owner": "bob", "status": "draft"}, []),
    ],
)
def test_all_that_is_given_must_hold(filled, filters, expected):
    assert [experiment.key for experiment in filled.list(**filters)] == expected
    assert [experiment.key for experiment in filled.page(**filters).experiments] == expected
    assert filled.page(**filters).next is None


def test_pages_neither_repeat_nor_leave_out(engine):
    for number in range(7):
        engine.create(define(f"e{number}"))
    seen, cursor = [], None
    while True:
        page = engine.page(limit=3, cursor=cursor, text="e")
        seen += [experiment.key for experiment in page.experiments]
        engine.create(define(f"x{len(seen)}"))  # meanwhile; not meant
        if len(seen) == 3:
            engine.create(define("e7"))  # meanwhile, and meant
        if page.next is None:
            break
        cursor = page.next
    assert seen == [f"e{number}" for number in range(8)]
    full = engine.page(limit=len(engine.list()))
    assert full.next is None
    assert full.experiments == engine.list()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "-1"}, "cursor"),
        ({"cursor": "9" * 19}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"status": "alive"}, "status"),
        ({"type": "test"}, "type"),
        ({"owners": "x"}, "owners"),
    ],
)
def test_what_is_no_query_is_refused(engine, given, field):
    with pytest.raises(InvalidInput) as caught:
        engine.page(**given)
    assert caught.value.errors[0].field == field
