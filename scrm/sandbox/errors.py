"""How does the platform say no?"""

from scrm.sandbox.dice import Dice

TEXTS = {
    -1: "system busy",
    40001: "invalid credential",
    40003: "invalid userid",
    40007: "invalid media_id",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40056: "invalid agentid",
    40058: "invalid Request Parameter",
    40063: "some parameters are empty",
    40068: "invalid tagid",
    40071: "invalid tag name",
    40091: "secret is not of this corpid",
    40096: "invalid external userid",
    40098: "user not real-name verified",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    41037: "missing contact way type",
    41044: "contact way count out of limit",
    41048: "no customer to send",
    41049: "missing welcome code",
    41050: "invalid welcome code",
    41051: "externaluser has started chatting",
    41056: "invalid config_id",
    41063: "mass message is being dispatched",
    41096: "welcome msg is being distributed",
    42001: "access_token expired",
    44004: "text message content is empty",
    45001: "media data exceeds limit",
    45002: "text content exceeds limit",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    48002: "api forbidden for this app",
    48005: "api retired",
    50002: "user not in the visible range",
    60011: "no privilege to access/modify contact/party/agent",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    60123: "invalid party id",
    81013: "user & party & tag all invalid",
    84061: "not external contact",
    84074: "user has no permission of customer contact",
    84083: "member is not activated",
    301002: "not allow to operate this object with this app",
}

WRONG_JSON = "Warning: wrong json format. "


class ApiError(Exception):
    """An answer with an errcode; HTTP stays 200."""

    def __init__(self, code: int, text: str = "", **fields: object) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text or TEXTS.get(code, "unknown error")
        self.fields = fields


class BadFieldError(Exception):
    """A request field of the wrong type or length, before it is known who asked."""

    def __init__(self, sentence: str, *, wrong_type: bool = False) -> None:
        super().__init__(sentence)
        self.wrong_type = wrong_type


class RefusedError(Exception):
    """A control call that cannot be done, with a sentence for its caller."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def long_text(error: ApiError, *, at: float, dice: Dice, ip: str = "127.0.0.1") -> str:
    number = dice.number("error")
    mark = f"{int(at)}_{number}_{dice.hexadecimal(32, 'hint', number)}"
    return (
        f"{error.text}, hint: [{mark}], from ip: {ip}, "
        f"more info at https://open.work.weixin.qq.com/devtool/query?e={error.code}"
    )
