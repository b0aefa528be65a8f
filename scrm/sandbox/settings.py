"""Which of the platform's unknown or variable numbers does this run use?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast

from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json

Span = tuple[float, float]


@dataclass(frozen=True)
class Settings:
    callback_timeout_s: float = 5.0
    callback_deliveries: int = 3
    callback_spacing_s: Span = (1.0, 5.0)
    callback_delay_s: Span = (0.0, 0.0)
    callback_skew_s: float = 0.0
    retry_on_status: str = "never"  # never | non200
    url_check_timeout_s: float = 1.0
    accept_after_s: float = 1.0  # below 0: only by /_sim/act/accept
    confirm_after_s: float = -1.0  # below 0: only by /_sim/act/confirm_task
    welcome_life_s: float = 20.0
    welcome_in_flight_s: Span = (0.2, 0.8)
    welcome_fail_share: float = 0.0
    mass_quota: str = "month_days"  # month_days | week7 | day1 | month4
    result_lag_s: Span = (0.0, 0.0)
    stale_read_s: float = 0.0
    short_pages: bool = False
    mem_change_list: str = "items"  # items | comma | absent
    unfiltered_members: int = 1000  # more of them need an owner_filter
    group_size: int = 500
    join_way_group_size: int = 200  # above it a QR code leads into the next group
    group_transfer_s: float = 0.0
    statistics_lag_days: int = 1  # 0: figures of today are there, too
    contact_way_shape: str = "object"  # object | list
    unknown_fields: bool = False
    contact_way_limit: int = 500_000
    rate_factor: float = 1.0
    echo_api_changes: bool = False  # what the API changed is told back, too
    archive: bool = False  # chats are archived: msgaudit_notify
    unassigned_delay_s: float = 60.0
    customer_limit: int = 20_000  # customers of one member
    moment_job_s: Span = (1.0, 3.0)  # status 1 before the first, 2 before the second, then 3
    moment_quota: int = 4  # moments of a corp that a customer sees in a month
    personal_moment_quota: int = 3  # and of one member, in a day
    moment_tasks_a_month: int = 100_000
    acquisition_quota: int = 100  # what a corp has at first
    acquisition_profile_events: bool = True
    fans_a_page: int = 10_000
    qr_code_limit: int = 100_000  # lasting ones of an official account
    template_delay_s: Span = (0.2, 1.0)
    template_fail_share: float = 0.0
    subscribe_msgid: bool = False  # bizsend answers with the msgid of the result: sources differ
    message_id_form: str = "mixed"  # numeric | string | mixed: of what fans say
    latency_s: Span = (0.0, 0.0)
    qr_pictures: bool = False  # `qr_code` is the address of a picture, as at the platform


CHOICES = {
    "mem_change_list": ("items", "comma", "absent"),
    "retry_on_status": ("never", "non200"),
    "mass_quota": ("month_days", "week7", "day1", "month4"),
    "contact_way_shape": ("object", "list"),
    "message_id_form": ("numeric", "string", "mixed"),
}


def changed(settings: Settings, changes: Mapping[str, object]) -> Settings:
    known = {field.name: getattr(settings, field.name) for field in fields(settings)}
    checked: dict[str, object] = {}
    for name, value in changes.items():
        if name not in known:
            raise RefusedError(f"there is no setting {name!r}")
        checked[name] = _fitting(name, value, known[name])
    return replace(settings, **cast(dict[str, Any], checked))


def _fitting(name: str, value: object, old: object) -> object:
    if isinstance(old, bool) or isinstance(value, bool):
        good = isinstance(old, bool) and isinstance(value, bool)
    elif isinstance(old, tuple):
        good = _is_span(value)
        value = tuple(cast(list[float], value)) if good else value
    elif isinstance(old, str):
        good = value in CHOICES[name]
    else:
        good = isinstance(value, int if isinstance(old, int) else int | float)
    if not good:
        raise RefusedError(f"{value!r} does not fit the setting {name!r}, which is {old!r} now")
    return value


def _is_span(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    numbers = [item for item in value if type(item) in (int, float)]
    return len(numbers) == 2 and 0 <= numbers[0] <= numbers[1]


def shown(settings: Settings) -> Json:
    return cast(Json, asdict(settings))
