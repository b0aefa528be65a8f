"""What a linter of imports cannot see: models, tasks, modules, and the catalogue's gates."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from celery import current_app
from django.apps import apps
from django.conf import settings
from django.db import connections, models

from tenants import isolation
from tenants.scope import TenantForeignKey, TenantModel
from tenants.tasks import PlatformTask, TenantTask

ROOT = Path(settings.BASE_DIR)
APPS = ["tenants", "contacts", "journeys", "campaigns", "analytics"]
LINE = ["tenants", "contacts", "journeys", "campaigns", "analytics", "scrm"]

# The only modules that may leave the scoped manager, each with its reason.
UNSCOPED = {
    "tenants/scope.py": "defines it",
    "tenants/auth.py": "the tenants of a user or a file, before any scope, by the platform role",
}


def sources(*folders: str) -> Iterator[tuple[str, ast.Module, str]]:
    for folder in folders or (*APPS, "scrm"):
        yield from _sources(folder)


@cache
def _sources(folder: str) -> list[tuple[str, ast.Module, str]]:
    texts = {
        path: path.read_text()
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    }
    return [(str(p.relative_to(ROOT)), ast.parse(text), text) for p, text in texts.items()]


def own_models() -> list[type[models.Model]]:
    return [m for m in apps.get_models() if m._meta.app_label in APPS]


def test_every_model_is_a_tenants_or_on_the_global_list() -> None:
    for model in own_models():
        assert issubclass(model, TenantModel) or model._meta.db_table in isolation.GLOBAL_TABLES, (
            model
        )


def test_no_foreign_key_points_up_the_line_and_none_reaches_up() -> None:
    for model in own_models():
        for field in model._meta.local_fields:
            if not isinstance(field, models.ForeignKey):
                continue
            here, there = model._meta.app_label, field.remote_field.model._meta.app_label
            assert LINE.index(there) <= LINE.index(here), field
            if here != there:
                assert field.remote_field.related_name == "+", field


def test_keys_between_tenant_tables_are_composite() -> None:
    for model in isolation.tenant_models():
        for field in model._meta.local_fields:
            if isinstance(field, models.ForeignKey) and issubclass(
                field.remote_field.model, TenantModel
            ):
                assert isinstance(field, TenantForeignKey), f"{model.__name__}.{field.name}"


def test_many_to_many_always_has_a_tenants_through() -> None:
    for model in own_models():
        for field in model._meta.local_many_to_many:
            through = field.remote_field.through
            assert through is not None
            assert issubclass(through, TenantModel) and not through._meta.auto_created, field


def test_unique_constraints_and_indexes_lead_with_the_tenant() -> None:
    for model in isolation.tenant_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                assert constraint.fields[0] == "tenant", constraint.name
        for index in model._meta.indexes:
            first = index.fields[0] if index.fields else getattr(index.expressions[0], "name", None)
            assert first == "tenant" or index.name == "membership_user", index.name
        assert not any(
            field.unique and not field.primary_key for field in model._meta.local_fields
        ), model


def test_base_and_default_manager_are_scoped() -> None:
    for model in isolation.tenant_models():
        assert model._meta.base_manager_name == "objects", model
        assert model._meta.default_manager_name == "objects", model


def test_unscoped_managers_are_used_in_reviewed_modules_only() -> None:
    used = {
        name
        for name, tree, _text in sources(*APPS, "scrm")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"all_tenants", "_base_manager"})
        or (isinstance(node, ast.Name) and node.id == "all_tenants")
    }
    assert used == set(UNSCOPED)


@pytest.mark.parametrize("banned", ["get_model(", "send_task(", "@receiver", "GenericForeignKey"])
def test_nothing_is_found_by_string_or_signal(banned: str) -> None:
    assert [name for name, _tree, text in sources(*APPS, "scrm") if banned in text] == []


def test_own_imports_stand_at_the_top() -> None:
    late = []
    for name, tree, _text in sources(*APPS, "scrm"):
        if name.endswith("apps.py"):
            continue
        lines = _text.splitlines()
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                late += [
                    f"{name}:{node.lineno}"
                    for node in ast.walk(function)
                    if isinstance(node, ast.Import | ast.ImportFrom)
                    and "noqa: PLC0415 - " not in lines[node.lineno - 1]
                ]
    assert late == []


def test_modules_and_tasks_stay_short() -> None:
    everything = sources(*APPS, "scrm", "tests")
    long = [name for name, _tree, text in everything if len(text.splitlines()) > 400]
    assert long == []
    for name, tree, _text in sources(*APPS):
        if name.endswith("tasks.py"):
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                    assert node.end_lineno - node.lineno <= 10, f"{name}:{node.name}"


def test_functions_stay_short() -> None:
    long = [
        f"{name}:{node.name}"
        for name, tree, _text in sources(*APPS, "scrm", "tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 50
    ]
    assert long == []


def test_every_task_names_its_base() -> None:
    current_app.loader.import_default_modules()
    ours = [t for name, t in current_app.tasks.items() if name.partition(".")[0] in (*APPS, "scrm")]
    assert ours
    for task in ours:
        assert isinstance(task, TenantTask | PlatformTask), task.name


def test_every_module_says_what_it_answers() -> None:
    silent = [
        name
        for name, tree, text in sources(*APPS, "scrm")
        if text.strip() and ast.get_docstring(tree) is None
    ]
    assert silent == []


# --- the catalogue ---


def catalogue(sql: str) -> list[tuple[object, ...]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def test_every_table_is_a_tenants_under_forced_policy_or_reviewed() -> None:
    tables = {
        str(name): bool(forced)
        for name, forced in catalogue(
            "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class "
            "WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    }
    with_tenant = {
        str(name)
        for (name,) in catalogue(
            "SELECT table_name FROM information_schema.columns "
            "WHERE column_name = 'tenant_id' AND table_schema = 'public'"
        )
    } - {"tenants_duetenant"}

    assert {name for name, forced in tables.items() if forced} == with_tenant
    assert set(tables) - with_tenant == set(isolation.GLOBAL_TABLES)


def test_each_tenant_table_has_exactly_the_one_policy() -> None:
    policies = catalogue(
        "SELECT tablename, count(*), min(qual), min(with_check), min(cmd), "
        "bool_and(permissive = 'PERMISSIVE') "
        "FROM pg_policies WHERE schemaname = 'public' GROUP BY tablename"
    )
    wanted = "(tenant_id = (NULLIF(current_setting('app.tenant'::text, true), ''::text))::bigint)"

    assert {str(row[0]) for row in policies} == {
        m._meta.db_table for m in isolation.tenant_models()
    }
    assert {row[1:] for row in policies} == {(1, wanted, wanted, "ALL", True)}


def test_foreign_keys_between_tenant_tables_carry_the_tenant() -> None:
    tenant_tables = {m._meta.db_table for m in isolation.tenant_models()}
    keys = catalogue(
        "SELECT conrelid::regclass::text, confrelid::regclass::text, "
        "array_length(conkey, 1), confdeltype "
        "FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    )
    between = [row for row in keys if row[0] in tenant_tables and row[1] in tenant_tables]

    assert len(between) == sum(
        len(list(isolation.composite_keys(model)))
        for model in isolation.tenant_models()
        if model._meta.db_table not in isolation.DERIVED_TABLES
    )
    assert not isolation.DERIVED_TABLES & {row[0] for row in keys}
    assert all(row[2] == 2 and row[3] == "a" for row in between)
    # Targets outside are few: on Citus they become reference tables.
    assert {row[1] for row in keys if row[0] in tenant_tables} - tenant_tables == {
        "tenants_tenant",
        "tenants_user",
    }


def test_unique_indexes_of_tenant_tables_contain_the_tenant() -> None:
    tenant_tables = {m._meta.db_table for m in isolation.tenant_models()}
    rows = catalogue(
        "SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid), indisprimary FROM pg_index "
        "WHERE indisunique AND indrelid IN "
        "(SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
    )
    # Django keeps `id` as its primary key; the move to Citus changes it to (tenant_id, id).
    loose = [
        row
        for row in rows
        if row[0] in tenant_tables
        and not re.search(r"\(tenant_id[,)]", str(row[1]))
        and not (row[2] and str(row[1]).endswith("(id)"))
    ]
    assert loose == []


def test_nothing_goes_round_row_level_security() -> None:
    assert catalogue("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert catalogue("SELECT viewname FROM pg_views WHERE schemaname = 'public'") == []
    assert catalogue("SELECT matviewname FROM pg_matviews WHERE schemaname = 'public'") == []
    assert (
        catalogue(
            "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        )
        == []
    )


def test_platform_role_reads_ids_times_and_roles_only() -> None:
    granted = catalogue(
        "SELECT table_name, column_name FROM information_schema.column_privileges "
        f"WHERE grantee = '{settings.DATABASES['platform']['USER']}' AND table_schema = 'public'"
    )
    expected = {
        (table, column)
        for table, columns in isolation.PLATFORM_COLUMNS.items()
        for column in columns
    }
    tenant_tables = {m._meta.db_table for m in isolation.tenant_models()}
    assert {row for row in granted if row[0] in tenant_tables} == expected


def test_enforcing_isolation_again_changes_nothing() -> None:
    before = catalogue("SELECT conname FROM pg_constraint ORDER BY 1")
    isolation.enforce()
    assert catalogue("SELECT conname FROM pg_constraint ORDER BY 1") == before
