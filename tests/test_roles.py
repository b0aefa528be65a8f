"""One rule of rows, one rule of fields: a salesperson gets nobody else's customer, nowhere, and no
role gets a whole phone number or e-mail without asking for it.

Walks every route of the resolver, as test_isolation does for tenants, with rows of one's own and of
a colleague; one walk is one test, which fails with the list of all bad answers. A resource without
a decision here fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from contacts import identity, search
from contacts.identity import Account
from contacts.models import (
    Contact,
    Event,
    Follow,
    GroupMember,
    GroupSpell,
    Import,
    Order,
    SegmentMember,
)
from journeys.models import FollowUp, Lead, StaffTask
from tenants import ids
from tenants.isolation import tenant_models
from tenants.models import Staff
from tenants.roles import Role
from tests import factories
from tests.conftest import Business, make_business
from tests.factories import Rows
from tests.test_isolation import ALL, REFUSALS, Address, body_with, path_of, text_of

OWN, SHARED, CLOSED, BY_STAFF = "own", "shared", "closed", "by staff"

# What a salesperson gets of each resource of the API. OWN: rows about their customers. SHARED: what
# is set up for all, of no person. CLOSED: nothing. BY_STAFF: their own work.
DECISIONS = {
    "contacts": OWN,
    "duplicates": OWN,
    "events": OWN,
    "orders": OWN,
    "follows": OWN,
    "links": OWN,
    "enrolments": OWN,
    "survey-answers": OWN,
    "touches": OWN,
    "stage-moves": OWN,
    "leads": BY_STAFF,  # and those that wait: whoever is quicker takes them
    "staff-tasks": BY_STAFF,
    "groups": BY_STAFF,
    "transfers": CLOSED,
    "broadcasts": SHARED,  # their recipients: own
    "group-codes": SHARED,
    "group-welcomes": SHARED,
    "imports": CLOSED,
    "exports": CLOSED,
    "reports": CLOSED,
    "costs": CLOSED,
    "targets": CLOSED,
    "report-views": CLOSED,
    "report-schedules": CLOSED,
    "report-readers": CLOSED,
    "report-deliveries": CLOSED,
    "fit": CLOSED,
    "plans": CLOSED,
    "alert-rules": CLOSED,
    "alerts": CLOSED,
    "segments": SHARED,  # their members: own
    "custom-fields": SHARED,
    "tags": SHARED,
    "tag-groups": SHARED,
    "tag-rules": SHARED,
    "pre-tag-lists": SHARED,  # names and counts, nobody in them
    "products": SHARED,
    "channels": SHARED,
    "stages": SHARED,
    "score-rules": SHARED,
    "contents": SHARED,
    "sops": SHARED,
    "live-codes": SHARED,
    "sync": SHARED,
    "drifts": CLOSED,
    "staff-figures": CLOSED,
    "staff": SHARED,
    "accounts": SHARED,
    "callbacks": CLOSED,
    "teams": SHARED,
    "webhooks": CLOSED,
    "touch-rules": SHARED,
    "retention-rules": SHARED,
    "erasures": CLOSED,
}

# Where those who may reveal do so: editing what staff wrote; all about a person, for that person.
WHOLE = ("admin/contacts/follow/", "api/v1/contacts/<id>/export")

PHONES = {"own": "+8613700001111", "foreign": "+8613912345678"}
EMAILS = {"own": "own.person@example.com", "foreign": "foreign.person@example.com"}
NAMES = {"own": "Ownperson", "foreign": "Foreignperson"}


@dataclass
class Desk:
    """A salesperson's customer and a colleague's, each with a row in every table."""

    business: Business
    rows: dict[str, Rows]
    clients: dict[str, Client]


def make_rows(business: Business, whose: str, staff: Staff) -> Rows:
    """A row in every table; whatever points to staff points to this one."""
    rows: Rows = {}
    with business.scope():
        for model in factories._in_order(list(tenant_models())):
            try:
                with transaction.atomic():
                    rows[model] = (
                        staff
                        if model is Staff
                        else factories._existing(model, business)
                        or factories._make(model, rows, whose, business)
                    )
            except IntegrityError:
                rows[model] = model.objects.order_by("pk").first()  # one a tenant
        _make_personal(rows, whose, staff)
    return rows


def _make_personal(rows: Rows, whose: str, staff: Staff) -> None:
    """Numbers wherever people write them; names that can be found in an answer."""
    phone, email, name = PHONES[whose], EMAILS[whose], NAMES[whose]
    contact: Contact = rows[Contact]
    contact.name, contact.phone, contact.email = name, phone, email
    contact.external_id, contact.owner = f"x-{name}", staff
    contact.custom = {"second": phone.removeprefix("+86")}
    contact.save()
    Follow.objects.filter(contact=contact).update(
        staff=staff, ended_at=None, remark=f"{name} {phone}", description=f"mail {email}"
    )
    Event.objects.filter(contact=contact).update(
        properties={"phone": phone[3:], "note": f"{name}: call {phone[3:]} or {email}"}
    )
    proved = [("phone", phone), ("email", email), ("other", f"id-{name}")]
    identity.attach(contact.pk, [Account(kind, value) for kind, value in proved])
    Order.objects.filter(contact=contact).update(order_id=f"order-{name}")
    StaffTask.objects.filter(contact=contact).update(text=f"Write to {name}")
    Lead.objects.filter(contact=contact).update(state=Lead.State.CLAIMED, owner=staff)
    FollowUp.objects.filter(lead__contact=contact).update(note=f"{name} said {phone[3:]}")
    Import.objects.update(error_file="")  # there is no such file
    search.reindex([contact.pk])


@pytest.fixture(scope="module")
def desk() -> Desk:
    business = make_business()
    with business.scope():
        colleague = Staff.objects.create(userid="colleague", name="Colleague")
    rows = {
        "foreign": make_rows(business, "foreign", colleague),
        "own": make_rows(business, "own", business.staff["sales"]),
    }
    with business.scope():
        _mix(rows)
    clients = {role: business.browser(role) for role in Role.values}
    for client in clients.values():
        client.raise_request_exception = False
    return Desk(business, rows, clients)


def _mix(rows: dict[str, Rows]) -> None:
    """The colleague's customer in one's own groups and segments."""
    own, foreign = rows["own"], rows["foreign"]
    group, now = own[GroupMember].group, timezone.now()
    member = GroupMember.objects.create(
        group=group, contact=foreign[Contact], name=NAMES["foreign"], in_since=now
    )
    GroupSpell.objects.create(group=group, member=member, joined_at=now)  # who is in has a stay
    for segment in (own[SegmentMember].segment, foreign[SegmentMember].segment):
        for contact in (own[Contact], foreign[Contact]):
            SegmentMember.objects.get_or_create(
                segment=segment, contact=contact, defaults={"entered_at": timezone.now()}
            )


def resource_of(address: Address) -> str:
    return address.pattern.split("/")[2]


API = [a for a in ALL if a.pattern.startswith("api/v1/")]
# Without the sign-out of the admin: the rest of the walk would be nobody's.
_ELSEWHERE = ("api/", "wechat/", "sign", "language", "admin/logout/")
PAGES = [a for a in ALL if not a.pattern.startswith(_ELSEWHERE)]


def test_every_resource_has_a_decision() -> None:
    assert {resource_of(address) for address in API} <= set(DECISIONS)


def leaks(text: str, whose: str) -> list[str]:
    """The numbers and addresses of this person that stand whole in an answer."""
    digits = PHONES[whose].removeprefix("+86")
    return [mark for mark in (digits, EMAILS[whose]) if mark in text]


def names_foreign(text: str, desk: Desk) -> list[str]:
    """How an answer names the colleague's customer: by words, or by the id."""
    found = [NAMES["foreign"]] if NAMES["foreign"] in text else []
    key = re.escape(ids.encode(desk.rows["foreign"][Contact].pk))
    pointer = rf'"(?:contact|customer|referrer|survivor|with)": ?(?:\{{"id": ?)?"{key}"'
    return found + re.findall(pointer, text)


