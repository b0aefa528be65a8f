"""Whom outside we tell what happens: made, tested, given a new secret; messages and their fate."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tenants.admin_base import ReadOnlyAdmin, TenantModelAdmin, ask, chip, link_to
from tenants.admin_forms import AskForm, TenantForm
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.roles import Can
from tenants.webhooks import addresses, keeping, types


class WebhookForm(TenantForm):
    types = forms.MultipleChoiceField(
        label=pgettext_lazy("of webhooks", "Events"), widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("url", "description", "types", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "types" in self.fields:
            self.fields["types"].choices = [  # type: ignore[attr-defined] # a MultipleChoiceField
                (name, f"{name} · {label}") for name, label in types.known().items()
            ]

    def clean_url(self) -> str:
        return addresses.check(self.cleaned_data["url"])

    def clean(self) -> dict[str, Any]:
        if self.instance.pk is None:
            keeping.check_number()
        return super().clean() or self.cleaned_data


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(TenantModelAdmin):
    ability = Can.MANAGE
    noun = "webhook"
    form = WebhookForm
    deletes = True
    list_display = ("__str__", "url", "health", "failing_since")
    search_fields = ("url", "description")
    readonly_fields = ("health", "stopped_at", "failing_since", "previous_until", "messages_sent")
    fieldsets = (
        (None, {"fields": ("url", "description", "types", "enabled")}),
        (
            gettext_lazy("Status"),
            {"fields": (
                "health", "failing_since", "stopped_at", "previous_until", "messages_sent",
            )},
        ),
    )  # fmt: skip
    actions_detail = ("send_test", "send_failed_again", "renew_secret")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.fieldsets[:1]

    def save_model(
        self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: Any
    ) -> None:
        if change:
            keeping.change(obj)
            return
        made = keeping.make(obj.url, obj.types, obj.description)
        if not obj.enabled:
            made.enabled = False
            keeping.change(made)
        obj.pk, obj.code, obj.secret = made.pk, made.code, made.secret

    def delete_model(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        keeping.delete(obj)

    def response_add(
        self, request: HttpRequest, obj: WebhookEndpoint, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._once(request, obj, _("The webhook “%(name)s” is made") % {"name": obj})

    def _once(self, request: HttpRequest, endpoint: WebhookEndpoint, title: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "explained": _("The secret verifies our messages. It is shown only this once."),
            "secret": endpoint.secret,
            "done": self.page_of(endpoint),
        }
        answer = render(request, "admin/shown_once.html", context)
        if request.headers.get("HX-Request") == "true":  # a dialog asked: it says the secret
            answer["HX-Retarget"], answer["HX-Reswap"] = "#dialog", "innerHTML"
            answer["HX-Reselect"] = ".scrm-narrow"
        return answer

    # --- buttons ---

    def offers(self, request: HttpRequest, target: WebhookEndpoint) -> set[str]:
        failed = {"send_failed_again"} if keeping.failed(target).exists() else set()
        return {"renew_secret"} | failed | ({"send_test"} if target.enabled else set())

    @ask(
        gettext_lazy("Test"),
        question=gettext_lazy("A message of the type webhook.test goes to the address."),
        icon="send",
        permission="act",
    )
    def send_test(self, request: HttpRequest, target: WebhookEndpoint, form: AskForm) -> None:
        keeping.test(target)
        self.note(request, "tested", target)
        messages.success(request, _("The test is on its way: look at the messages."))

    @ask(
        gettext_lazy("Resend"),
        question=gettext_lazy("What was given up goes out again, under the same event ids."),
        icon="replay",
        permission="act",
    )
    def send_failed_again(
        self, request: HttpRequest, target: WebhookEndpoint, form: AskForm
    ) -> None:
        queued = keeping.again(keeping.failed(target))
        self.note(request, "replayed", target, queued=queued)
        messages.success(
            request,
            ngettext("%(n)d message is sent again.", "%(n)d messages are sent again.", queued)
            % {"n": queued},
        )

    @ask(
        gettext_lazy("New secret"),
        question=gettext_lazy("For 24 hours messages are signed with the old secret as well."),
        icon="key",
        variant=ActionVariant.DANGER,
        permission="act",
    )
    def renew_secret(
        self, request: HttpRequest, target: WebhookEndpoint, form: AskForm
    ) -> HttpResponse:
        keeping.new_secret(target)
        self.note(request, "secret_renewed", target)
        return self._once(request, target, _("New secret of “%(name)s”") % {"name": target})

    # --- what is shown ---

    @chip(gettext_lazy("Status"), {"on": "success", "failing": "warning", "stopped": "danger"})
    def health(self, obj: WebhookEndpoint) -> tuple[str, str]:
        if obj.stopped_because:
            why = {"reason": obj.get_stopped_because_display()}
            return "stopped", _("switched off: %(reason)s") % why
        if not obj.enabled:
            return "off", _("switched off")
        if obj.failing_since is not None:
            return "failing", _("is failing")
        return "on", _("in use")

    @admin.display(description=gettext_lazy("Messages of webhooks"))
    def messages_sent(self, obj: WebhookEndpoint) -> str:
        address = reverse("admin:tenants_webhookdelivery_changelist")
        return format_html(
            '<a class="scrm-link" href="{}?endpoint__id__exact={}">{}</a>',
            address,
            obj.pk,
            _("To its messages"),
        )


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    ability = Can.MANAGE
    noun = "webhook_delivery"
    list_display = ("type_name", "to", "status", "last_status", "attempts", "next_at", "created_at")
    list_filter = (
        ("endpoint", RelatedDropdownFilter),
        ("state", ChoicesDropdownFilter),
    )
    list_select_related = ("endpoint",)
    search_fields = ("=event_id",)
    search_help_text = gettext_lazy("event id")
    fieldsets = (
        (None, {"fields": ("type_name", "to", "event_id", "body")}),
        (
            gettext_lazy("Status"),
            {"fields": (
                "status", "problem", "last_status", "last_ms", "attempts", "last_at", "next_at",
                "created_at",
            )},
        ),
    )  # fmt: skip
    readonly_fields = ("type_name", "to", "status")
    actions_detail = ("send_again",)

    def offers(self, request: HttpRequest, target: WebhookDelivery) -> set[str]:
        return set() if target.state in WebhookDelivery.OPEN else {"send_again"}

    @ask(
        gettext_lazy("Send again"),
        question=gettext_lazy("Under the same event id: who has it already can tell."),
        icon="replay",
        permission="act",
    )
    def send_again(self, request: HttpRequest, target: WebhookDelivery, form: AskForm) -> None:
        keeping.again(WebhookDelivery.objects.filter(pk=target.pk))
        self.note(request, "replayed", target)

    @admin.display(description=pgettext_lazy("of webhooks", "Event"))
    def type_name(self, obj: WebhookDelivery) -> str:
        return f"{obj.type} · {types.label_of(obj.type)}"

    @admin.display(description=gettext_lazy("Webhook"))
    def to(self, obj: WebhookDelivery) -> str:
        return link_to(obj.endpoint)

    @chip(
        gettext_lazy("Status"),
        {"delivered": "success", "failed": "danger", "waiting": "info", "sending": "info"},
    )
    def status(self, obj: WebhookDelivery) -> tuple[str, str]:
        return obj.state, obj.get_state_display()
