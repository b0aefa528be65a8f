"""Where does a member's id stand, so that another can take its place?"""

from typing import Protocol, TypeVar

from scrm.sandbox import behaviour, grouping
from scrm.sandbox.state import Corp
from scrm.sandbox.world import World

Row = TypeVar("Row", bound="Named")


class Named(Protocol):
    userid: str


def rename(world: World, corp: Corp, old: str, new: str) -> None:
    """What apps were told under the old id stays as it was; all that goes on has the new one."""
    staff = corp.staff.pop(old)
    staff.userid = new
    corp.staff[new] = staff
    for pairs in (*corp.follows.values(), *corp.requests.values()):
        _rekey(pairs, old, new)
    for app in corp.apps.values():
        if app.visible is not None:
            app.visible = _renamed(app.visible, old, new)
    grouping.rename(corp, old, new)
    behaviour.rename(corp, old, new)
    for code in corp.welcome_codes.values():
        _name_anew(code, old, new)
    for way in world.state.contact_ways.values():
        if way.corpid == corp.corpid:
            way.users = _renamed(way.users, old, new)
    for send in corp.mass_sends.values():
        _rekey(send.tasks, old, new)
    _rename_outreach(corp, old, new)


def _rename_outreach(corp: Corp, old: str, new: str) -> None:
    for link in corp.links.values():
        link.users = _renamed(link.users, old, new)
        for customer in link.customers:
            _name_anew(customer, old, new)
    for moment in corp.moments.values():
        moment.creator = new if moment.creator == old else moment.creator
        _rekey(moment.tasks, old, new)
    for known in corp.transfers.values():
        for transfer in known:
            transfer.handover = new if transfer.handover == old else transfer.handover
            transfer.takeover = new if transfer.takeover == old else transfer.takeover


def _renamed(userids: list[str], old: str, new: str) -> list[str]:
    return [new if userid == old else userid for userid in userids]


def _rekey(rows: dict[str, Row], old: str, new: str) -> None:
    if old in rows:
        rows[new] = rows.pop(old)
        rows[new].userid = new


def _name_anew(row: Named, old: str, new: str) -> None:
    if row.userid == old:
        row.userid = new
