"""Sign-in with WeCom: out to the platform, and back with a code that says who it was.

On `/wechat/…` no scope is open: the code in the path tells the tenant, and the platform is asked
outside any transaction.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tenants import admitting, audit, auth
from tenants.admitting import Refused, Why
from tenants.ids import tenant_of_code
from tenants.models import WeChatAccount
from tenants.scope import scope
from tenants.wechat import oauth
from tenants.wechat.accounts import credentials_of, wecom_client_for
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import Forbidden, Terminal, Unauthorised, WeChatError

LIFE_S = 600
MOST_OPEN = 5  # sign-ins begun and not finished, of one session
_KEY = "wecom_sign_ins"

_WHY = {
    Why.SWITCHED_OFF: gettext_lazy(
        "This business does not use sign-in with WeCom. Sign in with your e-mail and password."
    ),
    Why.OUTSIDER: gettext_lazy(
        "WeCom says that you are no member of this corporation. Open this page with the WeCom "
        "account of your work."
    ),
    Why.UNKNOWN: gettext_lazy(
        "You are not on the list of staff here yet. Ask an administrator to let the app see you in "
        "WeCom and then to synchronise the staff; after that sign in again."
    ),
    Why.INACTIVE: gettext_lazy(
        "You are switched off on the list of staff. If you work here, ask an administrator to "
        "switch you on."
    ),
    Why.NO_MEMBER: gettext_lazy(
        "You are on the list of staff, but nobody has given you access. Ask an administrator to "
        "add you under Members and to choose you as staff there."
    ),
    Why.MEMBER_OFF: gettext_lazy(
        "Your access was switched off. If you still need it, ask an administrator."
    ),
    Why.SEVERAL: gettext_lazy(
        "Two members are linked with you as staff, so it is not clear who you are. Ask an "
        "administrator to leave only one of them linked."
    ),
    Why.OWNER: gettext_lazy(
        "Owners sign in with e-mail and password, so that nobody becomes one by a change in WeCom."
    ),
}


@dataclass(frozen=True)
class Door:
    """An account through which members come in."""

    tenant_id: int
    account: WeChatAccount
    credentials: Credentials


def door_or_404(code: str) -> Door:
    """An active WeCom account of a self-built app, by its code."""
    tenant_id = tenant_of_code(code)
    if tenant_id is None:
        raise Http404
    with scope(tenant_id):
        account = WeChatAccount.objects.filter(
            code=code, kind=WeChatAccount.Kind.WECOM, active=True, tenant__active=True
        ).first()
        if account is None:
            raise Http404
        return Door(tenant_id, account, credentials_of(account))


@never_cache
@require_GET
def begin(request: HttpRequest, code: str) -> HttpResponse:
    """Silently inside the WeCom client, by QR code elsewhere; `?way=` chooses."""
    door = door_or_404(code)
    if not door.credentials.agent_id:
        text = _("This account has no agent id. An administrator can add it in its settings.")
        return _refused(request, code, text, 409)
    target = request.GET.get("next", "")
    state = _remember(request, code, target if _is_ours(request, target) else "")
    back = request.build_absolute_uri(reverse("wecom-back", args=[code]))
    inside = "wxwork" in request.headers.get("User-Agent", "").lower()
    way = request.GET.get("way", "silent" if inside else "scan")
    address = oauth.silent_url if way == "silent" else oauth.scan_url
    return HttpResponseRedirect(address(door.credentials, back, state))


@never_cache
@require_GET
def back(request: HttpRequest, code: str) -> HttpResponse:
    door = door_or_404(code)
    held = _take(request, code, request.GET.get("state", ""))
    if held is None:
        text = _("This sign-in was not begun in this window, or too long ago. Begin again.")
        return _refused(request, code, text, 400)
    secret = request.GET.get("code", "")
    if not secret:
        return _refused(request, code, _("The sign-in was cancelled in WeCom."), 400, held["next"])
    try:
        with wecom_client_for(door.credentials) as client:
            userid = oauth.userid_of(client, secret)
    except WeChatError as error:
        return _refused(request, code, _sentence(error), 503, held["next"])
    try:
        _enter(request, door, userid)
    except Refused as refused:
        text = str(_WHY[refused.why])
        return _refused(request, code, text, 403, held["next"], userid=userid)
    return redirect(held["next"] or resolve_url(settings.LOGIN_REDIRECT_URL))


def _enter(request: HttpRequest, door: Door, userid: str) -> None:
    """The session begins anew, as this member. Raises Refused, which is on record then."""
    refused = None
    with scope(door.tenant_id):
        try:
            found = admitting.admit(door.account, userid)
        except Refused as error:
            refused = error
            if userid:
                detail: dict[str, object] = {"why": refused.why.value}
                # Whoever may be signed in here already need not be the one who tried.
                seen = None if request.user.is_authenticated else request
                audit.record("account.sign_in_refused", door.account, request=seen, detail=detail)
        else:
            login(request, found.user)
            if found.new:
                audit.record("member.created", found.membership, request=request)
            through: dict[str, object] = {"through": audit.reference(door.account)}
            audit.record("member.signed_in", found.membership, request=request, detail=through)
    if refused is not None:
        raise refused
    request.session["places"] = 1
    request.session["tenant"] = request.session[auth.VOUCHED] = door.tenant_id


# --- what the session remembers of sign-ins that were begun ---


def _remember(request: HttpRequest, code: str, target: str) -> str:
    held: dict[str, dict[str, Any]] = request.session.get(_KEY, {})
    state = secrets.token_urlsafe(24)
    newest = sorted(held, key=lambda each: held[each]["at"])[-(MOST_OPEN - 1) :]
    kept = {each: held[each] for each in newest}
    request.session[_KEY] = {**kept, state: {"code": code, "next": target, "at": int(time.time())}}
    return state


def _take(request: HttpRequest, code: str, state: str) -> dict[str, Any] | None:
    """Good once, in the session that began, for the account that it was begun with."""
    held: dict[str, dict[str, Any]] = request.session.get(_KEY, {})
    one = held.pop(state, None)
    if one is None:
        return None
    request.session[_KEY] = held
    if one["code"] != code or time.time() - one["at"] > LIFE_S:
        return None
    return one


def _is_ours(request: HttpRequest, target: str) -> bool:
    return url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    )


# --- pages that say what to do ---


def _sentence(error: WeChatError) -> str:
    if error.errcode == oauth.CODE_INVALID:
        return _("The code of WeCom was used or is too old. Begin again.")
    if isinstance(error, Unauthorised | Forbidden | Terminal):
        return _(
            "WeCom does not let this account ask who you are (%(why)s). An administrator finds on "
            "the health page of the account what is missing."
        ) % {"why": error.message}
    return _("WeCom does not answer at the moment. Try again in a minute.")


def _refused(
    request: HttpRequest, code: str, text: str, status: int, target: str = "", userid: str = ""
) -> HttpResponse:
    context = {"text": text, "code": code, "next": target, "userid": userid}
    return render(request, "scrm/wecom_refused.html", context, status=status)
