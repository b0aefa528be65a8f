"""To which groups does a mass send go, and what becomes of it when the owner confirms?"""

from scrm.sandbox import fields, grouping
from scrm.sandbox.calls import Call
from scrm.sandbox.errors import ApiError
from scrm.sandbox.state import Corp, MassRow, MassSend, MassTask
from scrm.sandbox.state_groups import Group
from scrm.sandbox.world import World

MOST_GROUPS = 2000


def owned(corp: Corp, userid: str) -> list[Group]:
    return [
        group for group in corp.groups.values() if group.owner == userid and not group.dismissed
    ]


def addressed(call: Call) -> tuple[dict[str, MassTask], list[str]]:
    """The sender's share, and the ids of groups that it cannot reach. Without a list it is all
    of the sender's groups, to pick from."""
    sender = call.member(fields.given(call.body, "sender")).userid
    wanted = fields.strings(call.body, "chat_id_list", most=MOST_GROUPS)
    mine = [group.chat_id for group in owned(call.corp, sender)]
    chosen = [chat_id for chat_id in dict.fromkeys(wanted or mine) if chat_id in mine]
    failed = [chat_id for chat_id in dict.fromkeys(wanted) if chat_id not in mine]
    if not chosen:
        raise ApiError(40050 if failed else 41048, fail_list=failed)
    rows = [MassRow("", chat_id=chat_id) for chat_id in chosen]
    return {sender: MassTask(sender, rows=rows)}, failed


def outcome(corp: Corp, userid: str, chat_id: str, quota: tuple[int, float]) -> int:
    group = corp.groups[chat_id]
    if group.dismissed or group.owner != userid:
        return 2
    most, since = quota
    return 3 if sum(1 for at in group.mass_sends if at >= since) >= most else 1


def arrive(world: World, corp: Corp, send: MassSend, userid: str, chat_id: str) -> None:
    group = corp.groups[chat_id]
    group.mass_sends.append(int(world.clock.now()))
    grouping.deliver(world, corp, group, userid, "group_mass", send.text, send.attachments)
