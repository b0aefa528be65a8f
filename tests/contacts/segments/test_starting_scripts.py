"""Entering a segment starts a script for it, and no other."""

from __future__ import annotations

import pytest

from contacts.segments import membership
from journeys.models import Enrolment, Sop
from tenants.models import Tenant
from tests.contacts.segments.people import did, person, segment, settle, tagged
from tests.journeys.ground import no_pace, script, step


@pytest.mark.parametrize("kind", [membership.ENTERED, membership.LEFT])
def test_a_script_of_a_segment(tenant: Tenant, kind: str) -> None:
    no_pace()
    tagged(person("A"), "VIP", "Fair")
    vips = segment("Vips", {"all": [{"tag": "VIP"}, {"not": {"event": "price.asked"}}]})
    fair = segment("Fair ones", {"tag": "Fair"})
    for name, which in (("vips", vips), ("fair", fair), ("any", None)):
        script(name, step(), trigger=kind, segment=which)

    b = person("B")
    tagged(b, "VIP")
    settle()
    did(b, "price.asked")
    settle()

    started = Enrolment.objects.order_by("sop__name").values_list("sop__name", "contact__name")
    assert list(started) == [("any", "B"), ("vips", "B")]
    assert Sop.objects.get(name="vips").segment == vips
