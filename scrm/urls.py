"""All routes, on one screen."""

from django.contrib import admin
from django.urls import path

from scrm import health
from tenants import views as tenants
from tenants.wechat.views import callback

urlpatterns = [
    path("", tenants.home, name="home"),
    path("sign-in/", tenants.sign_in, name="sign-in"),
    path("sign-out/", tenants.sign_out, name="sign-out"),
    path("places/", tenants.places, name="places"),
    path("language/", tenants.language, name="language"),
    path("admin/", admin.site.urls),
    path("wechat/<str:code>", callback, name="wechat-callback"),
    path("healthz", health.alive),
    path("readyz", health.ready),
]
