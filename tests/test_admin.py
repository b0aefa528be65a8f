"""The operators' admin: who may open what; nothing of another tenant or of a secret shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils import timezone

from contacts import people, search
from contacts.models import (
    Channel,
    Contact,
    ContactTag,
    Cost,
    Event,
    Follow,
    Import,
    LiveCode,
    LiveCodeStaff,
    Order,
    Product,
    Tag,
    TagGroup,
)  # fmt: skip
from journeys import pace, scoring, sops
from journeys.models import (
    Content,
    Lead,
    ScoreModel,
    ScoreRule,
    Sop,
    SopStep,
    StaffTask,
    Stage,
    Touch,
    TouchRules,
)  # fmt: skip
from tenants import audit
from tenants.models import ApiKey, AuditEntry, Membership, Staff, Team, User, WeChatAccount
from tests.conftest import Business, make_business

PHONE = "+8613912345678"
SECRET = "secret-that-no-page-may-show"
ROLES = ["owner", "operator", "viewer", "sales"]

# model: (add, change by GET, delete) for owner, operator, viewer. Lists are below.
PAGES: dict[type[models.Model], dict[str, tuple[int, int, int]]] = {
    ApiKey: {"owner": (200, 200, 403), "operator": (403, 403, 403), "viewer": (403, 403, 403)},
    AuditEntry: {"owner": (403, 200, 403), "operator": (403, 403, 403), "viewer": (403, 403, 403)},
    Membership: {"owner": (200, 200, 403), "operator": (403, 403, 403), "viewer": (403, 403, 403)},
    Staff: {"owner": (200, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Team: {"owner": (200, 200, 200), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    WeChatAccount: {
        "owner": (200, 200, 403),
        "operator": (403, 200, 403),
        "viewer": (403, 200, 403),
    },
    Channel: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Contact: {"owner": (200, 200, 200), "operator": (200, 200, 403), "viewer": (403, 200, 403)},
    Cost: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Event: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Follow: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Import: {"owner": (200, 200, 403), "operator": (200, 200, 403), "viewer": (403, 403, 403)},
    LiveCode: {"owner": (200, 200, 403), "operator": (200, 200, 403), "viewer": (403, 200, 403)},
    Order: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Product: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Tag: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    TagGroup: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Content: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Lead: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    ScoreModel: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    ScoreRule: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Sop: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Stage: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    StaffTask: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Touch: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    TouchRules: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
}
HIDDEN = {
    "operator": {ApiKey, AuditEntry, Membership},
    "viewer": {ApiKey, AuditEntry, Membership, Import},
}


def furnish(business: Business) -> dict[type[models.Model], Any]:  # noqa: PLR0915 - a long list
    """A row of every kind that has a page."""
    mark = f"canary-{business.pk}"
    now = timezone.now()
    staff = business.staff["sales"]
    rows: dict[type[models.Model], Any] = {}
    with business.scope():
        rows[Team] = Team.objects.create(name=mark)
        rows[Staff] = staff
        rows[WeChatAccount] = account = WeChatAccount.objects.create(
            name=mark, app_id="ww1", secret=SECRET, callback_token=SECRET, callback_aes_key=SECRET
        )
        rows[Membership] = Membership.objects.get(role="viewer")
        rows[ApiKey] = ApiKey.objects.get()
        rows[Channel] = channel = Channel.objects.create(name=mark)
        rows[TagGroup] = TagGroup.objects.create(name=mark)
        rows[Tag] = tag = Tag.objects.create(name=mark)
        rows[Cost] = Cost.objects.create(
            date=now.date(), channel=channel, kind="ad", amount_fen=123456
        )
        rows[Product] = Product.objects.create(sku=mark, name=mark, price_fen=29900)
        rows[LiveCode] = code = LiveCode.objects.create(
            name=mark, account=account, qr_url="https://example.com/qr/1", status="active"
        )
        LiveCodeStaff.objects.create(live_code=code, staff=staff)
        rows[Contact] = contact = Contact.objects.create(
            external_id=mark, name=f"{mark} 张欣怡", phone=PHONE, owner=staff, acquired_at=now
        )
        ContactTag.objects.create(contact=contact, tag=tag, by="test")
        search.reindex([contact.pk])
        people.open_follows([(contact.pk, staff.userid, now)])
        rows[Follow] = Follow.objects.get(contact=contact)
        rows[Event] = Event.objects.filter(contact=contact).latest("id")
        rows[Order] = Order.objects.create(
            order_id=mark, contact=contact, paid_at=now, amount_fen=5000
        )
        rows[Content] = content = Content.objects.create(title=mark, purpose="nurture", body="x")
        rows[Sop] = sop = Sop.objects.create(name=mark)
        sops.write_steps(
            sop, [SopStep(delay_minutes=5, route="none", text="hello", content=content)]
        )
        rows[Lead] = Lead.objects.create(contact=contact)
        rows[ScoreRule] = ScoreRule.objects.filter(deleted_at=None).first()
        rows[ScoreModel] = scoring.live()
        rows[Stage] = Stage.objects.get(key="won")
        rows[Touch] = touch = Touch.objects.create(
            key=mark, contact=contact, staff=staff, route="staff_task", kind="service",
            state="awaiting_staff", due_at=now,
        )  # fmt: skip
        rows[StaffTask] = StaffTask.objects.create(
            touch=touch, contact=contact, staff=staff, text="say hello", due_at=now
        )
        rows[TouchRules] = pace.rules()
        rows[Import] = Import.objects.create(
            token="00000000-0000-0000-0000-000000000000", kind="contacts", file="x/contacts.csv",
            status="done",
        )  # fmt: skip
        audit.record("contact.changed", contact)
        rows[AuditEntry] = AuditEntry.objects.latest("id")
    return rows


@pytest.fixture(scope="module")
def furnished(
    database: None, django_db_blocker: Any
) -> Iterator[tuple[Business, Business, Any, Any]]:
    """Two businesses with a row of everything; the tests that share them change nothing."""
    with django_db_blocker.unblock():
        ours, theirs = make_business(), make_business()
        yield ours, theirs, furnish(ours), furnish(theirs)


def url(model: type[models.Model], what: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


def test_every_registered_model_is_in_the_table() -> None:
    assert set(admin.site._registry) == set(PAGES)


@pytest.mark.parametrize("role", ["owner", "operator", "viewer"])
@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_each_role_opens_exactly_its_pages(
    model: type[models.Model], role: str, furnished: Any
) -> None:
    ours, _theirs, rows, _other = furnished
    browser = ours.as_role(role)
    pk = rows[model].pk
    hidden = model in HIDDEN.get(role, set())

    listed = browser.get(url(model, "changelist"))
    assert listed.status_code == (302 if model is TouchRules else 403 if hidden else 200)
    statuses = tuple(
        browser.get(address).status_code
        for address in (url(model, "add"), url(model, "change", pk), url(model, "delete", pk))
    )
    assert statuses == PAGES[model][role]
    assert browser.get(url(model, "history", pk)).status_code == (403 if hidden else 200)


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_sales_are_sent_to_the_desk_and_strangers_to_the_sign_in(
    model: type[models.Model], furnished: Any, client: Any
) -> None:
    ours, _theirs, rows, _other = furnished
    for address in (url(model, "changelist"), url(model, "change", rows[model].pk)):
        answer = ours.as_role("sales").get(address)
        assert (answer.status_code, answer["Location"]) == (302, reverse("desk"))
        answer = client.get(address)
        assert (answer.status_code, answer["Location"]) == (302, f"/sign-in/?next={address}")


def test_without_a_business_one_chooses_first(furnished: Any, client: Any) -> None:
    ours = furnished[0]
    client.force_login(ours.users["owner"])
    assert client.get("/admin/")["Location"] == "/places/"
    assert client.get("/admin/login/")["Location"] == "/places/"


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_another_tenants_row_answers_as_an_unknown_one(
    model: type[models.Model], furnished: Any
) -> None:
    ours, theirs, _rows, other = furnished
    browser = ours.as_role("owner")
    for what in ("change", "history", "delete"):
        if what == "delete" and PAGES[model]["owner"][2] == 403:
            continue
        foreign = browser.get(url(model, what, other[model].pk))
        unknown = browser.get(url(model, what, 2**40))
        assert foreign.status_code == unknown.status_code == 302
        assert foreign["Location"] == unknown["Location"] == "/admin/"
    page = browser.get(url(model, "changelist"), follow=True).content.decode()
    assert f"canary-{theirs.pk}" not in page


def detail_buttons() -> Iterator[tuple[type[models.Model], str]]:
    for model, page in admin.site._registry.items():
        for name in page._extract_action_names(page.actions_detail):  # type: ignore[attr-defined]
            yield model, name


@pytest.mark.parametrize(("model", "name"), list(detail_buttons()))
def test_buttons_do_nothing_to_another_tenants_row(
    model: type[models.Model], name: str, furnished: Any
) -> None:
    ours, theirs, _rows, other = furnished
    browser = ours.as_role("owner")
    address = url(model, name, other[model].pk)
    with theirs.scope():
        before = model.objects.filter(pk=other[model].pk).values().get()  # type: ignore[attr-defined]

    assert browser.get(address).status_code == 302
    form = {"confirmed": "on", "reason": "because"}
    assert browser.post(address, form, format="multipart").status_code == 302

    with theirs.scope():
        assert model.objects.filter(pk=other[model].pk).values().get() == before  # type: ignore[attr-defined]


@pytest.mark.parametrize(("model", "name"), list(detail_buttons()))
def test_viewers_press_no_buttons(model: type[models.Model], name: str, furnished: Any) -> None:
    ours, _theirs, rows, _other = furnished
    browser = ours.as_role("viewer")
    address = url(model, name, rows[model].pk)
    assert browser.post(address, {"confirmed": "on"}, format="multipart").status_code == 403


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (Contact, "owner"),
        (Contact, "channel"),
        (Contact, "tags"),
        (LiveCode, "staff"),
        (Sop, "live_code"),
    ],
)
def test_autocomplete_offers_only_ones_own(
    model: type[models.Model], field: str, furnished: Any
) -> None:
    ours, theirs, _rows, _other = furnished
    query = {
        "app_label": model._meta.app_label,
        "model_name": model._meta.model_name,
        "field_name": field,
    }
    answer = ours.as_role("operator").get("/admin/autocomplete/", {**query, "term": "canary"})

    assert answer.status_code == 200
    body = answer.content.decode()
    assert f"canary-{theirs.pk}" not in body
    assert field in {"owner", "staff"} or f"canary-{ours.pk}" in body


def test_secrets_and_phones_are_on_no_page(furnished: Any) -> None:
    ours, _theirs, rows, _other = furnished
    for role in ("owner", "viewer"):
        browser = ours.as_role(role)
        for model, row in rows.items():
            if model in HIDDEN.get(role, set()):
                continue
            for address in (url(model, "changelist"), url(model, "change", row.pk)):
                page = browser.get(address, follow=True).content.decode()
                assert SECRET not in page, address
                assert "13912345678" not in page, address


def test_search_finds_by_name_pinyin_and_phone_suffix(furnished: Any) -> None:
    ours = furnished[0]
    browser = ours.as_role("operator")
    for text in ("张欣怡", "zhangxinyi", "5678", f"canary-{ours.pk}"):
        page = browser.get(url(Contact, "changelist"), {"q": text}).content.decode()
        assert "139****5678" in page, text
    assert (
        "139****5678" not in browser.get(url(Contact, "changelist"), {"q": "0000"}).content.decode()
    )


def test_filters_hold_and_malformed_ones_are_turned_back(furnished: Any) -> None:
    ours, _theirs, rows, other = furnished
    browser = ours.as_role("operator")
    found = {"tags__id__exact": rows[Tag].pk, "stage": "", "owner__id__exact": rows[Staff].pk}
    assert "139****5678" in browser.get(url(Contact, "changelist"), found).content.decode()
    foreign = browser.get(url(Contact, "changelist"), {"tags__id__exact": other[Tag].pk})
    assert foreign.status_code == 200 and "139****5678" not in foreign.content.decode()
    assert browser.get(url(Contact, "changelist"), {"tags__id__exact": "x"}).status_code == 302


def test_the_list_of_contacts_counts_nothing(
    furnished: Any, django_assert_num_queries: Any, monkeypatch: Any
) -> None:
    ours = furnished[0]
    browser = ours.as_role("viewer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models.QuerySet, "count", lambda self: pytest.fail("counted"))
        assert browser.get(url(Contact, "changelist")).status_code == 200


def test_the_menu_shows_what_the_role_may_open(furnished: Any) -> None:
    ours = furnished[0]
    owner = ours.as_role("owner").get("/admin/").content.decode()
    viewer = ours.as_role("viewer").get("/admin/").content.decode()
    assert ours.tenant.name in owner
    for model in (Membership, ApiKey, AuditEntry, Import):
        assert f'href="{url(model, "changelist")}"' in owner
        assert f'href="{url(model, "changelist")}"' not in viewer
    assert User.objects.exists() and User not in admin.site._registry
