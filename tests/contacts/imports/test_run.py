"""Imports as work: queue, lease, crash, dry run, the command and the API."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone, translation

from contacts.imports import attempt, run
from contacts.imports.contacts import Contacts
from contacts.models import Channel, Contact, Event, Import, Order, Tag
from tenants.models import Staff
from tenants.roles import Can, Role
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, reasons

TEXT = "external_id,channel,owner,tags,acquired_at\nA,x,li,t,2024-01-01\nB,,,,\nC,,,,bad\n"


def upload(text: str = TEXT, name: str = "contacts.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def test_a_dry_run_counts_and_writes_nothing(business: Business, load: Load) -> None:
    with business.scope():
        before = Staff.objects.count()

    dry = load("contacts", TEXT, dry_run=True)

    assert counts(dry) == (2, 0, 0, 1)
    assert reasons(dry) == [(4, "acquired_at", "time")]
    with business.scope():
        for model in (Contact, Channel, Tag, Event):
            assert not model.objects.exists()
        assert Staff.objects.count() == before
    done = load("contacts", TEXT)
    assert (counts(done), reasons(done)) == (counts(dry), reasons(dry))
    assert counts(load("contacts", TEXT, dry_run=True)) == (0, 0, 2, 1)


class _Killed(BaseException):
    """The process dies: nothing of ours may catch it."""


def test_a_crash_leaves_whole_batches_and_the_counts_come_out_right(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "BATCH", 10)
    text = "external_id,name\n" + "".join(f"{n},name\n" for n in range(35))
    with business.scope():
        job = run.bring("contacts", io.BytesIO(text.encode()), "contacts.csv")
    write = Contacts.write

    def dies(self: Contacts, rows: Any, *, last: bool) -> Any:
        outcomes = write(self, rows, last=last)
        if rows[0].key == "20":
            raise _Killed
        return outcomes

    monkeypatch.setattr(Contacts, "write", dies)
    with pytest.raises(_Killed):
        run.work(business.pk)
    with business.scope():
        assert Contact.objects.count() == 20
        job.refresh_from_db()
        assert (job.status, job.created) == ("running", 20)
        due = run.next_due()
        assert due is not None and due > timezone.now()
        assert run.claim() is None  # its lease holds
        Import.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    monkeypatch.setattr(Contacts, "write", write)
    run.work(business.pk)

    with business.scope():
        job.refresh_from_db()
        assert counts(job) == (35, 0, 0, 0)
        assert Contact.objects.count() == 35
        assert run.next_due() is None


def test_a_worker_that_was_too_slow_writes_no_more(business: Business) -> None:
    with business.scope():
        job = run.bring("contacts", io.BytesIO(TEXT.encode()), "contacts.csv")
        slow = run.claim(job.pk)
        Import.objects.update(lease_until=timezone.now() + timedelta(hours=1))  # another's claim
    assert slow is not None

    run.carry_out(business.tenant, slow)

    with business.scope():
        assert not Contact.objects.exists()
        job.refresh_from_db()
        assert job.status == "running"


def test_a_row_that_came_in_between_is_seen_by_the_second_try(
    business: Business, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, tries = Contacts.write, []

    def collides(self: Contacts, rows: Any, *, last: bool) -> Any:
        tries.append(len(rows))
        outcomes = write(self, rows, last=last)
        if len(tries) == 1:
            raise IntegrityError("duplicate key")
        return outcomes

    monkeypatch.setattr(Contacts, "write", collides)

    assert counts(load("contacts", TEXT)) == (2, 0, 0, 1)
    assert tries == [2, 2]


def test_a_broken_import_says_so(
    business: Business, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(self: Contacts, rows: Any, *, last: bool) -> Any:
        raise ValueError("a mistake of ours")

    monkeypatch.setattr(Contacts, "write", breaks)

    job = load("contacts", TEXT)

    assert (job.status, job.error_code) == ("failed", "internal")


def test_one_import_at_a_time(business: Business) -> None:
    with business.scope():
        first = run.bring("contacts", io.BytesIO(b"external_id\nA\n"), "a.csv")
        run.bring("contacts", io.BytesIO(b"external_id\nB\n"), "b.csv")
    with business.scope():
        claimed = run.claim()
        assert claimed is not None and claimed.pk == first.pk
        assert run.claim() is None
    run.carry_out(business.tenant, claimed)
    run.work(business.pk)
    with business.scope():
        assert set(Import.objects.values_list("status", flat=True)) == {"done"}


def test_by_the_api(business: Business, other_business: Business) -> None:
    api = business.api()

    answer = api.post(
        "/api/v1/imports",
        {"kind": "contacts", "file": upload()},
        format="multipart",
        HTTP_ACCEPT_LANGUAGE="en",
    )

    assert answer.status_code == 202, answer.json()
    queued = answer.json()
    assert (queued["status"], queued["errors_url"], queued["error"]) == ("queued", None, None)
    run.work(business.pk)
    one = f"/api/v1/imports/{queued['id']}"
    done = api.get(one).json()
    assert {name: done[name] for name in ("kind", "status", "dry_run")} == {
        "kind": "contacts", "status": "done", "dry_run": False,
    }  # fmt: skip
    assert [done[name] for name in ("created", "updated", "unchanged", "rejected")] == [2, 0, 0, 1]
    assert api.get("/api/v1/imports?status=done").json()["results"] == [done]
    errors: Any = api.get(done["errors_url"])
    assert errors.status_code == 200
    assert errors["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in errors["Content-Disposition"]
    assert b"C,,,,bad" in b"".join(errors.streaming_content)
    errors.close()
    again = api.get(done["errors_url"], HTTP_ACCEPT="text/csv")
    assert again.status_code == 200
    again.close()
    for path in (one, f"{one}/errors"):
        assert other_business.api().get(path).status_code == 404
    with business.scope():
        kept = Path(Import.objects.get().error_file.path)
    kept.write_bytes(kept.read_bytes()[:-1])
    damaged = api.get(done["errors_url"])
    kept.unlink()
    for gone in (damaged, api.get(done["errors_url"])):
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "gone")


def test_the_same_key_queues_once(business: Business) -> None:
    api = business.api()

    answers = [
        api.post(
            "/api/v1/imports",
            {"kind": "contacts", "file": upload()},
            format="multipart",
            HTTP_IDEMPOTENCY_KEY="k1",
        )
        for _ in range(2)
    ]

    assert answers[0].json() == answers[1].json()
    with business.scope():
        assert Import.objects.count() == 1


def test_files_lie_in_the_tenants_folder(business: Business, settings: Any) -> None:
    with business.scope():
        job = run.bring("contacts", io.BytesIO(b"x"), "C:\\tmp\\..\\客户 名单.csv")
    folder = Path(settings.MEDIA_ROOT) / "tenants" / str(business.pk) / "imports"

    assert Path(job.file.path).is_relative_to(folder)
    assert Path(job.file.path).name == "客户_名单.csv"


@pytest.mark.parametrize("left", [-1, 200, 100])
def test_an_upload_that_was_touched_is_not_imported(business: Business, left: int) -> None:
    with business.scope():
        job = run.bring("contacts", io.BytesIO(TEXT.encode()), "a.csv")
        gone = run.bring("contacts", io.BytesIO(TEXT.encode()), "b.csv")
    file = Path(job.file.path)
    file.write_bytes(file.read_bytes()[:left])
    Path(gone.file.path).unlink()

    run.work(business.pk)

    with business.scope():
        codes = Import.objects.order_by("id").values_list("status", "error_code")
        assert list(codes) == [("failed", "unreadable"), ("failed", "gone")]
        assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"kind", "file"}),
        ({"kind": "people", "file": "x"}, {"kind", "file"}),
        ({"kind": "contacts", "file": "upload", "dry_run": "perhaps"}, {"dry_run"}),
        ({"kind": "contacts", "file": "upload", "force": "1"}, {"force"}),
        ({"kind": "contacts", "file": "upload", "mapping": "[1]"}, {"mapping"}),
        ({"kind": "contacts", "file": "upload", "mapping": '{"a": "b"}'}, {"mapping"}),
    ],
)
def test_bad_requests(business: Business, fields: dict[str, Any], wrong: set[str]) -> None:
    if fields.get("file") == "upload":
        fields = {**fields, "file": upload()}

    answer = business.api().post("/api/v1/imports", fields, format="multipart")

    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == wrong


def test_too_large_and_no_multipart(business: Business, settings: Any) -> None:
    api = business.api()
    assert api.post("/api/v1/imports", {"kind": "contacts"}, format="json").status_code == 415

    settings.UPLOAD_MAX_BYTES = 100
    answer = api.post("/api/v1/imports", {"kind": "contacts", "file": upload()}, format="multipart")
    assert answer.status_code == 413


def test_who_may_import(business: Business) -> None:
    for role in Role.values:
        answer = business.as_role(role).get("/api/v1/imports")
        assert answer.status_code == (403 if role in {Role.SALES, Role.VIEWER} else 200), role
    assert Can.IMPORT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "orders.csv").write_text(
        "order_id,contact,paid_at,amount\nO1,A,2024-01-02,5\nO2,Z,,1\n"
    )
    (tmp_path / "客户.csv").write_text("客户编号\nA\n")
    (tmp_path / "mystery.csv").write_text("sku,name\nP1,x\n")
    return tmp_path


def test_load_sorts_files_and_brings_figures_up_to_date(
    business: Business,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[int] = []
    monkeypatch.setattr(run, "_hooks", [called.append])
    files = [str(folder / name) for name in ("orders.csv", "mystery.csv", "客户.csv")]

    call_command(
        "load", *files, tenant=business.tenant.slug, errors=folder / "errors", language="en"
    )

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "created 1, updated 0, unchanged 0, rejected 0",
        "created 1, updated 0, unchanged 0, rejected 0",
        "created 1, updated 0, unchanged 0, rejected 1",
        str(folder / "errors" / "orders.errors.csv"),
    ]
    assert (
        (folder / "errors" / "orders.errors.csv")
        .read_text("utf-8-sig")
        .splitlines()[1]
        .startswith("3,contact,unknown_contact,No contact has this external id.,O2")
    )
    assert called == [business.pk]
    with business.scope():
        assert Order.objects.count() == 1
        assert not Event.objects.filter(handled_at=None).exists()
    call_command("load", files[0], tenant=business.tenant.slug)
    assert "--errors DIR" in capsys.readouterr().out  # what is kept is sealed


@pytest.mark.parametrize("by", ["slug", "name", "pk"])
def test_load_finds_the_tenant(business: Business, folder: Path, by: str) -> None:
    tenant = str(getattr(business.tenant, by))

    call_command("load", str(folder / "客户.csv"), tenant=tenant, dry_run=True)

    with business.scope():
        assert not Contact.objects.exists()


def test_load_says_what_failed(
    business: Business, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "contacts.csv").write_text("name\nA\n")
    (folder / "what.csv").write_text("a,b\n1,2\n")
    files = [str(folder / name) for name in ("contacts.csv", "what.csv", "none.csv", "客户.csv")]

    with pytest.raises(CommandError, match="3 of 4"):
        call_command("load", *files, tenant=business.tenant.slug, language="en")

    printed = capsys.readouterr()
    assert "[missing_column]" in printed.err
    assert "Neither the name of the file nor its header" in printed.err
    assert "No such file" in printed.err
    assert "created 1" in printed.out
    with pytest.raises(CommandError, match="no tenant"):
        call_command("load", files[0], tenant="nobody")
    with pytest.raises(CommandError, match="HEADER=FIELD"):
        call_command("load", files[0], tenant=business.tenant.slug, map=["x=nonsense"])


def test_load_maps_headers(business: Business, folder: Path) -> None:
    (folder / "list.csv").write_text("Nr,Name\n1,eins\n")

    call_command(
        "load",
        str(folder / "list.csv"),
        tenant=business.tenant.slug,
        kind="contacts",
        map=["Nr=external_id"],
    )

    with business.scope():
        assert Contact.objects.get().name == "eins"


@pytest.mark.parametrize(
    ("language", "reason"), [("en", "phone number"), ("zh-hans", "请填写电话号码")]
)
def test_reasons_are_said_in_the_language_of_who_brought_the_file(
    business: Business, language: str, reason: str
) -> None:
    text = b"external_id,phone\nA,99\n"
    with business.scope(), translation.override(language):
        run.bring("contacts", io.BytesIO(text), "contacts.csv")
    run.work(business.pk)
    with business.scope(), Import.objects.get().error_file.open("rb") as file:
        assert reason in file.read().decode()
