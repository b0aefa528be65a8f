"""Starting a reading and watching it: on its page, and by the API."""

from __future__ import annotations

from contacts.models import Drift, SyncRun
from contacts.sync import running
from tenants import ids
from tests.contacts.sync.conftest import Corp, patched_lag


def test_started_and_watched_by_the_api(corp: Corp) -> None:
    corp.member("amy")
    corp.befriend("amy", name="张欣怡")
    api = corp.wechat.business.api()

    asked = api.post("/api/v1/sync", {"kinds": ["staff", "customers"]}, format="json")
    again = api.post("/api/v1/sync", {"kinds": ["customers"]}, format="json")

    assert asked.status_code == 202, asked.content
    assert [one["kind"] for one in asked.json()] == ["staff", "customers"]
    assert [one["id"] for one in again.json()] == [asked.json()[1]["id"]]
    running.work(corp.pk)
    run = api.get(f"/api/v1/sync/{asked.json()[1]['id']}").json()
    assert (run["status"], run["progress"], run["created"]) == ("done", {"done": 1, "total": 1}, 1)


def test_an_unknown_kind_is_refused(corp: Corp) -> None:
    answer = corp.wechat.business.api().post("/api/v1/sync", {"kinds": ["moon"]}, format="json")

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == ["kinds.0"]


def test_differences_by_the_api_and_on_the_page(corp: Corp) -> None:
    corp.deaf()
    corp.member("amy")
    corp.befriend("amy", name="张欣怡")
    corp.read()
    corp.befriend("amy", name="李雷")
    with patched_lag():
        run = corp.read("customers")["customers"]

    (drift,) = corp.wechat.business.api().get("/api/v1/drifts").json()["results"]
    page = corp.wechat.business.browser("owner").get(f"/admin/contacts/syncrun/{run.pk}/change/")

    assert (drift["kind"], drift["state"], drift["staff"]) == ("missed", "repaired", "amy")
    assert drift["sync"] == ids.encode(run.pk)
    assert "李雷" in page.content.decode()


def test_started_on_the_page(corp: Corp) -> None:
    corp.member("amy")
    browser = corp.wechat.business.browser("operator")
    listed = browser.get("/admin/contacts/syncrun/").content.decode()
    assert "Synchronise now" in listed
    form = {"account": corp.wechat.account.pk, "kinds": ["staff"], "confirmed": "on"}

    answer = browser.post("/admin/contacts/syncrun/start/", form)

    assert answer.status_code == 302, answer.content.decode()[-2000:]
    with corp.scope():
        run = SyncRun.objects.get()
    moving = browser.get(f"/admin/contacts/syncrun/{run.pk}/progress/").content.decode()
    assert 'hx-trigger="every 1s"' in moving
    running.work(corp.pk)
    done = browser.get(f"/admin/contacts/syncrun/{run.pk}/progress/").content.decode()
    assert "hx-trigger" not in done
    with corp.scope():
        assert not Drift.objects.exists()
