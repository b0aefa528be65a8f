"""How does the platform say no?"""

from scrm.sandbox.dice import Dice

TEXTS = {
    -1: "system busy",
    40001: "invalid credential",
    40003: "invalid userid",
    40004: "invalid media type",
    40005: "invalid type parameter",
    40006: "invalid media size",
    40007: "invalid media_id",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40029: "invalid code",
    40050: "invalid chatid",
    40056: "invalid agentid",
    40058: "invalid Request Parameter",
    40063: "some parameters are empty",
    40068: "invalid tagid",
    40071: "invalid tag name",
    40091: "secret is not of this corpid",
    40096: "invalid external userid",
    40097: "user is not resigned",
    40098: "user not real-name verified",
    40099: "customers of the takeover user reach the limit",
    40100: "external contact is already in transfer",
    40128: "external contact was transferred too often",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    41005: "media data missing",
    41006: "media_id missing",
    41037: "missing contact way type",
    41044: "contact way count out of limit",
    41048: "no customer to send",
    41049: "missing welcome code",
    41050: "invalid welcome code",
    41051: "externaluser has started chatting",
    41055: "group welcome template count out of limit",
    41056: "invalid config_id",
    41059: "missing moment_id",
    41060: "invalid moment_id",
    41061: "moment is not of this user",
    41062: "moment is not published yet",
    41063: "mass message is being dispatched",
    41064: "invalid attachments size",
    41065: "invalid attachments msgtype",
    41078: "moment count out of limit",
    41089: "text and attachments are both empty",
    41096: "welcome msg is being distributed",
    42001: "access_token expired",
    44001: "empty media data",
    44004: "text message content is empty",
    45001: "media data exceeds limit",
    45002: "text content exceeds limit",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    48002: "api forbidden for this app",
    48005: "api retired",
    49008: "group chat is dismissed",
    50001: "redirect_url is not of a trusted domain",
    50002: "user not in the visible range",
    60011: "no privilege to access/modify contact/party/agent",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    60123: "invalid party id",
    81013: "user & party & tag all invalid",
    81017: "too many members, use owner_filter",
    84061: "not external contact",
    84074: "user has no permission of customer contact",
    84083: "member is not activated",
    90500: "the owner of this chat is not resigned",
    90501: "chat is not external group chat",
    90502: "the owner of this chat is resigned",
    90507: "the chat is being transferred",
    90508: "the chat has been transferred",
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
