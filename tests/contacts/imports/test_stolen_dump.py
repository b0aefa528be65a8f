"""Who steals the database, Redis and the folder of files learns no phone and no e-mail address."""

from __future__ import annotations

import base64
import hashlib
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import redis
from django.conf import settings
from django.db import connection

from contacts import timeline
from contacts.exports import run as exports
from contacts.models import Contact
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, rejections

_TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT')
"""


def database(business: Business) -> str:
    """All that the tables hold of the business, as COPY writes it."""
    parts = io.StringIO()
    with business.scope(), connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = [name for (name,) in cursor.fetchall()]
        assert "contacts_contact" in tables and len(tables) > 60
        for table in tables:
            cursor.copy_expert(f"COPY (SELECT * FROM {table}) TO STDOUT", parts)
    return parts.getvalue()


def memory() -> str:
    """Whatever Redis holds, as text."""
    server = redis.Redis.from_url(settings.REDIS_URL)
    return "\n".join(repr((key, server.dump(key))) for key in server.scan_iter())


def disk() -> str:
    """Whatever lies in the folder of uploaded and made files, names too."""
    files = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert len(files) == 7
    return "\n".join(f"{path} {path.read_bytes().decode('latin-1')}" for path in files)


def bring_and_take_out(business: Business, load: Load, people: list[tuple[str, str, str]]) -> None:
    """Files of each sort: brought (also as a workbook), refused rows, exports."""
    key, phone, email = people[0]
    refused = load("contacts", f"external_id,phone,email,birthday\n{key},{phone},{email},never\n")
    assert [row["phone"] for row in rejections(refused)] == [f"'{phone}"]
    book = openpyxl.Workbook()
    for row in (("external_id", "phone", "email"), *people[1:51]):
        book.worksheets[0].append(row)
    data = io.BytesIO()
    book.save(data)
    assert counts(load("contacts", data.getvalue(), name="people.xlsx")) == (0, 0, 50, 0)
    api = business.api()
    for form in ("csv", "xlsx"):
        wanted = {"kind": "contacts", "format": form, "whole_phones": True, "reason": "a test"}
        taken = api.post("/api/v1/exports", wanted, format="json").json()["id"]
        exports.work(business.pk)
        answer: Any = api.get(f"/api/v1/exports/{taken}/file")
        content = b"".join(answer.streaming_content)
        assert int(answer["Content-Length"]) == len(content) > 10_000
        assert form == "xlsx" or email.encode() in content


def spellings(secret: str) -> Iterator[str]:
    """How the secret might lie there: open, turned round, in other letters, hashed without key."""
    data = secret.encode()
    yield from (secret, secret[::-1], data.hex(), base64.b64encode(data).decode().rstrip("="))
    for way in (hashlib.md5, hashlib.sha1, hashlib.sha256):
        yield way(data, usedforsecurity=False).hexdigest()
    if secret.startswith("+86"):
        yield from spellings(secret.removeprefix("+86"))


def test_a_dump_tells_no_phone_and_no_email_address(business: Business, load: Load) -> None:
    chance = random.Random(5)
    people = [
        (
            f"P{number}",
            f"+861{chance.randrange(3 * 10**9, 10**10)}",
            f"person{number}x@mail.example",
        )
        for number in range(300)
    ]
    rows = "".join(f"{key},{phone[3:]},{email},li,2024-01-01\n" for key, phone, email in people)
    load("contacts", "external_id,phone,email,owner,acquired_at\n" + rows)
    load("contacts", "external_id,phone\n" + f"P0,{people[1][1]}\n")  # another's, on the timeline
    api = business.api()
    for _key, phone, email in people[1:4]:
        found = api.get("/api/v1/contacts", {"q": email}).json()["results"][0]["id"]
        for kind, value in (("phone", phone), ("email", email)):
            proved = {"kind": kind, "value": value}
            path = f"/api/v1/contacts/{found}/identities"
            assert api.post(path, proved, format="json").status_code == 201
        assert api.get("/api/v1/contacts", {"q": phone}).json()["results"]
        assert api.get("/api/v1/contacts", {"q": email}).json()["results"]
    bring_and_take_out(business, load, people)
    with business.scope():
        timeline.drain_all()
        known = Contact.objects.exclude(phone_hash=None).exclude(email_hash=None)
        assert known.count() == len(people)
        assert {each.email for each in known} == {email for _key, _phone, email in people}

    dump = database(business) + memory() + disk()

    assert "P299" in dump and "people.xlsx" in dump  # it is the right dump
    found = [
        (secret, form)
        for _key, *secrets in people
        for secret in secrets
        for form in spellings(secret)
        if form in dump
    ]
    assert found == []