def told_too_much(text: str, desk: Desk) -> list[str]:
    """What a salesperson may not read: the colleague's customer, and any whole number."""
    return names_foreign(text, desk) + leaks(text, "own") + leaks(text, "foreign")


@dataclass
class Shown:
    """What a GET of an address answered; a list is the same for both rows and asked once."""

    address: Address
    whose: str
    status: int
    text: str

    def __str__(self) -> str:
        return f"GET {self.address} ({self.whose}): {self.status}"


def walk(role: str, addresses: Iterable[Address], desk: Desk) -> Iterator[Shown]:
    client = desk.clients[role]
    for address in addresses:
        for whose in ("own", "foreign") if address.parameters else ("own",):
            answer = client.get(path_of(address, desk.rows[whose]))
            yield Shown(address, whose, answer.status_code, text_of(answer))
    assert client.get("/api/v1/contacts").status_code == 200, "signed out on the way"


def test_sales_get_nobody_elses_customer_by_api(desk: Desk) -> None:
    bad = []
    for shown in walk("sales", API, desk):
        decision = DECISIONS[resource_of(shown.address)]
        refused = shown.status in REFUSALS
        if shown.status >= 500:
            bad.append(f"{shown}: fails")
        if found := told_too_much(shown.text, desk):
            bad.append(f"{shown}: tells {found}")
        if decision == CLOSED and not refused:
            bad.append(f"{shown}: closed")
        if shown.whose == "foreign" and decision in {OWN, BY_STAFF} and not refused:
            bad.append(f"{shown}: not theirs")
        if decision == OWN and not shown.address.parameters and shown.status != 200 and not refused:
            bad.append(f"{shown}: a list")
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize(
    "query",
    [
        "q=Foreignperson",
        "q=13912345678",
        "q=5678",
        "external_id=x-Foreignperson",
        "owner=colleague",
    ],
)
def test_search_finds_nobody_elses_customer(query: str, desk: Desk) -> None:
    answer = desk.clients["sales"].get(f"/api/v1/contacts?{query}")

    assert answer.json()["results"] == []


