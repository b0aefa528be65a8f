"""Is this account to be left alone for a while? One answer for all workers.

A few failures in a row, or one refusal of the account as a whole, open the breaker: no call goes
out until its time is over. Then one call is let through as a trial: when it works all do again,
and when it fails the breaker opens anew. A token that is refused although it is fresh may be a
passing fault: the account rests for two seconds first, and for longer each time it happens again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from redis import Redis

TROUBLES: Final = 5  # calls in a row that nobody answered
SILENT_PAUSE_S: Final = 30.0
ACCOUNT_PAUSE_S: Final = 300.0
TOKEN_PAUSE_S, TIMES_LONGER = 2.0, 4
TRIAL_S: Final = 15.0  # longer than a call lasts

_CLOCK = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""
# Answers milliseconds to wait, 0 for go on, -1 for go on as the trial; why it is open; the errcode.
_ASK = (
    _CLOCK
    + """
local state = redis.call('HMGET', KEYS[1], 'until', 'why', 'trial', 'errcode', 'whom')
local till = tonumber(state[1] or 0) or 0
if till == 0 then return {0, '', 0} end
local why, errcode = state[2] or '', tonumber(state[4] or 0) or 0
if why == 'account' and state[5] ~= ARGV[2] then
  redis.call('DEL', KEYS[1])
  return {-1, why, errcode}
end
if till > now then return {till - now, why, errcode} end
local trial = tonumber(state[3] or 0) or 0
if trial > now then return {trial - now, why, errcode} end
redis.call('HSET', KEYS[1], 'trial', now + tonumber(ARGV[1]))
return {-1, why, errcode}
"""
)
# A pause that grows does so once for all calls that were under way when it began.
_OPEN = (
    _CLOCK
    + """
local pause = tonumber(ARGV[1])
if ARGV[5] ~= '0' then
  local state = redis.call('HMGET', KEYS[1], 'until', 'pause')
  if (tonumber(state[1] or 0) or 0) > now then return 0 end
  local before = tonumber(state[2] or 0) or 0
  pause = math.min(pause, before > 0 and before * tonumber(ARGV[6]) or tonumber(ARGV[5]))
end
redis.call('HSET', KEYS[1], 'until', now + pause, 'why', 'account', 'errcode', ARGV[2],
  'troubles', ARGV[3], 'whom', ARGV[4], 'pause', pause)
redis.call('HDEL', KEYS[1], 'trial')
redis.call('PEXPIRE', KEYS[1], pause + 3600000)
return 1
"""
)
_TROUBLE = (
    _CLOCK
    + """
local count = redis.call('HINCRBY', KEYS[1], 'troubles', 1)
redis.call('PEXPIRE', KEYS[1], 3600000)
if count < tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'until', now + tonumber(ARGV[1]), 'why', 'silent')
redis.call('HDEL', KEYS[1], 'trial', 'errcode')
return 1
"""
)
# A call that was under way when the breaker opened says nothing about now.
_FINE = (
    _CLOCK
    + """
local till = tonumber(redis.call('HGET', KEYS[1], 'until') or 0) or 0
if till <= now then redis.call('DEL', KEYS[1]) end
return 1
"""
)


@dataclass(frozen=True, slots=True)
class Standing:
    """`wait` in seconds, 0.0 when calls may go; `trial`: this call finds out whether it works.

    `errcode` is what the account as a whole was refused with, 0 when it was not.
    """

    wait: float = 0.0
    why: str = ""
    errcode: int = 0
    trial: bool = False


def key(tenant_id: int, account_id: int) -> str:
    return f"scrm:t{tenant_id}:wechat:{account_id}:breaker"


def ask(redis: Redis, key: str, whom: str) -> Standing:
    """Before a call. Who gets the trial ends it by `fine`, `trouble` or `open_for_account`.

    `whom` stands for the credentials: a refusal of others, since corrected, holds nobody up.
    """
    wait, why, errcode = redis.eval(_ASK, 1, key, str(int(TRIAL_S * 1000)), whom)
    return Standing(
        wait=max(0.0, float(wait) / 1000),
        why=why.decode() if isinstance(why, bytes) else str(why),
        errcode=int(errcode),
        trial=int(wait) == -1,
    )


def fine(redis: Redis, key: str) -> None:
    """The platform answered: nothing is counted against the account any more."""
    redis.eval(_FINE, 1, key)


def close(redis: Redis, key: str) -> None:
    """Somebody saw to it: calls go out at once."""
    redis.delete(key)


def trouble(redis: Redis, key: str) -> bool:
    """One more call that nobody answered. True when that opened the breaker."""
    pause = str(int(SILENT_PAUSE_S * 1000))
    return bool(redis.eval(_TROUBLE, 1, key, pause, str(TROUBLES)))


def open_for_account(
    redis: Redis, key: str, errcode: int, whom: str, *, passing: bool = False
) -> None:
    """The account as a whole was refused, with the credentials that `whom` stands for.

    `passing`: its token was, which may be over in a moment.
    """
    most, first = int(ACCOUNT_PAUSE_S * 1000), int(TOKEN_PAUSE_S * 1000) if passing else 0
    redis.eval(
        _OPEN, 1, key, str(most), str(errcode), str(TROUBLES), whom, str(first), str(TIMES_LONGER)
    )


def look(redis: Redis, key: str, now: datetime) -> Standing:
    """For those who plan, and for pages: asks for no trial."""
    till, why, errcode = redis.hmget(key, ["until", "why", "errcode"])
    wait = float(till or 0) / 1000 - now.timestamp()
    if wait <= 0:
        return Standing()
    words = why.decode() if isinstance(why, bytes) else str(why or "")
    return Standing(wait, words, int(errcode or 0))
