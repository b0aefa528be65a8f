"""Lists that leave as files: who may, what stands in them, how long they lie."""

from __future__ import annotations

import csv
import io
import resource
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.utils import timezone

from contacts import orders, profile, timeline
from contacts.exports import run
from contacts.exports.sheets import open_sheet
from contacts.imports import keeping
from contacts.models import Contact, Export
from contacts.validation import Item
from journeys.models import Lead
from tenants import auth
from tenants.models import AuditEntry, Membership
from tenants.roles import ABILITIES, Can, Role
from tenants.sealed_files import Scratch
from tests.conftest import Business

PATH = "/api/v1/exports"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def people(business: Business) -> dict[str, int]:
    """Two contacts of sales1, tagged vip, and one of nobody."""
    found = {}
    with business.scope():
        for name, owner in (("A", "sales1"), ("B", "sales1"), ("C", None)):
            contact = profile.create(
                {
                    "external_id": name,
                    "name": f"=cmd|{name}",
                    "phone": f"+861380000000{ord(name) % 10}",
                    "email": f"{name.lower()}lice@example.com",
                    "custom": {"城市": "上海"},
                    "owner_id": business.staff["sales"].pk if owner else None,
                },
                tags=["vip", "beauty"] if owner else [],
                consent=[],
                opened=None,
                by="api",
            )
            found[name] = contact.pk
    return found


def taken(business: Business, api: Any = None, **asked: Any) -> tuple[dict[str, Any], bytes]:
    """Ask, let the worker work, fetch."""
    api = api or business.api()
    answer = api.post(PATH, {"kind": "contacts", **asked}, format="json")
    assert answer.status_code == 202, answer.json()
    assert (answer.json()["status"], answer.json()["url"]) == ("queued", None)
    run.work(business.pk)
    done = api.get(f"{PATH}/{answer.json()['id']}").json()
    if done["status"] != "done":
        return done, b""
    file = api.get(done["url"])
    assert file.status_code == 200
    return done, b"".join(file.streaming_content)


def rows_of(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_contacts_masked_neutral_and_filtered(business: Business, people: Any) -> None:
    done, content = taken(
        business,
        business.as_role("operator"),
        filters={"tag": ["vip"], "owner": "sales1"},
        columns=["external_id", "name", "phone", "email", "tags", "custom.城市", "stage", "id"],
    )

    assert done["progress"] == {"done": 2, "total": 2}
    rows = rows_of(content)
    assert [row["external_id"] for row in rows] == ["A", "B"]
    assert rows[0] == {
        "external_id": "A", "name": "'=cmd|A", "phone": "138****0005", "email": "a***@example.com",
        "tags": "beauty;vip", "城市": "上海", "stage": rows[0]["stage"], "id": str(people["A"]),
    }  # fmt: skip


def test_every_column_with_whole_numbers(business: Business, people: Any) -> None:
    _done, content = taken(business, whole_phones=True, reason="moving house")

    row = rows_of(content)[0]
    assert (row["external_id"], row["name"], row["phone"]) == ("A", "'=cmd|A", "'+8613800000005")
    assert (row["email"], row["custom"]) == ("alice@example.com", '{"城市": "上海"}')
    with business.scope():
        entry = AuditEntry.objects.get(action="export.queued")
        assert entry.reason == "moving house" and entry.detail["whole_phones"] is True
        assert AuditEntry.objects.filter(action="export.downloaded").exists()


def test_xlsx(business: Business, people: Any) -> None:
    done, content = taken(business, format="xlsx", columns=["name", "tags", "created_at"])

    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert cells[0] == ["name", "tags", "created_at"]
    assert cells[1][:2] == ["'=cmd|A", "beauty;vip"]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    assert done["format"] == "xlsx"


def test_orders_and_events(business: Business, people: dict[str, int]) -> None:
    with business.scope():
        at = timezone.now()
        orders.upsert([orders.Row("O1", people["A"], 1250, at, 0, items=(Item("S", 2),))])
        timeline.record(
            [timeline.NewEvent(people["A"], "price.asked", at, "given", "E1", {"a": "b"})]
        )

    _done, content = taken(business, kind="orders")
    assert [
        (row["order_id"], row["contact"], row["amount"], row["items"]) for row in rows_of(content)
    ] == [("O1", "A", "12.50", "S×2")]
    _done, content = taken(business, kind="events", filters={"kind": "price.asked"})
    assert [(row["event_id"], row["properties"]) for row in rows_of(content)] == [
        ("E1", '{"a": "b"}')
    ]


def test_leads(business: Business, people: dict[str, int]) -> None:
    with business.scope():
        Lead.objects.create(contact_id=people["A"], state="open", key=1.0, reason="score")

    _done, content = taken(business, kind="leads", columns=["contact", "phone", "state"])

    assert rows_of(content) == [{"contact": "A", "phone": "138****0005", "state": "open"}]


def test_sales_get_their_own_only(
    business: Business, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = {Can.READ, Can.EXPORT, Can.WORK_LEADS}
    monkeypatch.setitem(ABILITIES, Role.SALES, frozenset(may))
    api = business.as_role("sales")

    _done, content = taken(business, api, columns=["external_id"])
    assert [row["external_id"] for row in rows_of(content)] == ["A", "B"]
    refused = api.post(
        PATH, {"kind": "contacts", "whole_phones": True, "reason": "just so"}, format="json"
    )
    assert refused.status_code == 403


def test_who_may(business: Business, other_business: Business, people: Any) -> None:
    done, _content = taken(business, business.as_role("operator"))
    for role in ("sales", "viewer"):
        assert business.as_role(role).get(PATH).status_code == 403
        assert business.as_role(role).post(PATH, {"kind": "contacts"}).status_code == 403
    for api in (business.as_role("admin"), business.api(), other_business.api()):
        assert api.get(f"{PATH}/{done['id']}").status_code == 404  # one's own exports only
        assert api.get(done["url"]).status_code == 404
    with business.scope():
        _key, no_export = auth.make_key("read", [Can.READ])
        _key, no_reveal = auth.make_key("no reveal", [Can.READ, Can.EXPORT])
    assert business.api(no_export).get(PATH).status_code == 403
    asked = {"kind": "contacts", "whole_phones": True, "reason": "for the call"}
    assert business.api(no_reveal).post(PATH, asked, format="json").status_code == 403
    done, _content = taken(business, whole_phones=True, reason="for the call")
    assert business.api(no_reveal).get(done["url"]).status_code == 403


def test_who_lost_the_right_meanwhile_gets_nothing(business: Business, people: Any) -> None:
    api = business.as_role("operator")
    asked = api.post(PATH, {"kind": "contacts"}, format="json").json()
    with business.scope():
        Membership.objects.filter(user=business.users["operator"]).update(role="viewer")
    run.work(business.pk)

    with business.scope():
        job = Export.objects.get()
        assert (job.status, bool(job.file)) == ("failed", False)
        assert job.error_message
    assert asked["status"] == "queued"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "people"}, "kind"),
        ({"kind": "contacts", "columns": ["name", "shoe"]}, "columns"),
        ({"kind": "contacts", "columns": []}, "columns"),
        ({"kind": "contacts", "filters": {"shoe": "42"}}, "filters"),
        ({"kind": "contacts", "filters": {"tag": {"a": 1}}}, "filters"),
        ({"kind": "contacts", "filters": {"reveal": True}}, "filters"),
        ({"kind": "contacts", "format": "pdf"}, "format"),
        ({"kind": "contacts", "whole_phones": True}, "reason"),
    ],
)
def test_bad_requests(business: Business, asked: dict[str, Any], field: str) -> None:
    answer = business.api().post(PATH, asked, format="json")

    assert answer.status_code == 400, answer.json()
    assert field in answer.json()["error"]["fields"]