def test_own_customers_are_found(desk: Desk) -> None:
    """The positive control: the walk would see what it looks for."""
    for path in ("contacts?q=Ownperson", "events", "orders", "follows", "leads", "staff-tasks"):
        assert desk.clients["sales"].get(f"/api/v1/{path}").json()["results"], path
    shown = desk.clients["operator"].get("/api/v1/contacts").content.decode()
    assert NAMES["foreign"] in shown


def personal(desk: Desk) -> dict[str, object]:
    """All rows about the colleague's customer, by table, as they stand."""
    contact = desk.rows["foreign"][Contact]
    found: dict[str, object] = {}
    with desk.business.scope(), connection.cursor() as cursor:
        for model in tenant_models():
            columns = [f.column for f in model._meta.local_fields if f.related_model is Contact]
            columns += ["id"] if model is Contact else []
            for column in columns:
                table = model._meta.db_table
                cursor.execute(
                    f'SELECT array_agg(t::text ORDER BY t::text) FROM "{table}" t'
                    f' WHERE "{column}" = %s',
                    [contact.pk],
                )
                found[f"{table}.{column}"] = cursor.fetchone()[0]
    return found


def test_sales_change_nobody_elses_customer(desk: Desk) -> None:
    client, before, bad = desk.clients["sales"], personal(desk), []
    body = json.dumps(body_with(desk.rows["foreign"]))
    for address in API:
        path, done = path_of(address, desk.rows["foreign"]), False
        for method in ("post", "patch", "put", "delete"):
            answer = getattr(client, method)(path, data=body, content_type="application/json")
            told = f"{method.upper()} {address}: {answer.status_code}"
            done = done or answer.status_code not in REFUSALS
            if answer.status_code >= 500:
                bad.append(f"{told}: fails")
            if found := told_too_much(text_of(answer), desk):
                bad.append(f"{told}: tells {found}")
        if done and (after := personal(desk)) != before:
            bad.append(
                f"{address} changed {[name for name in after if after[name] != before[name]]}"
            )
            before = after
    assert not bad, "\n".join(bad)
    assert personal(desk) == before  # nor did what was refused
    assert client.get("/api/v1/contacts").status_code == 200, "signed out on the way"


def test_sales_get_nobody_elses_customer_on_pages(desk: Desk) -> None:
    bad = []
    for shown in walk("sales", PAGES, desk):
        if shown.status >= 500:
            bad.append(f"{shown}: fails")
        if found := told_too_much(shown.text, desk):
            bad.append(f"{shown}: tells {found}")
        in_admin = shown.address.pattern.startswith("admin/")
        if in_admin and shown.status not in REFUSALS | {302}:
            bad.append(f"{shown}: opens")
    assert not bad, "\n".join(bad)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["owner", "operator", "viewer"])
def test_no_role_gets_whole_numbers_unasked(role: str, desk: Desk) -> None:
    bad, opened = [], 0
    but = ("l/", *(WHOLE if role == "owner" else ()))
    wanted = [a for a in (*API, *PAGES) if not a.pattern.startswith(but)]
    for shown in walk(role, wanted, desk):
        opened += shown.status == 200
        if shown.status >= 500:
            bad.append(f"{shown}: fails")
        if found := leaks(shown.text, "own") + leaks(shown.text, "foreign"):
            bad.append(f"{shown}: tells {found}")
    assert not bad, "\n".join(bad)
    assert opened > 100  # the control: most of the walk was let in


@pytest.mark.parametrize("role", ["sales", "operator", "viewer"])
def test_asking_to_reveal_is_no_use_without_the_ability(role: str, desk: Desk) -> None:
    key = ids.encode(desk.rows["own"][Contact].pk)

    answer = desk.clients[role].get(f"/api/v1/contacts/{key}?reveal=true")

    assert answer.json()["phone"] == "137****1111"
    assert answer.json()["email"] == "o***@example.com"
