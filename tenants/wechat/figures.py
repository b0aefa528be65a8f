"""What did members do with their customers, day by day? And whose customers have no member?"""

from collections.abc import Iterator
from dataclasses import dataclass

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.transport import Json

LONGEST_SPAN_S = 29 * 86_400  # a closed interval of 30 days
OLDEST_S = 179 * 86_400
PAGES_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class StaffDay:
    """`day` is the Unix second of 00:00 in China; shares in percent, times in minutes."""

    day: int
    chats: int
    messages: int
    reply_percentage: float | None
    avg_reply_minutes: float | None
    blocked: int
    applied: int
    added: int


@dataclass(frozen=True, slots=True)
class Left:
    """A customer of a member who resigned at `left_at` (Unix seconds)."""

    userid: str
    external_userid: str
    left_at: int | None


def staff_days(client: WeComClient, userid: str, start: int, end: int) -> tuple[StaffDay, ...]:
    """Repeatable. One member's days of a closed interval of at most 30; several would be summed.
    Figures of the last days still change."""
    body = {"userid": [userid], "start_time": start, "end_time": end}
    path = "externalcontact/get_user_behavior_data"
    answer = client.call("post", path, data=body, repeatable=True)
    return tuple(_day(one) for one in answers.parts(answer, "behavior_data"))


def unassigned(client: WeComClient) -> Iterator[list[Left]]:
    """Repeatable. Page by page."""
    cursor = ""
    for _page in range(PAGES_LIMIT):
        body: dict[str, object] = {"page_size": 1000}
        if cursor:
            body["cursor"] = cursor
        path = "externalcontact/get_unassigned_list"
        answer = client.call("post", path, data=body, repeatable=True)
        yield [_left(one) for one in answers.parts(answer, "info")]
        cursor = answers.text(answer, "next_cursor")
        if not cursor:
            return


def _left(part: Json) -> Left:
    return Left(
        userid=answers.text(part, "handover_userid"),
        external_userid=answers.text(part, "external_userid"),
        left_at=answers.number(part, "dimission_time"),
    )


def _day(part: Json) -> StaffDay:
    return StaffDay(
        day=answers.number(part, "stat_time") or 0,
        chats=_count(part, "chat_cnt"),
        messages=_count(part, "message_cnt"),
        reply_percentage=_share(part, "reply_percentage"),
        avg_reply_minutes=_share(part, "avg_reply_time"),
        blocked=_count(part, "negative_feedback_cnt"),
        applied=_count(part, "new_apply_cnt"),
        added=_count(part, "new_contact_cnt"),
    )


def _count(part: Json, name: str) -> int:
    return max(0, answers.number(part, name) or 0)


def _share(part: Json, name: str) -> float | None:
    value = part.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
