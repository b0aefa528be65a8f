"""How does the CDNOW purchase history become files that the product loads?

    python tests/cdnow.py /path/to/CDNOW_master.txt cdnow/

It is a public data set: 23,570 people who bought their first CD at cdnow.com in the first quarter
of 1997, and all they bought there until mid-1998. A line is customer, day, number of CDs, dollars.
The package `lifetimes` ships it as `CDNOW_master.txt`, and one tenth as `CDNOW_sample.txt`.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

ZONE = "America/New_York"
CURRENCY = "USD"
CHANNEL = "cdnow.com"


@dataclass(frozen=True)
class Purchase:
    """One line of the file."""

    line: int
    customer: str
    day: date
    discs: int
    dollars: Decimal


@dataclass
class Totals:
    """What the sums over the file are."""

    customers: int = 0
    orders: int = 0
    dollars: Decimal = Decimal(0)
    newcomers: dict[str, int] = field(default_factory=dict)  # month of the first purchase → people


def purchases(file: Path) -> Iterator[Purchase]:
    """The master starts with a header; the sample has a column more, the master's customer."""
    for number, line in enumerate(file.read_text("ascii").splitlines(), start=1):
        *customers, day, discs, dollars = line.split() or ("", "", "")
        if day.isdecimal():
            yield Purchase(
                number,
                customers[-1],
                datetime.strptime(day, "%Y%m%d").date(),  # noqa: DTZ007 - a day has no zone
                int(discs),
                Decimal(dollars),
            )


def first_days(file: Path) -> dict[str, date]:
    """Customer → day of the first purchase."""
    found: dict[str, date] = {}
    for one in purchases(file):
        found[one.customer] = min(one.day, found.get(one.customer, one.day))
    return found


def totals(file: Path) -> Totals:
    """Summed here, in a few lines, so that the product's own sums can be held against it."""
    told = Totals()
    for one in purchases(file):
        told.orders += 1
        told.dollars += one.dollars
    for day in first_days(file).values():
        told.customers += 1
        month = f"{day:%Y-%m}"
        told.newcomers[month] = told.newcomers.get(month, 0) + 1
    return told


def write(file: Path, folder: Path) -> Mapping[str, Path]:
    """Write contacts.csv and orders.csv; who buys twice on a day has two orders, told by lines."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {kind: folder / f"{kind}.csv" for kind in ("contacts", "orders")}
    with written["contacts"].open("w", newline="", encoding="utf-8") as target:
        rows = csv.writer(target)
        rows.writerow(("external_id", "channel", "acquired_at"))
        rows.writerows((who, CHANNEL, day) for who, day in first_days(file).items())
    with written["orders"].open("w", newline="", encoding="utf-8") as target:
        rows = csv.writer(target)
        rows.writerow(("order_id", "contact", "paid_at", "amount", "currency"))
        rows.writerows(
            (f"CDNOW-{one.line:05}", one.customer, one.day, f"{one.dollars:.2f}", CURRENCY)
            for one in purchases(file)
        )
    return written


if __name__ == "__main__":
    source = Path(sys.argv[1])
    write(source, Path(sys.argv[2]))
    summed = totals(source)
    sys.stdout.write(
        f"{summed.customers} customers, {summed.orders} orders, {CURRENCY} {summed.dollars}\n"
        f"first purchases by month: {summed.newcomers}\n"
    )
