"""What does a customer see who opens a tracked link? The public doors under `/l/<code>`."""

from __future__ import annotations

import hashlib

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from redis.exceptions import RedisError

from journeys import content, surveys
from journeys.models import Link
from tenants.ids import tenant_of_code
from tenants.models import Tenant
from tenants.scope import scope

_ANSWERS, _WINDOW = 20, 3600  # tries of one link, within seconds
_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@require_safe
def open_link(request: HttpRequest, code: str) -> HttpResponse:
    """The code tells the tenant, so the scope opens here; no other is open on this path."""
    with scope(_tenant_of(code)):
        response = _answer(request, code)
    return _private(response)


# The code of the link is all the right there is, and no cookie is asked for.
@csrf_exempt
@require_POST
def answer_survey(request: HttpRequest, code: str) -> HttpResponse:
    """The contact's answer to the survey that their own link leads to."""
    with scope(_tenant_of(code)):
        link = _link(code)
        if not surveys.is_survey(link.content):
            raise Http404
        if _too_often(code):
            response = _survey(request, link, _("That was too often. Try again in an hour."), 429)
        else:
            response = _answered(request, link)
    return _private(response)


def _tenant_of(code: str) -> Tenant:
    tenant = Tenant.objects.filter(pk=tenant_of_code(code) or 0, active=True).first()
    if tenant is None:
        raise Http404
    return tenant


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _link(code: str) -> Link:
    link = Link.objects.select_related("content", "staff").filter(code=code).first()
    if link is None:
        raise Http404
    return link


def _answer(request: HttpRequest, code: str) -> HttpResponse:
    link = _link(code)
    back = surveys.is_survey(link.content) and "answered" in request.GET  # from one's own answer
    if not back and content.is_read_by_a_person(request.method or "", request.headers):
        content.record_opening(link)
    if surveys.is_survey(link.content):
        return _survey(request, link)
    address = content.target(link.content)
    if address:
        return HttpResponseRedirect(address)
    return render(request, "journeys/content.html", {"content": link.content})


# --- surveys ---


def _survey(request: HttpRequest, link: Link, wrong: str = "", status: int = 200) -> HttpResponse:
    given = surveys.answer_of(link)
    context = {
        "survey": link.content,
        "choices": surveys.choices(link.content),
        "given": given,
        "open": surveys.is_open(link, given, timezone.now()),
        "wrong": wrong,
        "code": link.code,
        "longest": surveys.COMMENT,
    }
    response = render(request, "journeys/survey.html", context, status=status)
    response["Content-Security-Policy"] = _POLICY
    return response


def _answered(request: HttpRequest, link: Link) -> HttpResponse:
    sent = request.POST
    try:
        score, comment = surveys.read(link.content, sent.get("score", ""), sent.get("comment", ""))
        surveys.answer(link, score, comment)
    except ValueError as error:
        return _survey(request, link, str(error), 400)
    except surveys.Closed:
        return _survey(request, link, status=409)
    response = redirect("link", code=link.code)
    response["Location"] += "?answered=1"
    return response


def _too_often(code: str) -> bool:
    """Counted before it is judged; while nobody can count, nobody answers."""
    key = "survey:" + hashlib.sha256(code.encode()).hexdigest()[:32]
    try:
        cache.add(key, 0, _WINDOW)
        return cache.incr(key) > _ANSWERS
    except (RedisError, ValueError):
        return True
