"""Groups and their members over the API, in few words."""

from __future__ import annotations

from typing import Any

URL = "/api/v1/groups"


def group_of(api: Any, **values: Any) -> str:
    answer = api.post(URL, {"name": "Mothers", "chat_id": "g-1", **values}, format="json")
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def bring(api: Any, group: str, *items: dict[str, Any]) -> list[dict[str, Any]]:
    answer = api.post(f"{URL}/{group}/members/bulk", {"items": items}, format="json")
    assert answer.status_code == 207, answer.json()
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [each["status"] for each in results]


def members(api: Any, group: str, **query: str) -> list[dict[str, Any]]:
    answer = api.get(f"{URL}/{group}/members", query)
    assert answer.status_code == 200, answer.json()
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def days(api: Any, group: str, start: str, end: str) -> list[tuple[int, int, int]]:
    rows = api.get(f"{URL}/{group}/days", {"from": start, "to": end}).json()["rows"]
    return [(row["joined"], row["left"], row["members"]) for row in rows]
