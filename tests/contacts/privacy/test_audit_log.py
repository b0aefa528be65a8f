"""The audit log stays for ever and names nobody: not while they are there, nor after an erasure."""

from __future__ import annotations

import importlib
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections, transaction
from django.urls import reverse
from django.utils import timezone

from contacts import timeline
from contacts.exports import run as exports
from contacts.models import (
    BulkAction,
    Contact,
    Duplicate,
    Export,
    Follow,
    Import,
    Merge,
    Segment,
    Tag,
)
from contacts.privacy import holdings
from journeys import sops
from journeys.models import Enrolment, Lead, Sop, SopStep, StaffTask, Touch
from tenants import audit
from tenants.ids import encode
from tenants.models import AuditEntry, AuditNote, Membership, Staff, User
from tests.conftest import Business

NAME, PHONE, EMAIL, KEY = "诸葛孔明", "13912345678", "kongming@shu.example", "crm-kongming-1"
NICK, CHAT = "卧龙先生", "wm-kongming-000001"
TRACES = [NAME, PHONE, EMAIL, KEY, NICK, CHAT, "kongming"]
WHY = f"{NAME} rang from {PHONE}"
API = "/api/v1"
# What the log knows of a contact, or of what hangs on one.
ACTS = {
    "bulk_action.asked", "contact.changed", "contact.consent_recorded", "contact.created",
    "contact.deleted", "contact.erased", "contact.identity_proved", "contact.merged",
    "contact.revealed", "contact.taken_out", "contact.unmerged", "duplicate.dismissed",
    "enrolment.left", "export.downloaded", "export.queued", "follow.changed",
    "follow.transferred", "import.created", "lead.released", "lead.transferred",
    "segment.members_added", "staff_task.done", "touch.settled",
}  # fmt: skip


def ok(answer: Any) -> Any:
    assert answer.status_code < 400, answer.content
    return answer


def press(business: Business, name: str, row: Any, **typed: object) -> None:
    answer = business.browser("owner").post(
        reverse(f"admin:{name}", args=[row.pk]), {"confirmed": "on", **typed}
    )
    assert answer.status_code in (200, 302), answer.content
    assert b"errorlist" not in answer.content


