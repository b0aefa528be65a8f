"""Column types of our own: text that is encrypted at rest, and its blind index."""

from __future__ import annotations

from typing import Any

from django.db import models

from tenants import vault


class Sealed(str):
    """Ciphertext as it lies in the database."""

    __slots__ = ()


class _Opened:
    """Reads as plain text; opens the ciphertext on first use."""

    def __init__(self, field: EncryptedField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:  # deferred
            instance.refresh_from_db(fields=[self.field.attname])
        value = instance.__dict__[self.field.attname]
        if isinstance(value, Sealed):
            value = vault.unseal(value, self.field.binding(instance)) if value else ""
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedField(models.TextField):
    """Text sealed with the tenant's key and bound to its row by the row's field `bound_to`."""

    def __init__(self, *args: Any, bound_to: str = "code", **kwargs: Any) -> None:
        self.bound_to = bound_to
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs["bound_to"] = self.bound_to
        return name, path, args, kwargs

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _Opened(self))

    def binding(self, instance: models.Model) -> str:
        row = getattr(instance, self.bound_to)
        if row is None:
            raise ValueError(f"{self} is bound to the row's {self.bound_to}: save the row first.")
        return self.bound_in(row)

    def bound_in(self, row: object) -> str:
        """What a value is bound to in the row that `bound_to` says."""
        return f"{self.model._meta.db_table}.{self.attname}:{row}"

    def sealed_for(self, row: object, value: str) -> str:
        """For statements of one's own: the value as it lies in that row."""
        return vault.seal(value, self.bound_in(row))

    def opened(self, row: object, value: str | None) -> str | None:
        """For statements of one's own: the text of the value that lies in that row."""
        return vault.unseal(value, self.bound_in(row)) if value else value

    def from_db_value(self, value: str | None, *_: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def pre_save(self, model_instance: Any, add: bool) -> Sealed | None:  # noqa: FBT001 - Django's signature
        value = model_instance.__dict__.get(self.attname)
        if not value:
            return None if self.null else Sealed("")
        binding = self.binding(model_instance)
        if isinstance(value, Sealed):
            return Sealed(vault.renewed(value, binding))
        return Sealed(vault.seal(value, binding))

    def get_prep_value(self, value: Any) -> Any:
        if value and not isinstance(value, Sealed):  # nothing is nothing, sealed or not
            raise TypeError(
                f"{self.name} is written through save(), never in a query: it is sealed."
            )
        return value if value is None else str(value)


class BlindIndexField(models.BinaryField):
    """Finds rows by the value of the EncryptedField `of`, which has to be saved together with it.

    `holding` is the way to ask: the value is hashed with the tenant's key, equality keeps its
    index under row-level security.
    """

    def __init__(self, *args: Any, of: str, **kwargs: Any) -> None:
        self.of = of
        kwargs.update(max_length=16, null=True, editable=False)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("max_length", "null", "editable"):
            kwargs.pop(fixed, None)
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: Any, add: bool) -> bytes | None:  # noqa: FBT001 - Django's signature
        value = model_instance.__dict__.get(self.of, Sealed())
        if not isinstance(value, Sealed):  # else as it was read, and so is its index
            setattr(model_instance, self.attname, self.holding(value))
        return getattr(model_instance, self.attname)  # type: ignore[no-any-return]

    def holding(self, value: str | None) -> bytes | None:
        return vault.blind(value, self.of) if value else None
