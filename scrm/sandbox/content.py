"""Is what somebody wants to send to a customer well formed?"""

from collections.abc import Mapping

from scrm.sandbox import fields
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


def of(body: Mapping[str, object]) -> tuple[str, list[Json]]:
    """The text and the attachments of a welcome or mass message; at least one must be there."""
    message = fields.text(fields.mapping(body, "text"), "content")
    if len(message.encode()) > TEXT_BYTES:
        raise ApiError(45002)
    attachments = fields.mappings(body, "attachments", most=ATTACHMENTS)
    if not message and not attachments:
        raise ApiError(40063)
    for attachment in attachments:
        _check(attachment)
    return message, attachments


def _check(attachment: Json) -> None:
    kind = fields.given(attachment, "msgtype")
    if kind not in REQUIRED:
        raise BadFieldError(f"msgtype {kind} is unknown")
    content = fields.mapping(attachment, kind)
    if not any(fields.text(content, name) for name in REQUIRED[kind]):
        raise BadFieldError(f"{kind} lacks {' or '.join(REQUIRED[kind])}")
    if fields.text(content, "media_id"):
        # No upload is simulated yet, so every media id is one that the platform never gave.
        raise ApiError(40007)
    if len(fields.text(content, "title").encode()) > TITLE_BYTES.get(kind, 10_000):
        raise BadFieldError("title is too long")
    if len(fields.text(content, "desc").encode()) > DESC_BYTES:
        raise BadFieldError("desc is too long")
