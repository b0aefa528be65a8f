"""What goes along with the words of a step: pictures, links, mini-programs and files."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from contacts import media
from contacts.models import MediaFile, UploadedMedia
from journeys import dispatch, sops
from journeys.models import Content, Sop, SopStep, StaffTask, Touch
from tenants import ids
from tests.conftest import Business
from tests.journeys import ground
from tests.journeys.ground import step
from tests.journeys.test_routes import friend, seen
from tests.test_admin_journeys import step as typed
from tests.wechat_fixtures import WeChat

pytestmark = pytest.mark.usefixtures("in_english")

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
ENGLISH = {"Accept-Language": "en"}
LINK = {"type": "link", "title": "New in", "url": "https://example.com/new"}


def kept(wechat: WeChat, name: str, kind: str, content: bytes = PNG) -> MediaFile:
    with wechat.business.scope():
        return media.keep(ContentFile(content, name), name, kind)


def sent(wechat: WeChat) -> list[dict[str, Any]]:
    return [one for call in wechat.calls("add_msg_template") for one in call["body"]["attachments"]]


def test_a_mass_task_carries_all_of_them(wechat: WeChat) -> None:
    picture = kept(wechat, "poster.png", "image")
    paper = kept(wechat, "sizes.pdf", "file", b"%PDF-1.7 sizes of all shoes")
    program = {"type": "miniprogram", "title": "Shop", "appid": "wx1", "page": "p"}
    attached = [
        {"type": "image", "media": picture.pk},
        LINK,
        {**program, "media": picture.pk},
        {"type": "file", "media": paper.pk},
    ]
    friend(wechat, step(0, "Look", route="mass_task", attachments=attached))
    media.work(wechat.business.pk)

    dispatch.run(wechat.business.pk)

    assert seen(wechat) == [("mass_task", "awaiting_staff", "")]
    with wechat.business.scope():
        named = dict(UploadedMedia.objects.values_list("file_id", "media_id"))
    assert sent(wechat) == [
        {"msgtype": "image", "image": {"media_id": named[picture.pk]}},
        {"msgtype": "link", "link": {"title": "New in", "url": "https://example.com/new"}},
        {
            "msgtype": "miniprogram",
            "miniprogram": {
                "title": "Shop", "appid": "wx1", "page": "p", "pic_media_id": named[picture.pk]
            },
        },
        {"msgtype": "file", "file": {"media_id": named[paper.pk]}},
    ]  # fmt: skip


def test_a_message_waits_for_its_files_to_be_uploaded(wechat: WeChat) -> None:
    picture = kept(wechat, "poster.png", "image")
    attached = [{"type": "image", "media": picture.pk}]
    friend(wechat, step(0, "Look", route="mass_task", attachments=attached))

    dispatch.run(wechat.business.pk)
    waiting = seen(wechat)
    media.work(wechat.business.pk)
    with wechat.business.scope():
        Touch.objects.update(due_at=timezone.now())
    dispatch.run(wechat.business.pk)

    assert waiting == [("mass_task", "planned", "uploading")]
    assert seen(wechat) == [("mass_task", "awaiting_staff", "")]
    assert [one["msgtype"] for one in sent(wechat)] == ["image"]


def test_a_lost_answer_with_attachments_is_found(wechat: WeChat) -> None:
    picture = kept(wechat, "poster.png", "image")
    attached = [{"type": "image", "media": picture.pk}, LINK]
    friend(wechat, step(0, "Look", route="mass_task", attachments=attached))
    media.work(wechat.business.pk)
    wechat.fault("reset_after", path="*add_msg_template", first=1)

    dispatch.run(wechat.business.pk)
    lost = seen(wechat)
    dispatch.run(wechat.business.pk)

    assert lost == [("mass_task", "unknown", "")]
    assert seen(wechat) == [("mass_task", "awaiting_staff", "")]
    assert len(wechat.calls("add_msg_template")) == 1


def test_a_picture_of_the_library_is_sent_as_it_is(wechat: WeChat) -> None:
    picture = kept(wechat, "poster.png", "image")
    with wechat.business.scope():
        piece = ground.article("Poster", kind="image", picture=picture)
    friend(wechat, step(0, "", route="mass_task", content=piece))
    media.work(wechat.business.pk)

    dispatch.run(wechat.business.pk)

    (call,) = wechat.calls("add_msg_template")
    assert "text" not in call["body"]
    assert [one["msgtype"] for one in call["body"]["attachments"]] == ["image"]


def test_a_task_for_staff_says_where_links_lead(wechat: WeChat) -> None:
    picture = kept(wechat, "poster.png", "image")
    attached = [LINK, {"type": "image", "media": picture.pk}]
    friend(
        wechat,
        step(0, "Ask {name}", route="staff_task", attachments=attached),
        step(0, "Call", route="app_message", attachments=attached),
    )

    dispatch.run(wechat.business.pk)

    with wechat.business.scope():
        task = StaffTask.objects.get()
        note = Touch.objects.get(route="app_message").request
    assert task.text.endswith("\nNew in https://example.com/new")
    assert note is not None
    assert note["text"] == "Call\nNew in https://example.com/new"


# --- checks ---


def warnings_of(business: Business, sop_id: int) -> list[list[str]]:
    found = business.api().get(f"/api/v1/sops/{ids.encode(sop_id)}", headers=ENGLISH).json()
    return [one["warnings"] for one in found["steps"]]


def test_what_a_route_does_not_carry_is_a_warning_and_no_fault(wechat: WeChat) -> None:
    picture = kept(wechat, "poster.png", "image")
    attached = [LINK, {"type": "image", "media": picture.pk}]
    with wechat.business.scope():
        ground.no_pace()
        mini = ground.article("Shop", kind="mini", appid="wx1", page="p", picture_url="https://x")
        sop = ground.script(
            "Warned",
            step(0, "Look", route="mass_task", attachments=attached),
            step(0, "Look", route="mass_task", fallbacks=["staff_task"], attachments=attached),
            step(0, "Look", route="mass_task", content=mini),
        )

    found = warnings_of(wechat.business, sop.pk)

    assert found == [
        [],
        ["by the route “task for staff” these do not go along: poster.png."],
        ["the content “Shop” has no picture file: it can be sent from the sidebar only."],
    ]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"route": "staff_task", "attach": "image"}, "there is neither text nor content."),
        ({"route": "mass_task", "text": "{link}", "attach": "link"}, "needs a content piece"),
        ({"route": "mass_task", "text": "Hi", "attach": "many"}, "at most 9 attachments"),
    ],
)
def test_what_says_nothing_cannot_be_published(
    wechat: WeChat, fields: dict[str, str], fault: str
) -> None:
    picture = kept(wechat, "poster.png", "image")
    attached = {
        "image": [{"type": "image", "media": picture.pk}],
        "link": [LINK],
        "many": [LINK] * 10,
    }[fields["attach"]]
    with wechat.business.scope():
        sop = Sop.objects.create(name="Faulty")
        sops.write_steps(
            sop,
            [step(0, fields.get("text", ""), route=fields["route"], attachments=attached)],
        )

    answer = wechat.business.api().post(
        f"/api/v1/sops/{ids.encode(sop.pk)}/publish", headers=ENGLISH | {"Idempotency-Key": "p"}
    )

    assert answer.status_code == 400
    assert fault in str(answer.json()["error"]["fields"])


# --- page and API ---


def named(fields: dict[str, Any]) -> dict[str, Any]:
    """As the first step's fields are called."""
    return {f"steps-0-{name}": value for name, value in fields.items()}


