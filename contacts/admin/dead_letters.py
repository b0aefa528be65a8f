"""Dead letters: callbacks that could not be understood. What, when, why; and once more."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from contacts import dead_letters
from tenants import audit
from tenants.admin_base import NOTHING, ReadOnlyAdmin, ask, link_to
from tenants.admin_forms import AskForm
from tenants.models import Callback
from tenants.roles import Can
from tenants.wechat import health


@admin.register(Callback)
class DeadLetterAdmin(ReadOnlyAdmin):
    """Only those that were given up: the inbox itself is no page."""

    ability = Can.MANAGE
    list_display = ("kind", "account_name", "received_at", "given_up_at", "why")
    list_filter = ("account",)
    list_select_related = ("account",)
    actions_list = ("replay_all",)
    actions_detail = ("replay",)
    fieldsets = (
        (
            None,
            {"fields": ("kind", "account_name", "received_at", "given_up_at", "attempts", "why")},
        ),
        (gettext_lazy("What it says"), {"fields": ("said",)}),
    )
    readonly_fields = ("kind", "account_name", "given_up_at", "why", "said")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Callback]:
        rows: QuerySet[Callback] = super().get_queryset(request).filter(health.dead_letters())
        return rows

    @ask(
        gettext_lazy("Replay all"),
        question=gettext_lazy(
            "All dead letters go back into the inbox and are read once more. What cannot be"
            " understood again comes back here."
        ),
        icon="replay",
        permission="act",
    )
    def replay_all(self, request: HttpRequest, _target: None, _form: AskForm) -> None:
        count = dead_letters.replay()
        audit.record(
            "callback.replayed", getattr(request, "tenant", None), request=request,
            detail={"count": count},
        )  # fmt: skip
        _say(request, count)

    @ask(
        gettext_lazy("Replay"),
        question=gettext_lazy("It goes back into the inbox and is read once more."),
        icon="replay",
        permission="act",
    )
    def replay(self, request: HttpRequest, target: Callback, _form: AskForm) -> HttpResponse:
        count = dead_letters.replay([target.pk])
        if count:
            self.note(request, "replayed", target)
        _say(request, count)
        return self.back(request, None)

    @admin.display(description=gettext_lazy("Event"))
    def kind(self, obj: Callback) -> str:
        return dead_letters.what(obj)

    @admin.display(description=gettext_lazy("WeChat account"))
    def account_name(self, obj: Callback) -> str:
        return link_to(obj.account)

    @admin.display(description=gettext_lazy("given up"))
    def given_up_at(self, obj: Callback) -> str:
        at = obj.handled_at
        return NOTHING if at is None else str(localize(timezone.localtime(at)))

    @admin.display(description=gettext_lazy("Why"))
    def why(self, obj: Callback) -> str:
        return dead_letters.problem(obj)

    @admin.display(description=gettext_lazy("Body"))
    def said(self, obj: Callback) -> str:
        return format_html('<pre class="scrm-body">{}</pre>', dead_letters.body(obj))


def _say(request: HttpRequest, count: int) -> None:
    if not count:
        messages.warning(request, _("There is no dead letter to replay."))
        return
    words = ngettext(
        "%(count)d callback is read again.", "%(count)d callbacks are read again.", count
    )
    messages.success(request, words % {"count": count})
