"""A contact's page: who they are, what happened, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db.models import F
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from contacts import custom_fields, facets, masking, welcome_words
from contacts.admin import additions, contact_timeline
from contacts.admin.additions import Panel, Show
from contacts.models import Consent, Contact, ContactTag, Follow, Identity, Order
from contacts.segments import leaves
from tenants.admin_base import link_to
from tenants.money_field import shown as money_shown

ORDERS = 10
Row = tuple[str, object, object]


def _day(at: datetime | date) -> str:
    local = timezone.localtime(at) if isinstance(at, datetime) else at
    return f"{local:%Y-%m-%d}"


# --- who ---


def about(request: HttpRequest, contact: Contact) -> Panel:
    """The person: what is known, masked where it must be."""
    names = ContactTag.objects.filter(contact=contact).order_by("tag__name")
    context = {
        "contact": contact,
        "rows": [row for row in _known(contact) if row[1]],
        "custom": _custom(contact),
        "tags": list(names.values_list("tag__name", flat=True)),
        "consent": _consent(contact),
    }
    return Panel(_("About"), "person", "admin/contacts/contact/about.html", context, pane="who")


def _known(contact: Contact) -> list[Row]:
    standing = _facets(contact.pk, ("lifecycle", "ownership", "predicted_ltv", "p_alive"))
    return [
        (_("Phone"), masking.phone(contact.phone), ""),
        (_("E-mail"), masking.email(contact.email), ""),
        (_("Gender"), contact.get_gender_display() if contact.gender else "", ""),
        (_("Birthday"), _day(contact.birthday) if contact.birthday else "", ""),
        (_titled("owner"), link_to(contact.owner) if contact.owner else "", ""),
        (_("Life cycle"), standing["lifecycle"], ""),
        (_("Ownership level"), standing["ownership"], ""),
        (_("Predicted LTV"), standing["predicted_ltv"], _("margin of the next 365 days")),
        (_("P(alive)"), standing["p_alive"], _("probability of still being a customer")),
        (
            _("Source"),
            contact.get_source_display(),
            _day(contact.sourced_at) if contact.sourced_at else "",
        ),
        (_("Channel"), str(contact.channel or ""), ""),
        (_("Live code"), link_to(contact.live_code) if contact.live_code else "", ""),
        (_("Referrer"), link_to(contact.referrer) if contact.referrer else "", ""),
        (_titled("acquired_at"), _day(contact.acquired_at) if contact.acquired_at else "", ""),
        (pgettext("of a contact", "Known since"), _day(contact.created_at), ""),
    ]


def _titled(column: str) -> str:
    return capfirst(str(getattr(Contact._meta.get_field(column), "verbose_name", column)))


def _facets(pk: int, names: Sequence[str]) -> dict[str, str]:
    """What upper apps know of the contact, in words."""
    found: dict[str, str] = {}
    values = facets.values([pk], names)[pk]
    for name in names:
        value = values.get(name)
        named = leaves.fields.get(name)  # upper apps say there what a value is called
        words = dict(named.choices()) if named is not None and named.choices is not None else {}
        # A share reads as per cent.
        said = f"{value:.0%}" if isinstance(value, float) else words.get(str(value), value)
        found[name] = str(said or "")
    return found


def _custom(contact: Contact) -> list[tuple[str, str]]:
    """Fields in their order; then what no field defines."""
    custom = masking.values(contact.custom)
    fields = custom_fields.defined(archived=True)
    rows = [
        (of.label, custom_fields.shown(of, custom[of.key])) for of in fields if of.key in custom
    ]
    known = {of.key for of in fields}
    return rows + [(name, str(v)) for name, v in custom.items() if name not in known]


def _consent(contact: Contact) -> list[Consent]:
    """The latest word on each purpose."""
    said = Consent.objects.filter(contact=contact)
    return list(said.order_by("purpose", F("at").desc(), F("id").desc()).distinct("purpose"))


def identities(request: HttpRequest, contact: Contact) -> Panel:
    found = Identity.objects.filter(contact=contact).order_by("kind", "id")[:50]
    rows = [(each.get_kind_display(), _value(each), each.nickname) for each in found]
    return Panel(
        _("Accounts"), "fingerprint", "admin/contacts/contact/rows.html", {"rows": rows},
        pane="who",
    )  # fmt: skip


def _value(identity: Identity) -> str:
    masks = {Identity.Kind.PHONE: masking.phone, Identity.Kind.EMAIL: masking.email}
    mask = masks.get(Identity.Kind(identity.kind))
    return (mask(identity.text) if mask else identity.text) or ""


def follows(request: HttpRequest, contact: Contact) -> Panel:
    found = Follow.objects.filter(contact=contact).select_related("staff").order_by("-opened_at")
    rows = []
    greeted = welcome_words.of_follows([each.pk for each in found[:50]])
    for each in found[:50]:
        words = _("since %(day)s") if each.ended_at is None else _("ended %(day)s")
        notes = [each.get_ended_by_display(), masking.text(each.remark), greeted.get(each.pk)]
        note = " · ".join(filter(None, notes))
        rows.append((str(each.staff), words % {"day": _day(each.ended_at or each.opened_at)}, note))
    return Panel(
        _("Follows"), "handshake", "admin/contacts/contact/rows.html", {"rows": rows}, pane="who"
    )


# --- what next ---


def orders(request: HttpRequest, contact: Contact) -> Panel | None:
    found = list(Order.objects.filter(contact=contact).order_by("-paid_at")[:ORDERS])
    rows = [
        (
            each.order_id,
            money_shown(each.amount_fen),
            _day(each.paid_at) if each.paid_at else each.get_status_display(),
        )
        for each in found
    ]
    if not rows:
        return None
    return Panel(
        _("Latest orders"), "receipt_long", "admin/contacts/contact/rows.html", {"rows": rows}
    )


OWN: tuple[Show, ...] = (about,)
OWN_LAST: tuple[Show, ...] = (identities, follows, orders)


def panes(request: HttpRequest, contact: Contact) -> dict[str, object]:
    """The three panes, each card rendered."""
    shows = (*OWN, *additions.panels, *OWN_LAST)
    cards = [card for card in (show(request, contact) for show in shows) if card is not None]
    rendered = [
        (card, render_to_string(card.template, dict(card.context), request)) for card in cards
    ]
    return {
        "who": [pair for pair in rendered if pair[0].aside and pair[0].pane == "who"],
        "next": [pair for pair in rendered if pair[0].aside and pair[0].pane == "next"],
        "below": [pair for pair in rendered if not pair[0].aside],
        "timeline": contact_timeline.context(contact, request.GET),
        "timeline_url": reverse("admin:contacts_contact_timeline", args=[contact.pk]),
    }
