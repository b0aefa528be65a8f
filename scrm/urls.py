"""All routes, on one screen."""

from django.urls import path

urlpatterns = [
    path("healthz", lambda request: __import__("django.http").http.HttpResponse("ok")),
]