class Acts:
    """All that is done to one contact over the API and in the admin, and told to the audit log."""

    def __init__(self, business: Business) -> None:
        self.business, self.api = business, business.api()
        self.path = self._come()
        with business.scope():
            self.contact = Contact.objects.get(external_id=KEY)
        for act in (
            self._say, self._write, self._look, self._merge, self._tell_apart, self._work,
            self._gather, self._take_out, self._bring, self._delete_another,
        ):  # fmt: skip
            act()
            timeline.work(business.pk)

    def post(self, path: str, **body: object) -> Any:
        return ok(self.api.post(f"{API}/{path}", body, format="json")).json()

    def _come(self) -> str:
        person = {"name": NAME, "new_phone": PHONE, "new_email": EMAIL, "excluded_reason": ""}
        ok(self.business.browser("owner").post(reverse("admin:contacts_contact_add"), person))
        with self.business.scope():
            made = Contact.objects.get()
        path = f"{API}/contacts/{encode(made.pk)}"
        ok(self.api.patch(path, {"external_id": KEY, "owner": "sales1"}, format="json"))
        page = reverse("admin:contacts_contact_change", args=[made.pk])
        ok(self.business.browser("owner").post(page, {**person, "name": NICK, "external_id": KEY}))
        ok(self.api.patch(path, {"name": NAME}, format="json"))
        return path

    def _say(self) -> None:
        path = f"contacts/{encode(self.contact.pk)}"
        self.post(f"{path}/identities", kind="unionid", value=CHAT)
        self.post(f"{path}/identities", kind="email", value=EMAIL)
        press(self.business, "contacts_erasure_consent", self.contact, purpose="marketing",
              said="yes", channel=NAME, text_version="v1")  # fmt: skip

    def _write(self) -> None:
        with self.business.scope():
            follow = Follow.objects.create(
                contact=self.contact, staff=Staff.objects.get(userid="sales1"),
                opened_at=timezone.now(), remark=NICK,
            )  # fmt: skip
        path = f"{API}/follows/{encode(follow.pk)}"
        ok(self.api.patch(path, {"remark": f"{NICK}!"}, format="json"))
        moved = {"from": "sales1", "to": "owner1", "contacts": [KEY]}
        ok(self.api.post(f"{API}/follows/transfer", moved, format="json"))

    def _look(self) -> None:
        press(self.business, "contacts_contact_reveal", self.contact, reason=WHY)
        ok(self.business.as_role("owner").get(f"{self.path}?reveal=true"))
        ok(self.api.get(f"{API}/contacts", {"q": PHONE}))

    def _merge(self) -> None:
        for nr, undo in ((1, True), (2, False)):
            self.post("contacts", name=NICK, external_id=f"{KEY}-{nr}")
            merge = {"with": f"{KEY}-{nr}", "reason": WHY}
            self.post(f"contacts/{encode(self.contact.pk)}/merge", **merge)
            if undo:
                self.post(f"contacts/{encode(self.contact.pk)}/unmerge", contact=f"{KEY}-{nr}")

    def _tell_apart(self) -> None:
        other = self.post("contacts", name=NICK, external_id=f"{KEY}-3")
        with self.business.scope():
            two = Contact.objects.get(external_id=other["external_id"])
            for _way in range(2):
                Duplicate.objects.filter(first=self.contact, second=two).delete()
                pair = Duplicate.objects.create(first=self.contact, second=two, why="hand")
        self.post(f"duplicates/{encode(pair.pk)}/dismiss")
        with self.business.scope():
            Duplicate.objects.update(state="open")
        press(self.business, "contacts_duplicate_dismiss", pair)
        ok(self.api.delete(f"{API}/contacts/{other['id']}"))

    def _work(self) -> None:
        now = timezone.now()
        with self.business.scope():
            sop = Sop.objects.create(name="Care")
            version = sops.write_steps(sop, [SopStep(delay_minutes=5, route="none", text="hi")])
            run = Enrolment.objects.create(
                sop=sop, version=version, contact=self.contact, started_at=now
            )
            touch = Touch.objects.create(
                contact=self.contact, key="k", route="mass_task", kind="service", state="unknown",
                due_at=now, sending_at=now,
            )  # fmt: skip
            lead = Lead.objects.create(contact=self.contact)
            task = StaffTask.objects.create(
                contact=self.contact, staff=self.business.staff["sales"], text=NAME,
                due_at=now + timedelta(days=1),
            )  # fmt: skip
        self.post(f"enrolments/{encode(run.pk)}/leave")
        self.post(f"touches/{encode(touch.pk)}/settle", sent=True)
        self.post(f"staff-tasks/{encode(task.pk)}/done")
        sales = self.business.staff["sales"].pk
        press(self.business, "journeys_lead_hand_over", lead, staff=sales)
        press(self.business, "journeys_lead_put_back", lead)

    def _gather(self) -> None:
        self.post("segments", name="By hand", kind="static")
        with self.business.scope():
            segment = Segment.objects.get()
            tag = Tag.objects.create(name="VIP")
        self.post(f"segments/{encode(segment.pk)}/members", items=[KEY])
        given = {"ids": str(self.contact.pk), "who": "chosen", "reason": WHY}
        for change, more in (("tag", {"tags": [tag.pk]}), ("exclude", {})):
            page = reverse("admin:contacts_contact_bulk", args=[change])
            ok(self.business.browser("owner").post(page, given | more))

    def _take_out(self) -> None:
        asked = {"kind": "contacts", "filters": {"q": NAME}, "whole_phones": True, "reason": WHY}
        job = self.post("exports", **asked)
        exports.work(self.business.pk)
        ok(self.api.get(ok(self.api.get(f"{API}/exports/{job['id']}")).json()["url"])).close()
        ok(self.api.post(f"{self.path}/export", {"reason": WHY}, format="json"))
        press(self.business, "contacts_erasure_take_out", self.contact, reason=WHY)

    def _bring(self) -> None:
        file = SimpleUploadedFile(f"{NAME}-{PHONE}.csv", b"external_id,name\nx,y\n")
        page = reverse("admin:contacts_import_add")
        ok(self.business.browser("owner").post(page, {"kind": "contacts", "file": file}))
        with self.business.scope():
            Import.objects.update(status="done")

    def _delete_another(self) -> None:
        with self.business.scope():
            other = Contact.objects.create(name=NAME, external_id=f"{KEY}-4")
        page = reverse("admin:contacts_contact_delete", args=[other.pk])
        ok(self.business.browser("owner").post(page, {"post": "yes"}))


@pytest.fixture
def acts(business: Business, settings: Any, tmp_path: Any) -> Acts:
    settings.MEDIA_ROOT = str(tmp_path)
    return Acts(business)


