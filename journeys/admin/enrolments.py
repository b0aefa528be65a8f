"""Who is or was in which script, how far, and taking somebody out of it."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)

from contacts.admin.goods import OfContacts
from journeys import enrolments
from journeys.admin.touches import reason_in_words
from journeys.engine import Reason
from journeys.models import Enrolment, Touch
from tenants import audit
from tenants.admin_base import NOTHING, ask, chip, link_to
from tenants.admin_forms import AskForm


@admin.register(Enrolment)
class EnrolmentAdmin(OfContacts):
    list_display = ("of_contact", "script", "state_shown", "why", "started_at", "ended_at")
    list_select_related = ("contact", "sop", "version")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("sop", AutocompleteSelectFilter),
        ("started_at", RangeDateTimeFilter),
    )
    fieldsets = (
        (
            None,
            {"fields": (("of_contact", "of_script"), ("state_shown", "why"), "of_staff")},
        ),
        (gettext_lazy("Times"), {"fields": (("started_at", "ended_at"),)}),
        (gettext_lazy("Messages"), {"fields": ("messages_shown",)}),
    )
    actions_detail = ("take_out",)

    def offers(self, request: HttpRequest, target: Enrolment) -> set[str]:
        return {"take_out"} if target.state == Enrolment.State.RUNNING else set()

    @ask(
        gettext_lazy("Take out of the script"),
        question=gettext_lazy("What has not gone out is cancelled."),
        icon="playlist_remove",
        permission="act",
    )
    def take_out(self, request: HttpRequest, target: Enrolment, form: AskForm) -> None:
        if not enrolments.leave({target.pk: Reason.BY_HAND}):
            raise ValidationError(_("This run has ended already."))
        audit.record("enrolment.left", target, request=request)

    @admin.display(description=gettext_lazy("Script"))
    def script(self, obj: Enrolment) -> str:
        return f"{obj.sop} · v{obj.version.number}"

    @admin.display(description=gettext_lazy("Script"))
    def of_script(self, obj: Enrolment) -> str:
        return link_to(obj.sop, self.script(obj))

    @admin.display(description=gettext_lazy("Staff"))
    def of_staff(self, obj: Enrolment) -> str:
        return link_to(obj.follow.staff if obj.follow else None)

    @chip(gettext_lazy("State"), {"running": "info", "done": "success", "left": "warning"})
    def state_shown(self, obj: Enrolment) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, obj: Enrolment) -> str:
        return reason_in_words(obj.reason) or NOTHING

    @admin.display(description=gettext_lazy("Messages"))
    def messages_shown(self, obj: Enrolment) -> str:
        touches = (
            Touch.objects.filter(enrolment=obj).select_related("step").order_by("due_at", "id")
        )
        rows = [
            (
                touch.step.position if touch.step else NOTHING,
                link_to(
                    touch, f"{timezone.localtime(touch.sent_at or touch.due_at):%Y-%m-%d %H:%M}"
                ),
                touch.get_state_display(),
                reason_in_words(touch.reason),
            )
            for touch in touches
        ]
        line = '<li><span>{}. {}</span><span>{} <span class="scrm-quiet">{}</span></span></li>'
        shown = format_html_join("", line, rows)
        return format_html('<ul class="scrm-rows">{}</ul>', shown) if rows else NOTHING
