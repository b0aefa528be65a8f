"""How is money typed into a form? In units of the currency, two decimals; kept as whole fen."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from tenants import money


class MoneyField(forms.CharField):
    """Reads `12.5` as 1250 fen and shows 1250 fen as `12.50`."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault(
            "widget", UnfoldAdminTextInputWidget({"inputmode": "decimal", "placeholder": "0.00"})
        )
        super().__init__(max_length=14, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return money.text(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not text:
            return None
        try:
            return money.to_fen(text)
        except ValueError:
            raise ValidationError(
                _("Write an amount such as 1299 or 12.50, without sign or thousands mark."),
                code="money",
            ) from None

    def run_validators(self, value: Any) -> None:
        """The limits are those of `money.to_fen`."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(initial != self.to_python(data))
        except ValidationError:
            return True


def shown(fen: int | None) -> str:
    """123456 → `1,234.56`; nothing for None."""
    return f"{fen / 100:,.2f}" if fen is not None else "–"
