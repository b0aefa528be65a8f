"""Who may hand customers to whom, and how far is it with those who were handed over?"""

from scrm.sandbox import cursors, days, fields, handing_over
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.handing_over import DONE
from scrm.sandbox.state import Follow, Staff, Unassigned
from scrm.sandbox.state_outreach import Transfer

MOST_CUSTOMERS = 100
MESSAGE_CHARS = 200
RESULTS_A_PAGE = 1000
MOST_ROWS = 1000
DEEPEST_ROW = 50_000
NATURAL_DAYS = 90
MOST_TRANSFERS = 2
YEAR_S = 365 * days.DAY_S
LAST = 10**12


def transfer(call: Call) -> Json:
    """From a member who is still there."""
    message = fields.text(call.body, "transfer_success_msg", chars=MESSAGE_CHARS)
    handover = call.member(fields.given(call.body, "handover_userid")).userid
    return _started(call, handover, message, resigned=False)


def transfer_resigned(call: Call) -> Json:
    handover = fields.given(call.body, "handover_userid")
    gone = call.corp.resigned.get(handover)
    if handover in call.corp.staff:
        customers = _wanted(call)
        return {"customer": [{"external_userid": each, "errcode": 40097} for each in customers]}
    if gone is None:
        raise ApiError(60111)
    if call.world.clock.now() - gone.at > YEAR_S:
        raise ApiError(40097, "the member resigned more than a year ago")
    return _started(call, handover, "", resigned=True)


def _wanted(call: Call) -> list[str]:
    wanted = fields.strings(call.body, "external_userid", most=MOST_CUSTOMERS)
    if not wanted:
        raise ApiError(40063)
    return wanted


def _started(call: Call, handover: str, message: str, *, resigned: bool) -> Json:
    wanted = _wanted(call)
    takeover = _takeover(call, handover)
    answer: list[Json] = []
    for external_userid in wanted:
        source = _source(call, handover, external_userid, resigned=resigned)
        code = _verdict(call, takeover, source, resigned=resigned)
        answer.append({"external_userid": external_userid, "errcode": code})
        if not code:
            _begin(call, handover, takeover, external_userid, message, resigned=resigned)
    return {"customer": answer}


def _takeover(call: Call, handover: str) -> Staff:
    takeover = call.member(fields.given(call.body, "takeover_userid"))
    if takeover.userid == handover:
        raise BadFieldError("takeover_userid is handover_userid")
    if not takeover.active:
        raise ApiError(84083)
    if not takeover.customer_contact:
        raise ApiError(84074)
    return takeover


def _source(call: Call, handover: str, external_userid: str, *, resigned: bool) -> Follow | None:
    if not resigned:
        return call.corp.follow(handover, external_userid)
    left = handing_over.left_behind(call.corp, handover, external_userid)
    return left.follow if left else None


def _verdict(call: Call, takeover: Staff, source: Follow | None, *, resigned: bool) -> int:
    if source is None:
        return 40096
    if takeover.dormant or not takeover.verified:
        return 40098
    if handing_over.is_under_way(call.corp, source.userid, source.external_userid):
        return 40100
    if not resigned and _recent(call, source.external_userid) >= MOST_TRANSFERS:
        return 40128
    met = call.corp.follow(takeover.userid, source.external_userid)
    if met is None and handing_over.is_full(call.world, call.corp, takeover.userid):
        return 40099
    return 0


def _recent(call: Call, external_userid: str) -> int:
    """Transfers between members of the last 90 days, today included, in China time."""
    since = days.start(call.world.clock.now()) - (NATURAL_DAYS - 1) * days.DAY_S
    return sum(
        1
        for each in call.corp.transfers.get(external_userid, [])
        if each.status == DONE and not each.resigned and each.takeover_time >= since
    )


def _begin(
    call: Call,
    handover: str,
    takeover: Staff,
    external_userid: str,
    message: str,
    *,
    resigned: bool,
) -> None:
    due = call.world.clock.now() + handing_over.WAIT_S
    begun = Transfer(
        number=call.world.dice.number("transfer"),
        handover=handover,
        takeover=takeover.userid,
        external_userid=external_userid,
        resigned=resigned,
        message=message,
        due=due,
        takeover_time=int(due),
    )
    handing_over.begin(call.world, call.corp, begun)


