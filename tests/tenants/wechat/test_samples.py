"""Real payloads, where a folder of them is at hand: WECHAT_SAMPLES names it."""

import json
import os
from pathlib import Path

import pytest

from tenants.wechat.events import parse

_FOLDER = Path(os.environ.get("WECHAT_SAMPLES", "")) / "callbacks"
_SAMPLES = sorted(_FOLDER.rglob("*.xml")) if os.environ.get("WECHAT_SAMPLES") else []

pytestmark = pytest.mark.skipif(not _SAMPLES, reason="WECHAT_SAMPLES names no folder of samples")


@pytest.mark.parametrize("sample", _SAMPLES, ids=lambda path: path.stem)
def test_a_sample_reads_as_expected(sample: Path) -> None:
    expected = json.loads(sample.with_suffix("").with_suffix(".expected.json").read_text("utf-8"))

    got = parse(sample.read_bytes())

    assert got.fields == expected["fields"]
    assert (got.route, got.kind) == (expected["route"], expected["kind"])
    assert (got.sender, got.created) == (expected.get("from"), expected.get("created_unix"))
    assert got.scene == expected.get("scene")
    message_id = expected["dedupe"].get("value")
    assert got.dedupe.startswith(f"msgid:{message_id}" if message_id else "sha256:")
