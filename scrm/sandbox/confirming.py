"""What happens when a member confirms a mass send in the client?"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone

from scrm.sandbox.errors import RefusedError
from scrm.sandbox.state import Corp, MassSend, MassTask, Message
from scrm.sandbox.world import World

CHINA = timezone(timedelta(hours=8))
DAY_S = 86_400


def quota(kind: str, now: float) -> tuple[int, float]:
    """How many mass messages a customer may get, and since when they count."""
    today = datetime.fromtimestamp(now, UTC).astimezone(CHINA)
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day1":
        return 1, midnight.timestamp()
    if kind == "week7":
        return 7, midnight.timestamp() - today.weekday() * DAY_S
    days = monthrange(today.year, today.month)[1]
    return 4 if kind == "month4" else days, midnight.replace(day=1).timestamp()


def confirm(
    world: World, corp: Corp, send: MassSend, task: MassTask, only: list[str] | None = None
) -> dict[int, int]:
    """Sends a member's share; `only` are the customers picked. Returns how many got each status."""
    if task.status:
        raise RefusedError(f"{task.userid} has confirmed this task already")
    if send.cancelled:
        raise RefusedError("this mass send was cancelled")
    if only is not None and not send.allow_select:
        raise RefusedError("this mass send does not allow a member to pick customers")
    now = world.clock.now()
    tally: dict[int, int] = {}
    for row in task.rows:
        if only is None or row.external_userid in only:
            row.status = _outcome(world, corp, task.userid, row.external_userid, now)
        if row.status == 1:
            row.send_time = int(now)
            _arrive(world, corp, send, task.userid, row.external_userid)
        tally[row.status] = tally.get(row.status, 0) + 1
    task.status, task.send_time = 2, int(now)
    low, high = world.settings.result_lag_s
    task.shown_from = now + world.dice.between(low, high, "lag", send.msgid, task.userid)
    return tally


def _outcome(world: World, corp: Corp, userid: str, external_userid: str, now: float) -> int:
    if corp.follow(userid, external_userid) is None:
        return 2
    most, since = quota(world.settings.mass_quota, now)
    person = world.state.people[corp.externals[external_userid]]
    had = [
        message
        for message in person.messages
        if message.kind == "mass" and message.corpid == corp.corpid and message.at >= since
    ]
    return 3 if len(had) >= most else 1


def _arrive(world: World, corp: Corp, send: MassSend, userid: str, external_userid: str) -> None:
    person = world.state.people[corp.externals[external_userid]]
    person.messages.append(
        Message(
            id=f"m{world.dice.number('message')}",
            kind="mass",
            corpid=corp.corpid,
            userid=userid,
            external_userid=external_userid,
            at=int(world.clock.now()),
            text=send.text,
            attachments=send.attachments,
        )
    )
