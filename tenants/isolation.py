"""What Postgres enforces: row-level policies, composite keys, grants; and who may connect.

`enforce()` runs after every migrate, as the owner, and makes the database match the models.
Repeating it changes nothing. DESIGN.md §3 in the words of SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, models

from tenants.scope import TenantForeignKey, TenantModel

POLICY = "tenant_id = NULLIF(current_setting('app.tenant', true), '')::bigint"

# Tables that belong to no tenant, each with the reason why that is right.
GLOBAL_TABLES = {
    "tenants_tenant": "the tenants themselves: name, zone, currency",
    "tenants_user": "a person may work for several tenants",
    "tenants_duetenant": "the doorbell board: ids and times only",
    "django_session": "a session holds a user id and a tenant id",
    "django_migrations": "Django's own",
    "django_content_type": "Django's own: names of models",
    "django_admin_log": "Django's own, never written: our audit log takes its place",
    "auth_permission": "Django's own: names of permissions, granted to nobody",
    "auth_group": "Django's own, empty",
    "auth_group_permissions": "Django's own, empty",
}

# What the platform role (BYPASSRLS) may read of tenant tables: ids, times and roles, never content;
# and the names of files that anybody may read.
PLATFORM_COLUMNS = {
    "tenants_membership": ["tenant_id", "user_id", "role", "active"],
    "tenants_wechataccount": ["tenant_id", "domain_file", "active"],
}
# What files are loaded into: the application may refresh the planner's statistics of these. Without
# them the first questions after a large load are answered by bad plans.
LOADED = (
    "contacts_contact",
    "contacts_contacttag",
    "contacts_contacttoken",
    "contacts_follow",
    "contacts_reachspell",
    "contacts_event",
    "contacts_order",
    "contacts_orderitem",
    "contacts_cost",
)
# Written anew as a whole by a rebuild: the same holds for them.
REBUILT = (
    "analytics_assetcell",
    "analytics_assetchange",
    "analytics_assetpiece",
    "analytics_cohortcell",
    "analytics_cohortmonth",
    "analytics_contactfact",
    "analytics_creditcell",
    "analytics_customerfact",
    "analytics_daycell",
    "analytics_deedcell",
    "analytics_deedfact",
    "analytics_funnelcell",
    "analytics_gapcell",
    "analytics_losscell",
    "analytics_lossfact",
    "analytics_messageday",
    "analytics_orderday",
    "analytics_referralpart",
    "analytics_stagecount",
    "analytics_stagereach",
)
# Without foreign keys: rows that can be derived again from one row of their own tenant at any time,
# are read only through a join to it, and are so many that their keys were a third of an import.
DERIVED_TABLES = {"contacts_contacttoken"}
# Insert-only for the application.
APPEND_ONLY = {"tenants_auditentry"}


class MigrateAsOwner:
    """Schema changes go through the owner's connection only."""

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool | None:
        return db == "owner"


def tenant_models() -> Iterator[type[TenantModel]]:
    for model in apps.get_models():
        if issubclass(model, TenantModel) and model._meta.managed and not model._meta.proxy:
            yield model


def composite_keys(model: type[models.Model]) -> Iterator[TenantForeignKey[Any, Any]]:
    for field in model._meta.local_fields:
        if isinstance(field, TenantForeignKey):
            yield field


def enforce() -> None:
    """Make the database hold what the models promise. Idempotent; needs the owner's role."""
    connection = connections["owner"]
    with connection.cursor() as cursor:
        for model in tenant_models():
            _policy(cursor, model._meta.db_table)
            if any(field.attname == "id" for field in model._meta.local_fields):
                _unique_in_tenant(cursor, model._meta.db_table)
        for model in tenant_models():
            if model._meta.db_table in DERIVED_TABLES:
                _no_keys(cursor, model._meta.db_table)
            else:
                _keys(cursor, model)
        _grants(cursor)
        _storage(cursor)


def _policy(cursor: Any, table: str) -> None:
    cursor.execute(
        "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = %s::regclass",
        [table],
    )
    if not cursor.fetchone()[0]:
        cursor.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        cursor.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    cursor.execute(
        "SELECT 1 FROM pg_policies WHERE tablename = %s AND policyname = 'tenant'", [table]
    )
    if cursor.fetchone() is None:
        cursor.execute(f'CREATE POLICY tenant ON "{table}" USING ({POLICY}) WITH CHECK ({POLICY})')


