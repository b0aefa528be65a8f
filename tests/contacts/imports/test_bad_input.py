"""What people really send: each bad row is one line of the error file, and stops no other."""

from __future__ import annotations

import resource

import pytest
from django.utils import translation

from contacts import validation
from contacts.imports import files
from contacts.models import Channel, Contact
from tenants.models import Staff
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, reasons, rejections


def test_a_cell_without_end_costs_its_own_row(business: Business, load: Load) -> None:
    big = b"B," + b"y" * (3 * files.LONGEST_LINE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    job = load("contacts", b"external_id,name\nA,a\n" + big + b"\nC,c\n")

    assert counts(job) == (2, 0, 0, 1)
    assert reasons(job) == [(3, "", "malformed")]
    with business.scope():
        assert job.error_file.size < 1000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KB


@pytest.mark.parametrize("quote", [b'"', b""])
def test_endless_lines_of_other_encodings(load: Load, quote: bytes) -> None:
    head = "客户编号,姓名\nA,张三\n".encode("gb18030")
    big = b"B," + quote + "长".encode("gb18030") * files.LONGEST_LINE + quote

    job = load("contacts", head + big + "\nC,李四\n".encode("gb18030"))

    assert counts(job) == (2, 0, 0, 1)
    assert [(line, code) for line, _column, code in reasons(job)] == [(3, "malformed")]


def test_a_long_cell_is_shortened_in_the_error_file(load: Load) -> None:
    job = load("contacts", f"external_id,name\nA,{'n' * 500_000}\nB,b\n")

    assert counts(job) == (1, 0, 0, 1)
    (row,) = rejections(job)
    assert (row["code"], len(row["name"])) == ("too_long", 20_001)


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("phone", "1" * 30, "phone"),
        ("phone", "１３８００１３８０００１２３", "phone"),
        ("phone", "13800138000\u200b", "phone"),
        ("email", "a\u200b@example.com", "invisible"),
        ("email", "a@b@example.com", "email"),
        ("name", "n" * 101, "too_long"),
        ("name", "a\x00b", "control_character"),
        ("name", "=HYPERLINK(1)", None),  # stored as typed; neutral on every way out
        ("name", "张\u200b三\u200d", None),
        ("external_id", "A\u200b", "invisible"),
        ("owner", "\ufeffli", "invisible"),
        ("gender", "boy", "gender"),
        ("birthday", "2024/1/5", "date"),
        ("acquired_at", "45000.5", "time"),
    ],
)
def test_values_of_contacts(load: Load, column: str, value: str, code: str | None) -> None:
    columns = {"external_id": "A", column: value}

    job = load("contacts", f"{','.join(columns)}\n{','.join(columns.values())}\n")

    found = [(each, why) for _line, each, why in reasons(job)] if job.error_file else []
    assert found == ([(column, code)] if code else []), found


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("138 0013-8000", "+8613800138000"),
        ("００８６１３８００１３８０００", "+8613800138000"),
        ("+86 (0)10 6552 9988", "+861065529988"),
        ("+44 (0)20 7183 8750", "+442071838750"),
        ("+39 06 6988 4857", "+390669884857"),  # in Italy the 0 belongs to it
        ("+1 (555) 000-1234", "+15550001234"),
        ("+49 01234", "+4901234"),  # no number of Germany; R44 takes it as it is
    ],
)
def test_phones_in_e164(typed: str, stored: str) -> None:
    assert validation.phone(typed) == stored


@pytest.mark.parametrize("column", ["amount", "cost", "refunded"])
@pytest.mark.parametrize("value", ["-5", "1e3", "1.234", '"1,000"', "¥5", "NaN", "１" * 11])
def test_amounts_of_orders(load: Load, column: str, value: str) -> None:
    load("contacts", "external_id\nA\n")
    cells = {"order_id": "O", "contact": "A", "paid_at": "2024-01-01", "amount": "5"}
    cells[column] = value

    job = load("orders", f"{','.join(cells)}\n{','.join(cells.values())}\n")

    assert [(each, why) for _line, each, why in reasons(job)] == [(column, "amount")]


def test_unknown_owners_and_channels_are_made(business: Business, load: Load) -> None:
    job = load("contacts", "external_id,owner,channel\nA,newcomer,New fair\n")

    assert counts(job) == (1, 0, 0, 0)
    with business.scope():
        contact = Contact.objects.get()
        assert contact.owner == Staff.objects.get(userid="newcomer")
        assert contact.channel == Channel.objects.get(name="New fair")


def test_an_event_id_again_with_other_content(load: Load) -> None:
    load("contacts", "external_id\nA\n")
    load("events", "event_id,contact,kind,at\nE,A,price.asked,2024-01-01\n")

    job = load(
        "events",
        "event_id,contact,kind,at\nE,A,price.asked,2024-01-01\nE,A,other.kind,2024-01-02\n",
    )

    assert counts(job) == (0, 0, 1, 1)
    assert reasons(job) == [(3, "event_id", "conflict")]


def test_the_reason_is_in_the_senders_language(load: Load) -> None:
    with translation.override("zh-hans"):
        job = load("contacts", "external_id,phone\nA,1234\n", language="zh-hans")

    (row,) = rejections(job)
    assert "手机" in row["message"] or "电话" in row["message"] or "号码" in row["message"]
