"""How does wechatpy call the provider under our rules: one base, one token, one retry?"""

import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self, TypeVar

import requests
from redis import Redis
from redis.exceptions import RedisError
from wechatpy import WeChatClient as OaBase
from wechatpy.enterprise import WeChatClient as WeComBase

from tenants.wechat import breaker, calls, counting, pacing
from tenants.wechat.credentials import BaseUrls, Credentials
from tenants.wechat.errors import (
    HOUR_BLOCK_S,
    PASSING_ERRORS,
    TOKEN_ERRORS,
    RateLimited,
    Retryable,
    Unauthorised,
    Unknown,
    WeChatError,
    refusal,
)
from tenants.wechat.scrubbing import guard_transport_logs
from tenants.wechat.tokens import Fetch, TokenStore
from tenants.wechat.transport import (
    DEFAULT_TIMEOUT,
    Json,
    Request,
    Timeout,
    exchange,
    lost,
    prepare,
)

T = TypeVar("T")

FORCE_EVERY_S: Final = 4500  # the platform forces 20 times a day and no more
BUSY: Final = -1
ANEW_EVERY_S: Final = 300
# What is worth nothing in a minute is asked again soon: the code of a welcome lives 20 s.
SHORT_BLOCK_S: Final[Mapping[str, float]] = {"externalcontact/send_welcome_msg": 2.0}
# APIs that take only so many calls at the same time.
AT_ONCE: Final[Mapping[str, int]] = {"externalcontact/mark_tag": 5}

# Told why the account cannot call, and "" when it can again.
Alert = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """What one account may ask of one API. WeCom blocks at 10,000 a minute: stay well below."""

    per_minute: float = 6000.0
    burst: int = 200


