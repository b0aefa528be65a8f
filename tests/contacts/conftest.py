"""A live code that people scan."""

from __future__ import annotations

import pytest

from contacts.models import LiveCode
from tests.wechat_fixtures import WeChat


@pytest.fixture
def code(wechat: WeChat) -> LiveCode:
    """A live code of Amy with a channel, a tag and a welcome."""
    amy = wechat.join("amy", "Amy")
    return wechat.live_code(
        amy, channel="Street fair", tags=("fair",), welcome_text="Hello %NAME%, I am %STAFF%"
    )
