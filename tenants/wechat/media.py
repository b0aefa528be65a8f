"""How does a file reach the platform, so that a message or a moment may name it?"""

from typing import BinaryIO, Final

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import Retryable

LIFE_S: Final = 3 * 86_400
UPLOAD_TIMEOUT: Final = (3.0, 60.0)
_FOR_MOMENTS: Final = 1


def upload(client: WeComClient, kind: str, name: str, content: BinaryIO, mime: str) -> str:
    """Repeatable: a second upload is a second id. The media_id, good for three days in messages.

    `kind` is image, voice, video or file.
    """
    answer = client.call(
        "post",
        "media/upload",
        params={"type": kind},
        files={"media": (name, content, mime)},
        repeatable=True,
        timeout=UPLOAD_TIMEOUT,
    )
    return _media_id(answer, "media/upload")


def upload_for_moments(
    client: WeComClient, kind: str, name: str, content: BinaryIO, mime: str
) -> str:
    """Repeatable. The media_id, good for three days in moments and nowhere else."""
    answer = client.call(
        "post",
        "media/upload_attachment",
        params={"media_type": kind, "attachment_type": _FOR_MOMENTS},
        files={"media": (name, content, mime)},
        repeatable=True,
        timeout=UPLOAD_TIMEOUT,
    )
    return _media_id(answer, "media/upload_attachment")


def _media_id(answer: dict[str, object], api: str) -> str:
    media_id = answers.text(answer, "media_id")
    if not media_id:
        raise Retryable("the answer names no media_id", api=api)
    return media_id
