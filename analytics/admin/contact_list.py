"""What figures add to the pages of contacts in the admin."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter

from analytics import shown, standing, trust_mix
from analytics.segment_leaves import OWNERSHIPS
from contacts.admin import additions
from contacts.admin.additions import Panel
from contacts.models import Contact


class OwnershipFilter(DropdownFilter):
    title = gettext_lazy("ownership level")
    parameter_name = "ownership"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        levels = [(level.value, str(label)) for level, label in OWNERSHIPS.items()]
        return [*levels, (standing.ANY, _("any: can be reached"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        wanted = str(self.value() or "")
        if wanted != standing.ANY and wanted not in OWNERSHIPS:
            return queryset
        return standing.in_ownership(queryset, wanted)


def how_gentle(request: HttpRequest, contact: Contact) -> Panel | None:
    """How much of what they were sent lately was service."""
    found = trust_mix.of_contact(contact.pk)
    if found.share is None:
        return None
    rows = [
        (_("Service and greetings"), shown.count(found.gentle), ""),
        (_("All messages in 30 days"), shown.count(found.touches), ""),
        (_("Trust mix"), shown.rate(found.share), trust_mix.warning(found)),
    ]
    return Panel(_("Trust mix"), "handshake", "admin/contacts/contact/rows.html", {"rows": rows})


additions.list_filter(OwnershipFilter)
additions.panel(how_gentle)
