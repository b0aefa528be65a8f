"""An account rests as long as it has to, and one call finds out whether it works again."""

import itertools
import time

import pytest
from redis import Redis

from tenants.wechat import breaker

WHOM = "these credentials"
_numbers = itertools.count(int(time.time()) * 1000)


@pytest.fixture
def key() -> str:
    return breaker.key(1, next(_numbers))


def test_a_refused_secret_rests_the_account_at_full_length(redis: Redis, key: str) -> None:
    breaker.open_for_account(redis, key, 40001, WHOM)

    standing = breaker.ask(redis, key, WHOM)

    assert (standing.why, standing.errcode) == ("account", 40001)
    assert breaker.ACCOUNT_PAUSE_S - 5 < standing.wait <= breaker.ACCOUNT_PAUSE_S
    assert breaker.ask(redis, key, "corrected ones").trial


def test_a_refused_token_rests_it_for_longer_each_time(redis: Redis, key: str) -> None:
    for _ in range(3):  # all were under way when the first came back: one pause
        breaker.open_for_account(redis, key, 40014, WHOM, passing=True)
    assert 1 < breaker.ask(redis, key, WHOM).wait <= 2
    time.sleep(2.01)
    assert breaker.ask(redis, key, WHOM).trial
    assert not breaker.ask(redis, key, WHOM).trial  # the others wait for it

    breaker.open_for_account(redis, key, 40014, WHOM, passing=True)

    assert 7 < breaker.ask(redis, key, WHOM).wait <= 8


def test_a_trial_that_goes_well_forgets_how_long_it_was(redis: Redis, key: str) -> None:
    breaker.open_for_account(redis, key, 42001, WHOM, passing=True)
    breaker.close(redis, key)
    assert breaker.ask(redis, key, WHOM) == breaker.Standing()

    breaker.open_for_account(redis, key, 42001, WHOM, passing=True)

    assert breaker.ask(redis, key, WHOM).wait <= 2
