"""Which apps hear of an event, and in which form do they hear it?"""

from collections.abc import Callable, Iterable

from scrm.sandbox import events
from scrm.sandbox.state import App, Corp
from scrm.sandbox.world import World


def listeners(corp: Corp, userid: str = "", *, contact: bool = True) -> list[App]:
    """Apps with a callback URL; those that see the member when one is named, and those that may
    handle customers when it is about customers."""
    return [
        app
        for app in corp.apps.values()
        if app.callback_url
        and (app.customer_contact or not contact)
        and (not userid or app.sees(userid))
    ]


def tell(
    world: World,
    corp: Corp,
    apps: Iterable[App],
    name: str,
    fields: events.Fields = (),
    *,
    at: float | None = None,
    begun: Callable[[], None] = lambda: None,
) -> None:
    """`at` is for events that must share a second; `begun` is called as a delivery sets out."""
    moment = world.clock.now() if at is None else at
    change = next((value for key, value in fields if key == "ChangeType"), "")
    label = f"{name}/{change}" if change else name
    for app in apps:
        xml = worded(corp, app, name, moment, fields)
        world.callbacks.send(corp.corpid, app, label, xml, world.settings, begun)


def worded(corp: Corp, app: App, name: str, at: float, fields: events.Fields) -> str:
    """A self-built app hears in one form, an app of a provider's suite in another."""
    if app.suite_id:
        return events.suite_event(app.suite_id, corp.corpid, name, at, fields)
    return events.event(corp.corpid, name, at, fields)