def result(call: Call) -> Json:
    return _results(call, resigned=False)


def result_resigned(call: Call) -> Json:
    return _results(call, resigned=True)


def _results(call: Call, *, resigned: bool) -> Json:
    """The latest transfer of each customer between the two, in the order of their first."""
    handover = fields.given(call.body, "handover_userid")
    takeover = fields.given(call.body, "takeover_userid")
    if not call.app.sees(takeover):
        raise ApiError(50002)
    found = [
        [each for each in known if _key(each) == (handover, takeover, resigned)]
        for known in call.corp.transfers.values()
    ]
    numbered = ((known[0].number, known[-1]) for known in found if known)
    rows = sorted(numbered, key=lambda pair: pair[0])
    taken, following = cursors.page(
        rows,
        number=lambda pair: pair[0],
        of=f"transfers:{handover}:{takeover}:{resigned}",
        cursor=fields.text(call.body, "cursor"),
        limit=RESULTS_A_PAGE,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )
    return {"customer": [_shown(each) for _, each in taken], "next_cursor": following}


def _key(transfer: Transfer) -> tuple[str, str, bool]:
    return transfer.handover, transfer.takeover, transfer.resigned


def _shown(transfer: Transfer) -> Json:
    return {
        "external_userid": transfer.external_userid,
        "status": transfer.status,
        "takeover_time": transfer.takeover_time if transfer.status <= handing_over.WAITING else 0,
    }


def unassigned(call: Call) -> Json:
    """Newest resignations first. With a page_id no cursor comes back."""
    size = fields.integer(call.body, "page_size", MOST_ROWS)
    if not 1 <= size <= MOST_ROWS:
        raise BadFieldError("page_size is 1 to 1000")
    rows = sorted(_waiting_rows(call), key=lambda row: -row.number)
    if fields.integer(call.body, "page_id") or "page_id" in call.body:
        return _numbered_page(call, rows, size)
    taken, following = cursors.page(
        rows,
        # The walk goes from the newest row to the oldest; a cursor only knows upwards.
        number=lambda row: LAST - row.number,
        of=f"unassigned:{call.corp.corpid}",
        cursor=fields.text(call.body, "cursor"),
        limit=size,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )
    shown = [_shown_row(row) for row in taken]
    return {"info": shown, "is_last": not following, "next_cursor": following}


def _numbered_page(call: Call, rows: list[Unassigned], size: int) -> Json:
    begins = fields.integer(call.body, "page_id") * size
    if not 0 <= begins < DEEPEST_ROW:
        raise BadFieldError("page_id * page_size is below 50000; use cursor instead")
    taken = rows[begins : begins + size]
    return {
        "info": [_shown_row(row) for row in taken],
        "is_last": begins + size >= len(rows),
    }


def _waiting_rows(call: Call) -> list[Unassigned]:
    """Without those whom a transfer is taking to somebody."""
    now = call.world.clock.now()
    return [
        row
        for handover, left in call.corp.unassigned.items()
        if call.app.sees(handover)
        for external_userid, row in left.items()
        if row.shown_from <= now
        and not handing_over.is_under_way(call.corp, handover, external_userid)
    ]


def _shown_row(row: Unassigned) -> Json:
    return {
        "handover_userid": row.handover,
        "external_userid": row.follow.external_userid,
        "dimission_time": row.dimission_time,
    }


def retired(call: Call) -> Json:
    raise ApiError(48005)


ENDPOINTS = {
    "externalcontact/transfer_customer": Endpoint(transfer, empty=("customer",)),
    "externalcontact/transfer_result": Endpoint(result, empty=("customer",)),
    "externalcontact/resigned/transfer_customer": Endpoint(transfer_resigned, empty=("customer",)),
    "externalcontact/resigned/transfer_result": Endpoint(result_resigned, empty=("customer",)),
    "externalcontact/get_unassigned_list": Endpoint(unassigned, empty=("info",)),
    "externalcontact/transfer": Endpoint(retired),
    "externalcontact/get_transfer_result": Endpoint(retired),
}
