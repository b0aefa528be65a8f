"""May this caller do that? Views say which ability each method or action needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.models import ApiKey, User
from tenants.roles import Can, Role

if TYPE_CHECKING:
    from rest_framework.views import APIView


def can(request: Request, ability: Can) -> bool:
    """The key's scopes, or the abilities of the member's role."""
    who = request.auth if isinstance(request.auth, ApiKey) else request.user
    return isinstance(who, ApiKey | User) and who.can(ability)


def staff_to_limit_by(request: Request) -> tuple[bool, int | None]:
    """Whether the caller sees only own customers (sales), and which staff member they are."""
    membership = request.user.membership if isinstance(request.user, User) else None
    if membership is None or membership.role != Role.SALES:
        return False, None
    return True, membership.staff_id


class ByAbility(BasePermission):
    """`abilities = {"GET": Can.READ, "POST": Can.WRITE, "publish": Can.CONFIGURE}`.

    An action's name goes before its method; what a view does not list is refused.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        method = "GET" if request.method == "HEAD" else str(request.method)
        action = getattr(view, "action", method.lower())
        if action is None or method.lower() not in view.http_method_names:
            raise MethodNotAllowed(method)
        needed = needed_ability(view, str(action), method)
        return needed is not None and can(request, needed)


def needed_ability(view: Any, action: str, method: str) -> Can | None:
    abilities: Mapping[str, Can] = getattr(view, "abilities", {})
    return abilities.get(action) or abilities.get(method)