def lines(table: str) -> str:
    """All of the tenant's rows, as they lie there."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {table} t")
        return str(cursor.fetchone()[0])


def test_no_line_names_anybody_whatever_is_done(acts: Acts, business: Business) -> None:
    ok(acts.api.post(f"{acts.path}/erase", {"reason": "asked by letter"}, format="json"))

    with business.scope():
        told = set(AuditEntry.objects.values_list("action", flat=True))
        assert told >= ACTS, ACTS - told
        log, notes = lines("tenants_auditentry"), lines("tenants_auditnote")
        assert [trace for trace in TRACES if trace in log] == []
        assert [trace for trace in TRACES if trace in notes] == []
        assert Export.objects.get().reason == ""
        jobs = {(job.kind, job.summary, str(job.settings)) for job in BulkAction.objects.all()}
        assert ("exclude", "", "{}") in jobs
        assert Import.objects.get().file.name == "erased"
        assert not Merge.objects.exists()


def test_while_they_are_there_lines_name_nobody_either(acts: Acts, business: Business) -> None:
    with business.scope():
        log = lines("tenants_auditentry")
        assert [trace for trace in TRACES if trace in log] == []
        assert {note.words for note in AuditNote.objects.all()} == {WHY}
        assert [user.email for user in business.users.values() if user.email in log] == []
        assert AuditEntry.objects.get(action="follow.transferred").summary == ""


def test_the_page_says_who_is_meant_now(acts: Acts, business: Business) -> None:
    page = reverse("admin:tenants_auditentry_changelist")
    browser = business.browser("owner")
    contact = reverse("admin:contacts_contact_change", args=[acts.contact.pk])
    with business.scope():
        entry = AuditEntry.objects.filter(action="contact.revealed", notes__words=WHY).first()
        merged = AuditEntry.objects.filter(action="contact.merged").last()
        assert entry is not None and merged is not None
    one = reverse("admin:tenants_auditentry_change", args=[entry.pk])

    shown = browser.get(page + "?all=").content.decode()
    assert f'href="{contact}">{NAME}</a>' in shown
    assert WHY in browser.get(one).content.decode()
    of_merge = browser.get(reverse("admin:tenants_auditentry_change", args=[merged.pk]))
    assert f'href="{contact}">{NAME}</a>' in of_merge.content.decode()
    history = reverse("admin:contacts_contact_history", args=[acts.contact.pk])
    assert WHY in browser.get(history).content.decode()

    ok(acts.api.post(f"{acts.path}/erase", {"reason": "asked by letter"}, format="json"))

    for address in (page, one, history):
        shown = browser.get(address).content.decode()
        assert [trace for trace in TRACES if trace in shown] == [], address
    assert ">erased<" in browser.get(page).content.decode()


def test_names_of_things_stay_when_they_are_deleted(business: Business) -> None:
    browser = business.browser("owner")
    with business.scope():
        tag = Tag.objects.create(name="<b>Summer</b>")
    delete = reverse("admin:contacts_tag_delete", args=[tag.pk])
    assert browser.post(delete, {"post": "yes"}).status_code == 302

    shown = browser.get(reverse("admin:tenants_auditentry_changelist")).content.decode()
    assert "&lt;b&gt;Summer&lt;/b&gt;" in shown


def test_tables_of_people_are_never_called_by_name() -> None:
    people = {*holdings.tables(), User, Staff, Membership, Import, Export}
    assert audit._named & people == set()


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (f"{NAME} wrote", 400), ("13912345678 rang", 400), (f"mail of {EMAIL.upper()}", 400),
        ("asked by letter", 200), ("delivery of 139", 200),
    ],
)  # fmt: skip
def test_the_reason_of_an_erasure_names_nobody(
    reason: str, status: int, business: Business
) -> None:
    with business.scope():
        contact = Contact.objects.create(name=NAME, phone=f"+86{PHONE}", email=EMAIL)
    page = reverse("admin:contacts_erasure_erase", args=[contact.pk])
    path = f"{API}/contacts/{encode(contact.pk)}/erase"
    if status == 400:
        shown = business.browser("owner").post(page, {"reason": reason, "confirmed": "on"})
        assert "do not name them" in shown.content.decode()

    answer = business.api().post(path, {"reason": reason}, format="json")

    assert answer.status_code == status
    if status == 400:
        assert list(answer.json()["error"]["fields"]) == ["reason"]
        with business.scope():
            contact.refresh_from_db()
            assert contact.name == NAME


def test_a_rule_that_holds_their_phone_has_to_be_changed_first(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name=NAME, phone=f"+86{PHONE}", external_id="12345678")
        rule = {"event": "form.answered", "where": {"phone": PHONE}}
        Segment.objects.create(name="Odd", rule=rule)
    path = f"{API}/contacts/{encode(contact.pk)}/erase"

    answer = business.api().post(path, {"reason": "asked"}, format="json")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "in_use")
    assert "Odd" in answer.json()["error"]["message"]
    with business.scope():
        Segment.objects.update(rule={})
    assert business.api().post(path, {"reason": "asked"}, format="json").status_code == 200


def test_lines_from_before_lose_names_and_keep_reasons(business: Business) -> None:
    migration = importlib.import_module("tenants.migrations.0003_nameless_audit")
    with business.scope():
        for target, summary, detail in (
            ("contacts.contact:x", KEY, {"fields": ["phone"], "reason": WHY}),
            ("tenants.staff:x", NAME, {}),
            ("contacts.tag:x", "VIP", {}),
        ):
            AuditEntry.objects.create(action="a.b", target=target, summary=summary, detail=detail)

    owner = connections["owner"]
    for change in (migration.forwards, migration.forwards):  # repeating changes nothing
        with transaction.atomic("owner"):
            change(None, SimpleNamespace(connection=owner))

    with business.scope():
        lines = AuditEntry.objects.filter(action="a.b").order_by("id")
        assert [(line.summary, line.detail, line.reason) for line in lines] == [
            ("", {"fields": ["phone"]}, WHY), ("", {}, ""), ("VIP", {}, ""),
        ]  # fmt: skip
    with transaction.atomic("owner"):
        migration.backwards(None, SimpleNamespace(connection=owner))
    with business.scope():
        assert AuditEntry.objects.filter(action="a.b").earliest("id").detail["reason"] == WHY
