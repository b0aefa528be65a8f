"""Saved ways to look at the list of contacts, and changes on many of them at once."""

from __future__ import annotations

import pytest
from django.urls import reverse

from contacts import bulk_actions, tagging
from contacts.models import BulkAction, BulkRows, Contact, ContactTag, Event, SavedView, Tag
from tenants import doorbell
from tenants.models import AuditEntry
from tests.conftest import Business
from tests.test_admin_acts import open_as

LIST = "admin:contacts_contact_changelist"


def ask_for(name: str) -> str:
    return reverse("admin:contacts_contact_bulk", args=[name])


def people(business: Business, number: int) -> list[int]:
    with business.scope():
        made = [Contact(external_id=f"c{n}", name=f"人{n}") for n in range(number)]
        Contact.objects.bulk_create(made)
        return [contact.pk for contact in made]


# --- views ---


def test_a_view_keeps_filters_and_columns_for_one_person(business: Business) -> None:
    people(business, 1)
    mine, colleague = open_as(business, "operator"), open_as(business, "owner")
    with business.scope():
        pk = Contact.objects.get().pk
        Contact.objects.filter(pk=pk).update(excluded=True, excluded_reason="bot")
    typed = {"name": "Excluded", "query": "excluded__exact=1&p=3&view=9",
             "columns": ["excluded_reason", "source"], "default": "on", "do": "save"}  # fmt: skip

    saved = mine.post(reverse("admin:contacts_contact_save_view"), typed)

    with business.scope():
        view = SavedView.objects.get()
        assert (view.query, view.columns, view.default) == (
            "excluded__exact=1", ["excluded_reason", "source"], True,
        )  # fmt: skip
    assert saved["Location"] == f"{reverse(LIST)}?view={view.pk}&excluded__exact=1"
    assert mine.get(reverse(LIST))["Location"] == saved["Location"]
    page = mine.get(saved["Location"])
    assert page.status_code == 200
    assert "bot" in page.content.decode()
    assert page.context["cl"].list_display[-2:] == ["excluded_reason", "source"]
    assert colleague.get(reverse(LIST)).status_code == 200
    usual = colleague.get(f"{reverse(LIST)}?view={view.pk}").context["cl"]
    assert "stage" in usual.list_display

    mine.post(reverse("admin:contacts_contact_save_view"), {"do": "delete", "name": "Excluded"})
    with business.scope():
        assert not SavedView.objects.exists()


def test_columns_are_chosen_without_a_view_and_a_name_is_asked_for(business: Business) -> None:
    people(business, 1)
    browser = open_as(business, "viewer")
    address = reverse("admin:contacts_contact_save_view")

    only = browser.post(address, {"columns": ["birthday"], "do": "show", "name": "x"})
    refused = browser.post(address, {"do": "save", "name": ""}, follow=True)

    shown = browser.get(only["Location"]).context["cl"].list_display
    assert [column for column in shown if column != "action_checkbox"] == ["name_shown", "birthday"]
    assert refused.status_code == 200
    with business.scope():
        assert not SavedView.objects.exists()


# --- many at once ---


def test_a_few_are_changed_while_the_page_waits(business: Business) -> None:
    first, second, third = people(business, 3)
    with business.scope():
        tag = Tag.objects.create(name="VIP")
    browser = open_as(business, "operator")
    ticked = {"action": "tag", "_selected_action": [first, second], "index": "0"}

    asked = browser.post(reverse(LIST), ticked)
    assert asked.status_code == 200
    assert set(asked.context["ids"].split(",")) == {str(first), str(second)}
    assert asked.context["matching"] == 3
    answer = {"ids": asked.context["ids"], "who": "chosen", "tags": [tag.pk]}
    done = browser.post(ask_for("tag"), answer)

    with business.scope():
        job = BulkAction.objects.get()
        assert (job.status, job.total, job.done, job.changed) == ("done", 2, 2, 2)
        worn = set(ContactTag.objects.values_list("contact_id", "by"))
        assert {pk for pk, _by in worn} == {first, second}
        assert {by.partition(":")[0] for _pk, by in worn} == {"user"}
        assert AuditEntry.objects.get(action="bulk_action.asked").detail["contacts"] == 2
        assert not BulkRows.objects.exists()
    page = browser.get(done["Location"])
    assert page.status_code == 200
    assert third not in {pk for pk, _by in worn}


