"""Files for messages: checked, kept once, uploaded before they are needed, and again in time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.utils import timezone, translation

from contacts import attachments, media
from contacts.models import MediaFile, UploadedMedia
from tests.conftest import Business
from tests.wechat_fixtures import WeChat

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The files that something attaches, in place of what the application registered."""
    used: set[int] = set()
    monkeypatch.setattr(media, "_users", [used.intersection])
    return used


def picture(wechat: WeChat, name: str = "poster.png", content: bytes = PNG) -> MediaFile:
    with wechat.business.scope():
        return media.keep(ContentFile(content), name, "image")


def state(wechat: WeChat) -> UploadedMedia:
    with wechat.business.scope():
        return UploadedMedia.objects.get()


def test_a_wanted_file_is_uploaded_and_named_in_the_platforms_form(wechat: WeChat) -> None:
    file = picture(wechat)
    stored = [
        {"type": "image", "media": file.pk},
        {"type": "link", "title": "新品", "url": "https://example.com/a", "description": "看看"},
        {"type": "miniprogram", "title": "商城", "appid": "wx1", "page": "/i", "media": file.pk},
    ]
    with wechat.business.scope():
        checked = attachments.checked(stored)
        media.want(file, wechat.account)
        with pytest.raises(media.NotReady):
            attachments.for_platform(checked, wechat.account.pk)

    media.work(wechat.business.pk)

    with wechat.business.scope():
        image, link, program = attachments.for_platform(checked, wechat.account.pk)
    media_id = image["image"]["media_id"]  # type: ignore[index]
    assert media_id
    assert link == {
        "msgtype": "link",
        "link": {"title": "新品", "url": "https://example.com/a", "desc": "看看"},
    }
    assert program["miniprogram"]["pic_media_id"] == media_id  # type: ignore[index]
    assert len(wechat.calls("media/upload")) == 1


def test_the_same_bytes_are_kept_once(wechat: WeChat) -> None:
    first, again = picture(wechat), picture(wechat, "other.png")
    other = picture(wechat, content=PNG + b"1")

    assert first.pk == again.pk
    assert other.pk != first.pk
    with wechat.business.scope(), first.content.open("rb") as stored:
        assert stored.read() == PNG


def test_a_file_in_use_is_uploaded_again_before_the_platform_forgets_it(
    wechat: WeChat, in_use: set[int]
) -> None:
    file = picture(wechat)
    in_use.add(file.pk)
    with wechat.business.scope():
        media.want(file, wechat.account)
    media.work(wechat.business.pk)
    before = state(wechat)
    assert before.due_at is not None
    assert before.uploaded_at is not None
    assert before.due_at < before.uploaded_at + media.LIFE

    with wechat.business.scope():
        UploadedMedia.objects.update(due_at=timezone.now())
    media.work(wechat.business.pk)

    assert state(wechat).media_id != before.media_id


def test_what_nobody_attaches_is_forgotten_until_somebody_does(
    wechat: WeChat, in_use: set[int]
) -> None:
    file = picture(wechat)
    with wechat.business.scope():
        media.want(file, wechat.account)
    media.work(wechat.business.pk)
    with wechat.business.scope():
        past = timezone.now() - media.LIFE
        UploadedMedia.objects.update(due_at=timezone.now(), uploaded_at=past)

    media.work(wechat.business.pk)

    assert state(wechat).due_at is None
    with wechat.business.scope(), pytest.raises(media.NotReady):
        media.media_id_of(file.pk, wechat.account.pk)

    fresh = media.ensure(wechat.business.pk, file.pk, wechat.account.pk)

    assert fresh == state(wechat).media_id
    with wechat.business.scope():
        assert media.media_id_of(file.pk, wechat.account.pk) == fresh


def test_a_refused_upload_says_why_and_is_tried_again(wechat: WeChat) -> None:
    file = picture(wechat)
    wechat.fault("errcode", path="media/upload", errcode=-1, first=1)
    with wechat.business.scope():
        media.want(file, wechat.account)

    media.work(wechat.business.pk)

    row = state(wechat)
    assert row.media_id == ""
    assert row.problem
    assert row.due_at is not None
    assert timezone.now() < row.due_at < timezone.now() + timedelta(minutes=1)
    with wechat.business.scope():
        UploadedMedia.objects.update(due_at=timezone.now())
    media.work(wechat.business.pk)
    assert state(wechat).media_id
    assert state(wechat).problem == ""


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", b"tiny", "image"),
        ("a.png", b"<html>" * 10, "image"),
        ("a.gif", PNG, "image"),
        ("a.mp4", PNG, "video"),
        ("a.png", PNG, "voice"),
        ("a.png", PNG + b"0" * (10 * 1024 * 1024), "image"),
    ],
)
def test_files_that_the_platform_would_refuse(
    wechat: WeChat, name: str, content: bytes, kind: str
) -> None:
    with wechat.business.scope():
        with pytest.raises(ValidationError):
            media.keep(ContentFile(content), name, kind)

        assert not MediaFile.objects.exists()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("text", "are a list"),
        ([{"type": "sticker"}], "has a type"),
        ([{"type": "image", "media": 0}], "missing, or of another kind"),
        ([{"type": "image", "media": True}], "Choose a file"),
        ([{"type": "image", "media": 1, "url": "x"}], "url does not belong"),
        ([{"type": "link", "title": "a"}], "url is missing"),
        ([{"type": "link", "title": "a", "url": "javascript:x"}], "web address"),
        ([{"type": "link", "title": "长" * 43, "url": "https://a.b"}], "about 42 signs"),
        ([{"type": "link", "title": "a", "url": "https://a.b"}] * 10, "At most 9"),
    ],
)
def test_attachments_that_cannot_be_sent(wechat: WeChat, value: object, words: str) -> None:
    with (
        wechat.business.scope(),
        translation.override("en"),
        pytest.raises(ValidationError, match=words),
    ):
        attachments.checked(value)


def test_another_tenants_file_is_not_there(wechat: WeChat, other_business: Business) -> None:
    with other_business.scope():
        theirs = media.keep(ContentFile(PNG), "a.png", "image")

    with wechat.business.scope(), pytest.raises(ValidationError):
        attachments.checked([{"type": "image", "media": theirs.pk}])
