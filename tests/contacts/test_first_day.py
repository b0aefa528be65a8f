"""An operator's first day with contacts, as an integration has it: over the API."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from contacts import timeline
from contacts.exports import run as exports
from contacts.imports import run
from contacts.segments import upkeep
from contacts.tag_rules import upkeep as tag_upkeep
from tests.conftest import Business
from tests.contacts.first_day import files

API = "/api/v1"
WORTH_IT = {
    "all": [
        {"tag": "美妆"},
        {"event": {"kind": "content.read", "count": {"at_least": 2}, "within_days": 14}},
        {"not": {"order": {"count": {"at_least": 1}}}},
        {"not": {"tag": "竞品"}},
    ]
}


def test_an_operators_first_day_over_the_api(
    business: Business, tmp_path: Path, settings: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    api = business.api()
    for kind, file in files(tmp_path):
        brought(business, api, kind, file)

    merge_who_came_twice(api)
    tag_who_is_worth_it(business, api)
    assert exported(business, api, {"segment": "看过两篇还没买"}) == [("C1", "138****0001")]
    show_and_forget(api)


def brought(business: Business, api: Any, kind: str, file: Path) -> None:
    upload = SimpleUploadedFile(file.name, file.read_bytes())
    given = {"kind": kind, "file": upload}
    queued = api.post(f"{API}/imports", given, format="multipart")
    assert queued.status_code == 202, queued.content
    run.work(business.pk)
    done = api.get(f"{API}/imports/{queued.json()['id']}").json()
    assert (done["status"], done["rejected"]) == ("done", 0)
    with business.scope():
        timeline.drain_all()


def exported(business: Business, api: Any, filters: dict[str, str]) -> list[tuple[str, str]]:
    given = {"kind": "contacts", "columns": ["external_id", "phone"], "filters": filters}
    asked = api.post(f"{API}/exports", given, format="json")
    assert asked.status_code == 202, asked.content
    exports.work(business.pk)
    file = api.get(f"{API}/exports/{asked.json()['id']}/file")
    text = b"".join(file.streaming_content).decode("utf-8-sig")
    return [(row["external_id"], row["phone"]) for row in csv.DictReader(io.StringIO(text))]


def merge_who_came_twice(api: Any) -> None:
    [pair] = api.get(f"{API}/duplicates", {"state": "open"}).json()["results"]
    stays, goes = (api.get(f"{API}/contacts", {"external_id": each}) for each in ("C1", "C6"))
    one, other = (found.json()["results"][0]["id"] for found in (stays, goes))
    assert {*pair["contacts"]} == {one, other}
    seen = api.post(f"{API}/contacts/{one}/merge", {"with": other, "dry_run": True}, format="json")
    assert "external_id" in seen.json()["disagree"]
    assert api.post(f"{API}/contacts/{one}/merge", {"with": other}, format="json").status_code < 300
    old = api.get(f"{API}/contacts/{other}")
    assert (old.status_code, old["Location"].rpartition("/")[2]) == (308, one)


def tag_who_is_worth_it(business: Business, api: Any) -> None:
    preview = api.post(f"{API}/segments/preview", {"rule": WORTH_IT}, format="json").json()
    assert preview["count"] == 1
    segment = {"name": "看过两篇还没买", "rule": WORTH_IT}
    assert api.post(f"{API}/segments", segment, format="json").status_code == 201
    upkeep.work(business.pk)
    rule = {
        "name": "重点培育", "rule": {"segment": "看过两篇还没买"}, "add_tags": ["重点培育"],
        "run_on_existing": True,
    }  # fmt: skip
    assert api.post(f"{API}/tag-rules", rule, format="json").status_code == 201
    tag_upkeep.work(business.pk)
    worn = api.get(f"{API}/contacts", {"tag": "重点培育"}).json()["results"]
    assert [each["external_id"] for each in worn] == ["C1"]


def show_and_forget(api: Any) -> None:
    """Somebody wants to know what is known of them, and then to be forgotten."""
    [person] = api.get(f"{API}/contacts", {"external_id": "C5"}).json()["results"]
    path = f"{API}/contacts/{person['id']}"
    told = api.post(f"{path}/export", {"reason": "a letter"}, format="json")
    assert "周雨晨" in told.content.decode() and "+8613800000005" in told.content.decode()
    gone = api.post(f"{path}/erase", {"reason": "a letter"}, format="json")
    assert gone.status_code == 200
    assert api.get(f"{API}/contacts", {"q": "周雨晨"}).json()["results"] == []
    shell = api.get(path).json()
    assert (shell["name"], shell["phone"], shell["excluded"]) == ("", None, True)
