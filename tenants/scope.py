"""Who is asking: the current tenant, the scope that sets it, and the base of every tenant table.

Read this first. A scope is one transaction whose first statement tells Postgres the tenant
(`SET LOCAL`, never session level: a pooler would leak it). Inside it `Model.objects` sees that
tenant's rows only; outside it every query on a tenant table raises `NoTenant`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from django.db import connection, models, transaction
from django.db.models.expressions import Expression

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

_current: ContextVar[int | None] = ContextVar("tenant", default=None)


class NoTenant(RuntimeError):  # noqa: N818 - reads as what happened
    """A tenant's table was asked outside a scope. Open one: `with scope(tenant): …`."""


class OtherTenant(RuntimeError):  # noqa: N818 - reads as what happened
    """A scope of one tenant was opened inside the scope of another."""


def current_tenant_id() -> int:
    """The tenant of the open scope; raises NoTenant outside one."""
    tenant_id = _current.get()
    if tenant_id is None:
        raise NoTenant("No tenant scope is open; wrap the call in `with scope(tenant):`.")
    return tenant_id


def tenant_id_or_none() -> int | None:
    return _current.get()


@contextmanager
def scope(tenant: models.Model | int) -> Iterator[int]:
    """One transaction as one tenant. Nesting the same tenant opens a savepoint."""
    tenant_id = tenant if isinstance(tenant, int) else int(tenant.pk)
    outer = _current.get()
    if outer is not None and outer != tenant_id:
        raise OtherTenant(f"A scope of tenant {outer} is open; {tenant_id} cannot open inside it.")
    token = _current.set(tenant_id)
    try:
        with transaction.atomic():
            if outer is None:
                set_tenant_in_database(tenant_id)
            yield tenant_id
    finally:
        _current.reset(token)


def set_tenant_in_database(tenant_id: int) -> None:
    """Tell the open transaction its tenant. The statement, not `set_config`: it reaches Citus."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL app.tenant = '{int(tenant_id)}'")


def in_one_message(tenant_id: int, statement: str) -> str:
    """A transaction of this statement as one tenant, to be sent outside any scope in one round
    trip. Whoever sends it closes the connection when it fails: Django knows of no transaction."""
    return f"BEGIN; SET LOCAL app.tenant = '{int(tenant_id)}'; {statement}; COMMIT"


class CurrentTenant(Expression):
    """The current tenant's id, read when the SQL is compiled: class-level querysets stay scoped."""

    output_field: ClassVar[models.Field[Any, Any]] = models.BigIntegerField()
    allowed_default = False

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[int]]:
        return "%s", (current_tenant_id(),)


M = TypeVar("M", bound=models.Model)


class TenantQuerySet(models.QuerySet[M], Generic[M]):
    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        objs = list(objs)
        for obj in objs:
            obj.adopt_scope()
        return super().bulk_create(objs, *args, **kwargs)


class TenantManager(models.Manager[M]):
    """Filters by the scope's tenant; with no scope open any query raises NoTenant."""

    def get_queryset(self) -> TenantQuerySet[M]:
        queryset_class: type[TenantQuerySet[M]] = getattr(self, "_queryset_class", TenantQuerySet)
        if not issubclass(queryset_class, TenantQuerySet):
            queryset_class = TenantQuerySet
        return queryset_class(self.model, using=self._db).filter(tenant_id=CurrentTenant())


class TenantForeignKey(models.ForeignKey):
    """A key between tenant tables: `(tenant_id, x_id) → (tenant_id, id)`.

    The database constraint is made by `isolation.py`; joins carry the tenant on both sides.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs.setdefault("db_index", False)  # indexes lead with the tenant: declare them in Meta
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        if not kwargs.get("db_index"):
            kwargs.pop("db_index", None)
        return name, path, args, kwargs

    def get_extra_restriction(self, alias: str, related_alias: str) -> Any:
        own: Any = self.model._meta.get_field("tenant")
        other: Any = self.remote_field.model._meta.get_field("tenant")
        return _SameTenant(own.get_col(alias), other.get_col(related_alias))


class _SameTenant(Expression):
    """`a.tenant_id = b.tenant_id` inside a JOIN."""

    conditional = True
    contains_aggregate = False

    def __init__(self, left: Any, right: Any) -> None:
        super().__init__(output_field=models.BooleanField())
        self.left, self.right = left, right

    def get_source_expressions(self) -> list[Any]:
        return [self.left, self.right]

    def set_source_expressions(self, exprs: Any) -> None:
        self.left, self.right = exprs

    def relabeled_clone(self, change_map: Mapping[str, str]) -> Self:
        clone = self.copy()
        clone.left = self.left.relabeled_clone(change_map)
        clone.right = self.right.relabeled_clone(change_map)
        return clone

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        left, left_params = compiler.compile(self.left)
        right, right_params = compiler.compile(self.right)
        return f"{left} = {right}", (*left_params, *right_params)


class TenantModel(models.Model):
    """Inherit this and the table is a tenant's: scoped manager, RLS, composite keys."""

    # The key to the tenant is made by isolation.py, where no composite key implies it.
    tenant = models.ForeignKey(
        "tenants.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
        db_index=False,
        db_constraint=False,
    )

    objects: ClassVar[TenantManager[Self]] = TenantManager()
    # Unscoped; for reviewed uses only: tests/test_architecture.py lists them.
    all_tenants: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.adopt_scope()
        super().save(*args, **kwargs)

    def adopt_scope(self) -> None:
        """Take the scope's tenant, or refuse a row of another."""
        tenant_id = current_tenant_id()
        if self.tenant_id is None:
            self.tenant_id = tenant_id
        elif self.tenant_id != tenant_id:
            raise OtherTenant(f"This row is of tenant {self.tenant_id}, the scope of {tenant_id}.")
