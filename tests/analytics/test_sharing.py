"""Saved views: the same page by a link, inside the business, for those who may see figures."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from analytics.models.sharing import ReportView
from analytics.sharing import views
from contacts.models import Channel
from tests.conftest import Business

TODAY = date(2026, 3, 11)  # a Wednesday


def save(business: Business, role: str = "operator", **form: str) -> str:
    """The link of a view that was saved by the button of a dashboard."""
    posted = {
        "page": "value", "query": "group=month&channel=Street", "from": "2026-01-01",
        "through": "2026-01-31", "as_of": "2026-02-05T08:00:00+00:00", "name": "Winter",
        "period": "last_7_days",
    } | form  # fmt: skip
    answer = business.browser(role).post("/dashboards/views/", posted)
    found = re.fullmatch(r"/dashboards/views/\?new=(\w+)", answer["Location"])
    assert found, answer["Location"]
    return f"/dashboards/shared/{found[1]}/"


def opened(business: Business, link: str, role: str = "viewer") -> dict[str, str]:
    answer = business.browser(role).get(link)
    assert answer.status_code == 302, answer
    path, query = urlsplit(answer["Location"])[2:4]
    return {"path": path, **{name: texts[0] for name, texts in parse_qs(query).items()}}


@pytest.mark.parametrize(
    ("period", "start", "through"),
    [
        ("yesterday", date(2026, 3, 10), date(2026, 3, 10)),
        ("last_7_days", date(2026, 3, 5), TODAY),
        ("last_30_days", date(2026, 2, 10), TODAY),
        ("last_90_days", date(2025, 12, 12), TODAY),
        ("this_week", date(2026, 3, 9), TODAY),
        ("last_week", date(2026, 3, 2), date(2026, 3, 8)),
        ("this_month", date(2026, 3, 1), TODAY),
        ("last_month", date(2026, 2, 1), date(2026, 2, 28)),
        ("last_12_months", date(2025, 4, 1), TODAY),
        ("this_year", date(2026, 1, 1), TODAY),
    ],
)
def test_relative_periods_go_with_the_days(period: str, start: date, through: date) -> None:
    assert views.days(period, TODAY) == (start, through)
    assert views.period_of(start, through, TODAY) == period


def test_a_link_opens_the_same_page_for_every_reader(
    business: Business, other_business: Business
) -> None:
    link = save(business)

    zone = business.tenant.tz
    today = timezone.now().astimezone(zone).date()
    assert opened(business, link) == {
        "path": "/dashboards/value/", "group": "month", "channel": "Street",
        "from": str(today - timedelta(days=6)), "through": str(today),
    }  # fmt: skip
    assert opened(business, f"{link}?on=2026-03-11")["from"] == "2026-03-05"
    assert opened(business, f"{link}?on=0001-01-01")["through"] == str(today)
    assert business.browser("sales").get(link).status_code == 403
    assert other_business.browser("owner").get(link).status_code == 404
    page = business.browser("viewer").get("/dashboards/views/").content.decode()
    assert "Winter" in page and link in page
    assert (
        "Winter" not in other_business.browser("owner").get("/dashboards/views/").content.decode()
    )


def test_fixed_days_may_be_as_of_a_moment(business: Business) -> None:
    fixed = opened(business, save(business, period="fixed"))
    frozen = opened(business, save(business, period="frozen"))

    assert (fixed["from"], fixed["through"]) == ("2026-01-01", "2026-01-31")
    assert "as_of" not in fixed
    assert frozen == fixed | {"as_of": "2026-02-05T08:00:00+00:00"}


def test_the_button_stands_on_every_dashboard_and_knows_its_period(business: Business) -> None:
    browser = business.browser("viewer")
    with business.scope():
        Channel.objects.create(name="Street")
    for page in views.pages():
        text = browser.get(f"/dashboards/{page}/").content.decode()
        assert f'name="page" value="{page}"' in text, page
    today = timezone.now().astimezone(business.tenant.tz).date()
    query = {"from": str(today - timedelta(days=29)), "through": str(today), "channel": "Street"}
    text = browser.get("/dashboards/losses/", query).content.decode()
    assert '<option value="last_30_days" selected>' in text
    assert 'name="query" value="channel=Street"' in text


def test_what_is_only_for_me_is_nobody_elses(business: Business) -> None:
    link = save(business, "viewer", mine="1")
    view_id = link.split("/")[-2]

    assert opened(business, link)["path"] == "/dashboards/value/"
    assert business.browser("owner").get(link).status_code == 404
    change = f"/dashboards/views/{view_id}/"
    assert business.browser("owner").post(change, {"name": "Mine"}).status_code == 404
    assert business.api().get(f"/api/v1/report-views/{view_id}").status_code == 404


def test_names_and_the_end(business: Business) -> None:
    view_id = save(business, "viewer").split("/")[-2]
    change = f"/dashboards/views/{view_id}/"

    assert business.browser("operator").post(change, {"name": "Other"}).status_code == 403
    business.browser("viewer").post(change, {"name": " Spring ", "shared": "1"})
    business.browser("viewer").post(change, {"name": "\x07"})
    business.browser("viewer").post(change, {"name": ""})
    with business.scope():
        row = ReportView.objects.get()
        assert (row.name, row.shared) == ("Spring", True)
    # Whoever manages the business clears up what is shared.
    assert business.browser("owner").post(f"{change}delete/").status_code == 302
    with business.scope():
        assert not ReportView.objects.exists()


@pytest.mark.parametrize(
    "form",
    [
        {"page": "nothing"},
        {"period": "never"},
        {"period": "fixed", "from": "2026-02-31"},
        {"period": "fixed", "from": "2026-03-01", "through": "2026-02-01"},
        {"period": "fixed", "from": "0001-01-01", "through": "0001-01-02"},
        {"period": "frozen", "as_of": "0001-01-01T00:00:00+00:00"},
        {"name": " "},
        {"query": "Group%00=1"},
        {"query": "a=" + "x" * 300},
    ],
)
def test_nonsense_is_not_saved(business: Business, form: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        save(business, **form)
    with business.scope():
        assert not ReportView.objects.exists()


def test_views_over_http(business: Business) -> None:
    api = business.api()
    body: dict[str, Any] = {
        "name": "January", "page": "funnel", "period": "fixed", "start": "2026-01-01",
        "through": "2026-01-31", "query": {"mode": "cohort"},
    }  # fmt: skip

    made = api.post("/api/v1/report-views", body, format="json")
    assert made.status_code == 201, made.content
    address = f"/api/v1/report-views/{made.json()['id']}"
    assert made.json() | body == made.json()
    link = urlsplit(made.json()["url"]).path
    assert opened(business, link) == {
        "path": "/dashboards/funnel/", "mode": "cohort", "from": "2026-01-01",
        "through": "2026-01-31",
    }  # fmt: skip
    wrong: dict[str, dict[str, Any]] = {
        "page": {"page": "admin"},
        "start": {"start": None},
        "query": {"query": {"from": "2026-01-01"}},
        "period": {"period": "yesterday"},
        "shared": {"shared": False},
    }
    for field, change in wrong.items():
        answer = api.post("/api/v1/report-views", body | change, format="json")
        assert answer.status_code == 400, field
        assert list(answer.json()["error"]["fields"]) == [field]
    relative = {"period": "last_month", "start": None, "through": None}
    assert api.patch(address, relative, format="json").json()["period"] == "last_month"
    [listed] = api.get("/api/v1/report-views").json()["results"]
    assert listed["name"] == "January"
    # People change what is theirs, and a view of a key is the business's.
    assert (
        business.as_role("viewer").patch(address, {"name": "x"}, format="json").status_code == 403
    )
    assert business.as_role("owner").delete(address).status_code == 204
