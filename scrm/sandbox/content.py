"""Is what somebody wants to send to a customer well formed?"""

from scrm.sandbox import fields, media
from scrm.sandbox.calls import Call
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json

TEXT_BYTES = 4000
ATTACHMENTS = 9
# The field that each kind must have; a link's title is the longest that is checked.
REQUIRED = {
    "image": ("media_id", "pic_url"),
    "link": ("url",),
    "miniprogram": ("appid",),
    "video": ("media_id",),
    "file": ("media_id",),
}
TITLE_BYTES = {"link": 128, "miniprogram": 64}
DESC_BYTES = 512


def of(call: Call) -> tuple[str, list[Json]]:
    """The text and the attachments of a welcome or mass message; at least one must be there."""
    message = fields.text(fields.mapping(call.body, "text"), "content")
    if len(message.encode()) > TEXT_BYTES:
        raise ApiError(45002)
    attachments = fields.mappings(call.body, "attachments", most=ATTACHMENTS)
    if not message and not attachments:
        raise ApiError(40063)
    for attachment in attachments:
        kind = fields.given(attachment, "msgtype")
        if kind not in REQUIRED:
            raise BadFieldError(f"msgtype {kind} is unknown")
        check(call, kind, fields.mapping(attachment, kind))
    return message, attachments


def check(call: Call, kind: str, content: Json) -> None:
    """One object of a message: an image, a link, a mini-program, a video or a file."""
    if not any(fields.text(content, name) for name in REQUIRED[kind]):
        raise BadFieldError(f"{kind} lacks {' or '.join(REQUIRED[kind])}")
    for name, wanted in (("media_id", kind), ("pic_media_id", "image")):
        media_id = fields.text(content, name)
        if media_id:
            media.usable(call.world, call.corp, media_id, wanted, use=media.MESSAGE)
    if len(fields.text(content, "title").encode()) > TITLE_BYTES.get(kind, 10_000):
        raise BadFieldError("title is too long")
    if len(fields.text(content, "desc").encode()) > DESC_BYTES:
        raise BadFieldError("desc is too long")
