"""Groups in the admin: made and changed by hand, their days and members, who was lost."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from contacts import groups, search
from contacts.models import Contact, Group, GroupMember, GroupTag, Tag
from tenants.models import AuditEntry
from tests.conftest import Business, make_business

LIST = "/admin/contacts/group/"
MEMBERS = "/admin/contacts/groupmember/"
NOW = timezone.now().replace(microsecond=0)
DAY = timedelta(days=1)


def page(business: Business, address: str, query: Any = None, role: str = "operator") -> str:
    answer = business.browser(role).get(address, query)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def change(group: Group) -> str:
    return reverse("admin:contacts_group_change", args=[group.pk])


@pytest.fixture
def group(business: Business) -> Group:
    """Anna is in, Ben left, an unknown account is in, as is the operator."""
    with business.scope():
        found = Group.objects.create(name="Mothers", owner=business.staff["operator"])
        anna, ben = (Contact.objects.create(name=name) for name in ("Anna", "Ben"))
        search.reindex([anna.pk, ben.pk])
        here = {"joins": True, "way": "qr"}
        moves = [
            groups.Move(groups.Who(contact_id=anna.pk), NOW - 2 * DAY, **here),  # type: ignore[arg-type]
            groups.Move(groups.Who(contact_id=ben.pk), NOW - 2 * DAY, **here),  # type: ignore[arg-type]
            groups.Move(groups.Who(contact_id=ben.pk), NOW - DAY, joins=False, way="left"),
            groups.Move(groups.Who(external="wm-1"), NOW - DAY, joins=True, name="Luna"),
            groups.Move(groups.Who(staff_id=business.staff["operator"].pk), NOW - DAY, joins=True),
        ]
        groups.record(found, moves)
        found.refresh_from_db()
    return found


def test_a_group_is_made_tagged_and_changed_by_hand(business: Business) -> None:
    with business.scope():
        vip, east = (Tag.objects.create(name=name) for name in ("VIP", "East"))
    browser = business.browser("operator")
    typed = {"name": "Fathers", "chat_id": " g-7 ", "owner": business.staff["sales"].pk,
             "notice": "Hi", "worn_tags": [vip.pk]}  # fmt: skip

    assert browser.post(f"{LIST}add/", typed).status_code == 302
    with business.scope():
        group = Group.objects.get()
        assert (group.name, group.chat_id, group.owner) == (
            "Fathers", "g-7", business.staff["sales"],
        )  # fmt: skip
    again = browser.post(f"{LIST}add/", typed)
    nameless = browser.post(f"{LIST}add/", {"name": "", "chat_id": " "})
    changed = browser.post(change(group), {**typed, "name": "Dads", "worn_tags": [east.pk]})

    assert "This is taken already." in again.content.decode()
    assert "Give the group a name or a chat id." in nameless.content.decode()
    assert changed.status_code == 302
    with business.scope():
        group.refresh_from_db()
        worn = list(GroupTag.objects.values_list("tag__name", flat=True))
        told = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert (group.name, worn) == ("Dads", ["East"])
    assert told[-2:] == ["group.created", "group.changed"]


def test_the_list_says_who_is_in_and_who_moved_lately(business: Business, group: Group) -> None:
    with business.scope():
        tag = Tag.objects.create(name="VIP")
        GroupTag.objects.create(group=group, tag=tag)
        Group.objects.create(name="Closed", dismissed_at=NOW)

    shown = page(business, LIST)
    for text in ("Mothers", "+ 1 of staff", "+3", "−1", "VIP", "Closed", "dismissed"):
        assert text in shown, text
    owner = {"owner__id__exact": business.staff["operator"].pk}
    for query, others in (({"state": "active"}, False), ({"state": "dismissed"}, True),
                          ({"tags__id__exact": tag.pk}, False), (owner, False),
                          ({"q": "clos"}, True)):  # fmt: skip
        found = page(business, LIST, query)
        assert ("Closed" in found, "Mothers" in found) == (others, not others), query
    assert business.browser("operator").get(LIST, {"tags__id__exact": "x"}).status_code == 302


def test_the_page_shows_days_and_members(business: Business, group: Group) -> None:
    shown = page(business, change(group))

    local = timezone.localtime(NOW - 2 * DAY, business.tenant.tz)
    assert f"<title>{local:%Y-%m-%d} +2 −0 = 2</title>" in shown
    row = f"<td>{local:%Y-%m-%d}</td><td>2</td><td>0</td><td>2</td>"
    assert row in re.sub(r">\s+<", "><", shown)
    assert shown.count('class="ground"') == 30
    assert page(business, change(group), {"days": "90"}).count('class="ground"') == 90
    assert page(business, change(group), {"days": "-1"}).count('class="ground"') == 30
    for text in ("Anna", "Luna", "unknown account", f"group__id__exact={group.pk}&amp;state=lost"):
        assert text in shown, text
    assert ">Ben<" not in shown
    assert 'name="worn_tags"' not in page(business, change(group), role="viewer")


def test_an_empty_group_has_a_page_too(business: Business) -> None:
    with business.scope():
        empty = Group.objects.create(chat_id="g-1")

    assert "Nobody is in it." in page(business, change(empty))


def test_dismissing_asks_first_and_can_be_taken_back(business: Business, group: Group) -> None:
    browser = business.browser("operator")
    dismiss, take_back = (
        reverse(f"admin:contacts_group_{name}", args=[group.pk])
        for name in ("dismiss", "take_back")
    )

    assert browser.get(dismiss).status_code == 200
    with business.scope():
        assert Group.objects.get().members_now == 2
    browser.post(dismiss, {"confirmed": "on"})
    with business.scope():
        assert Group.objects.get().members_now == 0
    browser.post(dismiss, {"confirmed": "on"})  # not possible now: nothing happens
    browser.post(take_back, {"confirmed": "on"})
    with business.scope():
        assert (Group.objects.get().members_now, Group.objects.get().dismissed_at) == (2, None)
        told = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert told[-2:] == ["group.dismissed", "group.resumed"]


def test_members_are_narrowed_and_the_lost_are_found(business: Business, group: Group) -> None:
    def found(**query: Any) -> list[str]:
        shown = page(business, MEMBERS, {"group__id__exact": group.pk, **query})
        body = shown.partition("<tbody")[2]
        return [name for name in ("Anna", "Ben", "Luna") if name in body]

    assert found() == ["Anna", "Ben", "Luna"]
    assert found(state="in") == ["Anna", "Luna"]
    assert found(state="left") == found(state="lost") == ["Ben"]
    assert found(kind="unknown") == ["Luna"]
    assert found(kind="contact", state="in") == ["Anna"]
    assert found(group__owner__id__exact=business.staff["operator"].pk, q="Anna") == ["Anna"]
    assert found(group__owner__id__exact=business.staff["sales"].pk) == []
    with business.scope():
        other = Group.objects.create(name="Fathers")
        ben = Contact.objects.get(name="Ben")
        groups.record(other, [groups.Move(groups.Who(contact_id=ben.pk), NOW, joins=True)])
        member = GroupMember.objects.get(group=group, contact=ben)
    assert "Ben" not in page(business, MEMBERS, {"state": "lost"}).split("<tbody")[-1]
    one = page(business, f"{MEMBERS}{member.pk}/change/")
    assert "left by themselves" in one and "by QR code" in one


def test_a_contacts_page_names_its_groups(business: Business, group: Group) -> None:
    with business.scope():
        anna, ben = Contact.objects.get(name="Anna"), Contact.objects.get(name="Ben")

    zone = business.tenant.tz
    came, went = (f"{at.astimezone(zone):%Y-%m-%d}" for at in (NOW - 2 * DAY, NOW - DAY))
    for contact, days, ways in (
        (anna, f"since {came}", "by QR code"),
        (ben, f"{came} – {went}", "by QR code, left by themselves"),
    ):
        shown = page(business, reverse("admin:contacts_contact_change", args=[contact.pk]))
        assert days in shown and ways in shown and change(group) in shown


def test_lists_ask_as_much_for_many_rows_as_for_one() -> None:
    business = make_business()
    for address in (LIST, MEMBERS):
        counts = []
        for number in (1, 20):
            with business.scope():
                for _each in range(number):
                    made = Group.objects.create(name="G", owner=business.staff["sales"])
                    contact = Contact.objects.create(name="C")
                    who = groups.Who(contact_id=contact.pk)
                    groups.record(made, [groups.Move(who, NOW - DAY, joins=True)])
            page(business, address)
            with CaptureQueriesContext(connection) as queries:
                page(business, address)
            counts.append(len(queries))
        assert counts[0] == counts[1], address
