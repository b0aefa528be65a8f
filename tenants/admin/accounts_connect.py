"""The guide that connects an account: ids and secret, callback, permissions, done.

Each step shows what really happened at the platform; the parts that wait ask again by themselves.
"""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.admin.accounts_forms import ConnectForm
from tenants.models import AccountProbe, WeChatAccount
from tenants.wechat import permissions, probing

if TYPE_CHECKING:
    from tenants.admin.accounts import WeChatAccountAdmin

S = AccountProbe.State
FOLDER = "admin/tenants/account"
STEPS = (
    (1, gettext_lazy("Id and secret")),
    (2, gettext_lazy("Callback")),
    (3, gettext_lazy("Permissions")),
    (4, gettext_lazy("Done")),
)
_SIGNS = string.ascii_letters + string.digits


def address_of(account: WeChatAccount) -> str:
    return str(settings.BASE_URL + reverse("wechat-callback", args=[account.code]))


class Connecting:
    """The guide's pages, as a part of the accounts' admin."""

    def __init__(self, page: WeChatAccountAdmin) -> None:
        self.page = page

    def urls(self) -> list[Any]:
        wrap, name = self.page.admin_site.admin_view, "tenants_wechataccount_{}".format
        return [
            path("connect/", wrap(self.begin), name=name("connect")),
            path("<path:object_id>/connect/", wrap(self.step), name=name("step")),
            path("<path:object_id>/connect/part/<int:number>/", wrap(self.part), name=name("part")),
            path("<path:object_id>/connect/keys/", wrap(self.keys), name=name("keys")),
            path("<path:object_id>/connect/check/", wrap(self.check), name=name("check")),
        ]

    # --- pages ---

    def begin(self, request: HttpRequest) -> HttpResponse:
        """A new account: step 1 of what does not exist yet."""
        if not self.page.has_add_permission(request):
            raise PermissionDenied
        return self._ids(request, None)

    def step(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = self._account(request, object_id)
        number = _number(request.GET.get("step", "1"))
        if number == 1:
            return self._ids(request, account)
        if not _let_in(account):
            messages.warning(request, _("First the platform has to accept the id and the secret."))
            return redirect(self._step_url(account, 1))
        return self._shown(request, account, number)

    def part(self, request: HttpRequest, object_id: str, number: int) -> HttpResponse:
        """What a step waits for, asked again while it waits."""
        account = self._account(request, object_id)
        if number not in (1, 2, 3):
            raise Http404
        return render(request, f"{FOLDER}/part_{number}.html", self._standing(account, number))

    def keys(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Makes token and key, and shows them this once."""
        account = self._account(request, object_id)
        if request.method != "POST" or not _let_in(account):
            return redirect(self._step_url(account, 2))
        token, key = _random(32), _random(43)
        account.callback_token, account.callback_aes_key = token, key
        account.echoed_at = account.last_callback_at = None
        account.save(
            update_fields=["callback_token", "callback_aes_key", "echoed_at", "last_callback_at"]
        )
        self.page.note(request, "keys_made", account)
        return self._shown(request, account, 2, made={"token": token, "key": key})

    def check(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Has all permissions tried, or the one that is named."""
        account = self._account(request, object_id)
        wanted = request.POST.get("probe", "")
        if request.method == "POST":
            probing.ask(account, {wanted} if wanted else None)
        number = 1 if wanted == probing.TOKEN else 3
        return redirect(self._step_url(account, number))

    # --- steps ---

    def _ids(self, request: HttpRequest, account: WeChatAccount | None) -> HttpResponse:
        data = request.POST if request.method == "POST" else None
        form = ConnectForm(data, instance=account)
        if data is not None and form.is_valid():
            saved: WeChatAccount = form.save()
            self.page.note(request, "changed" if account else "created", saved)
            probing.ask(saved, {probing.TOKEN})
            return redirect(self._step_url(saved, 1))
        return self._shown(request, account, 1, form=form, status=422 if form.errors else 200)

    def _shown(
        self,
        request: HttpRequest,
        account: WeChatAccount | None,
        number: int,
        *,
        status: int = 200,
        **more: object,
    ) -> HttpResponse:
        known = account is not None and account.pk is not None
        context = {
            **self.page.admin_site.each_context(request),
            "title": _("Connect %(name)s") % {"name": account} if known else _("Connect a new one"),
            "opts": self.page.opts,
            "original": account if known else None,
            "steps": STEPS,
            "number": number,
            "open": _let_in(account) if account is not None and known else False,
            **(self._standing(account, number) if account is not None and known else {}),
            **more,
        }
        return render(request, f"{FOLDER}/connect.html", context, status=status)

    def _standing(self, account: WeChatAccount, number: int) -> dict[str, Any]:
        """What the part of a step shows, and whether it still waits."""
        probes = probing.results(account)
        token = next((one for one in probes if one.name == probing.TOKEN), None)
        rows = [
            {
                "probe": one,
                "title": permissions.PERMISSIONS[one.name].title,
                "sentence": permissions.sentence(one),
                "tone": _TONES[one.state],
            }
            for one in probes
        ]
        heard = account.echoed_at is not None and account.last_callback_at is not None
        waits = {
            1: token is not None and token.due_at is not None,
            2: not heard,
            3: any(one.due_at is not None for one in probes),
        }
        return {
            "account": account,
            "address": address_of(account),
            "token": next((row for row in rows if row["probe"] is token), None),
            "rows": rows,
            "missing": sum(one.state == S.MISSING for one in probes),
            "tried": len(probes) > 1,
            "waits": waits.get(number, False),
            "has_keys": bool(account.callback_token),
            "part_url": reverse("admin:tenants_wechataccount_part", args=[account.pk, number]),
            "check_url": reverse("admin:tenants_wechataccount_check", args=[account.pk]),
            "keys_url": reverse("admin:tenants_wechataccount_keys", args=[account.pk]),
            "health_url": reverse("admin:tenants_wechataccount_health", args=[account.pk]),
            "step_url": reverse("admin:tenants_wechataccount_step", args=[account.pk]),
        }

    def _account(self, request: HttpRequest, object_id: str) -> WeChatAccount:
        if not self.page.has_change_permission(request):
            raise PermissionDenied
        account = self.page.get_object(request, unquote(object_id))
        if account is None:
            raise Http404
        found: WeChatAccount = account
        return found

    def _step_url(self, account: WeChatAccount, number: int) -> str:
        address = reverse("admin:tenants_wechataccount_step", args=[account.pk])
        return f"{address}?step={number}"


_TONES: dict[str, str] = {
    S.WAITING: "info",
    S.FINE: "success",
    S.MISSING: "danger",
    S.UNKNOWN: "warning",
}


def _let_in(account: WeChatAccount) -> bool:
    """Has the platform accepted id and secret? Also while it is asked once more."""
    rows = AccountProbe.objects.filter(account=account, name=probing.TOKEN)
    again = Q(state=S.WAITING, checked_at__isnull=False, errcode=None)
    return bool(rows.filter(Q(state=S.FINE) | again).exists())


def _number(text: str) -> int:
    return int(text) if text in {"1", "2", "3", "4"} else 1


def _random(length: int) -> str:
    return "".join(secrets.choice(_SIGNS) for _each in range(length))
