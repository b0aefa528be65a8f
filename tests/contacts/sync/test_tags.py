"""Tags of the corporation and ours, both ways, and on whom they hang."""

from __future__ import annotations

from contacts import tagging
from contacts.models import Contact, ContactTag, Drift, PairTag, Tag, TagGroup, TagLink
from contacts.sync import running
from tenants.models import Callback
from tenants.scope import scope
from tenants.wechat import tags
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.customers import get_customer
from tests.contacts.sync.conftest import Corp

MARK = "externalcontact/mark_tag"


def made(corp: Corp, group: str, *names: str) -> dict[str, str]:
    """Tags that the corporation's administrator makes; their ids."""
    answer = corp.wechat.act("create_tags", group_name=group, tags=list(names))
    return dict(answer["tags"])


def there(corp: Corp) -> dict[str, set[str]]:
    """The corporation's tags by group."""
    with scope(corp.wechat.account.tenant_id):
        credentials = credentials_of(corp.wechat.account)
    with wecom_client_for(credentials) as client:
        return {g.name: {tag.name for tag in g.tags} for g in tags.list_corp_tags(client)}


def marked(corp: Corp, external: str) -> set[str]:
    with scope(corp.wechat.account.tenant_id):
        credentials = credentials_of(corp.wechat.account)
    with wecom_client_for(credentials) as client:
        found = get_customer(client, external)
    return {tag.name for follow in found.follows for tag in follow.tags}


def worn(corp: Corp, name: str) -> set[tuple[str, str]]:
    with corp.scope():
        rows = ContactTag.objects.filter(contact__name=name)
        return set(rows.values_list("tag__name", "by"))


def test_the_corporations_tags_come_with_their_customers(corp: Corp) -> None:
    ids = made(corp, "等级", "金", "银")
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    corp.wechat.act("edit_remark", userid="amy", customer=who, add_tag=[ids["金"]])

    corp.read()

    assert worn(corp, "张欣怡") == {("金", "platform")}
    with corp.scope():
        assert set(TagGroup.objects.values_list("name", flat=True)) >= {"等级"}
        assert Tag.objects.get(name="银").group == TagGroup.objects.get(name="等级")
    corp.settle()
    assert not corp.wechat.calls(MARK)  # what WeCom said is not told it


def test_changes_there_come_by_callbacks(corp: Corp) -> None:
    ids = made(corp, "等级", "金", "银")
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    corp.read()

    corp.wechat.act("edit_remark", userid="amy", customer=who, add_tag=[ids["金"]])
    corp.wechat.act("edit_tag", id=ids["金"], name="黄金")
    corp.settle()
    assert worn(corp, "张欣怡") == {("黄金", "platform")}

    corp.wechat.act("edit_remark", userid="amy", customer=who, remove_tag=[ids["金"]])
    corp.wechat.act("delete_tags", tag_id=[ids["银"]])
    corp.settle()
    assert worn(corp, "张欣怡") == set()
    with corp.scope():
        assert set(TagLink.objects.values_list("name", flat=True)) == {"黄金"}


def test_two_edits_of_one_second_both_count(corp: Corp) -> None:
    """Their callbacks are equal to the byte."""
    ids = made(corp, "等级", "金", "银")
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    corp.read()
    corp.wechat.sim("clock", scale=0.0001)

    for name in ("金", "银"):
        corp.wechat.act("edit_remark", userid="amy", customer=who, add_tag=[ids[name]])
        corp.settle()

    assert worn(corp, "张欣怡") == {("金", "platform"), ("银", "platform")}
    with corp.scope():
        bodies = [bytes(row.body) for row in Callback.objects.all()]
        assert sum(b"edit_external_contact" in body for body in bodies) == 1


def test_tags_made_here_go_there_and_local_ones_do_not(corp: Corp) -> None:
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    with corp.scope():
        group = TagGroup.objects.create(name="来源")
        shared = Tag.objects.create(name="展会", group=group)
        local = Tag.objects.create(name="内部", local_only=True)
    corp.read()

    with corp.scope():
        contact = Contact.objects.get(name="张欣怡")
        tagging.add([contact.pk], [shared.pk, local.pk], "user:1")
    corp.settle()

    assert there(corp) == {"来源": {"展会"}}
    assert marked(corp, who) == {"展会"}
    with corp.scope():
        Tag.objects.filter(pk=shared.pk).update(name="车展")
        TagGroup.objects.filter(pk=group.pk).update(name="渠道")
        tagging.remove([contact.pk], [shared.pk], "user:1")
    corp.settle()
    assert there(corp) == {"渠道": {"车展"}}
    assert marked(corp, who) == set()
    with corp.scope():
        Tag.objects.get(pk=shared.pk).delete()
    corp.settle()
    assert there(corp) == {}
    corp.read()
    assert worn(corp, "张欣怡") == {("内部", "user:1")}


def test_our_own_marks_come_back_as_nothing_new(corp: Corp) -> None:
    corp.wechat.setting(echo_api_changes=True)
    ids = made(corp, "等级", "金")
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    corp.read()
    with corp.scope():
        contact = Contact.objects.get(name="张欣怡")
        tagging.add([contact.pk], [Tag.objects.get(name="金").pk], "user:1")

    for _ in range(3):
        corp.settle()

    assert marked(corp, who) == {"金"}
    assert ids
    assert len(corp.wechat.calls(MARK)) == 1
    assert worn(corp, "张欣怡") == {("金", "user:1")}


def test_who_is_no_customer_any_more_is_not_marked_for_ever(corp: Corp) -> None:
    made(corp, "等级", "金")
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    corp.read()
    corp.deaf()
    corp.wechat.act("customer_deletes", userid="amy", customer=who)
    with corp.scope():
        contact = Contact.objects.get(name="张欣怡")
        tagging.add([contact.pk], [Tag.objects.get(name="金").pk], "user:1")

    corp.settle()
    corp.settle()

    assert len(corp.wechat.calls(MARK)) == 1
    with corp.scope():
        assert not PairTag.objects.exists()
    assert worn(corp, "张欣怡") == {("金", "user:1")}


def test_what_wecom_does_not_take_is_said_and_tried_again_at_night(corp: Corp) -> None:
    made(corp, "等级", "金")
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    corp.read()
    corp.wechat.fault("errcode", path=MARK, errcode=60011, first=1)
    with corp.scope():
        contact = Contact.objects.get(name="张欣怡")
        tagging.add([contact.pk], [Tag.objects.get(name="金").pk], "user:1")
    corp.settle()
    assert marked(corp, who) == set()

    with corp.scope():
        running.ask(corp.wechat.account, ["customers"])
    running.work(corp.pk)
    with corp.scope():
        drift = Drift.objects.get()
        assert (drift.kind, drift.state, drift.contact) == ("untagged", "open", contact)
        assert drift.detail.startswith("金: no privilege")

    corp.settle()
    assert marked(corp, who) == {"金"}
    with corp.scope():
        assert Drift.objects.get().state == "repaired"
