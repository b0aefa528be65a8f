"""No tenant reads or changes another's data through any URL.

Walks every route of the resolver × caller × method, with the other tenant's ids in path, query and
body. A route without a factory fails: a new URL is covered or the build is red.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from analytics.models import alerts, goals, plans, seven_factor_fit, sharing
from campaigns import models as campaigns
from contacts import models as contacts
from journeys import models as journeys
from tenants import auth, ids
from tenants import models as tenants
from tenants.isolation import tenant_models
from tenants.roles import Can, Role
from tests.conftest import Business, make_business
from tests.factories import Rows, furnish

CANARY = "kanarienvogel"


@dataclass(frozen=True)
class Address:
    """A route with the path parameters it wants."""

    pattern: str
    name: str
    parameters: tuple[str, ...]

    def __str__(self) -> str:
        return self.pattern


def addresses(
    patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "", namespace: str = ""
) -> Iterator[Address]:
    """Every route of the product, flattened; the regular expressions of DRF's routers included."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        text = prefix + _readable(str(entry.pattern))
        if isinstance(entry, URLResolver):
            inner = ":".join(filter(None, [namespace, entry.namespace]))
            yield from addresses(entry.url_patterns, text, inner)
        else:
            name = ":".join(filter(None, [namespace, entry.name or ""]))
            yield Address(text, name, tuple(re.findall(r"<(?:\w+:)?(\w+)>", text)))


def _readable(pattern: str) -> str:
    pattern = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", pattern)
    return (
        pattern.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\.", ".").rstrip("?")
    )


ALL = [a for a in addresses() if "<format>" not in a.pattern]

LISTS = [a for a in ALL if a.pattern.startswith("api/v1/") and not a.parameters]

# Routes that hold nothing of a tenant, each with the reason.
PUBLIC = {
    "sign-in/": "before any tenant",
    "sign-in/<slug:business>/": "before sign-in: which ways there are, nothing of what is inside",
    "healthz": "liveness",
    "readyz": "readiness",
    "api/schema/": "the contract, the same for all",
    "api/docs/": "the contract, the same for all",
    "admin/jsi18n/": "Django's own texts",
    "admin/login/": "leads to ours",
    "admin/<app_label>/": "the menu of one app, the same for all",
}

Make = Callable[[Rows], str]


def row(model: type[Any]) -> Make:
    return lambda rows: ids.encode(rows[model].pk)


# Which row an API path parameter means, by the resource before it.
API_ROWS: dict[str, Make] = {
    "contacts": row(contacts.Contact),
    "custom-fields": row(contacts.CustomField),
    "tags": row(contacts.Tag),
    "tag-groups": row(contacts.TagGroup),
    "tag-rules": row(contacts.TagRule),
    "pre-tag-lists": row(contacts.PreTagList),
    "erasures": row(contacts.Erasure),
    "retention-rules": row(contacts.Retention),
    "events": row(contacts.Event),
    "orders": row(contacts.Order),
    "products": row(contacts.Product),
    "channels": row(contacts.Channel),
    "costs": row(contacts.Cost),
    "live-codes": row(contacts.LiveCode),
    "segments": row(contacts.Segment),
    "sync": row(contacts.SyncRun),
    "drifts": row(contacts.Drift),
    "staff-figures": row(contacts.StaffFigures),
    "follows": row(contacts.Follow),
    "group-codes": row(contacts.GroupJoinCode),
    "group-welcomes": row(contacts.GroupWelcome),
    "transfers": row(contacts.TransferBatch),
    "broadcasts": row(campaigns.Broadcast),
    "groups": row(contacts.Group),
    "imports": row(contacts.Import),
    "exports": row(contacts.Export),
    "duplicates": row(contacts.Duplicate),
    "staff": row(tenants.Staff),
    "accounts": row(tenants.WeChatAccount),
    "callbacks": row(tenants.Callback),
    "teams": row(tenants.Team),
    "webhooks": row(tenants.WebhookEndpoint),
    "api-keys": row(tenants.ApiKey),
    "contents": row(journeys.Content),
    "links": row(journeys.Link),
    "stages": row(journeys.Stage),
    "survey-answers": row(journeys.SurveyAnswer),
    "score-rules": row(journeys.ScoreRule),
    "sops": row(journeys.Sop),
    "enrolments": row(journeys.Enrolment),
    "touches": row(journeys.Touch),
    "leads": row(journeys.Lead),
    "staff-tasks": row(journeys.StaffTask),
    "stage-moves": row(journeys.StageMove),
    "targets": row(goals.Target),
    "report-views": row(sharing.ReportView),
    "report-schedules": row(sharing.ReportSchedule),
    "report-readers": row(tenants.Membership),
    "report-deliveries": row(sharing.ReportDelivery),
    "history": row(seven_factor_fit.FitAnswer),  # of fit
    "plans": row(plans.Plan),
    "alert-rules": row(alerts.AlertRule),
    "alerts": row(alerts.Alert),
}


