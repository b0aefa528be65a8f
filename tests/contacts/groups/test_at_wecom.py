"""Groups as WeCom tells them: listed, read, heard of; codes that lead in; groups handed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from contacts import transfers
from contacts.groups import join_codes, reading
from contacts.models import (
    Channel,
    Contact,
    ContactTag,
    Group,
    GroupFigures,
    GroupJoin,
    GroupJoinCode,
    GroupJoinCodeGroup,
    GroupJoinCodeTag,
    GroupMember,
    GroupSpell,
    SyncRun,
    Tag,
    TransferBatch,
    TransferItem,
)
from contacts.sync import running
from contacts.transfers import plan
from tenants.models import Staff
from tests.wechat_fixtures import WeChat

GET = "externalcontact/groupchat/get"
ADD = "externalcontact/groupchat/add_join_way"


@dataclass
class Chat:
    wechat: WeChat
    amy: Staff
    bob: Staff
    chat_id: str
    person: str

    @property
    def business(self) -> Any:
        return self.wechat.business

    def settle(self) -> None:
        self.wechat.settle()
        reading.work(self.business.pk)

    def act(self, name: str, /, **body: object) -> Any:
        self.wechat.sim("clock", advance_s=1)  # callbacks tell seconds: not two acts in one
        return self.wechat.act(name, **{"chat_id": self.chat_id, **body})

    def invite(self, name: str) -> None:
        new = self.wechat.sim("customers", name=name)["customer"]
        self.act("group_invite", by="amy", who=[new])

    def group(self) -> Group:
        with self.business.scope():
            found: Group = Group.objects.select_related("owner").get(chat_id=self.chat_id)
            return found

    def inside(self) -> int:
        with self.business.scope():
            return GroupMember.objects.filter(
                group__chat_id=self.chat_id, in_since__isnull=False
            ).count()

    def reads(self) -> int:
        return len(self.wechat.calls(GET))


@pytest.fixture
def chat(wechat: WeChat) -> Chat:
    amy, bob = wechat.join("amy"), wechat.join("bob")
    scanned = wechat.scan(wechat.live_code(amy), {"name": "Ding"})
    wechat.settle()
    made = wechat.act("group_create", owner="amy", name="Mothers", members=[scanned["customer"]])
    found = Chat(wechat, amy, bob, made["chat_id"], scanned["customer"])
    found.settle()
    return found


def test_a_new_group_is_read_and_changes_are_heard(chat: Chat) -> None:
    group = chat.group()
    assert (group.name, group.owner, group.members_now, group.staff_now) == (
        "Mothers", chat.amy, 1, 1
    )  # fmt: skip
    before = chat.reads()

    chat.invite("Eve")
    chat.settle()

    assert chat.inside() == 3
    assert chat.reads() == before  # the list of the callback was enough

    chat.act("group_rename", name="Parents")
    chat.settle()
    assert chat.group().name == "Parents"

    chat.act("group_leave", who=chat.person)
    chat.settle()
    assert chat.inside() == 2
    with chat.business.scope():
        left = GroupSpell.objects.get(member__contact__name="Ding")
        assert left.quit_way == "left"

    chat.act("group_dismiss")
    chat.settle()
    assert chat.group().dismissed_at is not None


@pytest.mark.parametrize("form", ["absent", "comma"])
def test_every_form_of_the_list(chat: Chat, form: str) -> None:
    chat.wechat.setting(mem_change_list=form)

    chat.invite("Eve")
    chat.settle()

    assert chat.inside() == 3


def test_a_lost_callback_is_made_good_by_the_next(chat: Chat) -> None:
    url = chat.wechat.callback_url
    hook = {"corpid": chat.wechat.corpid, "agentid": chat.wechat.agentid}
    chat.wechat.sim("callback_url", **hook, callback_url="")
    chat.invite("Eve")
    chat.wechat.sim("callback_url", **hook, callback_url=url)

    chat.invite("Fan")
    chat.settle()

    assert chat.inside() == 4


def test_reads_that_lag_are_repeated(chat: Chat) -> None:
    chat.wechat.setting(stale_read_s=30)
    chat.act("group_rename", name="Late")
    chat.settle()
    chat.wechat.sim("clock", advance_s=60)

    made = chat.wechat.act("group_create", owner="amy", name="New", members=[chat.person])
    chat.settle()
    with chat.business.scope():
        new = Group.objects.get(chat_id=made["chat_id"])
        assert (new.name, new.read_attempts) == ("", 1)
        assert new.read_at is not None
        Group.objects.update(read_at=timezone.now())
    chat.wechat.sim("clock", advance_s=60)
    reading.work(chat.business.pk)

    with chat.business.scope():
        assert Group.objects.get(chat_id=made["chat_id"]).name == "New"


def test_a_synchronisation_finds_groups_and_their_figures(chat: Chat) -> None:
    with chat.business.scope():
        Group.objects.filter(chat_id=chat.chat_id).update(chat_id="wrgone", seen_at=timezone.now())
        kinds = [SyncRun.Kind.GROUPS, SyncRun.Kind.GROUP_FIGURES]
        running.ask(chat.wechat.account, kinds)
    chat.wechat.setting(statistics_lag_days=0)

    running.work(chat.business.pk)
    reading.work(chat.business.pk)

    with chat.business.scope():
        states = dict(SyncRun.objects.values_list("kind", "state"))
        assert states == {"groups": "done", "group_days": "done"}
        assert Group.objects.get(chat_id=chat.chat_id).name == "Mothers"
        assert GroupFigures.objects.filter(owner=chat.amy).count() == 29


# --- codes ---


def code_of(chat: Chat, tag: str = "from-poster") -> GroupJoinCode:
    with chat.business.scope():
        code = GroupJoinCode.objects.create(name="Poster", account=chat.wechat.account)
        GroupJoinCodeGroup.objects.create(code=code, group=chat.group())
        GroupJoinCodeTag.objects.create(code=code, tag=Tag.objects.get_or_create(name=tag)[0])
        join_codes.changed(code)
    join_codes.work(chat.business.pk)
    fresh: GroupJoinCode = chat.wechat.fresh(code)
    return fresh


def test_a_code_leads_in_and_brings_its_tags_once(chat: Chat) -> None:
    code = code_of(chat)
    assert (code.status, code.problem) == ("active", "")
    assert code.qr_url

    chat.wechat.sim("clock", advance_s=60)
    chat.act("group_leave", who=chat.person)
    chat.wechat.sim("clock", advance_s=60)
    chat.wechat.sim("act/group_join", config_id=code.config_id, customer=chat.person)
    chat.settle()

    with chat.business.scope():
        assert GroupJoin.objects.get(code=code).tagged
        stay = GroupSpell.objects.filter(member__contact__name="Ding").latest("joined_at")
        assert (stay.state, stay.join_way) == (code.state, "qr")
        assert ContactTag.objects.filter(tag__name="from-poster").delete()[0] == 1
        reading.ask([chat.group().pk], chat.wechat.account.pk)
    reading.work(chat.business.pk)
    with chat.business.scope():
        assert not ContactTag.objects.filter(tag__name="from-poster").exists()


def test_whoever_is_met_by_a_code_has_its_channel_and_nobody_else(chat: Chat) -> None:
    code = code_of(chat)
    with chat.business.scope():
        code.channel = Channel.objects.create(name="Exhibition")
        code.save(update_fields=["channel"])
    known = chat.wechat.sim("customers", name="Known")["customer"]
    chat.wechat.act("apply", userid="amy", customer=known, accepted=True)
    chat.settle()
    for customer in (known, {"name": "New"}):
        chat.wechat.sim("clock", advance_s=60)
        chat.wechat.sim("act/group_join", config_id=code.config_id, customer=customer)
    chat.settle()
    # She adds a member afterwards: only then is there a contact.
    new = chat.wechat.sim("customers", "GET")["customers"][-1]["customer"]
    chat.wechat.sim("clock", advance_s=60)
    chat.wechat.act("apply", userid="amy", customer=new, accepted=True)
    chat.settle()
    chat.settle()

    with chat.business.scope():
        rows = Contact.objects.filter(name__in=("Known", "New"))
        assert dict(rows.values_list("name", "channel__name")) == {
            "Known": None, "New": "Exhibition"
        }  # fmt: skip


def test_changed_and_retired_at_wecom(chat: Chat) -> None:
    code = code_of(chat)
    with chat.business.scope():
        code.name = "Window"
        code.save(update_fields=["name"])
        join_codes.changed(code)
    join_codes.work(chat.business.pk)

    ways = chat.wechat.sim("state", "GET")["corps"][0]["join_ways"]
    assert [way["remark"] for way in ways] == ["Window"]

    with chat.business.scope():
        join_codes.retire(chat.wechat.fresh(code))
    join_codes.work(chat.business.pk)
    assert chat.wechat.sim("state", "GET")["corps"][0]["join_ways"] == []
    assert chat.wechat.fresh(code).config_id == ""


def test_a_lost_answer_stays_unknown_until_a_person_decides(chat: Chat) -> None:
    chat.wechat.fault("reset_after", path=ADD, first=1)

    code = code_of(chat)

    assert (code.status, code.due_at) == ("unknown", None)
    join_codes.work(chat.business.pk)
    assert len(chat.wechat.calls(ADD)) == 1

    with chat.business.scope():
        join_codes.make_anew(code)
    join_codes.work(chat.business.pk)
    assert chat.wechat.fresh(code).status == "active"


# --- handing groups on ---


def start(chat: Chat, *, resigned: bool = False) -> None:
    with chat.business.scope():
        wish = plan.Wish(chat.wechat.account, chat.amy, [chat.bob], group_ids=None,
                         resigned=resigned)  # fmt: skip
        plan.start(plan.look(wish))
    transfers.work(chat.business.pk)


def states(chat: Chat) -> list[tuple[str, int | None]]:
    with chat.business.scope():
        return list(TransferItem.objects.order_by("id").values_list("state", "errcode"))


def test_a_group_goes_to_another_member(chat: Chat) -> None:
    start(chat)

    assert states(chat) == [("done", None)]
    assert chat.group().owner == chat.bob
    with chat.business.scope():
        assert TransferBatch.objects.get().finished_at is not None


def test_the_owner_has_not_resigned(chat: Chat) -> None:
    start(chat, resigned=True)

    assert states(chat) == [("failed", 90500)]
    assert chat.group().owner == chat.amy


def test_a_lost_answer_is_settled_by_the_owner(chat: Chat) -> None:
    chat.wechat.fault("reset_after", path="externalcontact/groupchat/onjob_transfer", first=1)

    start(chat)
    assert states(chat) == [("asked", None)]
    with chat.business.scope():
        TransferBatch.objects.update(due_at=timezone.now())
    transfers.work(chat.business.pk)

    assert states(chat) == [("done", None)]
    assert len(chat.wechat.calls("externalcontact/groupchat/onjob_transfer")) == 1
