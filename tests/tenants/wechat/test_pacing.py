"""The bucket is one for all workers, and a block outlives it."""

import contextlib
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from tenants.wechat import pacing

_numbers = itertools.count(int(time.time()) * 1000)


@pytest.fixture
def key() -> str:
    return pacing.key(1, next(_numbers), "externalcontact/get")


def test_exactly_the_burst_passes_at_once(redis: Redis, key: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: pacing.take(redis, key, 60, 20), range(50)))

    assert sum(wait == 0 for wait in waits) == 20
    assert all(0 < wait <= 1 for wait in waits if wait)


def test_the_bucket_fills_at_its_rate(redis: Redis, key: str) -> None:
    assert pacing.take(redis, key, 60, 1) == 0
    wait = pacing.take(redis, key, 60, 1)

    time.sleep(wait + 0.01)

    assert 0 < wait <= 1
    assert pacing.take(redis, key, 60, 1) == 0


def test_a_block_stops_takers(redis: Redis, key: str) -> None:
    assert pacing.blocked_for(redis, key) == 0
    assert pacing.block(redis, key, 60) == 60

    assert 59 < pacing.blocked_for(redis, key) <= 60
    assert 59 < pacing.take(redis, key, 60, 20) <= 60


def test_simultaneous_hits_count_once_and_a_later_one_escalates(redis: Redis, key: str) -> None:
    pacing.block(redis, key, 0.8, escalated=3600)
    assert pacing.block(redis, key, 0.8, escalated=3600) <= 0.8

    time.sleep(0.85)

    assert pacing.take(redis, key, 60, 20) == 0
    assert pacing.block(redis, key, 0.8, escalated=3600) == 3600


def test_a_longer_block_wins(redis: Redis, key: str) -> None:
    pacing.block(redis, key, 3600)

    assert pacing.block(redis, key, 60) > 3500
    assert pacing.block(redis, key, 7200) == 7200


def test_keys_are_a_tenants_and_expire(redis: Redis, key: str) -> None:
    pacing.take(redis, key, 60, 20)

    assert key.startswith("scrm:t1:wechat:")
    assert 0 < redis.ttl(key) <= 22


def test_only_so_many_are_inside_at_once_and_a_dead_one_gives_its_place_back(
    redis: Redis, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "SLOT_LEASE_S", 0.8)
    with contextlib.ExitStack() as inside:
        entered = [inside.enter_context(pacing.slot(redis, key, 3)) for _ in range(4)]
        assert entered == [True, True, True, False]
    with pacing.slot(redis, key, 3) as again:
        assert again
    died = pacing.slot(redis, key, 1)
    assert died.__enter__()
    with pacing.slot(redis, key, 1) as meanwhile:
        assert not meanwhile
    time.sleep(0.85)
    with pacing.slot(redis, key, 1) as afterwards:
        assert afterwards
