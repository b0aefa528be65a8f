"""How files are read: encodings, headers, lines, spreadsheets (FIGURES R37, R40, R45–R47)."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime

import openpyxl
import pytest

from contacts.imports import columns, workbooks
from contacts.models import Contact, Import, Order
from contacts.spreadsheet import neutral, restored
from tenants.scope import scope
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, reasons, rejections

HEAD = "external_id,name\n"


def names(business: Business) -> dict[str | None, str]:
    with business.scope():
        return dict(Contact.objects.values_list("external_id", "name"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(business: Business, load: Load, encoding: str, end: str) -> None:
    text = end.join(["客户编号,姓名", "A,张三", "B,李四"])

    assert counts(load("contacts", text.encode(encoding))) == (2, 0, 0, 0)
    assert names(business) == {"A": "张三", "B": "李四"}


def test_a_few_lines_in_another_encoding_are_refused(business: Business, load: Load) -> None:
    lines = ["客户编号,姓名", "A,张三", "B,李四", "C,王五", "D,plain"]
    data = [line.encode() for line in lines]
    data[2] = lines[2].encode("gb18030")

    job = load("contacts", b"\n".join(data))

    assert counts(job) == (3, 0, 0, 1)
    assert reasons(job) == [(3, "", "encoding")]
    assert names(business) == {"A": "张三", "C": "王五", "D": "plain"}


def test_a_broken_line_in_a_gb18030_file(load: Load) -> None:
    lines = [line.encode("gb18030") for line in ["客户编号,姓名", "A,张三", "B,", "C,王五"]]
    lines[2] += b"\xff\xff"

    job = load("contacts", b"\n".join(lines))

    assert counts(job) == (2, 0, 0, 1)
    assert reasons(job) == [(3, "", "encoding")]


def test_lines_are_physical_lines(load: Load) -> None:
    text = 'external_id,name,note\nA,x,"one\ntwo\nthree"\n\nB,y,z,more\n"C","a\nb"\n,no id,\nD,d,\n'

    job = load("contacts", text)

    assert counts(job) == (2, 0, 0, 3)
    assert reasons(job) == [(6, "", "cells"), (7, "", "cells"), (9, "external_id", "blank")]


def test_the_error_file(load: Load) -> None:
    job = load("contacts", "客户编号,姓名,手机号\n=1+1,＝cmd,-5\nB,@x,\n", language="zh-hans")

    with scope(job.tenant_id), job.error_file.open("rb") as file:
        assert file.read(3) == b"\xef\xbb\xbf"  # or Excel takes it for something else
    (row,) = rejections(job)
    assert list(row) == ["line", "column", "code", "message", "客户编号", "姓名", "手机号"]
    assert (row["line"], row["column"], row["code"]) == ("2", "手机号", "phone")
    assert (row["客户编号"], row["姓名"], row["手机号"]) == ("'=1+1", "'＝cmd", "'-5")
    assert row["message"]


def test_no_rejections_no_error_file(load: Load) -> None:
    assert not load("contacts", HEAD + "A,a\n").error_file


@pytest.mark.parametrize(
    "text",
    ["=1", "+1", "-1", "@a", "\ta", "\ra", "'=1", "''=1", "＝1", "plain", "'", "", "'a", "a=1"],
)
def test_exported_text_comes_back(text: str) -> None:
    assert restored(neutral(text)) == text
    assert neutral(text)[:1] not in set("=+-@\t\r＝＋－＠")


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("contacts", b"", "empty"),
        ("contacts", b"\n\n", "empty"),
        ("contacts", "姓名\nA\n".encode(), "missing_column"),
        ("orders", b"order_id,contact,amount\n", "missing_column"),
        ("contacts", "external_id,客户编号\nA,B\n".encode(), "doubled_column"),
        ("contacts", b"external_id,city,city\nA,B,C\n", "doubled_column"),
        ("contacts", "external_id\nA\n".encode("utf-16"), "encoding"),
        ("contacts", b"external_id\n\xff\xfe\xff\n\x81\xff\n", "encoding"),
        ("contacts", b"x" * (3 << 20) + b"\nA\n", "malformed"),
        ("contacts", b"PK\x03\x04 is no archive", "malformed"),
        ("contacts", b"\xd0\xcf\x11\xe0 an old workbook", "file_type"),
    ],
)
def test_what_is_no_file_of_ours_fails_as_a_whole(
    business: Business, load: Load, kind: str, content: bytes, code: str
) -> None:
    job = load(kind, content)

    assert (job.status, job.error_code) == ("failed", code)
    assert job.error_message
    assert names(business) == {}


def test_a_header_alone_is_a_file_without_rows(load: Load) -> None:
    assert counts(load("contacts", HEAD)) == (0, 0, 0, 0)


def test_an_open_quote_costs_its_own_rows_only(business: Business, load: Load) -> None:
    text = HEAD + 'A,a\nB,"never closed\n' + "x,y\n" * 300_000 + 'C,"c"\n'

    job = load("contacts", text)

    assert job.status == "done"
    assert (job.rejected, "malformed") == (job.rejected, rejections(job)[0]["code"])
    assert {"A", "C"} <= set(names(business))


def test_chinese_headers_of_every_kind() -> None:
    chinese = {
        "contacts": "客户编号 姓名 手机号 邮箱 性别 生日 渠道 添加时间 所属员工 标签 推荐人",
        "orders": "订单号 客户编号 付款时间 金额 成本 币种 状态 退款金额 商品",
        "events": "事件编号 客户编号 事件 时间 属性",
        "costs": "日期 渠道 类型 金额",
        "products": "SKU 名称 角色 售价 成本",
    }
    for kind, titles in chinese.items():
        header = titles.split()
        layout = columns.lay_out(kind, header, {})
        assert list(layout.places) == list(columns.HEADERS[kind])[: len(header)]
        assert columns.kind_by_header(header, {}) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("contacts.csv", "contacts"), ("客户.xlsx", "contacts"), ("2024 Customers", "contacts"),
        ("orders-2024.csv", "orders"), ("客户订单.csv", "orders"), ("events.csv", "events"),
        ("行为事件.csv", "events"), ("costs.csv", "costs"), ("渠道费用.csv", "costs"),
        ("products.csv", "products"), ("商品.csv", "products"), ("data.csv", None),
    ],
)  # fmt: skip
def test_kinds_by_name(name: str, kind: str | None) -> None:
    assert columns.kind_by_name(name) == kind


def test_headers_mapped_by_hand_are_remembered(business: Business, load: Load) -> None:
    text = "Kundennummer,Name des Kunden\nA,eins\n"
    assert load("contacts", text).error_code == "missing_column"

    mapped = {"Kundennummer": "external_id", "name des kunden": "name"}
    assert counts(load("contacts", text, mapping=mapped)) == (1, 0, 0, 0)
    assert counts(load("contacts", text.replace("eins", "zwei"))) == (0, 1, 0, 0)
    assert names(business) == {"A": "zwei"}


def test_headers_as_people_type_them(business: Business, load: Load) -> None:
    assert counts(load("contacts", "\ufeff External ID ,NAME,\nA,a,\n")) == (1, 0, 0, 0)
    assert names(business) == {"A": "a"}


def sheet(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def test_a_spreadsheet(business: Business, load: Load) -> None:
    data = sheet(
        ["客户编号", "姓名", "手机号", "生日", "添加时间", "所属员工", "分数"],
        ["A", "张三", 13800138000, date(1990, 1, 2), datetime(2024, 1, 5, 9, 30), "li", 12.5],  # noqa: DTZ001
        [7, "=1+1", None, None, None, None, 0.1 + 0.2],
        [],
        ["C", "x", "13800138001", None, None, None, None, "too many"],
        ["D", "x", 1, None, None, None, None],
    )

    job = load("contacts", data, "客户.xlsx")

    assert counts(job) == (2, 0, 0, 2)
    assert reasons(job) == [(5, "", "cells"), (6, "手机号", "phone")]
    with business.scope():
        a, seven = Contact.objects.order_by("-external_id")
        assert (a.phone, str(a.birthday), a.custom) == (
            "+8613800138000",
            "1990-01-02",
            {"分数": "12.5"},
        )
        assert (
            a.acquired_at is not None and a.acquired_at.isoformat() == "2024-01-05T01:30:00+00:00"
        )
        assert (seven.external_id, seven.custom) == ("7", {"分数": "0.3"})
    assert counts(load("contacts", data, "客户.xlsx")) == (0, 0, 2, 2)


def test_dates_and_amounts_of_a_spreadsheet(business: Business, load: Load) -> None:
    load("contacts", "external_id\nA\n")
    data = sheet(
        ["order_id", "contact", "paid_at", "amount"],
        [1, "A", datetime(2024, 1, 5, 23, 59, 59), 12.3],  # noqa: DTZ001 - a cell
        [2, "A", date(2024, 1, 6), 100],
        [3, "A", 45296, 5],
    )

    job = load("orders", data)

    assert counts(job) == (2, 0, 0, 1)
    assert reasons(job) == [(4, "paid_at", "time")]
    with business.scope():
        assert list(Order.objects.order_by("order_id").values_list("amount_fen", flat=True)) == [
            1230,
            10000,
        ]


def packed(parts: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return data.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_bombs_are_refused(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "_LARGEST_STRINGS", 1 << 20)
    parts = unpacked(sheet(["external_id"], ["A"]))

    strings = packed({**parts, "xl/sharedStrings.xml": b" " * (2 << 20)})
    assert load("contacts", strings).error_code == "too_large"
    many = packed({**parts, **{f"xl/media/{number}": b"" for number in range(2001)}})
    assert load("contacts", many).error_code == "too_large"

    laughs = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    for name in ("xl/worksheets/sheet1.xml", "xl/workbook.xml"):
        bomb = packed({**parts, name: laughs + parts[name].partition(b"?>")[2]})
        assert load("contacts", bomb).error_code == "malformed", name


@pytest.mark.parametrize(
    "name", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"]
)
@pytest.mark.parametrize("content", [b"", b"<", b"\xff\xfe<\x00a\x00/\x00>\x00", b"<a/>", b"{}"])
def test_damaged_spreadsheets_fail_with_a_sentence(load: Load, name: str, content: bytes) -> None:
    job = load("contacts", packed({**unpacked(sheet(["external_id"], ["A"])), name: content}))

    assert job.status == Import.Status.FAILED
    assert job.error_code in {"malformed", "empty"}


def test_numbers_as_a_spreadsheet_shows_them() -> None:
    text = workbooks._text
    assert [text(value) for value in (1.0, 12.30000000000001, 1e15, True, None)] == [
        "1", "12.3", "1e+15", "True", "",
    ]  # fmt: skip
    assert text(datetime(2024, 1, 5, 9, 29, 59, 999_990)) == "2024-01-05 09:30:00"  # noqa: DTZ001 - a cell
    assert text(datetime(2024, 1, 5)) == "2024-01-05"  # noqa: DTZ001 - a cell
