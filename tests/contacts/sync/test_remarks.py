"""What members write here about customers reaches WeCom, and is not overwritten on the way."""

from __future__ import annotations

from contacts import details
from contacts.models import Contact, Follow, Identity, RemarkPush
from contacts.sync import remarks
from tenants import ids
from tenants.scope import scope
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.customers import get_customer
from tests.contacts.sync.conftest import Corp


def edit(corp: Corp, **fields: str) -> None:
    with corp.scope():
        follow = Follow.objects.get()
    answer = corp.wechat.business.api().patch(
        f"/api/v1/follows/{ids.encode(follow.pk)}", fields, format="json"
    )
    assert answer.status_code == 200, answer.content


def known_there(corp: Corp, who: str) -> tuple[str, str]:
    with scope(corp.wechat.account.tenant_id):
        credentials = credentials_of(corp.wechat.account)
    with wecom_client_for(credentials) as client:
        (follow,) = get_customer(client, who).follows
    return follow.remark, follow.description


def test_an_edited_remark_goes_to_wecom(corp: Corp) -> None:
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    corp.read()

    edit(corp, remark="VIP 张", description="喜欢红色")
    remarks.work(corp.pk)

    assert known_there(corp, who) == ("VIP 张", "喜欢红色")
    with corp.scope():
        assert RemarkPush.objects.get().state == "sent"


def test_a_refresh_does_not_overwrite_what_is_on_its_way(corp: Corp) -> None:
    corp.member("amy")
    corp.befriend("amy", name="张欣怡")
    corp.read()
    edit(corp, remark="VIP 张")

    with corp.scope():
        details.ask(Contact.objects.values_list("id", flat=True), corp.wechat.account.pk)
    details.work(corp.pk)
    corp.read("customers")

    with corp.scope():
        assert Follow.objects.get().remark == "VIP 张"


def test_a_long_remark_is_cut_there_and_whole_here(corp: Corp) -> None:
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    corp.read()
    long = "一二三四五六七八九十" * 3

    edit(corp, remark=long)
    remarks.work(corp.pk)
    with corp.scope():
        RemarkPush.objects.update(sent_at="2020-01-01T00:00:00Z")
    corp.read("customers")

    assert known_there(corp, who)[0] == long[:20]
    with corp.scope():
        assert Follow.objects.get().remark == long


def test_a_refusal_is_shown_and_the_platform_counts_again(corp: Corp) -> None:
    corp.member("amy")
    corp.befriend("amy", name="张欣怡")
    corp.read()
    corp.wechat.fault(
        "errcode", path="externalcontact/remark", errcode=48002, errmsg="api forbidden"
    )

    edit(corp, remark="VIP 张")
    remarks.work(corp.pk)

    with corp.scope():
        push = RemarkPush.objects.get()
    assert (push.state, push.problem) == ("failed", "api forbidden")


def test_a_remark_about_somebody_without_an_account_is_given_up_and_says_so(corp: Corp) -> None:
    """Between the edit and the push the account went: to another contact, or as it was erased."""
    corp.member("amy")
    who = corp.befriend("amy", name="张欣怡")
    corp.read()
    edit(corp, remark="VIP 张")
    with corp.scope():
        Identity.objects.filter(kind="external_userid").delete()

    remarks.work(corp.pk)

    with corp.scope():
        push = RemarkPush.objects.get()
        assert (push.state, push.due_at, push.sent_at) == ("failed", None, None)
        assert push.problem
    assert known_there(corp, who)[0] != "VIP 张"
