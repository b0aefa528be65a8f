"""What happens when members come, change and go, and when departments do?"""

from scrm.sandbox import fields, founding, friends, handing_over, links
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.people import below
from scrm.sandbox.renaming import rename
from scrm.sandbox.state import Corp, Department, Staff, Unassigned
from scrm.sandbox.state_outreach import Resigned
from scrm.sandbox.telling import listeners, tell
from scrm.sandbox.world import World

Pairs = list[tuple[str, str | int]]


def _details(staff: Staff) -> Pairs:
    listed = ",".join(str(each) for each in staff.departments)
    return [
        ("Name", staff.name),
        ("Department", listed),
        ("MainDepartment", staff.departments[0]),
        ("IsLeaderInDept", ",".join("0" for _ in staff.departments)),
        ("Position", staff.position),
        ("Mobile", staff.mobile),
        ("Status", 1 if staff.active else 4),
    ]


def _tell(world: World, corp: Corp, userid: str, change: str, more: Pairs) -> None:
    """Every app that sees the member hears it, whether or not it may handle customers."""
    apps = listeners(corp, userid, contact=False)
    tell(world, corp, apps, "change_contact", [("ChangeType", change), *more])


def create_user(world: World, body: Json) -> Json:
    corp = world.corp(fields.given(body, "corpid"))
    if fields.text(body, "userid") in corp.staff:
        raise RefusedError("there is such a member already", 409)
    made = founding.new_staff(world, body)
    staff = corp.staff[str(made["userid"])]
    _tell(world, corp, staff.userid, "create_user", [("UserID", staff.userid), *_details(staff)])
    links.review(world, corp)
    return made


def update_user(world: World, body: Json) -> Json:
    """`new_userid` gives the member another id. Only what changed is told."""
    corp = world.corp(fields.given(body, "corpid"))
    userid, new = fields.given(body, "userid"), fields.text(body, "new_userid")
    staff = world.member(corp, userid)
    if new in corp.staff:
        raise RefusedError(f"there is a member {new!r} already", 409)
    before = _details(staff)
    made = founding.new_staff(world, body)
    more: Pairs = [("UserID", userid)]
    if new:
        rename(world, corp, userid, new)
        more.append(("NewUserID", new))
    more += [pair for pair in _details(staff) if pair not in before]
    _tell(world, corp, staff.userid, "update_user", more)
    links.review(world, corp)
    return {**made, "userid": staff.userid}


def resign(world: World, body: Json) -> Json:
    """The member is gone at once; the customers wait for somebody to take over."""
    corp = world.corp(fields.given(body, "corpid"))
    staff = world.member(corp, fields.given(body, "userid"))
    now = world.clock.now()
    handing_over.give_up(corp, staff.userid)
    left = corp.customers_of(staff.userid)
    waiting = corp.unassigned.setdefault(staff.userid, {})
    for follow in left:
        friends.part(corp, follow)
        waiting[follow.external_userid] = Unassigned(
            number=world.dice.number("unassigned"),
            handover=staff.userid,
            follow=follow,
            dimission_time=int(now),
            shown_from=now + world.settings.unassigned_delay_s,
        )
    for asked in corp.requests.values():
        asked.pop(staff.userid, None)
    del corp.staff[staff.userid]
    corp.resigned[staff.userid] = Resigned(staff.userid, staff.name, int(now))
    _tell(world, corp, staff.userid, "delete_user", [("UserID", staff.userid)])
    links.review(world, corp)
    return {"userid": staff.userid, "customers": len(left)}


# Departments -----------------------------------------------------------------------------------


def _department(corp: Corp, body: Json) -> Department:
    department = corp.departments.get(str(fields.integer(body, "id")))
    if department is None:
        raise RefusedError("there is no such department", 404)
    return department


def _tell_party(world: World, corp: Corp, change: str, more: Pairs) -> None:
    tell(
        world,
        corp,
        listeners(corp, contact=False),
        "change_contact",
        [("ChangeType", change), *more],
    )


def create_party(world: World, body: Json) -> Json:
    made = founding.new_department(world, body)
    corp = world.corp(fields.given(body, "corpid"))
    department = corp.departments[str(made["id"])]
    more: Pairs = [
        ("Id", department.id),
        ("Name", department.name),
        ("ParentId", department.parentid),
        ("Order", 0),
    ]
    _tell_party(world, corp, "create_party", more)
    return made


def update_party(world: World, body: Json) -> Json:
    corp = world.corp(fields.given(body, "corpid"))
    department = _department(corp, body)
    parent = fields.integer(body, "parentid", department.parentid)
    if parent != department.parentid and (
        str(parent) not in corp.departments or parent in below(corp, department.id)
    ):
        raise RefusedError("the parent is unknown, or below the department itself", 409)
    department.name = fields.text(body, "name") or department.name
    department.parentid = parent
    more: Pairs = [("Id", department.id), ("Name", department.name), ("ParentId", parent)]
    _tell_party(world, corp, "update_party", more)
    return {"id": department.id, "name": department.name, "parentid": department.parentid}


def delete_party(world: World, body: Json) -> Json:
    corp = world.corp(fields.given(body, "corpid"))
    department = _department(corp, body)
    inhabited = any(department.id in staff.departments for staff in corp.staff.values())
    if inhabited or len(below(corp, department.id)) > 1 or department.parentid == 0:
        raise RefusedError("only an empty department below the top can be deleted", 409)
    del corp.departments[str(department.id)]
    _tell_party(world, corp, "delete_party", [("Id", department.id)])
    return {"id": department.id}


ACTS = {
    "create_user": create_user,
    "update_user": update_user,
    "resign": resign,
    "create_party": create_party,
    "update_party": update_party,
    "delete_party": delete_party,
}
