"""What may a page inside the WeCom client ask of the platform, through which account, as whom?

These questions stand under `/wechat/…`, where no scope is open: the platform is asked outside any
transaction. So who is asking is checked here, as the middleware and the desk do elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import wraps
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tenants.models import Membership, User
from tenants.roles import Can
from tenants.scope import scope
from tenants.sign_in_wecom import Door, door_or_404
from tenants.wechat import sidebar
from tenants.wechat.accounts import wecom_client_for
from tenants.wechat.errors import WeChatError
from tenants.wechat.reactions import reaction


@dataclass(frozen=True)
class Inside:
    """A member who works leads, and the account through which they look."""

    door: Door
    membership: Membership  # with its staff


View = Callable[[HttpRequest, Inside], HttpResponse]


def for_members(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    """401 for whoever is not signed in to the account's business. What the platform refuses is
    answered as a sentence."""

    @wraps(view)
    @never_cache
    def guarded(request: HttpRequest, code: str) -> HttpResponse:
        user = request.user
        door = door_or_404(code)
        if not isinstance(user, User) or request.session.get("tenant") != door.tenant_id:
            return failure(_("You are not signed in any more. Open this page again."), 401)
        with scope(door.tenant_id):
            membership = user.membership
        if membership is None:
            return failure(_("You are not signed in any more. Open this page again."), 401)
        if not membership.can(Can.WORK_LEADS):
            raise PermissionDenied
        if user.language and not request.COOKIES.get("scrm_language"):
            translation.activate(user.language)
        try:
            return view(request, Inside(door, membership))
        except WeChatError as error:
            told = _("WeCom refused (%(why)s).") % {"why": error.message}
            return failure(f"{told} {reaction(error)}", 503)

    return guarded


def failure(sentence: str, status: int) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status)


@require_GET
@for_members
def signatures(request: HttpRequest, inside: Inside) -> HttpResponse:
    """What `wx.config` and `wx.agentConfig` want for the page at `?url=`, which is one of ours.
    `?anew=1`: the client refused the ones before."""
    url, who = request.GET.get("url", ""), inside.door.credentials
    if urlsplit(url).netloc != request.get_host():
        return failure(_("Signatures are for pages of this site only."), 400)
    if not who.agent_id:
        return failure(
            _("This account has no agent id. An administrator can add it in its settings."), 409
        )
    anew = request.GET.get("anew") == "1"
    with wecom_client_for(who) as client:
        of_corp = sidebar.sign_now(sidebar.corp_ticket(client, anew=anew), url)
        of_app = sidebar.sign_now(sidebar.app_ticket(client, anew=anew), url)
    answer = {"corpid": who.app_id, "agentid": who.agent_id}
    return JsonResponse({**answer, "config": asdict(of_corp), "agent_config": asdict(of_app)})
