"""A key of the business, and three customers to put into groups."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Business


@pytest.fixture
def api(business: Business) -> Any:
    client = business.api()
    items = [{"external_id": f"c-{n}", "name": f"Customer {n}"} for n in (1, 2, 3)]
    client.post("/api/v1/contacts/bulk", {"items": items}, format="json")
    return client
