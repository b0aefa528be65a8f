"""How much do members do with their customers, day by day?"""

from scrm.sandbox import days, fields, spans
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError
from scrm.sandbox.fields import Json
from scrm.sandbox.people import below
from scrm.sandbox.state import Corp, Follow
from scrm.sandbox.state_groups import StaffDay
from scrm.sandbox.world import World

MOST_USERS = 100
MOST_PARTIES = 100


def _today(world: World, corp: Corp, userid: str) -> StaffDay:
    day = str(days.start(world.clock.now()))
    return corp.staff_days.setdefault(userid, {}).setdefault(day, StaffDay())


def spoken(world: World, corp: Corp, follow: Follow, *, by_staff: bool) -> None:
    """A customer who writes first on a day opens a chat; the first word back is the reply."""
    today, customer = _today(world, corp, follow.userid), follow.external_userid
    now = world.clock.now()
    if not by_staff:
        if customer not in today.spoken_to:
            today.opened.setdefault(customer, now)
        return
    today.sent += 1
    if customer not in today.spoken_to:
        today.spoken_to.append(customer)
    if customer in today.opened:
        today.replied.setdefault(customer, now - today.opened[customer])


def applied(world: World, corp: Corp, userid: str) -> None:
    _today(world, corp, userid).applied += 1


def added(world: World, corp: Corp, userid: str) -> None:
    _today(world, corp, userid).added += 1


def deleted_by_customer(world: World, corp: Corp, userid: str) -> None:
    _today(world, corp, userid).deleted_by += 1


def rename(corp: Corp, old: str, new: str) -> None:
    if old in corp.staff_days:
        corp.staff_days[new] = corp.staff_days.pop(old)


# The question ----------------------------------------------------------------------------------


def _userids(call: Call) -> list[str]:
    userids = fields.strings(call.body, "userid", most=MOST_USERS)
    parties = fields.integers(call.body, "partyid", most=MOST_PARTIES)
    if not userids and not parties:
        raise ApiError(40063)
    for userid in userids:
        call.member(userid)
    if any(str(party) not in call.corp.departments for party in parties):
        raise ApiError(60123)
    wanted = set[int]().union(*(below(call.corp, party) for party in parties))
    found = dict.fromkeys(userids)
    for staff in call.corp.staff.values():
        if wanted & set(staff.departments) and call.app.sees(staff.userid):
            found[staff.userid] = None
    return list(found)


def data(call: Call) -> Json:
    """Several members are summed; days without figures yet are left out."""
    userids = _userids(call)
    world = call.world
    today = days.start(world.clock.now())
    asked = spans.asked_for(world, call.body, "start_time", "end_time", until=today)
    rows: list[Json] = []
    for day in asked:
        if day <= spans.newest(world):
            known = (call.corp.staff_days.get(userid, {}).get(str(day)) for userid in userids)
            rows.append(_row(day, [each for each in known if each]))
    return {"behavior_data": rows}


def _row(day: int, staff: list[StaffDay]) -> Json:
    opened = sum(len(each.opened) for each in staff)
    delays = [seconds for each in staff for seconds in each.replied.values()]
    row: Json = {
        "stat_time": day,
        "chat_cnt": sum(len(each.spoken_to) for each in staff),
        "message_cnt": sum(each.sent for each in staff),
    }
    # Both are there only when some customer wrote first, or was answered.
    if opened:
        share = round(100 * len(delays) / opened, 2)
        row["reply_percentage"] = int(share) if share == int(share) else share
    if delays:
        row["avg_reply_time"] = round(sum(delays) / len(delays) / 60)
    return {
        **row,
        "negative_feedback_cnt": sum(each.deleted_by for each in staff),
        "new_apply_cnt": sum(each.applied for each in staff),
        "new_contact_cnt": sum(each.added for each in staff),
    }


ENDPOINTS = {
    "externalcontact/get_user_behavior_data": Endpoint(data, empty=("behavior_data",)),
}
