"""What happens when a member confirms a mass send in the client?"""

from calendar import monthrange
from datetime import datetime

from scrm.sandbox import days, group_sends, phones
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.state import Corp, MassRow, MassSend, MassTask
from scrm.sandbox.world import World


def quota(kind: str, now: float) -> tuple[int, float]:
    """How many mass messages a customer or a group may get, and since when they count."""
    if kind == "day1":
        return 1, days.start(now)
    today = datetime.fromtimestamp(now, days.CHINA)
    if kind == "week7":
        return 7, days.start(now) - today.weekday() * days.DAY_S
    most = 4 if kind == "month4" else monthrange(today.year, today.month)[1]
    return most, days.month_start(now)


def confirm(
    world: World, corp: Corp, send: MassSend, task: MassTask, only: list[str] | None = None
) -> dict[int, int]:
    """Sends a member's share; `only` are the customers or groups picked. Returns how many got each
    status."""
    if task.status:
        raise RefusedError(f"{task.userid} has confirmed this task already")
    if send.cancelled:
        raise RefusedError("this mass send was cancelled")
    if only is not None and not send.allow_select:
        raise RefusedError("this mass send does not allow a member to pick customers")
    now = world.clock.now()
    tally: dict[int, int] = {}
    for row in task.rows:
        if only is None or (row.chat_id or row.external_userid) in only:
            row.status = _outcome(world, corp, task.userid, row, now)
        if row.status == 1:
            row.send_time = int(now)
            _arrive(world, corp, send, task.userid, row)
        tally[row.status] = tally.get(row.status, 0) + 1
    task.status, task.send_time = 2, int(now)
    low, high = world.settings.result_lag_s
    task.shown_from = now + world.dice.between(low, high, "lag", send.msgid, task.userid)
    return tally


def _outcome(world: World, corp: Corp, userid: str, row: MassRow, now: float) -> int:
    most, since = quota(world.settings.mass_quota, now)
    if row.chat_id:
        return group_sends.outcome(corp, userid, row.chat_id, (most, since))
    if corp.follow(userid, row.external_userid) is None:
        return 2
    person = phones.of_customer(world, corp, row.external_userid)
    had = [
        message
        for message in person.messages
        if message.kind == "mass" and message.corpid == corp.corpid and message.at >= since
    ]
    return 3 if len(had) >= most else 1


def _arrive(world: World, corp: Corp, send: MassSend, userid: str, row: MassRow) -> None:
    if row.chat_id:
        group_sends.arrive(world, corp, send, userid, row.chat_id)
        return
    phones.land(
        world,
        phones.of_customer(world, corp, row.external_userid),
        "mass",
        corp.corpid,
        send.text,
        send.attachments,
        userid=userid,
        external_userid=row.external_userid,
    )