def test_attachments_are_added_and_taken_off_on_the_page(business: Business) -> None:
    browser = business.browser("operator")
    with business.scope():
        sop = Sop.objects.create(name="Along")
    page = reverse("admin:journeys_sop_steps", args=[sop.pk])
    new = {"steps-TOTAL_FORMS": "1", "steps-INITIAL_FORMS": "0"}
    given = {"delay_minutes": "5", "route": "mass_task", "text": "", "new_attachment": "image"}
    picture = SimpleUploadedFile("poster.png", PNG, "image/png")

    without_file = browser.post(page, new | typed(0, **given)).content.decode()
    added = browser.post(page, new | typed(0, **given) | {"steps-0-attachment_file": picture})
    with business.scope():
        stored = SopStep.objects.get().attachments
        file = MediaFile.objects.get()
    shown = browser.get(page).content.decode()
    there = {"steps-TOTAL_FORMS": "1", "steps-INITIAL_FORMS": "1"}
    link: dict[str, Any] = {
        "text": "Hi", "new_attachment": "link", "kept_attachments": [],
        "attachment_title": "New in", "attachment_url": "https://example.com/new",
    }  # fmt: skip
    changed = browser.post(page, there | typed(0, **given) | named(link))

    assert "Choose a file for the attachment." in without_file
    assert (added.status_code, changed.status_code) == (302, 302)
    assert stored == [{"type": "image", "media": file.pk}]
    assert "poster.png" in shown
    with business.scope():
        assert SopStep.objects.get().attachments == [LINK]
    outside = browser.get(reverse("admin:journeys_sop_change", args=[sop.pk])).content.decode()
    assert "New in" in outside


def test_the_api_writes_what_goes_along(business: Business) -> None:
    with business.scope():
        file = media.keep(ContentFile(PNG, "p.png"), "p.png", "image")
    attached = [{"type": "image", "media": ids.encode(file.pk)}, LINK]
    body = {
        "name": "By API",
        "steps": [{"delay_minutes": 0, "text": "Hi", "attachments": attached}],
    }
    api = business.api()

    made = api.post("/api/v1/sops", body, format="json", headers={"Idempotency-Key": "a"})
    wrong = api.post(
        "/api/v1/sops",
        {**body, "name": "W", "steps": [{"delay_minutes": 0, "attachments": [{"type": "x"}]}]},
        format="json",
        headers={"Idempotency-Key": "b"},
    )

    assert made.status_code == 201, made.json()
    assert made.json()["steps"][0]["attachments"] == attached
    assert wrong.status_code == 400


def test_files_of_steps_stay_at_the_platform(wechat: WeChat) -> None:
    picture = kept(wechat, "poster.png", "image")
    attached = [{"type": "image", "media": picture.pk}]
    friend(wechat, step(600, "Later", route="mass_task", attachments=attached))

    media.work(wechat.business.pk)

    with wechat.business.scope():
        assert UploadedMedia.objects.get().media_id  # at publishing, not only when it is due
        assert media._in_use(picture.pk)
        assert not Content.objects.exists()
