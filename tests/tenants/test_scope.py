"""The scope: fails closed, leaks nothing between transactions, and is checked thrice."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from contacts.models import Contact, ContactTag, Tag
from tenants.isolation import tenant_models
from tenants.models import Staff
from tenants.scope import NoTenant, OtherTenant, scope
from tests.conftest import Business, make_business


def test_outside_a_scope_a_query_raises() -> None:
    with pytest.raises(NoTenant):
        Contact.objects.count()


def test_a_queryset_made_before_the_scope_is_read_inside_it(
    business: Business, other_business: Business
) -> None:
    everyone = Contact.objects.all()
    with business.scope():
        Contact.objects.create(name="甲")
    with other_business.scope():
        Contact.objects.create(name="乙")

    with business.scope():
        assert [c.name for c in everyone.all()] == ["甲"]
    with other_business.scope():
        assert [c.name for c in everyone.all()] == ["乙"]


def test_scopes_of_two_tenants_do_not_nest(business: Business, other_business: Business) -> None:
    with business.scope(), business.scope():
        with pytest.raises(OtherTenant):
            with other_business.scope():
                pass


def test_a_row_of_another_tenant_cannot_be_saved(
    business: Business, other_business: Business
) -> None:
    with business.scope(), pytest.raises(OtherTenant):
        Contact.objects.create(name="x", tenant=other_business.tenant)


def test_a_reference_to_another_tenants_row_cannot_be_stored(
    business: Business, other_business: Business
) -> None:
    with other_business.scope():
        foreign_tag = Tag.objects.create(name="foreign")
    with business.scope():
        contact = Contact.objects.create(name="x")
        with pytest.raises(IntegrityError), transaction.atomic():
            ContactTag.objects.create(contact=contact, tag=foreign_tag)
        with pytest.raises(IntegrityError), transaction.atomic():
            Contact.objects.create(name="y", owner_id=other_business.staff["sales"].pk)


def test_joins_carry_the_tenant_on_both_sides(business: Business) -> None:
    with business.scope():
        sql = str(Contact.objects.filter(tags__name="x", owner__userid="u").query)
    assert sql.count('"tenant_id" = "contacts_contact"."tenant_id"') == 1
    assert sql.count('"contacts_contact"."tenant_id" = "contacts_contacttag"."tenant_id"') == 1
    assert sql.count('"contacts_tag"."tenant_id" = "contacts_contacttag"."tenant_id"') == 1


@pytest.mark.parametrize("model", list(tenant_models()), ids=lambda m: m.__name__)
def test_the_database_refuses_raw_sql_across_tenants(model: Any, business: Business) -> None:
    table = model._meta.db_table
    stranger = make_business()
    with business.scope(), connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}" WHERE tenant_id <> %s', [business.pk])
        assert cursor.fetchone()[0] == 0
        cursor.execute(f'SELECT count(*) FROM "{table}" WHERE tenant_id = %s', [stranger.pk])
        assert cursor.fetchone()[0] == 0
        try:
            with transaction.atomic():
                cursor.execute(
                    f'UPDATE "{table}" SET tenant_id = %s WHERE tenant_id = %s', [stranger.pk] * 2
                )
                assert cursor.rowcount == 0
                cursor.execute(f'DELETE FROM "{table}" WHERE tenant_id = %s', [stranger.pk])
                assert cursor.rowcount == 0
        except DatabaseError as error:
            assert "permission denied" in str(error)  # the append-only tables


@pytest.mark.parametrize("setting", ["", None])
def test_without_a_tenant_the_database_shows_nothing(
    setting: str | None, business: Business
) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if setting is not None:
            cursor.execute("SET LOCAL app.tenant = ''")
        cursor.execute("SELECT count(*) FROM tenants_staff")
        assert cursor.fetchone()[0] == 0
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(
                "INSERT INTO tenants_team (tenant_id, name) VALUES (%s, 'sneaked in')",
                [business.pk],
            )


def test_raw_insert_for_another_tenant_is_refused(
    business: Business, other_business: Business
) -> None:
    with business.scope(), connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            cursor.execute(
                "INSERT INTO tenants_team (tenant_id, name) VALUES (%s, 'x')", [other_business.pk]
            )


def test_no_context_leaks_between_transactions_on_one_connection() -> None:
    firms = [make_business() for _ in range(4)]

    def hammer(seed: int) -> int:
        chance = random.Random(seed)
        foreign = 0
        for _ in range(100):
            firm = chance.choice(firms)
            try:
                with scope(firm.tenant), connection.cursor() as cursor:
                    cursor.execute("SELECT DISTINCT tenant_id FROM tenants_staff")
                    foreign += cursor.fetchall() != [(firm.pk,)]
                    if chance.random() < 0.2:
                        raise LookupError
            except LookupError:
                pass
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('app.tenant', true)")
                foreign += cursor.fetchone()[0] not in ("", None)
                cursor.execute("SELECT count(*) FROM tenants_staff")
                foreign += cursor.fetchone()[0]
        connections.close_all()
        return foreign

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(hammer, range(8))) == 0


def test_saving_again_keeps_the_tenant_in_the_update(business: Business) -> None:
    with business.scope():
        staff = Staff.objects.get(userid="sales1")
        staff.name = "新名"
        staff.save(update_fields=["name"])
        assert Staff.objects.get(pk=staff.pk).name == "新名"