def path_of(address: Address, rows: Rows) -> str:
    """The address with the other tenant's row in every parameter. Fails for an unknown route."""
    path = address.pattern
    for parameter in address.parameters:
        value = _parameter(address, parameter, rows)
        assert value is not None, f"{address.pattern}: no factory for <{parameter}>; add one"
        path = re.sub(rf"<(?:\w+:)?{parameter}>", value, path)
    return "/" + path


def _parameter(address: Address, parameter: str, rows: Rows) -> str | None:
    parts = address.pattern.split("/")
    at = next(i for i, part in enumerate(parts) if f"{parameter}>" in part)
    before = parts[at - 1] if at else ""
    if address.pattern.startswith("api/v1/") and before in API_ROWS:
        return API_ROWS[before](rows)
    if address.pattern.startswith("admin/"):
        return _admin_parameter(address, parameter, rows)
    make = OTHER.get((address.pattern, parameter)) or PAGES.get(parameter)
    return make(rows) if make else None


def _admin_parameter(address: Address, parameter: str, rows: Rows) -> str | None:
    fixed = {"url": "nothing/", "app_label": "contacts", "content_type_id": "1", "number": "1"}
    if parameter in fixed:
        return fixed[parameter]
    if parameter == "contact_id" or "content_type_id" in address.parameters:
        return str(rows[contacts.Contact].pk)
    _admin, app, model = address.pattern.split("/")[:3]
    found = [m for m in rows if m._meta.app_label == app and m._meta.model_name == model]
    return str(rows[found[0]].pk) if found else None


OTHER: dict[tuple[str, str], Make] = {
    ("l/<str:code>", "code"): lambda rows: ids.new_code(1),
    ("l/<str:code>/answer", "code"): lambda rows: ids.new_code(1),
    ("q/<str:code>", "code"): lambda rows: ids.new_code(1),
}
# Parameters of pages, whatever the page.
PAGES: dict[str, Make] = {
    "lead_id": row(journeys.Lead),
    "task_id": row(journeys.StaffTask),
    "content_id": row(journeys.Content),
    "plan_id": row(plans.Plan),
    "code": lambda rows: str(rows[tenants.WeChatAccount].code),
    "view_id": row(sharing.ReportView),
    "business": lambda rows: str(rows[tenants.WeChatAccount].tenant.slug),
    "token": lambda rows: "nothing",
}


@dataclass
class Stage:
    """Two businesses: A asks, B is furnished with a canary in every table."""

    a: Business
    b: Business
    rows: Rows
    callers: dict[str, Client]
    before: str  # a fingerprint of all that B has


@pytest.fixture(scope="module")
def stage() -> Stage:
    a, b = make_business(), make_business()
    rows = furnish(b, CANARY)
    furnish(a, "own")
    return Stage(a, b, rows, dict(_callers(a)), fingerprint(b))


def _callers(a: Business) -> Iterator[tuple[str, Client]]:
    yield "nobody", Client(raise_request_exception=False)
    for role in Role.values:
        client = Client(raise_request_exception=False)
        client.force_login(a.users[role])
        session = client.session
        session["tenant"] = a.pk
        session.save()
        yield role, client
    with a.scope():
        _key, read_only = auth.make_key("read", [Can.READ, Can.REPORT])
    for name, key in (("key", a.key), ("read-only key", read_only)):
        yield (
            name,
            Client(raise_request_exception=False, headers={"Authorization": f"Bearer {key}"}),
        )


