"""What the sidebar needs of the platform: a customer's details now, and a message ready to send.

No scope is open on these paths: the platform is asked outside any transaction.
"""

from __future__ import annotations

import time
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from contacts import media
from contacts.sync import relations
from journeys import sendable
from journeys.models import Content
from journeys.sidebar import external_userid, known, sees_all
from tenants import ids
from tenants.inside import Inside, failure, for_members
from tenants.models import Callback
from tenants.scope import scope
from tenants.wechat.accounts import wecom_client_for
from tenants.wechat.customers import Customer, Relation, get_customer
from tenants.wechat.errors import NotACustomer

YOUNG_S: Final = 60


@require_POST
@for_members
def refresh(request: HttpRequest, inside: Inside) -> HttpResponse:
    """Ask WeCom who this customer is, and write it down if the member is their friend there."""
    who, staff = external_userid(request.POST.get("customer", "")), inside.membership.staff
    try:
        with wecom_client_for(inside.door.credentials) as client:
            customer = get_customer(client, who)
    except NotACustomer:
        return failure(_("WeCom knows of no friendship between this customer and your staff."), 404)
    friends = {one.userid for one in customer.follows}
    mine = staff is not None and staff.userid in friends
    if not (mine or sees_all(inside.membership)):
        return failure(_("WeCom says that this customer is not your friend."), 404)
    with scope(inside.door.tenant_id):
        if _is_being_told(customer, inside):
            return failure(_("WeCom is telling of this friendship now. Try in a minute."), 409)
        # Not the first reading: what the live code brings, whose callback was lost, is brought now.
        relations.write(_relations(customer), inside.door.account.pk, first=False)
    return JsonResponse({"known": True})


def _is_being_told(customer: Customer, inside: Inside) -> bool:
    """What a callback is about to bring is left to it: it would be told twice."""
    if Callback.objects.filter(account=inside.door.account, handled_at=None).exists():
        return True
    staff, now = inside.membership.staff, time.time()
    return any(
        staff is not None and one.userid == staff.userid and now - (one.created or 0) < YOUNG_S
        for one in customer.follows
    )


def _relations(customer: Customer) -> list[Relation]:
    return [
        Relation(
            external_userid=customer.external_userid,
            userid=one.userid,
            name=customer.name,
            avatar=customer.avatar,
            gender=customer.gender,
            unionid=customer.unionid,
            remark=one.remark,
            description=one.description,
            company=one.remark_company,
            mobiles=one.remark_mobiles,
            created=one.created,
            state=one.state,
            add_way=one.add_way,
            tag_ids=tuple(tag.tag_id for tag in one.tags if tag.tag_id),
        )
        for one in customer.follows
    ]


@require_POST
@for_members
def message(request: HttpRequest, inside: Inside) -> HttpResponse:
    """A piece of content as the client's `sendChatMessage` takes it, and a receipt for `sent`."""
    who = external_userid(request.POST.get("customer", ""))
    door, staff = inside.door, inside.membership.staff
    if staff is None:
        text = _("You are no staff member yet. An administrator can set that on your membership.")
        return failure(text, 409)
    with scope(door.tenant_id):
        contact = known(who, inside.membership)
        content_id = ids.row_id(request.POST.get("content", ""))
        piece = Content.objects.filter(pk=content_id, active=True).first()
        if contact is None or piece is None:
            raise Http404
        draft = sendable.draft(piece, contact, staff)
    made = draft.message
    if draft.picture_id is not None:
        made = draft.with_picture(media.ensure(door.tenant_id, draft.picture_id, door.account.pk))
    return JsonResponse({"message": made, "receipt": draft.receipt})
