"""How kind is the world today: calm, realistic or hostile?"""

from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.settings import Settings, changed
from scrm.sandbox.world import World

REALISTIC_RULES: list[Json] = [
    {"kind": "errcode", "errcode": -1, "probability": 0.002},
    {"kind": "http_502", "probability": 0.001},
    {"kind": "duplicate", "probability": 0.01},
]
HOSTILE_RULES: list[Json] = [
    {"kind": "errcode", "errcode": -1, "probability": 0.05},
    {"kind": "errcode", "errcode": 45009, "probability": 0.01},
    {"kind": "errcode", "errcode": 45033, "probability": 0.01},
    {"kind": "errcode", "errcode": 40014, "probability": 0.01},
    {"kind": "errcode", "errcode": 42001, "probability": 0.01},
    {"kind": "http_502", "probability": 0.02},
    {"kind": "truncated_json", "probability": 0.01},
    {"kind": "html_200", "probability": 0.01},
    {"kind": "slow_body", "delay_s": 1.5, "probability": 0.01},
    {"kind": "delay", "delay_s": 1.0, "probability": 0.02},
    {"kind": "reset_before", "probability": 0.01},
    {"kind": "reset_after", "probability": 0.02},
    {"kind": "bad_signature", "probability": 0.1},
    {"kind": "other_receive_id", "probability": 0.1},
    {"kind": "dtd", "probability": 0.05},
    {"kind": "duplicate", "probability": 0.3},
    {"kind": "swap", "probability": 0.2},
    {"kind": "skew", "probability": 0.2},
    {"on": "callback", "kind": "delay", "delay_s": 2.0, "probability": 0.1},
]
PROFILES: dict[str, tuple[Json, list[Json]]] = {
    "calm": ({}, []),
    "realistic": (
        {
            "latency_s": [0.04, 0.25],
            "qr_pictures": True,
            "result_lag_s": [0, 60],
            "welcome_fail_share": 0.02,
            "template_fail_share": 0.01,
        },
        REALISTIC_RULES,
    ),
    "hostile": (
        {
            "latency_s": [0.04, 0.25],
            "qr_pictures": True,
            "result_lag_s": [0, 60],
            "welcome_fail_share": 0.2,
            "template_delay_s": [0.5, 10],
            "template_fail_share": 0.1,
            "stale_read_s": 2.0,
            "short_pages": True,
            "contact_way_shape": "list",
            "mem_change_list": "comma",
            "unknown_fields": True,
            "echo_api_changes": True,
        },
        HOSTILE_RULES,
    ),
}


def choose(world: World, name: str) -> None:
    """Replaces all settings and all rules."""
    if name not in PROFILES:
        raise RefusedError(f"there is no profile {name!r}: {', '.join(PROFILES)}")
    changes, rules = PROFILES[name]
    world.settings = changed(Settings(), changes)
    world.faults.clear()
    for rule in rules:
        world.faults.add(rule)
