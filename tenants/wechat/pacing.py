"""May this account call this API now, and if not, in how many seconds?"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

SLOT_LEASE_S: Final = 30.0  # whoever dies during a call gives the slot back by then
ESCALATION_WINDOW_S: Final = 180.0

# One key holds bucket and block, so that one script decides and a cluster needs no hash tags.
# Redis' own clock: workers on several machines need not agree about the time.
_NOW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""

_TAKE = (
    _NOW
    + """
local rate, burst = tonumber(ARGV[1]) / 60000, tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'until')
local blocked = tonumber(state[3] or 0) or 0
if blocked > now then return blocked - now end
local tokens, at = tonumber(state[1] or burst) or burst, tonumber(state[2] or now) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) / rate) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
local life = math.ceil(burst / rate) + 1000
if redis.call('PTTL', KEYS[1]) < life then redis.call('PEXPIRE', KEYS[1], life) end
return wait
"""
)

# Several workers run into one limit at the same time: only the first of them may count it, and a
# second hit soon after a block ended means that the next larger window is exhausted.
_BLOCK = (
    _NOW
    + """
local span, longer, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local blocked = tonumber(redis.call('HGET', KEYS[1], 'until') or 0) or 0
if blocked > now then
  if now + span <= blocked or longer > 0 then return blocked - now end
elseif longer > 0 and blocked > 0 and now - blocked < window then
  span = longer
end
redis.call('HSET', KEYS[1], 'until', now + span)
redis.call('PEXPIRE', KEYS[1], span + window)
return span
"""
)

_BLOCKED_FOR = (
    _NOW
    + """
local blocked = tonumber(redis.call('HGET', KEYS[1], 'until') or 0) or 0
return math.max(0, blocked - now)
"""
)

_ENTER = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]))
return 1
"""
)


def key(tenant_id: int, account_id: int, api: str) -> str:
    return f"scrm:t{tenant_id}:wechat:{account_id}:pace:{api}"


def take(redis: Redis, key: str, rate_per_min: float, burst: int) -> float:
    """0.0 when a call may go out now (it is counted), else seconds to wait (nothing counted)."""
    return _seconds(redis, _TAKE, key, rate_per_min, burst)


def block(redis: Redis, key: str, seconds: float, *, escalated: float = 0.0) -> float:
    """Stop this API for `seconds`; for `escalated` when it was blocked shortly before.

    Returns the seconds that the block lasts from now.
    """
    window = ESCALATION_WINDOW_S
    return _seconds(redis, _BLOCK, key, int(seconds * 1000), int(escalated * 1000), window * 1000)


def blocked_for(redis: Redis, key: str) -> float:
    return _seconds(redis, _BLOCKED_FOR, key)


@contextmanager
def slot(redis: Redis, key: str, most: int) -> Iterator[bool]:
    """One of `most` calls at the same time by all workers. False: all slots are taken."""
    name = uuid.uuid4().hex
    lease = str(int(SLOT_LEASE_S * 1000))
    entered = bool(redis.eval(_ENTER, 1, f"{key}:slots", str(most), lease, name))
    try:
        yield entered
    finally:
        if entered:
            with suppress(RedisError):
                redis.zrem(f"{key}:slots", name)


def _seconds(redis: Redis, script: str, key: str, *arguments: float) -> float:
    milliseconds = redis.eval(script, 1, key, *(str(one) for one in arguments))
    return float(str(milliseconds)) / 1000