def test_the_link_expires(business: Business, people: Any) -> None:
    done, _content = taken(business)
    api = business.api()
    with business.scope():
        file = Path(Export.objects.get().file.path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert api.get(done["url"]).status_code == 410
    file.write_bytes(whole)
    with business.scope():
        Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert api.get(done["url"]).status_code == 410
    assert file.exists()

    keeping.work(business.pk)

    assert not file.exists()
    assert api.get(done["url"]).status_code == 410
    found = api.get(f"{PATH}/{done['id']}").json()
    assert (found["status"], found["url"]) == ("expired", None)


def test_a_crash_begins_anew(
    business: Business, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BATCH", 1)
    business.api().post(PATH, {"kind": "contacts"}, format="json")
    with business.scope():
        dead = run.claim()
        assert dead is not None and run.claim() is None
        due = run.next_due()
        assert due is not None and due > timezone.now()
        Export.objects.update(lease_until=timezone.now())
    run.work(business.pk)
    with business.scope():
        job = Export.objects.get()
        assert (job.status, job.done, job.total) == ("done", 3, 3)
    run.carry_out(business.tenant, dead)  # the first worker was only slow: it writes no more
    with business.scope():
        assert Export.objects.get().finished_at == job.finished_at


def test_contacts_that_went_meanwhile_are_left_out(
    business: Business, people: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    note = run._note

    def deletes(job: Export, **columns: int) -> None:
        note(job, **columns)
        if columns.get("done") == 0:
            Contact.objects.filter(pk=people["B"]).delete()

    monkeypatch.setattr(run, "_note", deletes)

    _done, content = taken(business, columns=["external_id"])

    assert [row["external_id"] for row in rows_of(content)] == ["A", "C"]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_memory_does_not_grow_with_the_rows(form: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Scratch() as big:
        with open_sheet(big, form, ["a", "b", "c"]) as sheet:
            for _ in range(30):
                sheet.add(["x" * 50, n, timezone.now()] for n in range(1000))
        with big.open() as file:
            assert file.seek(0, io.SEEK_END) > 100_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KB