class _Guarded:
    """Overrides what wechatpy's clients leave unbounded; mixed in before them."""

    API_BASE_URL: str
    _http: requests.Session  # made by wechatpy; its pool, retries and proxies become ours

    def __init__(
        self,
        credentials: Credentials,
        redis: Redis,
        *,
        bases: BaseUrls,
        timeout: Timeout = DEFAULT_TIMEOUT,
        pace: Pace | None = None,
        alert: Alert | None = None,
        always: bool = False,
    ) -> None:
        """`always`: calls go out although the breaker is open, for a person waits for them."""
        super().__init__(  # type: ignore[call-arg] # wechatpy's constructor comes after us
            credentials.app_id, credentials.secret, timeout=timeout, auto_retry=False
        )
        guard_transport_logs()
        self.credentials = credentials
        self._redis = redis
        self._bases = bases
        self._limits: Timeout = timeout
        self._pace = pace or Pace()
        self._alert = alert
        self._always = always
        self._breaker = breaker.key(credentials.tenant_id, credentials.account_id)
        self._tokens = TokenStore(redis, credentials, self._ask_token)
        prepare(self._http, trust_env=not bases.mapped)

    def call(
        self,
        method: str,
        api: str,
        *,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        files: object = None,
        repeatable: bool,
        timeout: Timeout | None = None,
    ) -> Json:
        """One API call. `repeatable`: doing it twice does no harm, so a lost answer is Retryable
        and not Unknown."""
        options: dict[str, object] = {"repeatable": repeatable, "params": dict(params or {})}
        if data is not None:
            options["data"] = dict(data)
        if files is not None:
            options["files"] = files
        if timeout is not None:
            options["timeout"] = timeout
        return self._request(method, api, **options)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def access_token(self) -> str:
        # wechatpy looks at every property before __init__ has run; the missing attribute ends it.
        return self._guarded(self._tokens.current)

    def fetch_access_token(self) -> Json:
        return {"access_token": self._guarded(lambda: self._tokens.renew(self.access_token))}

    def forget_token(self) -> None:
        """Drop what Redis knows, after the credentials were changed."""
        self._guarded(self._tokens.forget)

    def shared(self, name: str, fetch: Fetch, *, anew: bool = False) -> str:
        """What all workers share beside the token, fetched by one of them. `anew`: the one at hand
        is refused, so it is fetched again, once in five minutes."""
        store = TokenStore(self._redis, self.credentials, fetch, name)
        marker = f"{self.credentials.redis_prefix}:{name}:anew"
        if anew and self._guarded(lambda: self._redis.set(marker, "1", nx=True, ex=ANEW_EVERY_S)):
            self._guarded(store.forget)
        return self._guarded(store.current)

    def check_credentials(self) -> None:
        """Fetch a token anew: one of before would hide that the secret is no longer good."""
        self.forget_token()
        try:
            self._guarded(self._tokens.current)
        except WeChatError as error:
            self._learn(error, "")
            raise
        self._recovered()

    def _request(self, method: str, url_or_endpoint: str, **options: object) -> Json:
        processor = options.pop("result_processor", None)
        asked = (method, url_or_endpoint, options)
        request = calls.build(self._bases, self.API_BASE_URL, self._limits, asked)
        rewind = calls.rewinder(request.files)
        self._wait_turn(request.api)
        trial = self._ask_breaker(request.api)
        try:
            answer = self._among_few(request, rewind)
        except WeChatError as error:
            self._learn(error, request.api)
            raise
        self._went_well(request.api, trial=trial)
        if callable(processor):
            result: Json = processor(answer)
            return result
        return answer

    def _among_few(self, request: Request, rewind: Callable[[], None]) -> Json:
        most = AT_ONCE.get(request.api)
        if most is None:
            return self._answered(request, rewind)
        key = pacing.key(self.credentials.tenant_id, self.credentials.account_id, request.api)
        with pacing.slot(self._redis, key, most) as entered:
            if not entered:
                again = random.uniform(0.5, 1.5)  # noqa: S311 - spreads the workers, hides nothing
                raise RateLimited(
                    "our own pace", api=request.api, retry_after=again, scope="concurrency"
                )
            return self._answered(request, rewind)

    def _answered(self, request: Request, rewind: Callable[[], None]) -> Json:
        if "access_token" in request.params:
            answer = exchange(self._http, request)
        else:
            answer = self._with_token(request, rewind)
        code = calls.errcode(answer)
        if code is None:
            raise lost("the answer has no readable errcode", request)
        if code:
            raise self._refused(code, answer, request)
        return answer

    def _with_token(self, request: Request, rewind: Callable[[], None]) -> Json:
        token = self.access_token
        answer = exchange(self._http, calls.signed(request, token))
        if calls.errcode(answer) not in TOKEN_ERRORS:
            return answer
        # Refused for its token, so certainly not done: once more with another one, then stop.
        token = self._guarded(lambda: self._tokens.renew(token))
        rewind()
        return exchange(self._http, calls.signed(request, token))

    def _wait_turn(self, api: str) -> None:
        key = pacing.key(self.credentials.tenant_id, self.credentials.account_id, api)
        wait = self._guarded(
            lambda: pacing.take(self._redis, key, self._pace.per_minute, self._pace.burst)
        )
        if wait > 0:
            raise RateLimited("our own pace", api=api, retry_after=wait, scope="pace")

    def _ask_breaker(self, api: str) -> bool:
        """Is this call the one that tries whether the account works again?"""
        if self._always:
            return True
        whom = self._tokens.fingerprint
        standing = self._guarded(lambda: breaker.ask(self._redis, self._breaker, whom))
        if not standing.wait:
            return standing.trial
        if standing.why == "account":
            words, code = "the account was refused lately", standing.errcode
            raise Unauthorised(words, errcode=code, api=api, retry_after=standing.wait)
        words = "the platform did not answer lately"
        raise RateLimited(words, api=api, retry_after=standing.wait, scope="pace")

    def _went_well(self, api: str, *, trial: bool) -> None:
        self._count(api, counting.FINE)
        if trial:
            self._recovered()
            return
        with suppress(RedisError):
            breaker.fine(self._redis, self._breaker)

    def _recovered(self) -> None:
        with suppress(RedisError):
            breaker.close(self._redis, self._breaker)
        if self._alert is not None:
            self._alert("")

    def _learn(self, error: WeChatError, api: str) -> None:
        """Count what came back, and open the breaker when it says that nothing will work."""
        if isinstance(error, RateLimited) and error.errcode is None:
            return  # it never went out
        if error.api == api:
            self._count(api, counting.SILENCE if error.errcode is None else error.errcode)
        with suppress(RedisError):
            if isinstance(error, Unauthorised):
                passing = error.api == api and error.errcode in PASSING_ERRORS
                whom, code = self._tokens.fingerprint, error.errcode or 0
                breaker.open_for_account(self._redis, self._breaker, code, whom, passing=passing)
                error.retry_after = breaker.TOKEN_PAUSE_S if passing else breaker.ACCOUNT_PAUSE_S
            elif isinstance(error, Retryable | Unknown) and error.errcode in (None, BUSY):
                breaker.trouble(self._redis, self._breaker)
            else:
                breaker.fine(self._redis, self._breaker)
        if isinstance(error, Unauthorised) and self._alert is not None:
            self._alert(error.message)

    def _count(self, api: str, errcode: int) -> None:
        prefix = self.credentials.redis_prefix
        counting.count(self._redis, prefix, api, errcode, datetime.now(UTC))

    def _refused(self, code: int, answer: Json, request: Request) -> WeChatError:
        secrets = (self.credentials.secret,)
        error = refusal(code, str(answer.get("errmsg", "")), api=request.api, secrets=secrets)
        if isinstance(error, RateLimited) and error.scope != "concurrency":
            error.retry_after = self._block(error, request.api)
        return error

    def _block(self, error: RateLimited, api: str) -> float:
        key = pacing.key(self.credentials.tenant_id, self.credentials.account_id, api)
        short = SHORT_BLOCK_S.get(api)
        # The code is the same for the minute and the hour: hit again at once means the hour.
        escalated = HOUR_BLOCK_S if error.scope == "minute" and short is None else 0.0
        span = error.retry_after if short is None else short
        try:
            return pacing.block(self._redis, key, span, escalated=escalated)
        except RedisError:
            return error.retry_after

    def _guarded(self, step: Callable[[], T]) -> T:
        try:
            return step()
        except RedisError:
            failure = Retryable("Redis is not available", api="token")
        raise failure

    def _ask_token(self, failed: str | None) -> tuple[str, int]:
        raise NotImplementedError

    def _read_token(self, request: Request) -> tuple[str, int]:
        self._wait_turn(request.api)
        try:
            answer = exchange(self._http, request)
        except WeChatError:
            self._count(request.api, counting.SILENCE)
            raise
        code = calls.errcode(answer)
        self._count(request.api, code or counting.FINE)
        if code:
            raise self._refused(code, answer, request)
        token, life = answer.get("access_token"), answer.get("expires_in", 7200)
        if not isinstance(token, str) or not token:
            raise lost("the answer holds no token", request)
        return token, life if isinstance(life, int) else 7200


