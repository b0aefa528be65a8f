"""Which files did an account upload, and may a message still use one?"""

from scrm.sandbox import fields
from scrm.sandbox.calls import File
from scrm.sandbox.fields import Json
from scrm.sandbox.media import FEWEST_BYTES, LOOKS, MB, MESSAGE, file_of, is_fresh, keep
from scrm.sandbox.multipart import Part
from scrm.sandbox.oa.calls import OaCall, OaEndpoint
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.state_media import Media

MOST_BYTES = {"image": 10 * MB, "voice": 2 * MB, "video": 10 * MB, "thumb": 64 * 1024}
TOO_LARGE = {"image": 40009, "voice": 40010, "video": 40011, "thumb": 40012}


def _sent(call: OaCall, kind: str) -> tuple[Part, str]:
    part = next((part for part in call.parts if part.filename), None)
    if part is None or len(part.content) < FEWEST_BYTES:
        raise OaError(41005)
    if len(part.content) > MOST_BYTES[kind]:
        raise OaError(TOO_LARGE[kind])
    looks = LOOKS["image" if kind == "thumb" else kind](part.content)
    if not looks:
        raise OaError(40005)
    return part, looks


def upload(call: OaCall) -> Json:
    kind = fields.text(call.query, "type")
    if kind not in MOST_BYTES:
        raise OaError(40004)
    sent, kept = _sent(call, kind), call.account.media
    media = keep(call.world, kept, *sent, kind=kind, use=MESSAGE, series="oa media")
    name = "thumb_media_id" if kind == "thumb" else "media_id"
    return {"type": kind, name: media.media_id, "created_at": media.created}


def usable(call: OaCall, media_id: str, kinds: tuple[str, ...] = ()) -> Media:
    """A file of this account, of one of these kinds, not older than three days."""
    if not media_id:
        raise OaError(41006)
    media = call.account.media.get(media_id)
    if media is None or not is_fresh(media, call.world.clock.now()):
        raise OaError(40007)
    if kinds and media.kind not in kinds:
        raise OaError(40007)
    return media


def get(call: OaCall) -> File:
    return file_of(usable(call, fields.text({**call.query, **call.body}, "media_id")))


ENDPOINTS = {
    "media/upload": OaEndpoint(upload, daily=100_000, bare=True, upload=True),
    "media/get": OaEndpoint(get, daily=200_000, post=False),
}
