"""What do people send to many at WeCom itself, in its console or its client, without any app?"""

from scrm.sandbox import confirming, fields, group_sends, publishing
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Follow, MassRow, MassSend, MassTask
from scrm.sandbox.state_outreach import Moment, MomentTask
from scrm.sandbox.world import World


def console_mass_send(world: World, body: Json) -> Json:
    """By the business: each member confirms a share. To customers, or to groups of the owners."""
    return {"msgid": _made(world, body, personal=False).msgid}


def own_mass_send(world: World, body: Json) -> Json:
    """A member's own: it goes out at once, nobody has to confirm."""
    send = _made(world, body, personal=True)
    tally = confirming.confirm(
        world, world.corp(fields.given(body, "corpid")), send, send.tasks[send.creator]
    )
    return {"msgid": send.msgid, "sent": {str(status): many for status, many in tally.items()}}


def _made(world: World, body: Json, *, personal: bool) -> MassSend:
    corp = world.corp(fields.given(body, "corpid"))
    by = world.member(corp, fields.given(body, "userid")).userid
    senders = [by] if personal else fields.strings(body, "staff") or list(corp.staff)
    kind = fields.text(body, "chat_type") or "single"
    tasks = _groups(corp, senders) if kind == "group" else _customers(world, corp, senders, body)
    if not tasks:
        raise RefusedError("nobody can be sent to", 409)
    number = world.dice.number("mass send")
    send = MassSend(
        number=number,
        msgid="msg" + world.dice.word(29, "mass send", number),
        agentid=0,
        created=int(world.clock.now()),
        text=fields.text(body, "text"),
        attachments=fields.mappings(body, "attachments"),
        allow_select=not personal,
        chat_type=kind,
        tasks=tasks,
        creator=by,
        personal=personal,
    )
    corp.mass_sends[send.msgid] = send
    return send


def _customers(world: World, corp: Corp, senders: list[str], body: Json) -> dict[str, MassTask]:
    """Each customer once: from the sender who last chatted with them, else the first."""
    wanted = [world.person(one) for one in fields.strings(body, "customers")]
    external = [person.externals.get(corp.corpid, "") for person in wanted] or list(corp.follows)
    tasks: dict[str, MassTask] = {}
    for external_userid in external:
        known = corp.follows.get(external_userid, {}).values()
        follow = max(
            (each for each in known if each.userid in senders), key=_last_chat, default=None
        )
        if follow is not None:
            task = tasks.setdefault(follow.userid, MassTask(follow.userid))
            task.rows.append(MassRow(external_userid))
    return tasks


def _last_chat(follow: Follow) -> tuple[float, int]:
    return follow.last_spoken, -follow.number


def _groups(corp: Corp, senders: list[str]) -> dict[str, MassTask]:
    found = {userid: group_sends.owned(corp, userid) for userid in senders}
    return {
        userid: MassTask(userid, rows=[MassRow("", chat_id=group.chat_id) for group in groups])
        for userid, groups in found.items()
        if groups
    }


def console_moment(world: World, body: Json) -> Json:
    """By the business: its members are asked to publish it."""
    corp = world.corp(fields.given(body, "corpid"))
    now, number = world.clock.now(), world.dice.number("moment")
    moment = Moment(
        number=number,
        moment_id="mom" + world.dice.word(29, "moment", number),
        creator="",
        created=int(now),
        ready=now,
        visible_to_all=True,
        text=fields.text(body, "text"),
        attachments=fields.mappings(body, "attachments"),
    )
    for userid in fields.strings(body, "staff") or list(corp.staff):
        member = world.member(corp, userid)
        chosen = [follow.external_userid for follow in corp.customers_of(member.userid)]
        moment.tasks[member.userid] = MomentTask(member.userid, chosen)
    corp.moments[moment.moment_id] = moment
    publishing.expect(world, corp, moment)
    return {"moment_id": moment.moment_id}


ACTS = {
    "console_mass_send": console_mass_send,
    "own_mass_send": own_mass_send,
    "console_moment": console_moment,
}
