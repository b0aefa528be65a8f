"""The operators' admin: who may open what; nothing of another tenant or of a secret shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.contrib import admin
from django.db import models
from django.urls import reverse

from analytics.models.alerts import Alert, AlertRule
from analytics.models.goals import Headcount, Target
from analytics.models.plans import Plan
from analytics.models.sharing import ReportDelivery, ReportSchedule
from campaigns.models import Broadcast, BroadcastRecipient
from contacts import search
from contacts.models import (
    BulkAction,
    Channel,
    Contact,
    Cost,
    CustomField,
    Drift,
    Duplicate,
    Erasure,
    Event,
    Export,
    Follow,
    FollowLoss,
    Group,
    GroupFigures,
    GroupJoinCode,
    GroupMember,
    GroupWelcome,
    Import,
    LiveCode,
    Merge,
    Order,
    PreTagList,
    Product,
    Retention,
    Segment,
    StaffFigures,
    SyncRun,
    Tag,
    TagGroup,
    TagRule,
    TransferBatch,
    TransferItem,
    Unassigned,
)  # fmt: skip
from journeys.models import (
    Content,
    Enrolment,
    Lead,
    ScoreModel,
    ScoreRule,
    Sop,
    StaffTask,
    Stage,
    Touch,
    TouchRules,
)  # fmt: skip
from tenants.models import (
    ApiKey,
    AuditEntry,
    Callback,
    Membership,
    Staff,
    Team,
    WebhookDelivery,
    WebhookEndpoint,
    WeChatAccount,
)
from tests import factories
from tests.conftest import Business, make_business

PHONE = "+8613912345678"
SECRET = "secret-that-no-page-may-show"
ROLES = ["owner", "operator", "viewer", "sales"]

# model: (add, change by GET, delete) for owner, operator, viewer. Lists are below.
PAGES: dict[type[models.Model], dict[str, tuple[int, int, int]]] = {
    ApiKey: {"owner": (200, 200, 302), "operator": (403, 403, 403), "viewer": (403, 403, 403)},
    AuditEntry: {"owner": (403, 200, 403), "operator": (403, 403, 403), "viewer": (403, 403, 403)},
    Callback: {"owner": (403, 200, 403), "operator": (403, 403, 403), "viewer": (403, 403, 403)},
    WebhookDelivery: {
        "owner": (403, 200, 403),
        "operator": (403, 403, 403),
        "viewer": (403, 403, 403),
    },
    WebhookEndpoint: {
        "owner": (200, 200, 200),
        "operator": (403, 403, 403),
        "viewer": (403, 403, 403),
    },
    Membership: {"owner": (200, 200, 403), "operator": (403, 403, 403), "viewer": (403, 403, 403)},
    Staff: {"owner": (200, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Team: {"owner": (200, 200, 200), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    WeChatAccount: {
        "owner": (200, 200, 403),
        "operator": (403, 200, 403),
        "viewer": (403, 200, 403),
    },
    BulkAction: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 403, 403)},
    Channel: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Contact: {"owner": (200, 200, 200), "operator": (200, 200, 403), "viewer": (403, 200, 403)},
    Cost: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    CustomField: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Duplicate: {"owner": (200, 200, 403), "operator": (200, 200, 403), "viewer": (403, 200, 403)},
    Event: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    # A colleague's export is not found.
    Export: {"owner": (403, 200, 403), "operator": (403, 302, 403), "viewer": (403, 403, 403)},
    Follow: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    FollowLoss: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Group: {"owner": (200, 200, 403), "operator": (200, 200, 403), "viewer": (403, 200, 403)},
    GroupFigures: {
        "owner": (403, 200, 403),
        "operator": (403, 200, 403),
        "viewer": (403, 200, 403),
    },
    GroupJoinCode: {
        "owner": (200, 200, 403),
        "operator": (200, 200, 403),
        "viewer": (403, 200, 403),
    },
    Broadcast: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    BroadcastRecipient: {
        "owner": (403, 200, 403),
        "operator": (403, 200, 403),
        "viewer": (403, 200, 403),
    },
    GroupWelcome: {
        "owner": (200, 200, 403),
        "operator": (200, 200, 403),
        "viewer": (403, 200, 403),
    },
    TransferBatch: {
        "owner": (200, 200, 403),
        "operator": (200, 200, 403),
        "viewer": (403, 200, 403),
    },
    TransferItem: {
        "owner": (403, 200, 403),
        "operator": (403, 200, 403),
        "viewer": (403, 200, 403),
    },
    GroupMember: {
        "owner": (403, 200, 403),
        "operator": (403, 200, 403),
        "viewer": (403, 200, 403),
    },
    Import: {"owner": (200, 200, 403), "operator": (200, 200, 403), "viewer": (403, 403, 403)},
    LiveCode: {"owner": (200, 200, 403), "operator": (200, 200, 403), "viewer": (403, 200, 403)},
    Merge: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Order: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Product: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    SyncRun: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    StaffFigures: {
        "owner": (403, 200, 403),
        "operator": (403, 200, 403),
        "viewer": (403, 200, 403),
    },
    Unassigned: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Drift: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Segment: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Tag: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    TagRule: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    PreTagList: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Erasure: {"owner": (403, 200, 403), "operator": (403, 403, 403), "viewer": (403, 403, 403)},
    Retention: {"owner": (200, 200, 200), "operator": (403, 403, 403), "viewer": (403, 403, 403)},
    TagGroup: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Content: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Enrolment: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Lead: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    ScoreModel: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    ScoreRule: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Sop: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Stage: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    StaffTask: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Touch: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    Alert: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
    AlertRule: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Headcount: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    ReportDelivery: {
        "owner": (403, 200, 403),
        "operator": (403, 200, 403),
        "viewer": (403, 200, 403),
    },
    ReportSchedule: {
        "owner": (200, 200, 200),
        "operator": (200, 200, 200),
        "viewer": (403, 200, 403),
    },
    Target: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    Plan: {"owner": (200, 200, 200), "operator": (200, 200, 200), "viewer": (403, 200, 403)},
    TouchRules: {"owner": (403, 200, 403), "operator": (403, 200, 403), "viewer": (403, 200, 403)},
}
HIDDEN = {
    "operator": {
        ApiKey,
        AuditEntry,
        Callback,
        Membership,
        Erasure,
        Retention,
        WebhookDelivery,
        WebhookEndpoint,
    },
    "viewer": {
        ApiKey,
        AuditEntry,
        BulkAction,
        Callback,
        Membership,
        Export,
        Import,
        Erasure,
        Retention,
        WebhookDelivery,
        WebhookEndpoint,
    },
}


def furnish(business: Business) -> dict[type[models.Model], Any]:
    """A row of every kind that has a page, and what pages show of it besides."""
    mark = f"canary-{business.pk}"
    made = factories.furnish(business, mark)
    with business.scope():
        account, contact = made[WeChatAccount], made[Contact]
        account.secret = account.callback_token = account.callback_aes_key = SECRET
        account.save()
        contact.name = f"{mark} 张欣怡"
        contact.save()
        search.reindex([contact.pk])
        Export.objects.update(user=business.users["owner"])
        never_ran = Sop.objects.create(name=f"{mark}-never-ran")
        own: dict[type[models.Model], Any] = {
            Membership: Membership.objects.get(role="viewer"),
            Stage: Stage.objects.get(key="won"),
            Sop: never_ran,
        }
    return {model: own.get(model) or made[cast("Any", model)] for model in PAGES}


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
    history = browser.get(url(model, "history", pk)).status_code
    not_ones_own = model is Export and role != "owner"
    assert history == (302 if not_ones_own else 403 if hidden else 200)


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


@pytest.mark.slow
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
