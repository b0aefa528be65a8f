"""When are apps told that the chat archive has something new, and who agreed to it?

Nothing can be pulled: the archive is out of scope. The notice itself comes at most once in 15 s.
"""

from scrm.sandbox import friends
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp
from scrm.sandbox.telling import listeners, tell
from scrm.sandbox.world import World

PAUSE_S = 15
AGENT = 2_000_004


def spoken(world: World, corp: Corp) -> None:
    """At once after a silence, else when the pause is over; `archive_told` may lie ahead."""
    now = world.clock.now()
    if not world.settings.archive or corp.archive_told > now:
        return
    due = max(now, corp.archive_told + PAUSE_S)
    corp.archive_told = due

    def notify() -> None:
        tell(world, corp, listeners(corp), "msgaudit_notify", [("AgentID", AGENT)])

    if due == now:
        notify()
    else:
        world.timetable.at(due, notify)


def agree(world: World, body: Json) -> Json:
    """The customer agrees to the archive; a welcome may follow."""
    corp, follow = friends.relation(world, body)
    friends.announce_add(world, corp, follow, "msg_audit_approved")
    return {"ok": True}


ACTS = {"agree_archive": agree}
