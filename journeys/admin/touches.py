"""Every message planned or sent, the tasks of staff, and the pace that all keep."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from contacts.admin.goods import OfContacts
from journeys import outcomes, pace, recalls, staff_tasks
from journeys.engine import Reason
from journeys.models import StaffTask, Touch, TouchRules
from tenants import audit
from tenants.admin_base import NOTHING, TenantModelAdmin, ask, chip
from tenants.admin_forms import AskForm, LinesField, TenantForm
from tenants.models import User
from tenants.roles import Can


def reason_in_words(code: str) -> str:
    """A refusal's own code stays beside its words."""
    word, colon, number = code.partition(":")
    if word not in Reason.values:
        return code
    return f"{Reason(word).label}{colon}{number}"


@admin.register(Touch)
class TouchAdmin(OfContacts):
    list_display = (
        "of_contact",
        "state_shown",
        "why",
        "route",
        "kind",
        "staff",
        "due_at",
        "sent_at",
    )
    list_select_related = ("contact", "staff")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("route", ChoicesDropdownFilter),
        ("staff", AutocompleteSelectFilter),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("of_contact", "staff"),
                    ("state_shown", "why"),
                    ("route", "kind"),
                    ("script", "task"),
                )
            },
        ),
        (gettext_lazy("Times"), {"fields": (("due_at", "sent_at", "delivered_at"),)}),
    )
    actions_detail = ("was_sent", "was_not_sent", "remind", "call_back")

    def offers(self, request: HttpRequest, target: Touch) -> set[str]:
        """While it is still looked up by itself, nobody decides by hand."""
        open_end = target.state == Touch.State.UNKNOWN and not outcomes.is_looked_up(target)
        found = {"was_sent", "was_not_sent"} if open_end else set()
        found |= {"call_back"} if recalls.waits(target) else set()
        return found | ({"remind"} if recalls.may_remind(target) else set())

    @ask(
        gettext_lazy("Remind the member"),
        question=gettext_lazy("WeCom tells the member once more; at most three times in 24 hours."),
        icon="notifications_active",
        permission="act",
    )
    def remind(self, request: HttpRequest, target: Touch, form: AskForm) -> None:
        if not recalls.remind(target):
            raise ValidationError(_("It waits for nobody, or was reminded three times today."))
        audit.record("touch.reminded", target, request=request)

    @ask(
        gettext_lazy("Call back"),
        question=gettext_lazy(
            "The message is stopped unless the member has confirmed it. WeCom stops a whole task:"
            " for its other customers the member gets a new one."
        ),
        icon="cancel_schedule_send",
        permission="act",
    )
    def call_back(self, request: HttpRequest, target: Touch, form: AskForm) -> None:
        if not recalls.call_back(target):
            raise ValidationError(_("It does not wait for a member."))
        audit.record("touch.called_back", target, request=request)

    @ask(
        gettext_lazy("It was sent"),
        question=gettext_lazy("Only if somebody has looked: the contact has got this message."),
        icon="mark_chat_read",
        permission="act",
    )
    def was_sent(self, request: HttpRequest, target: Touch, form: AskForm) -> None:
        self._settle(request, target, sent=True)

    @ask(
        gettext_lazy("It was not sent"),
        question=gettext_lazy(
            "Only if somebody has looked: the contact has not got it. It goes out again."
        ),
        icon="replay",
        permission="act",
    )
    def was_not_sent(self, request: HttpRequest, target: Touch, form: AskForm) -> None:
        self._settle(request, target, sent=False)

    def _settle(self, request: HttpRequest, target: Touch, *, sent: bool) -> None:
        if not outcomes.settle_by_hand(target, sent=sent):
            raise ValidationError(_("The outcome of this touch is known."))
        audit.record("touch.settled", target, request=request, detail={"sent": sent})

    @chip(gettext_lazy("State"), {
            "sent": "success", "delivered": "success", "failed": "danger", "unknown": "danger",
            "awaiting_staff": "warning", "skipped": "warning", "planned": "info",
        })  # fmt: skip
    def state_shown(self, obj: Touch) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, obj: Touch) -> str:
        return reason_in_words(obj.reason) or NOTHING

    @admin.display(description=gettext_lazy("Script"))
    def script(self, obj: Touch) -> str:
        if obj.enrolment is None or obj.step is None:
            return NOTHING
        return f"{obj.enrolment.sop} · {obj.step.position}"

    @admin.display(description=gettext_lazy("Mass task of the member"))
    def task(self, obj: Touch) -> str:
        if obj.shared is None:
            return NOTHING
        customers = obj.shared.size
        return ngettext("%(count)d customer", "%(count)d customers", customers) % {
            "count": customers
        }


