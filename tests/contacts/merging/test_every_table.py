"""No table is forgotten: all rows that name the absorbed contact move, and all come back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, models

from contacts.merging import merge, rows, rules, undo
from contacts.models import Contact, Duplicate, Event, Identity, Merge
from tenants.isolation import tenant_models
from tenants.scope import TenantModel, current_tenant_id
from tests.conftest import Business, make_business
from tests.factories import Rows, furnish

KEYS = list(rows.keys_to(Contact))
# Kept beside contacts as plain numbers, each with who keeps it right.
PLAIN = {
    "analytics_assetpiece": "facts",
    "analytics_contactfact": "facts, read again after changes.note",
    "analytics_customerfact": "facts",
    "analytics_deedfact": "facts",
    "analytics_dirtycontact": "the list of what is read again",
    "analytics_forecast": "forecasts, made again after facts were",
    "analytics_lossfact": "facts",
    "analytics_referralpart": "facts",
    "analytics_stagereach": "facts",
    "analytics_staleforecast": "the list of whose forecasts are made again",
    "contacts_segmenttouch": "the list of whom segments look at again",
}
# What a merge and its undoing write down.
TOLD: set[type[TenantModel]] = {Event, Merge, Duplicate, Contact}
# What follows from other rows: what furnish() writes there does not.
FOLLOWING = ("Dirty", "Group", "Merged", "Segment", "StageMove")


def contents(model: type[TenantModel]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT t::text FROM "{model._meta.db_table}" t WHERE tenant_id = %s ORDER BY 1',
            [current_tenant_id()],
        )
        return [row[0] for row in cursor.fetchall()]


def twin(model: type[TenantModel], row: Any, contact: Contact, key: rows.Key) -> None:
    """The same row of the other contact: the two cannot stand side by side."""
    values = {
        field.attname: getattr(row, field.attname)
        for field in model._meta.local_concrete_fields
        if field.attname != "id"
        and not isinstance(field, models.GeneratedField | models.CompositePrimaryKey)
    }
    for unique in model._meta.constraints:
        if isinstance(unique, models.UniqueConstraint) and unique.condition is None:
            names = set() if key.field.name in unique.fields else set(unique.fields) - {"tenant"}
            for field in map(model._meta.get_field, names):
                if isinstance(field, models.CharField) and getattr(row, field.attname):
                    values[field.attname] = f"twin {getattr(row, field.attname)}"
                elif isinstance(field, models.Field) and field.null:
                    values[field.attname] = None
    model.objects.create(**values | {key.column: contact.pk})


@pytest.fixture(scope="module")
def stage() -> tuple[Business, Rows]:
    business = make_business()
    rows_of = furnish(business, "merging")
    with business.scope():
        Identity.objects.filter(contact=rows_of[Contact]).update(kind="other")
    return business, rows_of


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.model.__name__}.{key.column}")
def test_a_rule_works_for_the_table(key: rows.Key, stage: tuple[Business, Rows]) -> None:
    """Where the survivor has such a row, too, and (when that is undone) where it has none."""
    business, found = stage
    absorbed, row = found[Contact], found[key.model]
    derived = key.model in rules.derived_tables
    with business.scope():
        named = key.model.objects.filter(**{key.column: absorbed.pk})
        if key.model is Contact:
            Contact.objects.create(referrer=absorbed)
        elif derived and not named.exists():
            twin(key.model, row, absorbed, key)  # an earlier undoing had nothing to make it from
        for with_twin in (True, False):
            survivor = Contact.objects.create()
            if with_twin and list(rows.uniques(key)) and key.model is not Duplicate:
                twin(key.model, row, survivor, key)
            assert named.exists() or derived

            done = merge.merge(survivor.pk, absorbed.pk, by="test")

            assert not named.exists()
            if not derived and key.model is not Duplicate:
                assert key.model.objects.filter(**{key.column: survivor.pk}).exists()
            undo.unmerge(done, by="test")
            assert named.exists() or derived


def test_all_comes_back_as_it_was(stage: tuple[Business, Rows]) -> None:
    business, found = stage
    steady = [
        model
        for model in tenant_models()
        if model not in rules.derived_tables | TOLD and not model.__name__.startswith(FOLLOWING)
    ]
    with business.scope():
        survivor = Contact.objects.create(external_id="other")
        before = {model: contents(model) for model in steady}

        done = merge.merge(survivor.pk, found[Contact].pk, by="test")
        undo.unmerge(done, by="test")

        for model in steady:
            assert contents(model) == before[model], model


def test_numbers_of_contacts_beside_keys_are_known() -> None:
    keyed = {(key.model._meta.db_table, key.column) for key in KEYS}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name IN ('contact_id', 'customer_id')"
        )
        columns = set(cursor.fetchall())
    loose = {table for table, column in columns - keyed}
    assert loose == set(PLAIN)