def test_all_that_match_are_changed_by_a_worker_in_chunks(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_actions, "CHUNK", 40)
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 0)
    ids = people(business, 100)
    with business.scope():
        Contact.objects.filter(pk__in=ids[:10]).update(excluded=True)
    browser = open_as(business, "operator")

    address = f"{ask_for('owner')}?excluded__exact=0&view=0&p=2"
    sales = business.staff["sales"]
    browser.post(address, {"ids": str(ids[0]), "who": "all", "owner": sales.pk})

    with business.scope():
        job = BulkAction.objects.get()
        assert (job.status, job.total, BulkRows.objects.count()) == ("queued", 90, 3)
        # Those who come to match later, or match no more, are not what was asked for.
        Contact.objects.filter(pk=ids[0]).update(excluded=False)
        assert bulk_actions.step(job)
        job.refresh_from_db()
        assert (job.done, job.changed) == (40, 40)
        assert bulk_actions.next_due() is not None
        BulkAction.objects.update(lease_until=None)
    bulk_actions.work(business.pk)

    with business.scope():
        job.refresh_from_db()
        assert (job.status, job.done, job.changed) == ("done", 90, 90)
        assert Contact.objects.filter(owner=sales).count() == 90
        assert Event.objects.filter(kind="contact.changed").count() == 90
        assert bulk_actions.next_due() is None
    assert bulk_actions.QUEUE in doorbell.queues()


def test_a_running_change_is_stopped_and_keeps_what_is_done(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_actions, "CHUNK", 2)
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 0)
    people(business, 5)
    with business.scope():
        user = business.users["operator"]
        job = bulk_actions.ask(
            "exclude", {"reason": "bots"}, Contact.objects.all(), summary="x", user=user
        )
        bulk_actions.step(job)
    browser = open_as(business, "operator")
    progress = reverse("admin:contacts_bulkaction_progress", args=[job.pk])
    assert 'value="2"' in browser.get(progress).content.decode()

    browser.post(reverse("admin:contacts_bulkaction_stop", args=[job.pk]), {"confirmed": "on"})
    bulk_actions.work(business.pk)

    with business.scope():
        job.refresh_from_db()
        assert (job.status, job.done) == ("stopped", 2)
        assert Contact.objects.filter(excluded=True, excluded_reason="bots").count() == 2
        assert not BulkRows.objects.exists()


def test_one_that_breaks_off_says_so(business: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 0)
    people(business, 1)
    with business.scope():
        user = business.users["operator"]
        job = bulk_actions.ask("tag", {}, Contact.objects.all(), summary="x", user=user)

    bulk_actions.work(business.pk)

    with business.scope():
        job.refresh_from_db()
        assert job.status == "failed"
        assert job.problem


def test_viewers_change_nothing_and_tags_go_again(business: Business) -> None:
    (pk,) = people(business, 1)
    with business.scope():
        tag = Tag.objects.create(name="VIP")
        tagging.add([pk], [tag.pk], "api")
    answer = {"ids": str(pk), "who": "chosen", "tags": [tag.pk]}

    assert open_as(business, "viewer").post(ask_for("untag"), answer).status_code == 403
    assert open_as(business, "operator").post(ask_for("nothing"), answer).status_code == 404
    open_as(business, "operator").post(ask_for("untag"), answer)

    with business.scope():
        assert not ContactTag.objects.exists()


def test_another_tenants_contacts_are_not_concerned(
    business: Business, other_business: Business
) -> None:
    (theirs,) = people(other_business, 1)
    answer = {"ids": str(theirs), "who": "chosen", "reason": "x"}

    open_as(business, "operator").post(ask_for("exclude"), answer)

    with business.scope():
        assert BulkAction.objects.get().total == 0
    with other_business.scope():
        assert not Contact.objects.filter(excluded=True).exists()