@admin.register(StaffTask)
class StaffTaskAdmin(OfContacts):
    list_display = ("of_contact", "staff", "state_shown", "notice", "due_at", "done_at")
    list_select_related = ("contact", "staff")
    list_filter = (("state", ChoicesDropdownFilter), ("staff", AutocompleteSelectFilter))
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("of_contact", "staff"),
                    "text",
                    ("state_shown", "due_at", "done_at"),
                    ("notice", "why_not_told"),
                )
            },
        ),
    )
    actions_detail = ("mark_done", "call_off")

    def has_work_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return isinstance(request.user, User) and request.user.can(Can.WORK_LEADS)

    def offers(self, request: HttpRequest, target: StaffTask) -> set[str]:
        return {"mark_done", "call_off"} if target.state == StaffTask.State.OPEN else set()

    @ask(
        gettext_lazy("Mark as done"),
        question=gettext_lazy("The message counts as sent."),
        icon="task_alt",
        permission="work",
    )
    def mark_done(self, request: HttpRequest, target: StaffTask, form: AskForm) -> None:
        _still_open(lambda: staff_tasks.done(target))
        self.note(request, "done", target)

    @ask(
        gettext_lazy("Call off"),
        question=gettext_lazy("The message is not sent."),
        icon="cancel",
        permission="work",
    )
    def call_off(self, request: HttpRequest, target: StaffTask, form: AskForm) -> None:
        _still_open(lambda: staff_tasks.cancel(target))
        self.note(request, "cancelled", target)

    @admin.display(description=gettext_lazy("Reason"))
    def why_not_told(self, obj: StaffTask) -> str:
        return reason_in_words(obj.notice_problem) or NOTHING

    @chip(gettext_lazy("State"), {"open": "info", "done": "success", "cancelled": "warning"})
    def state_shown(self, obj: StaffTask) -> tuple[str, str]:
        return obj.state, obj.get_state_display()


def _still_open(verb: Any) -> None:
    try:
        verb()
    except staff_tasks.Closed as error:
        raise ValidationError(str(error)) from None


class PaceForm(TenantForm):
    sensitive_words = LinesField(
        label=gettext_lazy("Sensitive words"),
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 5}),
        help_text=gettext_lazy("One a line. A message that holds one of them is not sent."),
    )

    class Meta:
        model = TouchRules
        fields = (
            "quiet_from", "quiet_to", "per_contact_day", "per_contact_week", "promotions_per_week",
            "per_staff_day", "mass_quota", "sensitive_words",
        )  # fmt: skip


@admin.register(TouchRules)
class TouchRulesAdmin(TenantModelAdmin):
    """One row a business: the list leads straight to it."""

    form = PaceForm
    adds = False
    list_display = ("quiet_from", "quiet_to")
    fieldsets = (
        (gettext_lazy("Quiet hours"), {"fields": (("quiet_from", "quiet_to"),)}),
        (
            gettext_lazy("At most"),
            {
                "fields": (
                    ("per_contact_day", "per_contact_week"),
                    ("promotions_per_week", "per_staff_day"),
                    "mass_quota",
                )
            },
        ),
        (gettext_lazy("Words"), {"fields": ("sensitive_words",)}),
    )  # fmt: skip

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self.back(request, pace.rules())
