"""The operators' site: who may enter, and what its menu shows to whom."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from analytics.pages import menu
from journeys import risk_page
from scrm import admin_home
from tenants import admin_settings
from tenants.models import User
from tenants.roles import Can
from tenants.views import sign_out

View = Callable[..., HttpResponseBase]


class OperatorsSite(UnfoldAdminSite):
    """Django's admin on Unfold, entered by our sign-in and by the roles that operate."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Only a tenant's rows have pages: Django's groups grant nothing here."""
        if model_or_iterable not in (Group, (Group,)):
            super().register(model_or_iterable, admin_class, **options)

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # noqa: FBT001, FBT002 - Django's signature
        inner: View = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_permission(request):
                return turn_away(request)
            return inner(request, *args, **kwargs)

        return update_wrapper(guarded, inner)

    def get_urls(self) -> list[Any]:
        view = self.admin_view(admin_settings.business_settings)
        return [
            path("settings/", view, name="business_settings"),
            path("risk/", self.admin_view(risk_page.page), name="risk"),
            *super().get_urls(),
        ]

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """There is one way in: our own sign-in."""
        return redirect("admin:index") if self.has_permission(request) else turn_away(request)

    def logout(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """By a form only: a link on another page must not sign people out."""
        return sign_out(request)

    def search(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Unfold would keep its results in a cache that knows no tenant."""
        raise Http404

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        user = request.user
        assert isinstance(user, User)  # noqa: S101 - narrows the type: admin_view let them in
        context = {
            "title": _("Overview"),
            "groups": admin_home.groups(user),
            "sees_figures": user.can(Can.REPORT),
            **(extra_context or {}),
        }
        answer: HttpResponse = super().index(request, context)
        return answer


def turn_away(request: HttpRequest) -> HttpResponse:
    """To the sign-in; to the choice of a business; sales to the desk."""
    user = request.user
    if not isinstance(user, User):
        return redirect_to_login(request.get_full_path(), reverse("sign-in"))
    return redirect("places" if user.membership is None else "desk")


# --- what Unfold asks (settings.UNFOLD) ---


def style(request: HttpRequest) -> str:
    return static("scrm/admin.css")


def script(request: HttpRequest) -> str:
    return static("scrm/admin.js")


def icon(request: HttpRequest) -> str:
    return static("scrm/icon.svg")


def name_of_tenant(request: HttpRequest) -> str:
    tenant = getattr(request, "tenant", None)
    return tenant.name if tenant else ""


def language_action(request: HttpRequest) -> str:
    return reverse("language")


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    links = [{"title": _("Change password"), "link": reverse("admin:password_change")}]
    if request.session.get("places", 0) > 1:
        links.insert(0, {"title": _("Switch business"), "link": reverse("places")})
    return links


def navigation(request: HttpRequest) -> list[dict[str, object]]:
    """The menu in the order of an operator's thoughts; only what this member may open."""
    user = request.user
    if not isinstance(user, User):
        return []
    groups = [
        {
            "title": title,
            "separator": number > 0,
            "items": [
                {"title": name, "icon": symbol, "link": link}
                for ability, name, symbol, link in entries
                if user.can(ability)
            ],
        }
        for number, (title, entries) in enumerate(_menu())
    ]
    return [group for group in groups if group["items"]]


Entry = tuple[Can, str, str, str]


def _menu() -> list[tuple[str, list[Entry]]]:
    return [
        (
            "",
            [
                (Can.READ, _("Overview"), "space_dashboard", reverse("admin:index")),
                (Can.WORK_LEADS, _("Desk"), "support_agent", reverse("desk")),
            ],
        ),
        (_("Customers"), _customers()),
        (_("Acquisition"), _acquisition()),
        (_("Journeys"), _journeys()),
        (_("Campaigns"), _campaigns()),
        (_("Dashboards"), _dashboards()),
        (_("Business"), _business()),
    ]


def _dashboards() -> list[Entry]:
    return [
        *((Can.REPORT, title, icon, reverse(name)) for name, icon, title in menu.dashboards()),
        (Can.REPORT, _("Saved views"), "bookmarks", reverse("saved-views")),
        (Can.REPORT, _("Scheduled reports"), "schedule_send", _list("analytics_reportschedule")),
        (Can.REPORT, _("Sent reports"), "outgoing_mail", _list("analytics_reportdelivery")),
        (Can.REPORT, _("Targets"), "flag", _list("analytics_target")),
        (Can.REPORT, _("Headcount"), "badge", _list("analytics_headcount")),
        (Can.REPORT, _("Alerts"), "notifications", _list("analytics_alert")),
        (Can.REPORT, _("Alert rules"), "notification_add", _list("analytics_alertrule")),
    ]


def _list(model: str) -> str:
    return reverse(f"admin:{model}_changelist")


def _customers() -> list[Entry]:
    return [
        (Can.READ, _("Contacts"), "person", _list("contacts_contact")),
        (
            Can.READ,
            _("Possible duplicates"),
            "merge",
            f"{_list('contacts_duplicate')}?state__exact=open",
        ),
        (Can.READ, _("Segments"), "group_work", _list("contacts_segment")),
        (Can.READ, _("Tags"), "label", _list("contacts_tag")),
        (Can.READ, _("Tag groups"), "folder_open", _list("contacts_taggroup")),
        (Can.READ, _("Tag rules"), "new_label", _list("contacts_tagrule")),
        (Can.READ, _("Pre-tag lists"), "person_add", _list("contacts_pretaglist")),
        (Can.READ, _("Custom fields"), "edit_attributes", _list("contacts_customfield")),
        (Can.READ, _("Follows"), "handshake", _list("contacts_follow")),
        (Can.READ, _("Lost follows"), "person_remove", _list("contacts_followloss")),
        (Can.READ, _("Transfers"), "swap_horiz", _list("contacts_transferbatch")),
        (Can.READ, _("Groups"), "groups", _list("contacts_group")),
        (Can.READ, _("Group members"), "group", _list("contacts_groupmember")),
        (Can.READ, _("Group codes"), "qr_code_2", _list("contacts_groupjoincode")),
        (Can.READ, _("Group welcomes"), "waving_hand", _list("contacts_groupwelcome")),
        (Can.READ, _("WeCom's figures of groups"), "monitoring", _list("contacts_groupfigures")),
        (Can.READ, _("Events"), "timeline", _list("contacts_event")),
        (Can.READ, _("Orders"), "receipt_long", _list("contacts_order")),
        (Can.READ, _("Products"), "inventory_2", _list("contacts_product")),
        (Can.IMPORT, _("Imports"), "upload_file", _list("contacts_import")),
        (Can.EXPORT, _("Exports"), "download", _list("contacts_export")),
    ]


def _acquisition() -> list[Entry]:
    return [
        (Can.READ, _("Channels"), "campaign", _list("contacts_channel")),
        (Can.READ, _("Costs"), "savings", _list("contacts_cost")),
        (Can.READ, _("Live codes"), "qr_code_2", _list("contacts_livecode")),
        (Can.READ, _("WeChat accounts"), "forum", _list("tenants_wechataccount")),
        (Can.READ, _("Account risk"), "shield", reverse("admin:risk")),
        (Can.MANAGE, _("Dead letters"), "unsubscribe", _list("tenants_callback")),
        (Can.READ, _("Synchronisation"), "sync", _list("contacts_syncrun")),
        (Can.READ, _("Differences"), "difference", _list("contacts_drift")),
        (Can.READ, _("Figures of staff"), "monitoring", _list("contacts_stafffigures")),
        (Can.READ, _("Customers of resigned staff"), "person_off", _list("contacts_unassigned")),
    ]


def _journeys() -> list[Entry]:
    return [
        (Can.READ, _("Stages"), "stairs", _list("journeys_stage")),
        (Can.READ, _("Content"), "article", _list("journeys_content")),
        (Can.READ, _("SOPs"), "checklist", _list("journeys_sop")),
        (Can.READ, _("Enrolments"), "playlist_play", _list("journeys_enrolment")),
        (Can.READ, _("Touches"), "send", _list("journeys_touch")),
        (Can.READ, _("Staff tasks"), "task_alt", _list("journeys_stafftask")),
        (Can.READ, _("Score rules"), "rule", _list("journeys_scorerule")),
        (Can.READ, _("Scoring"), "speed", _list("journeys_scoremodel")),
        (Can.READ, _("Leads"), "local_fire_department", _list("journeys_lead")),
    ]


def _campaigns() -> list[Entry]:
    return [
        (Can.READ, _("Broadcasts"), "campaign", _list("campaigns_broadcast")),
        (
            Can.READ,
            _("Sent at WeCom"),
            "outgoing_mail",
            f"{_list('campaigns_broadcast')}?origin=outside",
        ),
        (Can.READ, _("Recipients"), "mark_chat_read", _list("campaigns_broadcastrecipient")),
    ]


def _business() -> list[Entry]:
    return [
        (Can.MANAGE, _("Members"), "group", _list("tenants_membership")),
        (Can.READ, _("Staff"), "badge", _list("tenants_staff")),
        (Can.READ, _("Teams"), "store", _list("tenants_team")),
        (Can.MANAGE, _("API keys"), "key", _list("tenants_apikey")),
        (Can.MANAGE, _("Webhooks"), "webhook", _list("tenants_webhookendpoint")),
        (Can.MANAGE, _("Messages of webhooks"), "outbox", _list("tenants_webhookdelivery")),
        (Can.MANAGE, _("Settings"), "tune", reverse("admin:business_settings")),
        (Can.READ, _("Pace of touches"), "schedule", _list("journeys_touchrules")),
        (Can.MANAGE, _("Retention rules"), "auto_delete", _list("contacts_retention")),
        (Can.MANAGE, _("Erasures"), "person_off", _list("contacts_erasure")),
        (Can.MANAGE, _("Audit log"), "history", _list("tenants_auditentry")),
    ]
