"""A dashboard read by the background as a member would see it, for a report that is sent.

The page itself runs, with its checks of who may see what; it hands over what it laid out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, QueryDict
from django.urls import resolve

from analytics.pages.tables import Table
from analytics.periods import Question
from tenants.models import Tenant, User


@dataclass(frozen=True)
class Laid:
    """A page: its figures, and what its file holds. `wrong`: parameters that mean nothing now."""

    heading: str
    question: Question
    wrong: Mapping[str, str]
    table: Table
    name: str
    file: Table


class Reading(HttpRequest):
    """Asks for a page without a browser."""

    tenant: Tenant
    laid: Laid | None = None
    by_key = False  # an API key asks, of which the API knows that it may see figures


def read(path: str, query: Mapping[str, str], tenant: Tenant, user: User | None) -> Laid:
    """Inside a scope, in the active language. Raises PermissionDenied for whom the page turns away,
    ValueError for a page that has no figures. Without a user it is for a key that may see figures.
    """
    request = Reading()
    request.method, request.path, request.path_info = "GET", path, path
    request.GET = QueryDict(urlencode(query))
    request.user, request.tenant = user or AnonymousUser(), tenant
    request.by_key = user is None
    found = resolve(path)
    found.func(request, *found.args, **found.kwargs)
    if request.laid is None:
        raise PermissionDenied if user and user.membership is None else ValueError(path)
    return request.laid