def _has_constraint(cursor: Any, table: str, name: str) -> bool:
    cursor.execute(
        "SELECT 1 FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s", [table, name]
    )
    return cursor.fetchone() is not None


def _unique_in_tenant(cursor: Any, table: str) -> None:
    name = f"{table}_tenant_id"[:63]
    if not _has_constraint(cursor, table, name):
        cursor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" UNIQUE (tenant_id, id)')


def _keys(cursor: Any, model: type[TenantModel]) -> None:
    for field in composite_keys(model):
        _composite_key(cursor, model._meta.db_table, field)
    if all(field.null for field in composite_keys(model)):
        _tenant_key(cursor, model._meta.db_table)


def _no_keys(cursor: Any, table: str) -> None:
    cursor.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'", [table]
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')


def _composite_key(cursor: Any, table: str, field: TenantForeignKey[Any, Any]) -> None:
    name = f"{table}_{field.column}_fk"[:63]
    if _has_constraint(cursor, table, name):
        return
    target = field.remote_field.model._meta.db_table
    cursor.execute(
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY (tenant_id, "{field.column}") '
        f'REFERENCES "{target}" (tenant_id, id)'
    )


def _tenant_key(cursor: Any, table: str) -> None:
    """A composite key that is never null implies the tenant; without one the row points to it."""
    name = f"{table}_tenant_fk"[:63]
    if not _has_constraint(cursor, table, name):
        cursor.execute(
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" '
            "FOREIGN KEY (tenant_id) REFERENCES tenants_tenant (id)"
        )


def _grants(cursor: Any) -> None:
    app = settings.DATABASES["default"]["USER"]
    platform = settings.DATABASES["platform"]["USER"]
    cursor.execute(f'GRANT USAGE ON SCHEMA public TO "{app}", "{platform}"')
    cursor.execute(
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{app}"'
    )
    cursor.execute(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{app}"')
    cursor.execute(f'GRANT MAINTAIN ON {", ".join(LOADED + REBUILT)} TO "{app}"')
    for table in APPEND_ONLY:
        cursor.execute(f'REVOKE UPDATE, DELETE ON "{table}" FROM "{app}"')
    cursor.execute(f'REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM "{app}"')
    cursor.execute(f'GRANT SELECT ON tenants_tenant TO "{platform}"')
    cursor.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON tenants_duetenant TO "{platform}"')
    cursor.execute(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{platform}"')
    for table, columns in PLATFORM_COLUMNS.items():
        cursor.execute(f'GRANT SELECT ({", ".join(columns)}) ON "{table}" TO "{platform}"')


# Tables that change all the time: room for updates in place, early vacuum (PERFORMANCE §4, §9).
_STORAGE = {
    "analytics_deedfact": "fillfactor = 80",
    "journeys_score": "fillfactor = 80",
    "journeys_touch": "fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01",
    "tenants_duetenant": "fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01",
}


def _storage(cursor: Any) -> None:
    for table, options in _STORAGE.items():
        cursor.execute(f'ALTER TABLE "{table}" SET ({options})')


_UNSAFE_ROLE = """
SELECT current_user,
       r.rolsuper,
       r.rolbypassrls,
       EXISTS (SELECT 1 FROM pg_class c
               WHERE c.relrowsecurity AND pg_has_role(current_user, c.relowner, 'MEMBER'))
FROM pg_roles r WHERE r.rolname = current_user
"""


def refuse_unsafe_role() -> None:
    """Raise ImproperlyConfigured when the application's role could go round row-level security."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_UNSAFE_ROLE)
        name, is_super, bypasses, owns = cursor.fetchone()
    faults = [
        text
        for bad, text in (
            (is_super, "is a superuser"),
            (bypasses, "has BYPASSRLS"),
            (owns, "owns tenant tables, or is a member of their owner"),
        )
        if bad
    ]
    if faults:
        raise ImproperlyConfigured(
            f"The database role {name} {' and '.join(faults)}, so one tenant could read another. "
            "Point DATABASE_URL at a plain role (see docs/operations.md)."
        )
    connections["default"].close()
