"""The page of saved views: one's own and shared ones; their links, names and end."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, ProtectedError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from analytics.models.sharing import ReportView
from analytics.pages import frame, menu
from analytics.pages.share import FROZEN
from analytics.sharing import views
from contacts import validation
from tenants import audit
from tenants.ids import encode, row_id
from tenants.middleware import tenant_of
from tenants.models import User
from tenants.roles import Can

Period = ReportView.Period
MOST = 500  # views on the page


@require_http_methods(["GET", "POST"])
@frame.for_members
def page(request: HttpRequest) -> HttpResponse:
    return _save(request) if request.method == "POST" else _list(request)


@frame.page
def open_view(request: HttpRequest, view_id: str) -> HttpResponse:
    """The link that is shared: the dashboard as it was saved; `on` is the day it is seen from."""
    view = _find(request, view_id)
    if view.page not in views.pages():  # of a version before
        raise Http404
    day = _date(request.GET.get("on", ""))
    if day is None or day.year not in views.YEARS:
        day = timezone.now().astimezone(tenant_of(request).tz).date()
    return redirect(views.address(view, day))


@require_POST
@frame.for_members
def change(request: HttpRequest, view_id: str) -> HttpResponse:
    """Another name, or for others as well."""
    view = _own(request, view_id)
    try:
        view.name = _name(request)
    except ValueError as error:
        messages.error(request, str(error))
        return redirect("saved-views")
    if view.owner_id == _user(request).pk:
        view.shared = bool(request.POST.get("shared"))
    view.save()
    audit.record("report_view.changed", view, request=request)
    return redirect("saved-views")


@require_POST
@frame.for_members
def delete(request: HttpRequest, view_id: str) -> HttpResponse:
    view = _own(request, view_id)
    try:
        view.delete()
    except ProtectedError:
        messages.error(request, _("It is sent by a scheduled report: delete that first."))
        return redirect("saved-views")
    view.pk = row_id(view_id)  # Django forgets it; the log does not
    audit.record("report_view.deleted", view, request=request)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": view.name})
    return redirect("saved-views")


def link_to(view: ReportView) -> str:
    return f"{settings.BASE_URL}{reverse('shared-view', args=[encode(view.pk)])}"


# --- what a request asks ---


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - narrows the type: for_members let them in
    return request.user


def _find(request: HttpRequest, view_id: str) -> ReportView:
    found = views.visible_to(_user(request)).filter(pk=row_id(view_id)).first()
    if found is None:
        raise Http404
    return found


def _own(request: HttpRequest, view_id: str) -> ReportView:
    view = _find(request, view_id)
    if not views.may_change(view, _user(request)):
        raise PermissionDenied
    return view


def _name(request: HttpRequest) -> str:
    name = validation.name(request.POST.get("name", "").strip())
    if not name:
        raise ValueError(_("Give it a name."))
    return name


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return timezone.now()
    return moment if moment.tzinfo else timezone.make_aware(moment)


def _save(request: HttpRequest) -> HttpResponse:
    posted = request.POST
    chosen = posted.get("period", "")
    columns: dict[str, Any] = {
        "page": posted.get("page", ""),
        "period": Period.FIXED if chosen == FROZEN else chosen,
        "query": dict(parse_qsl(posted.get("query", "")[:5000])),
    }
    if columns["period"] == Period.FIXED:
        columns["start"] = _date(posted.get("from", ""))
        columns["through"] = _date(posted.get("through", ""))
        columns["as_of"] = _moment(posted.get("as_of", "")) if chosen == FROZEN else None
    try:
        columns["name"] = _name(request)
    except ValueError as error:
        messages.error(request, str(error))
        return redirect("saved-views")
    if wrong := views.refuse(columns):
        messages.error(request, " ".join(wrong.values()))
        return redirect("saved-views")
    view = ReportView.objects.create(**columns, shared=not posted.get("mine"), owner=_user(request))
    audit.record("report_view.created", view, request=request)
    messages.success(request, _("Saved. The link opens it again, and is below."))
    return redirect(f"{reverse('saved-views')}?new={encode(view.pk)}")


# --- what is shown ---


def _list(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    rows = (
        views.visible_to(user)
        .select_related("owner")
        .annotate(sent=Count("schedules"))
        .order_by("name", "id")[:MOST]
    )
    own, others = list[dict[str, object]](), list[dict[str, object]]()
    titles = views.pages()
    for view in rows:
        (own if view.owner_id == user.pk else others).append(_shown(view, titles, request))
    context = {
        "heading": _("Saved views"),
        "menu": menu.at(request.path),
        "groups": [(_("Your own"), own), (_("Shared with you"), others)],
        "new": request.GET.get("new", ""),
        "may_send": user.can(Can.CONFIGURE),
        "schedules": reverse("admin:analytics_reportschedule_changelist"),
        "schedule": reverse("admin:analytics_reportschedule_add"),
    }
    return render(request, "analytics/saved_views.html", context)


def _shown(view: ReportView, titles: dict[str, str], request: HttpRequest) -> dict[str, object]:
    user = _user(request)
    return {
        "view": view,
        "id": encode(view.pk),
        "page": titles.get(view.page, view.page),
        "url": reverse("shared-view", args=[encode(view.pk)]),
        "link": link_to(view),
        "mine": view.owner_id == user.pk,
        "may_change": views.may_change(view, user),
        "days": _days(view),
    }


def _days(view: ReportView) -> str:
    if view.start and view.through:
        told = _("%(start)s to %(through)s") % {"start": view.start, "through": view.through}
        if view.as_of:
            at = timezone.localtime(view.as_of)
            told += f" · {_('as of %(at)s') % {'at': f'{at:%Y-%m-%d %H:%M}'}}"
        return told
    return view.get_period_display()
