"""What is seen of WeCom: synchronisation, differences, transfers, groups, risk, dead letters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contacts import ingest, timeline, transfers
from contacts.groups import join_codes, reading
from contacts.models import (
    GroupJoinCode,
    GroupJoinCodeGroup,
    SyncRun,
    TransferBatch,
)
from contacts.models.groups import Group
from contacts.sync import customers, running
from contacts.transfers import plan
from tenants.models import Callback
from tests.browser.conftest import Visit
from tests.browser.test_main_pages import EVERYWHERE
from tests.wechat_fixtures import WeChat

pytestmark = pytest.mark.browser
SignIn = Callable[..., Visit]
BROKEN = (
    b"<xml><MsgType>event</MsgType><Event>change_contact</Event><Mobile>13800138000</Mobile></xml>"
)


@pytest.fixture
def corp(wechat: WeChat, monkeypatch: pytest.MonkeyPatch) -> WeChat:
    """A corporation of which callbacks were lost, somebody left, and a transfer is on its way."""
    monkeypatch.setattr(customers, "LAG", -customers.LAG)
    amy, bob = wechat.join("amy", "张艾米"), wechat.join("bob", "李鲍勃")
    wechat.join("eve", "王伊芙")
    wechat.setting(unassigned_delay_s=0, stale_read_s=0)
    code = wechat.live_code(amy, name="门店海报")
    people = [
        wechat.scan(code, {"name": name})["customer"] for name in ("丁晓雨", "陈思远", "范文静")
    ]
    wechat.scan(wechat.live_code(wechat.join("eve"), name="展会"), {"name": "赵敏"})
    wechat.settle()
    _group(wechat, people[:2])
    _read(wechat)
    # What happens now is not told.
    wechat.sim("callback_url", corpid=wechat.corpid, agentid=wechat.agentid, callback_url="")
    wechat.act("customer_deletes", userid="amy", customer=people[2])
    wechat.act("resign", userid="eve")
    _read(wechat)
    with wechat.business.scope():
        plan.start(plan.look(plan.Wish(wechat.account, amy, [bob], contact_ids=None)))
        letter = Callback.objects.create(account=wechat.account, digest=b"x" * 32, body=BROKEN)
        ingest._bury(letter, ValueError("no such field"))
    transfers.work(wechat.business.pk)
    return wechat


def _group(wechat: WeChat, people: list[str]) -> None:
    """A group of Amy's, and a code by which somebody came in."""
    made = wechat.act("group_create", owner="amy", name="宝妈交流一群", members=people)
    wechat.settle()
    reading.work(wechat.business.pk)
    with wechat.business.scope():
        row = GroupJoinCode.objects.create(name="门口立牌", account=wechat.account)
        group = Group.objects.get(chat_id=made["chat_id"])
        GroupJoinCodeGroup.objects.create(code=row, group=group)
        join_codes.changed(row)
    join_codes.work(wechat.business.pk)
    wechat.sim("act/group_join", config_id=wechat.fresh(row).config_id, customer={"name": "新客"})
    wechat.settle()
    reading.work(wechat.business.pk)


def _read(wechat: WeChat) -> None:
    with wechat.business.scope():
        running.ask(wechat.account)
    running.work(wechat.business.pk)
    timeline.work(wechat.business.pk)


@EVERYWHERE
def test_the_pages_of_wecom(language: str, size: str, corp: WeChat, signed_in: SignIn) -> None:
    with corp.business.scope():
        run = SyncRun.objects.filter(kind="customers").latest("id")
        batch = TransferBatch.objects.get()
        code = GroupJoinCode.objects.get()
        group = Group.objects.get(name="宝妈交流一群")
        letter = Callback.objects.exclude(problem="").get()
    window = signed_in("admin", business=corp.business, language=language, size=size)
    for name, path in {
        "home": "",
        "sync": "contacts/syncrun/",
        "sync-run": f"contacts/syncrun/{run.pk}/change/",
        "differences": "contacts/drift/",
        "transfers": "contacts/transferbatch/",
        "transfer": f"contacts/transferbatch/{batch.pk}/change/",
        "unassigned": "contacts/unassigned/",
        "groups": "contacts/group/",
        "group": f"contacts/group/{group.pk}/change/",
        "group-codes": "contacts/groupjoincode/",
        "group-code": f"contacts/groupjoincode/{code.pk}/change/",
        "group-poster": f"contacts/groupjoincode/{code.pk}/change/poster/",
        "risk": "risk/",
        "dead-letters": "tenants/callback/",
        "dead-letter": f"tenants/callback/{letter.pk}/change/",
        "account-health": f"tenants/wechataccount/{corp.account.pk}/change/",
    }.items():
        window.open(f"/admin/{path}")
        window.look(f"wecom-{name}", whole=True)
