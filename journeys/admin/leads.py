"""The leads as operators see them: who has which, and handing one over."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from contacts.admin.goods import OfContacts
from journeys import leads, scoring
from journeys.models import Lead
from tenants.admin_base import ask, chip
from tenants.admin_forms import AskForm, autocomplete
from tenants.models import Staff, User
from tenants.roles import Can


class HandOverForm(AskForm):
    staff = forms.ModelChoiceField(
        label=gettext_lazy("Hand over to"),
        queryset=Staff.objects.filter(active=True),
        widget=autocomplete(Lead._meta.get_field("owner")),
    )


@admin.register(Lead)
class LeadAdmin(OfContacts):
    list_display = ("of_contact", "state_shown", "owner", "score_now", "created_at", "next_at")
    list_select_related = ("contact", "owner")
    list_filter = (("state", ChoicesDropdownFilter), ("owner", AutocompleteSelectFilter))
    fieldsets = (
        (None, {"fields": ("of_contact", ("state_shown", "reason"), ("owner", "score_now"))}),
        (
            gettext_lazy("Times"),
            {"fields": (("created_at", "claimed_at"), ("next_at", "closed_at"))},
        ),
    )
    actions_detail = ("hand_over", "put_back")

    def has_work_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return isinstance(request.user, User) and request.user.can(Can.WORK_LEADS)

    def offers(self, request: HttpRequest, target: Lead) -> set[str]:
        if target.state == Lead.State.CLAIMED:
            return {"hand_over", "put_back"}
        return {"hand_over"} if target.state == Lead.State.OPEN else set()

    @ask(gettext_lazy("Hand over"), icon="swap_horiz", permission="work", form=HandOverForm)
    def hand_over(self, request: HttpRequest, target: Lead, form: HandOverForm) -> None:
        user = request.user if isinstance(request.user, User) else None
        _not_taken(lambda: leads.transfer(target, form.cleaned_data["staff"], by=user))
        self.note(request, "transferred", target)

    @ask(
        gettext_lazy("Back to the queue"),
        question=gettext_lazy("Anybody in sales can take it then."),
        icon="undo",
        permission="work",
    )
    def put_back(self, request: HttpRequest, target: Lead, form: AskForm) -> None:
        user = request.user if isinstance(request.user, User) else None
        _not_taken(lambda: leads.release(target, by=user))
        self.note(request, "released", target)

    @chip(
        gettext_lazy("State"),
        {"open": "info", "claimed": "primary", "won": "success", "lost": "warning"},
    )
    def state_shown(self, obj: Lead) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Score"))
    def score_now(self, obj: Lead) -> str:
        found = scoring.standings([obj.contact_id]).get(obj.contact_id)
        return f"{found.score:.1f} · {found.grade}" if found else "–"


def _not_taken(verb: Any) -> None:
    try:
        verb()
    except leads.Taken:
        raise ValidationError(_("Somebody else was quicker: look at the lead again.")) from None
