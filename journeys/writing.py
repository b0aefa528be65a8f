"""What does a touch say to its contact, and what is asked of the platform for it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contacts import messaging
from contacts.attachments import Stored
from contacts.messaging import Request, Template
from journeys import attaching, content, engine
from journeys.models import TO_FANS, Route, Touch


def request_of(touch: Touch) -> Request:
    """Inside a scope: the frozen request of a touch that a provider is called for, or NoRoute.

    Raises media.NotReady while a file that goes along is on its way to the platform.
    """
    step = touch.step
    values = _values(touch)
    if touch.route not in TO_FANS:
        return _through_staff(touch, _text(touch, values))
    template = None
    if step is not None and step.template_id:
        fields = {
            str(name): engine.render(str(text), values)
            for name, text in step.template_fields.items()
        }
        template = Template(step.template_id, fields, values["link"])
    return messaging.prepare_for_fan(
        touch.route,
        touch.contact_id,
        text=_text(touch, values),
        template=template,
        key=touch.key,
        account_id=step.official_id if step is not None else None,
    )


def _through_staff(touch: Touch, text: str) -> Request:
    if touch.step is None or touch.route != Route.MASS_TASK or touch.follow is None:
        return messaging.prepare(touch.route, touch.follow, text)
    attached = attaching.for_platform(touch.step, messaging.account_of(touch.follow).pk)
    return messaging.prepare(touch.route, touch.follow, text, attached)


def with_link(template: str, text: str, url: str) -> str:
    """A content piece whose link the text does not place stands at its end."""
    if not url or "{link}" in template:
        return text
    return f"{text}\n{url}".strip()


def with_lines(text: str, stored: Sequence[Stored]) -> str:
    """By a route of words, links that are attached are lines."""
    return "\n".join([text, *attaching.in_words(stored)]).strip()


def _text(touch: Touch, values: Mapping[str, str]) -> str:
    step = touch.step
    if step is None:
        return ""
    text = with_link(step.text, engine.render(step.text, values), values["link"])
    return text if touch.route == Route.MASS_TASK else with_lines(text, attaching.stored_of(step))


def _values(touch: Touch) -> dict[str, str]:
    """The placeholders, with the contact's own link to the content."""
    staff = touch.follow.staff if touch.follow is not None else None
    url = ""
    if touch.step is not None and touch.step.leads_to is not None:
        staff_id = staff.pk if staff else None
        wanted = content.Wanted(touch.step.leads_to, staff_id, touch.contact_id)
        url = content.url_of(content.links([wanted])[wanted])
    name = (staff.name or staff.userid) if staff else ""
    return {"name": touch.contact.name, "staff": name, "link": url}
