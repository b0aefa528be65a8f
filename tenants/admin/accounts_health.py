"""The health of one account: token, callbacks, calls and refusals by API, what rests until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _

from tenants.models import User, WeChatAccount
from tenants.roles import Can
from tenants.wechat import health, permissions

if TYPE_CHECKING:
    from tenants.admin.accounts import WeChatAccountAdmin

FOLDER = "admin/tenants/account"


class Health:
    """Part of the accounts' admin."""

    def __init__(self, page: WeChatAccountAdmin) -> None:
        self.page = page

    def urls(self) -> list[Any]:
        wrap, name = self.page.admin_site.admin_view, "tenants_wechataccount_{}".format
        return [
            path("<path:object_id>/health/", wrap(self.shown), name=name("health")),
            path("<path:object_id>/health/part/", wrap(self.part), name=name("health_part")),
        ]

    def shown(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = self._account(request, object_id)
        context = {
            **self.page.admin_site.each_context(request),
            "title": _("Health of %(name)s") % {"name": account},
            "opts": self.page.opts,
            "original": account,
            **_standing(request, account),
        }
        return render(request, f"{FOLDER}/health.html", context)

    def part(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The figures, asked again by the page."""
        account = self._account(request, object_id)
        return render(request, f"{FOLDER}/health_part.html", _standing(request, account))

    def _account(self, request: HttpRequest, object_id: str) -> WeChatAccount:
        if not self.page.has_view_permission(request):
            raise PermissionDenied
        account = self.page.get_object(request, unquote(object_id))
        if account is None:
            raise Http404
        found: WeChatAccount = account
        return found


def _standing(request: HttpRequest, account: WeChatAccount) -> dict[str, Any]:
    user = request.user
    manages = isinstance(user, User) and user.can(Can.MANAGE)
    condition = health.condition_of(account)
    standing = condition.line.breaker if condition.line else None
    return {
        "condition": condition,
        "account": account,
        "manages": manages,
        "dead_url": reverse("admin:tenants_callback_changelist") if manages else "",
        "step_url": reverse("admin:tenants_wechataccount_step", args=[account.pk]),
        "part_url": reverse("admin:tenants_wechataccount_health_part", args=[account.pk]),
        "breaker_reaction": (
            permissions.reaction_to(standing.errcode, "gettoken") if standing else ""
        ),
        "missing": [permissions.PERMISSIONS[name].title for name in condition.missing],
    }
