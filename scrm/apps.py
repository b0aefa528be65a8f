"""The composition root as a Django app: templates, static files, commands."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ScrmConfig(AppConfig):
    name = "scrm"
    verbose_name = "SCRM"
    default = True

    def ready(self) -> None:
        # Every process that may ring a bell knows the queue. Not in scrm/__init__.py: the sandbox
        # lives below this package and runs without Django.
        from scrm import celery  # noqa: F401 - its app becomes the default


class OperatorsAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our site as its default, so that apps register with `@admin.register`."""

    default = False
    default_site = "scrm.admin.OperatorsSite"
