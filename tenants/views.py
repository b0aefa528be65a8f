"""Sign in, choose the business, choose the language, go home."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import slugify
from django.utils.translation import check_for_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenants import audit, auth, guessing
from tenants.ids import decode
from tenants.models import User
from tenants.roles import ADMIN_ROLES


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": _("E-mail or password is wrong."),
        "inactive": _("This account is switched off."),
    }

    def clean(self) -> dict[str, Any]:
        email = str(self.cleaned_data.get("username", "")).strip().lower()
        guessing.count_attempt(email)
        cleaned = super().clean()
        guessing.forget(email)
        return cleaned


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest, business: str = "") -> HttpResponse:
    """With the short name of a business the page offers its sign-in with WeCom, too."""
    if request.user.is_authenticated and request.method == "GET":
        return redirect("home")
    asked = slugify(request.GET.get("business", ""))
    if asked and not business:
        return redirect("sign-in-business", business=asked)
    form = SignInForm(request, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = form.get_user()
        assert isinstance(user, User)  # noqa: S101 - narrows the type: our backend knows no other
        login(request, user)
        request.session.pop(auth.VOUCHED, None)
        places = auth.places_of(user)
        request.session["places"] = len(places)
        if len(places) == 1:
            request.session["tenant"] = places[0].tenant.pk
            request.session["entering"] = True
        target = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(target, {request.get_host()}):
            target = settings.LOGIN_REDIRECT_URL if len(places) == 1 else "places"
        return redirect(target)
    status = 422 if form.errors else 200
    context = {
        "form": form,
        "business": business,
        "doors": auth.wecom_doors(business) if business else [],
        "next": request.GET.get("next", ""),
    }
    return render(request, "scrm/sign_in.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def places(request: HttpRequest) -> HttpResponse:
    """The businesses of the user; posting one enters it."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - narrows the type
    found = auth.places_of_session(user, request.session)
    if request.method == "POST":
        wanted = decode(request.POST.get("place", ""))
        for place in found:
            if place.tenant.pk == wanted:
                # The next request, in the scope of that tenant, writes the audit line: two
                # tenants' scopes never nest.
                request.session["tenant"] = place.tenant.pk
                request.session["entering"] = True
                return redirect("home")
    return render(request, "scrm/places.html", {"places": found})


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Where each role works: operators in the admin, sales at the desk."""
    user = request.user
    membership = user.membership if isinstance(user, User) else None
    if membership is None:
        return redirect("places")
    if request.session.pop("entering", False):
        audit.record("member.entered", membership, request=request)
    return redirect("admin:index" if membership.role in ADMIN_ROLES else "desk")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("sign-in")


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Remember the language: in a cookie, and with the user."""
    chosen = request.POST.get("language", "")
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}):
        target = "/"
    response = HttpResponseRedirect(target)
    if chosen in dict(settings.LANGUAGES) and check_for_language(chosen):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=365 * 86400,
            samesite="Lax",
            httponly=True,
        )
        if isinstance(request.user, User):
            User.objects.filter(pk=request.user.pk).update(language=chosen)
    return response
