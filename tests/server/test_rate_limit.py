"""How often a key may ask."""

import pytest

from bandit import Engine
from bandit.errors import RateLimited
from server.app import create_app
from server.rate_limit import RateLimit


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def allowed(limit, rate, times, key="k"):
    count = 0
    for _ in range(times):
        try:
            limit.take(key, rate)
            count += 1
        except RateLimited:
            pass
    return count


def test_a_second_brings_as_many_as_the_rate_says():
    clock = Clock()
    limit = RateLimit(1, clock)
    assert allowed(limit, 10.0, 20) == 10
    assert allowed(limit, 10.0, 20, "another") == 10
    clock.now += 0.5
    assert allowed(limit, 10.0, 20) == 5
    clock.now += 3600.0
    assert allowed(limit, 10.0, 20) == 10


def test_workers_share_a_rate():
    clock = Clock()
    workers = [RateLimit(4, clock) for _ in range(4)]
    assert sum(allowed(limit, 100.0, 100) for limit in workers) == 100
    clock.now += 1.0
    assert sum(allowed(limit, 100.0, 100) for limit in workers) == 100


def test_a_rate_below_one_a_second_says_how_long_to_wait():
    clock = Clock()
    limit = RateLimit(2, clock)
    limit.take("k", 0.5)
    with pytest.raises(RateLimited, match=r"the API key k may ask 0.5 times a second; wait 4 s") as caught:
        limit.take("k", 0.5)
    assert caught.value.retry_after == 4
    clock.now += 1.5
    with pytest.raises(RateLimited) as caught:
        limit.take("k", 0.5)
    assert caught.value.retry_after == 3  # 2.5, in whole seconds
    clock.now += 2.5
    limit.take("k", 0.5)


@pytest.mark.parametrize("front", [True, False])
def test_who_asks_too_often_is_told_when_to_come_back(front):
    with Engine() as engine:
        token = engine.keys.create({"scope": "decide", "owner": "ann", "rate": 0.01}).token
        free = engine.keys.create({"scope": "decide", "owner": "ann"}).token
        app = create_app(engine, front=front).test_client()
        first, second = (app.post("/v1/reward", headers={"X-API-Key": token}) for _ in range(2))
        assert (first.status_code, second.status_code) == (400, 429)
        assert second.headers["Retry-After"] == "100"
        assert second.json["title"] == "Too many requests"
        assert app.get("/v1/experiments", headers={"X-API-Key": token}).status_code == 429
        assert app.post("/v1/reward", headers={"X-API-Key": free}).status_code == 400
