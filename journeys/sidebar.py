"""The desk inside the WeCom client: beside a chat, the customer and what to send them.

The page itself holds nobody: its script asks the client whose chat is open, and then these views.
What needs the platform is in `sidebar_live`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from contacts import identity, masking
from contacts.identity import Account
from contacts.models import Contact, Identity
from journeys import desk_panes, sendable
from journeys.models import Lead
from tenants import ids
from tenants.ids import tenant_of_code
from tenants.models import Membership, Staff, User, WeChatAccount
from tenants.roles import Can
from tenants.wechat import oauth

LONGEST_ID: Final = 64

# Clients of phones talk to the page through frames with addresses of their own.
_POLICY: Final = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-src weixin: wxwork:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

View = Callable[[HttpRequest, WeChatAccount, Membership], HttpResponse]


def inside(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    """Only members who work leads, of the account's business, inside its scope; others get 401."""

    @wraps(view)
    def guarded(request: HttpRequest, code: str) -> HttpResponse:
        tenant = getattr(request, "tenant", None)
        if tenant_of_code(code) is None:
            raise Http404
        membership = request.user.membership if isinstance(request.user, User) else None
        if membership is None or tenant is None or tenant.pk != tenant_of_code(code):
            return HttpResponse(status=401)
        if not membership.can(Can.WORK_LEADS):
            raise PermissionDenied
        rows = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
        account = rows.filter(code=code).first()
        if account is None:
            raise Http404
        return view(request, account, membership)

    return guarded


@require_GET
def page(request: HttpRequest, code: str) -> HttpResponse:
    """Whoever is not signed in to this business is sent to its sign-in with WeCom."""
    answer = _page(request, code)
    if answer.status_code == 401:
        back = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{reverse('wecom-sign-in', args=[code])}?{back}")
    return answer


@inside
def _page(request: HttpRequest, account: WeChatAccount, membership: Membership) -> HttpResponse:
    scripts = [oauth.pages().locate(address) for address in settings.WECHAT_SCRIPTS]
    context = {"code": account.code, "scripts": scripts, "staff": membership.staff}
    answer = render(request, "desk/sidebar.html", context)
    answer["Content-Security-Policy"] = _POLICY.format(scripts=" ".join(scripts))
    return answer


@require_GET
@inside
def customer(request: HttpRequest, account: WeChatAccount, membership: Membership) -> HttpResponse:
    """The customer whose chat is open, or what can be done when we do not know them."""
    who = external_userid(request.GET.get("customer", ""))
    contact = known(who, membership)
    if contact is None:
        return render(request, "desk/sidebar_unknown.html", {"staff": membership.staff})
    staff, every = membership.staff, sees_all(membership)
    leads = Lead.objects.active().filter(contact=contact)
    if not every:
        leads = leads.visible_to(staff.pk if staff else None)
    lead = leads.first()
    follow = contact.follows.filter(staff=staff).first() if staff else None
    context = {
        **desk_panes.of(contact, staff, every=every),
        "lead": lead,
        "lead_key": ids.encode(lead.pk) if lead else "",
        "remark": masking.text(follow.remark) if follow else "",
    }
    return render(request, "desk/sidebar_customer.html", context)


@require_GET
@inside
def scripts(request: HttpRequest, account: WeChatAccount, membership: Membership) -> HttpResponse:
    """Pieces of content to send, those that hold `?q=`."""
    who = request.GET.get("customer", "")
    contact = known(external_userid(who), membership) if who else None
    pieces = sendable.found(request.GET.get("q", ""), contact)
    shown = [
        (ids.encode(one.pk), one, sendable.preview(one, contact, membership.staff))
        for one in pieces
    ]
    context = {"pieces": shown, "known": contact}
    return render(request, "desk/sidebar_scripts.html", context)


@require_POST
@inside
def sent(request: HttpRequest, account: WeChatAccount, membership: Membership) -> HttpResponse:
    """The client says that a message went into the chat. Said again, it changes nothing."""
    staff_id = membership.staff_id or 0
    good = sendable.note_sent(request.POST.get("receipt", ""), staff_id)
    return HttpResponse(status=204 if good else 400)


def external_userid(text: str) -> str:
    """404 for what is no id of the platform."""
    if not text or len(text) > LONGEST_ID or not text.isascii() or not text.isprintable():
        raise Http404
    return text


def sees_all(membership: Membership) -> bool:
    return membership.can(Can.CONFIGURE)


def known(who: str, membership: Membership) -> Contact | None:
    """Inside a scope: the contact of this external userid, if the member may see them."""
    contact_id = identity.find([Account(Identity.Kind.EXTERNAL_USERID, who)])
    staff: Staff | None = membership.staff
    rows = Contact.objects.all()
    if not sees_all(membership):
        rows = Contact.objects.visible_to(staff.pk if staff else None)
    rows = rows.select_related("channel", "owner")
    return rows.filter(pk=contact_id).first() if contact_id is not None else None