class WeComClient(_Guarded, WeComBase):
    def _ask_token(self, failed: str | None) -> tuple[str, int]:
        url = self._bases.locate("https://qyapi.weixin.qq.com/cgi-bin/gettoken")
        params = {"corpid": self.credentials.app_id, "corpsecret": self.credentials.secret}
        request = Request("GET", url, "gettoken", True, self._limits, params=params)  # noqa: FBT003
        return self._read_token(request)


class OfficialAccountClient(_Guarded, OaBase):
    def _ask_token(self, failed: str | None) -> tuple[str, int]:
        # The plain token call voids the token of whoever else fetched one; the stable one does
        # not. Forcing is counted, so only when the same dead token comes back.
        token, life = self._stable_token(force=False)
        if token == failed and self._may_force():
            return self._stable_token(force=True)
        return token, life

    def _may_force(self) -> bool:
        key = f"{self.credentials.redis_prefix}:forced"
        return bool(self._redis.set(key, "1", nx=True, ex=FORCE_EVERY_S))

    def _stable_token(self, *, force: bool) -> tuple[str, int]:
        url = self._bases.locate("https://api.weixin.qq.com/cgi-bin/stable_token")
        body = {
            "grant_type": "client_credential",
            "appid": self.credentials.app_id,
            "secret": self.credentials.secret,
            "force_refresh": force,
        }
        request = Request(
            method="POST",
            url=url,
            api="stable_token",
            repeatable=True,
            timeout=self._limits,
            body=json.dumps(body).encode(),
        )
        return self._read_token(request)


Client = WeComClient | OfficialAccountClient


def connect(
    credentials: Credentials,
    redis: Redis,
    *,
    base_url: str = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    pace: Pace | None = None,
    alert: Alert | None = None,
    always: bool = False,
) -> Client:
    """A client for one task or thread: `requests` promises no more. `base_url` maps all hosts.

    `alert` is told why the account as a whole cannot call, and "" when it can again. `always` goes
    past an open breaker.
    """
    kind = WeComClient if credentials.kind == "wecom" else OfficialAccountClient
    return kind(
        credentials,
        redis,
        bases=BaseUrls.of(base_url),
        timeout=timeout,
        pace=pace,
        alert=alert,
        always=always,
    )
