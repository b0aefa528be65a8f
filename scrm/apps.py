"""The composition root as a Django app: templates, static files, commands."""

from django.apps import AppConfig


class ScrmConfig(AppConfig):
    name = "scrm"
    verbose_name = "SCRM"