def fingerprint(business: Business) -> str:
    """A hash over all rows of a business, read inside its scope."""
    tables = [model._meta.db_table for model in tenant_models()]
    hashes = " UNION ALL ".join(
        f"SELECT concat('{table}=', md5(string_agg(t::text, '|' ORDER BY t::text)))"
        f' FROM "{table}" t'
        for table in tables
    )
    with business.scope(), connection.cursor() as cursor:
        cursor.execute(hashes)
        return "\n".join(sorted(str(line) for (line,) in cursor.fetchall()))


def body_with(rows: Rows) -> dict[str, Any]:
    """Every relation that a write takes, pointing at the other tenant's rows; mass assignment."""
    pointers: dict[str, Any] = {
        name: make(rows)
        for name, make in {
            "contact": API_ROWS["contacts"],
            "with": API_ROWS["contacts"],
            "owner": API_ROWS["staff"],
            "staff": API_ROWS["staff"],
            "team": API_ROWS["teams"],
            "channel": API_ROWS["channels"],
            "live_code": API_ROWS["live-codes"],
            "group": API_ROWS["tag-groups"],
            "content": API_ROWS["contents"],
            "stage": API_ROWS["stages"],
            "sop": API_ROWS["sops"],
            "segment": API_ROWS["segments"],
            "referrer": API_ROWS["contacts"],
        }.items()
    }
    pointers |= {
        "tags": [API_ROWS["tags"](rows)],
        "tenant": rows[contacts.Contact].tenant_id,
        "tenant_id": rows[contacts.Contact].tenant_id,
        "id": API_ROWS["contacts"](rows),
        "name": "sneaked in",
        "title": "sneaked in",
        "kind": "note",
        "at": "2026-01-01T00:00:00Z",
        "event_id": "sneaked",
        "external_id": CANARY,
        "order_id": CANARY,
        "sku": CANARY,
    }
    return {**pointers, "items": [pointers]}


def text_of(answer: HttpResponseBase) -> str:
    if isinstance(answer, StreamingHttpResponse):
        return b"".join(answer).decode(errors="replace")
    assert isinstance(answer, HttpResponse)
    return answer.content.decode(errors="replace")


REFUSALS = {400, 401, 403, 404, 405, 406, 409, 413, 415, 422}


def test_every_table_is_furnished(stage: Stage) -> None:
    with stage.b.scope():
        for model in tenant_models():
            assert model.objects.filter(tenant_id=stage.b.pk).exists(), model
    assert set(stage.rows) == set(tenant_models())


@pytest.mark.parametrize("address", ALL, ids=str)
def test_no_route_shows_or_changes_another_tenants_rows(address: Address, stage: Stage) -> None:
    path = path_of(address, stage.rows)
    body = json.dumps(body_with(stage.rows))
    for name, client in stage.callers.items():
        for method in ("get", "post", "patch", "put", "delete"):
            call = getattr(client, method)
            answer = (
                call(path)
                if method == "get"
                else call(path, data=body, content_type="application/json")
            )
            told = f"{method.upper()} {path} as {name}: {answer.status_code}"
            assert answer.status_code < 500, told
            assert CANARY not in text_of(answer), told
            if address.parameters and address.pattern not in PUBLIC:
                assert answer.status_code in REFUSALS | {301, 302}, told
    assert fingerprint(stage.b) == stage.before


@pytest.mark.parametrize("address", LISTS, ids=str)
def test_foreign_ids_in_filters_look_like_unknown_ones(address: Address, stage: Stage) -> None:
    client = stage.callers["key"]
    for name, make in (
        ("owner", "staff"),
        ("channel", "channels"),
        ("contact", "contacts"),
        ("tag", "tags"),
    ):
        foreign = client.get("/" + address.pattern, {name: API_ROWS[make](stage.rows)})
        unknown = client.get("/" + address.pattern, {name: ids.encode(2**40 + 7)})
        assert foreign.status_code == unknown.status_code
        if foreign.status_code == 200:
            assert foreign.json() == unknown.json()


def test_the_owner_sees_the_canary() -> None:
    """The positive control: the walk would see the canary if it were shown."""
    owner = make_business()
    rows = furnish(owner, CANARY)
    client = Client(headers={"Authorization": f"Bearer {owner.key}"})
    seen = client.get(f"/api/v1/contacts/{API_ROWS['contacts'](rows)}").content.decode()
    assert CANARY in seen
