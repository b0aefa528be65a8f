"""Figures stay, the person is gone, whoever comes back is noticed, restored backups are erased."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from contacts import timeline
from contacts.merging import merge
from contacts.models import Contact, Erasure, Event, Import, Merge, Order
from contacts.privacy import erasing
from journeys.models import ContactStage, StageMove
from tenants.ids import encode
from tests.conftest import Business

API = "/api/v1"
REPORTS = (
    "reports/funnel?mode=cohort&from=2026-01-01&to=2027-01-01",
    "reports/funnel?mode=snapshot&from=2026-01-01&to=2027-01-01",
    "reports/value?group=channel&from=2026-01-01&to=2027-01-01",
)


def bring(business: Business) -> None:
    api = business.api()
    people = [
        {"external_id": f"c{nr}", "name": f"Person {nr}", "phone": f"1380013800{nr}",
         "channel": "Douyin", "owner": "sales1", "acquired_at": f"2026-0{nr + 1}-01T00:00:00Z",
         "tags": ["a"]}
        for nr in range(1, 4)
    ]  # fmt: skip
    assert api.post(f"{API}/contacts/bulk", {"items": people}, format="json").status_code == 207
    orders = [
        {"order_id": f"o{nr}", "contact": f"c{nr}", "paid_at": "2026-06-01T00:00:00Z",
         "amount": "100.00", "cost": "40.00", "status": "paid"}
        for nr in range(1, 3)
    ]  # fmt: skip
    assert api.post(f"{API}/orders/bulk", {"items": orders}, format="json").status_code == 207
    events = [
        {"event_id": f"e{nr}", "contact": f"c{nr}", "kind": kind,
         "at": f"2026-0{nr + 1}-0{day}T00:00:00Z", "properties": {"staff": "sales1", "text": "Hi"}}
        for nr in range(1, 4)
        for day, kind in enumerate(("message.received", "message.sent", "form.answered"), 2)
    ]  # fmt: skip
    for nr, event in enumerate(events):
        event["event_id"] = f"e{nr}"
    assert api.post(f"{API}/events/bulk", {"items": events}, format="json").status_code == 207
    timeline.work(business.pk)


def figures(business: Business) -> dict[str, object]:
    api = business.api()
    found: dict[str, object] = {}
    for address in REPORTS:
        answer = api.get(f"{API}/{address}")
        assert answer.status_code == 200, (address, answer.content)
        found[address] = {k: v for k, v in answer.json().items() if k != "as_of"}
    return found


def test_figures_stay_as_they_were(business: Business) -> None:
    bring(business)
    before = figures(business)
    with business.scope():
        one = Contact.objects.get(external_id="c1")
        moves = StageMove.objects.filter(contact=one).count()
        place = ContactStage.objects.get(contact=one)
        done = erasing.erase(one.pk, by="api", reason="asked")
        assert done.counts["contacts.Event"] >= 4
    timeline.work(business.pk)

    assert figures(business) == before
    with business.scope():
        assert Order.objects.filter(contact=one).count() == 1
        assert StageMove.objects.filter(contact=one).count() == moves
        assert ContactStage.objects.get(contact=one).stage_id == place.stage_id


def test_who_comes_again_is_a_new_person_with_a_note(business: Business) -> None:
    bring(business)
    with business.scope():
        one = Contact.objects.get(external_id="c1")
        erasing.erase(one.pk, by="api", reason="asked")
    again = {"external_id": "c1", "name": "Back", "phone": "13800138001"}
    answer = business.api().post(f"{API}/contacts/bulk", {"items": [again]}, format="json")
    assert answer.json()["results"][0]["status"] == "created"
    timeline.work(business.pk)

    with business.scope():
        new = Contact.objects.get(external_id="c1")
        assert new.pk != one.pk
        notes = Event.objects.filter(contact=new, kind=erasing.RETURNED)
        assert {note.properties["known_by"] for note in notes} == {"external_id", "phone"}


def test_a_restored_backup_is_erased_again(business: Business) -> None:
    bring(business)
    with business.scope():
        one = Contact.objects.get(external_id="c1")
        erasing.erase(one.pk, by="api", reason="asked")
        # As after a restore: the person is back, as old as they were.
        back = Contact.objects.create(external_id="c1", name="Person 1", phone="+8613800138001")
        Contact.objects.filter(pk=back.pk).update(created_at=one.created_at)
        newer = Contact.objects.create(name="Somebody else", phone="+8613800138001")

        redone = erasing.again(by="restore")

        assert [each.contact_id for each in redone] == [back.pk]
        newer.refresh_from_db()
        assert newer.name == "Somebody else"
        assert erasing.again(by="restore") == []


def test_records_outlive_the_database(business: Business, tmp_path: Path) -> None:
    bring(business)
    file, slug = tmp_path / "erasures.json", business.tenant.slug
    with business.scope():
        one = Contact.objects.get(external_id="c1")
        erasing.erase(one.pk, by="api", reason="asked")
    call_command("erasures", "keep", slug, str(file))
    assert "13800138001" not in file.read_text()
    with business.scope():  # as after a restore: the person is back, the record is not
        Erasure.objects.all().delete()
        back = Contact.objects.create(phone="+8613800138001", name="Person 1")
        Contact.objects.filter(pk=back.pk).update(created_at=one.created_at)

    call_command("erasures", "again", slug, str(file))

    with business.scope():
        back.refresh_from_db()
        assert (back.name, back.phone) == ("", None)
    with pytest.raises(CommandError):
        call_command("erasures", "keep", "nobody", str(file))


def test_merged_records_leave_no_copy(business: Business) -> None:
    bring(business)
    with business.scope():
        one, two = (Contact.objects.get(external_id=f"c{nr}") for nr in (1, 2))
        merge.merge(one.pk, two.pk, by="api")
        erasing.erase(one.pk, by="api", reason="asked")
        assert not Merge.objects.exists()
    gone = business.api().get(f"{API}/contacts/{encode(two.pk)}")
    assert gone.status_code == 404
    with business.scope():
        assert Order.objects.filter(contact=one).count() == 2


def test_an_open_import_that_holds_the_person_stops_it(
    business: Business, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    bring(business)
    with business.scope():
        one = Contact.objects.get(external_id="c1")
        name = default_storage.save("a.csv", ContentFile("name,Person 1".encode("gb18030")))
        Import.objects.create(token="0" * 32, kind="contacts", file=name, status="paused")
    path = f"{API}/contacts/{encode(one.pk)}/erase"
    answer = business.api().post(path, {"reason": "asked"}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "in_use")
    with business.scope():
        one.refresh_from_db()
        assert one.name == "Person 1"
        assert default_storage.exists(name)


@pytest.mark.parametrize("role", ["operator", "sales", "viewer"])
def test_only_who_manages_may_erase(business: Business, role: str) -> None:
    bring(business)
    with business.scope():
        path = f"{API}/contacts/{encode(Contact.objects.get(external_id='c1').pk)}"
    client = business.as_role(role)
    assert client.post(f"{path}/erase", {"reason": "asked"}, format="json").status_code in {
        403, 404,
    }  # fmt: skip
    assert client.get(f"{path}/export").status_code in {403, 404}
    with business.scope():
        assert not Erasure.objects.exists()
    api = business.api()
    assert api.post(f"{path}/erase", {}, format="json").status_code == 400
    told = api.get(f"{path}/export")
    assert told.json()["tables"]["contacts.contact"][0]["phone"] == "+8613800138001"
    packed = api.post(f"{path}/export?as=zip", {"reason": "asked"}, format="json")
    assert packed["Content-Type"] == "application/zip"
    assert api.post(f"{path}/erase", {"reason": "asked"}, format="json").status_code == 200
    (erasure,) = api.get(f"{API}/erasures").json()["results"]
    assert (erasure["reason"], erasure["by"]) == ("asked", "api")
