"""Which files did a corp upload, and may a message or a moment still use one?"""

import base64
import mimetypes
from collections.abc import Callable

from scrm.sandbox import days, fields
from scrm.sandbox.calls import Call, Endpoint, File
from scrm.sandbox.errors import ApiError
from scrm.sandbox.fields import Json
from scrm.sandbox.multipart import Part
from scrm.sandbox.state import Corp
from scrm.sandbox.state_media import Media, Picture
from scrm.sandbox.world import World

MESSAGE, MOMENT, CATALOGUE = "message", "moment", "catalogue"
USES = {1: MOMENT, 2: CATALOGUE}
MB = 1024 * 1024
LIFE_S = 3 * days.DAY_S
FEWEST_BYTES = 6
MOST_BYTES = {"image": 10 * MB, "voice": 2 * MB, "video": 10 * MB, "file": 20 * MB}
ATTACHMENT_BYTES = {"image": 10 * MB, "video": 10 * MB, "file": 10 * MB}
PICTURE_BYTES = 2 * MB
PICTURES_A_DAY = 1000
PICTURES_A_MONTH = 3000

Look = Callable[[bytes], str]


def _image_type(content: bytes) -> str:
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/png" if content.startswith(b"\x89PNG\r\n\x1a\n") else ""


def _voice_type(content: bytes) -> str:
    return "audio/amr" if content.startswith(b"#!AMR") else ""


def _video_type(content: bytes) -> str:
    return "video/mp4" if content[4:8] == b"ftyp" else ""


# What the file says it is by its first bytes; its name and its part's header may lie.
LOOKS: dict[str, Look] = {"image": _image_type, "voice": _voice_type, "video": _video_type}


def _sent_file(call: Call, name: str = "") -> Part:
    """The part with a file in it, of the given name when there is one."""
    for part in call.parts:
        if part.filename and name in ("", part.name):
            return part
    raise ApiError(41005)


def _content_type(kind: str, part: Part, most: int) -> str:
    if not part.content:
        raise ApiError(44001)
    if len(part.content) < FEWEST_BYTES:
        raise ApiError(40006)
    if len(part.content) > most:
        raise ApiError(45001)
    if kind not in LOOKS:
        return mimetypes.guess_type(part.filename)[0] or "application/octet-stream"
    looks = LOOKS[kind](part.content)
    if not looks:
        raise ApiError(40004)
    return looks


def _stored(call: Call, kind: str, use: str, limits: dict[str, int]) -> Media:
    part = _sent_file(call, "media")
    content_type = _content_type(kind, part, limits[kind])
    return keep(call.world, call.corp.media, part, content_type, kind=kind, use=use)


def keep(
    world: World,
    kept: dict[str, Media],
    part: Part,
    content_type: str,
    *,
    kind: str,
    use: str,
    series: str = "media",
) -> Media:
    """Among the files of a corp or an account; those that expired go. `series` names its ids."""
    now = world.clock.now()
    for old in [media for media in kept.values() if not is_fresh(media, now)]:
        del kept[old.media_id]
    media = Media(
        media_id=world.dice.word(64, series, world.dice.number(series)),
        kind=kind,
        use=use,
        name=part.filename,
        content_type=content_type,
        created=int(now),
        content=base64.b64encode(part.content).decode(),
    )
    kept[media.media_id] = media
    return media


def upload(call: Call) -> Json:
    kind = fields.text(call.query, "type")
    if kind not in MOST_BYTES:
        raise ApiError(40005)
    media = _stored(call, kind, MESSAGE, MOST_BYTES)
    # A string here, and a number in the answer to upload_attachment.
    return {"type": kind, "media_id": media.media_id, "created_at": str(media.created)}


def upload_attachment(call: Call) -> Json:
    kind = fields.text(call.query, "media_type")
    use = USES.get(fields.integer(call.query, "attachment_type"))
    if kind not in ATTACHMENT_BYTES or use is None:
        raise ApiError(40005)
    media = _stored(call, kind, use, ATTACHMENT_BYTES)
    return {"type": kind, "media_id": media.media_id, "created_at": media.created}


def is_fresh(media: Media, now: float) -> bool:
    return now < media.created + LIFE_S


def usable(world: World, corp: Corp, media_id: str, kind: str = "", *, use: str = "") -> Media:
    """A file of this corp that has not expired; 40007 otherwise, and when it is of another kind
    or was uploaded for another use."""
    media = corp.media.get(media_id)
    if media is None or not is_fresh(media, world.clock.now()):
        raise ApiError(40007)
    if kind not in ("", media.kind) or use not in ("", media.use):
        raise ApiError(40007)
    return media


def get(call: Call) -> File:
    media_id = fields.text({**call.query, **call.body}, "media_id")
    if not media_id:
        raise ApiError(41006)
    return file_of(usable(call.world, call.corp, media_id))


def file_of(media: Media) -> File:
    return File(media.name, media.content_type, base64.b64decode(media.content))


# Images with an address ------------------------------------------------------------------------


def upload_picture(call: Call) -> Json:
    part = _sent_file(call)
    content_type = _content_type("image", part, PICTURE_BYTES)
    _check_quota(call)
    encoded = base64.b64encode(part.content).decode()
    return {"url": _address(call.world, call.corp, content_type, encoded, counted=True)}


def _check_quota(call: Call) -> None:
    now, factor = call.world.clock.now(), call.world.settings.rate_factor
    mine = [
        picture.created
        for picture in call.world.state.pictures.values()
        if picture.corpid == call.corp.corpid and picture.counted
    ]
    for most, since in (
        (PICTURES_A_DAY, days.start(now)),
        (PICTURES_A_MONTH, days.month_start(now)),
    ):
        if sum(1 for created in mine if created >= since) >= max(1, int(most * factor)):
            raise ApiError(45009)


def picture_of(world: World, corp: Corp, media: Media) -> str:
    """The address of an uploaded image, for answers that show it as one."""
    return _address(world, corp, media.content_type, media.content, counted=False)


def _address(world: World, corp: Corp, content_type: str, content: str, *, counted: bool) -> str:
    name = world.dice.hexadecimal(32, "picture", world.dice.number("picture"))
    world.state.pictures[name] = Picture(
        name, corp.corpid, content_type, int(world.clock.now()), content, counted
    )
    return f"{world.base_url}/wwpic/{name}"


def picture(world: World, name: str) -> File | None:
    """What a browser gets at that address."""
    with world.lock:
        found = world.state.pictures.get(name)
    return File(name, found.content_type, base64.b64decode(found.content)) if found else None


ENDPOINTS = {
    "media/upload": Endpoint(upload, contact=False, upload=True),
    "media/upload_attachment": Endpoint(upload_attachment, contact=False, upload=True),
    "media/uploadimg": Endpoint(upload_picture, contact=False, upload=True),
    "media/get": Endpoint(get, contact=False),
}
