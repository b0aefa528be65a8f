"""What becomes of a customer who is transferred, once a day has passed or the customer decides?"""

from dataclasses import replace

from scrm.sandbox import fields, friends, phones, tags
from scrm.sandbox.days import DAY_S
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Follow, Unassigned
from scrm.sandbox.state_outreach import Transfer
from scrm.sandbox.world import World

WAIT_S = DAY_S
DONE, WAITING, REFUSED, FULL, NONE = 1, 2, 3, 4, 5
ASSIGNED_BY_ADMIN = 202
DEFAULT_MESSAGE = "您好，今后由我为您服务，有需要请随时联系我。"


def begin(world: World, corp: Corp, transfer: Transfer) -> None:
    corp.transfers.setdefault(transfer.external_userid, []).append(transfer)
    expect(world, corp, transfer)


def expect(world: World, corp: Corp, transfer: Transfer) -> None:
    """Silence for 24 hours of simulator time is consent."""

    def consent() -> None:
        with world.lock:
            settle(world, corp, transfer)

    world.timetable.at(transfer.due, consent)


def settle(world: World, corp: Corp, transfer: Transfer) -> None:
    if transfer.status != WAITING:
        return
    source = _source(corp, transfer)
    if source is None or transfer.takeover not in corp.staff:
        transfer.status = NONE
        return
    met = corp.follow(transfer.takeover, transfer.external_userid)
    if met is None and is_full(world, corp, transfer.takeover):
        _fail(world, corp, transfer, source, FULL, "customer_limit_exceed")
        return
    transfer.status, transfer.takeover_time = DONE, int(world.clock.now())
    if transfer.resigned:
        del corp.unassigned[transfer.handover][transfer.external_userid]
    else:
        friends.part(corp, source)
        gone = [("Source", "DELETE_BY_TRANSFER")]
        friends.notify(world, corp, source, "del_external_contact", gone)
    if met is None:
        _take_over(world, corp, transfer, source)


def _source(corp: Corp, transfer: Transfer) -> Follow | None:
    """None when the two have parted in the meantime."""
    if transfer.resigned:
        left = left_behind(corp, transfer.handover, transfer.external_userid)
        return left.follow if left else None
    return corp.follow(transfer.handover, transfer.external_userid)


def _take_over(world: World, corp: Corp, transfer: Transfer, source: Follow) -> None:
    """Nothing is told of a customer who comes back to a member that gave them away earlier."""
    now = world.clock.now()
    follow = replace(
        source,
        number=world.dice.number("follow"),
        userid=transfer.takeover,
        createtime=int(now),
        state="",
        add_way=ASSIGNED_BY_ADMIN,
        half=False,
        chatting=False,
        last_spoken=0.0,
        fresh_until=now + world.settings.stale_read_s,
        link_id="",
        tag_ids=tags.living(corp, source.tag_ids),
        remark_mobiles=list(source.remark_mobiles),
        personal_tags=[],
    )
    friends.store(corp, follow)
    if not _gave_away(corp, transfer):
        friends.notify(world, corp, follow, "add_external_contact")
    phones.land(
        world,
        world.state.people[follow.person],
        "transfer",
        corp.corpid,
        transfer.message or DEFAULT_MESSAGE,
        userid=follow.userid,
        external_userid=follow.external_userid,
    )


def _gave_away(corp: Corp, transfer: Transfer) -> bool:
    return any(
        each.status == DONE and each.handover == transfer.takeover
        for each in corp.transfers[transfer.external_userid]
    )


def _fail(
    world: World, corp: Corp, transfer: Transfer, source: Follow, status: int, reason: str
) -> None:
    """The event names the member who was to take over."""
    transfer.status = status
    told = replace(source, userid=transfer.takeover)
    friends.notify(world, corp, told, "transfer_fail", [("FailReason", reason)])


def is_full(world: World, corp: Corp, userid: str) -> bool:
    most = world.settings.customer_limit
    if len(corp.follows) < most:
        return False
    return sum(1 for known in corp.follows.values() if userid in known) >= most


def left_behind(corp: Corp, handover: str, external_userid: str) -> Unassigned | None:
    """The customer as a member who resigned left them."""
    return corp.unassigned.get(handover, {}).get(external_userid)


def waiting(corp: Corp, external_userid: str) -> list[Transfer]:
    known = corp.transfers.get(external_userid, [])
    return [transfer for transfer in known if transfer.status == WAITING]


def is_under_way(corp: Corp, handover: str, external_userid: str) -> bool:
    return any(each.handover == handover for each in waiting(corp, external_userid))


def give_up(corp: Corp, userid: str) -> None:
    """Whoever resigns neither gives nor takes what was still under way."""
    for external_userid in corp.transfers:
        for transfer in waiting(corp, external_userid):
            if userid in (transfer.handover, transfer.takeover):
                transfer.status = NONE


# The customer decides --------------------------------------------------------------------------


def _offered(world: World, body: Json) -> tuple[Corp, Transfer]:
    """To `userid` when one is named, else the first offer that waits."""
    corp = world.corp(fields.given(body, "corpid"))
    person = world.person(fields.given(body, "customer"))
    takeover = fields.text(body, "userid")
    offers = [
        transfer
        for transfer in waiting(corp, person.externals.get(corp.corpid, ""))
        if takeover in ("", transfer.takeover)
    ]
    if not offers:
        raise RefusedError("no transfer of this customer is waiting", 409)
    return corp, offers[0]


def _shown(transfer: Transfer) -> Json:
    return {"status": transfer.status, "takeover_time": transfer.takeover_time}


def accept(world: World, body: Json) -> Json:
    corp, transfer = _offered(world, body)
    settle(world, corp, transfer)
    return _shown(transfer)


def refuse(world: World, body: Json) -> Json:
    corp, transfer = _offered(world, body)
    source = _source(corp, transfer)
    if source is None:
        transfer.status = NONE
    else:
        _fail(world, corp, transfer, source, REFUSED, "customer_refused")
    return _shown(transfer)


def resume(world: World) -> None:
    """After a restart: what waited still ends on its date."""
    for corp in world.state.corps.values():
        for external_userid in corp.transfers:
            for transfer in waiting(corp, external_userid):
                expect(world, corp, transfer)


ACTS = {"accept_transfer": accept, "refuse_transfer": refuse}
