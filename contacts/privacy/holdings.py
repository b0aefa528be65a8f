"""In which tables do we hold something of a person? Every one that a chain of keys leads to them.

The walk goes over all models, so a new table is part of what a person is told, and its app has to
say what erasing does to it (decisions.py; a test walks the same chain).
"""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from typing import Any, cast

from django.db.models import Q, QuerySet

from contacts.models import Contact
from tenants.isolation import composite_keys, tenant_models
from tenants.scope import TenantForeignKey, TenantModel

Model = type[TenantModel]


@cache
def tables() -> dict[Model, tuple[str, ...]]:
    """Each table with the look-ups that lead from its rows to the id of a contact."""
    found: dict[Model, tuple[str, ...]] = {Contact: ("id",)}
    while True:
        more: dict[Model, tuple[str, ...]] = {}
        for model in tenant_models():
            if model in found:
                continue
            keys = [key for key in composite_keys(model) if key.remote_field.model in found]
            direct = [key for key in keys if key.remote_field.model is Contact]
            ways = [
                f"{key.name}_id" if key.remote_field.model is Contact else f"{key.name}__{way}"
                for key in direct or keys
                for way in found[_target(key)]
            ]
            if ways:
                more[model] = tuple(ways)
        if not more:
            return found
        found |= more


def _target(key: TenantForeignKey[Any, Any]) -> Model:
    return cast("Model", key.remote_field.model)


def rows(model: Model, contact_id: int) -> QuerySet[TenantModel]:
    """Inside a scope: what the table holds of this contact."""
    ways: list[Q] = [Q(**{way: contact_id}) for way in tables()[model]]
    return model.objects.filter(reduce(or_, ways))
