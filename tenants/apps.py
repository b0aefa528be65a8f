"""Tenants: who is asking, isolation, and how we reach WeChat for them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = _("Business and people")
