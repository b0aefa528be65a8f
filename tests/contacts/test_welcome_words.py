"""What a welcome says: the customer's name, attachments, other words at certain hours."""

from __future__ import annotations

from datetime import time as dt_time
from typing import Any

from django.core.files.base import ContentFile

from contacts import media, welcome, welcome_words
from contacts.livecodes import keeping
from contacts.models import Follow, LiveCode, LiveCodeWelcome, Welcome
from tests.contacts.test_welcome import SEND, greet, state_of
from tests.wechat_fixtures import WeChat


def test_the_name_is_asked_for_when_the_text_needs_it(wechat: WeChat) -> None:
    amy = wechat.join("amy", "Amy")
    code = wechat.live_code(amy, welcome_text="%NICKNAME%你好，我是%STAFF%")
    who = greet(wechat, code, name="张]]>&\U0001f339")

    welcome.work(wechat.business.pk)

    assert wechat.messages(who) == ["张]]>&\U0001f339你好，我是Amy"]


def test_without_a_name_the_message_goes_without_it(wechat: WeChat) -> None:
    wechat.setting(stale_read_s=60)
    code = wechat.live_code(wechat.join("amy"), welcome_text="Hello %NAME%!")
    who = greet(wechat, code)

    welcome.work(wechat.business.pk)

    assert wechat.messages(who) == ["Hello !"]


def picture() -> ContentFile[bytes]:
    return ContentFile(b"\x89PNG\r\n\x1a\n" + b"0" * 100)


def test_attachments_go_along_and_one_that_is_not_ready_stays_behind(
    wechat: WeChat, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    link = {"type": "link", "title": "Shop", "url": "https://example.com/"}
    with wechat.business.scope():
        file = media.keep(picture(), "a.png", "image")
    attached = [{"type": "image", "media": file.pk}, link]
    code = wechat.live_code(wechat.join("amy"), welcome_text="Hello", welcome_attachments=attached)
    greet(wechat, code)
    welcome.work(wechat.business.pk)
    early = state_of(wechat)
    assert early.state == "sent"
    assert early.problem
    assert early.live_code_id == code.pk
    sent = wechat.calls(SEND)[-1]["body"]
    assert [one["msgtype"] for one in sent["attachments"]] == ["link"]

    with wechat.business.scope():
        keeping.want_media(code)
        assert keeping.used_media([file.pk]) == {file.pk}
        Welcome.objects.all().delete()
    media.work(wechat.business.pk)
    greet(wechat, code)
    uploads = len(wechat.calls("media/upload"))
    welcome.work(wechat.business.pk)
    assert (state_of(wechat).state, state_of(wechat).problem) == ("sent", "")
    sent = wechat.calls(SEND)[-1]["body"]
    assert [one["msgtype"] for one in sent["attachments"]] == ["image", "link"]
    assert len(wechat.calls("media/upload")) == uploads  # never within the 20 seconds


def test_at_certain_hours_another_welcome_is_said(wechat: WeChat, code: LiveCode) -> None:
    with wechat.business.scope():
        LiveCodeWelcome.objects.create(
            live_code=code,
            weekdays=[1, 2, 3, 4, 5, 6, 7],
            starts=dt_time(0),
            ends=dt_time(0),
            text="Good day",
        )

    who = greet(wechat, code)
    welcome.work(wechat.business.pk)

    assert wechat.messages(who) == ["Good day"]
    with wechat.business.scope():
        follow = Follow.objects.get()
        assert welcome_words.of_follows([follow.pk])[follow.pk]
