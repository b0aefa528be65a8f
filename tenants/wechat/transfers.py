"""How do customers and groups go from one member to another, and how far is it?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.customers import pages
from tenants.wechat.transport import Json

AT_ONCE = 100  # customers, or groups, of one call
MESSAGE_LIMIT = 200
UNASSIGNED_A_PAGE = 1000

# Verdicts on one customer, or one group.
BAD_CUSTOMER = 40096
NOT_RESIGNED = 40097
NOT_VERIFIED = 40098
TAKER_FULL = 40099
UNDER_WAY = 40100
TOO_OFTEN = 40128
OWNER_NOT_RESIGNED = 90500
NO_GROUP = 90501
OWNER_RESIGNED = 90502
GROUP_UNDER_WAY = 90507
GROUP_HANDED_ON = 90508
FREQUENCY = 45009


class Status(IntEnum):
    """How a transfer of a customer stands."""

    DONE = 1
    WAITING = 2
    REFUSED = 3
    TAKER_FULL = 4
    NO_RECORD = 5


@dataclass(frozen=True, slots=True)
class Result:
    """`status` is a Status, or a number that is new to us; `at` (Unix seconds) is when it was
    done, or will be while it waits; None where it is not told."""

    external_userid: str
    status: int
    at: int | None


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A customer of a member who resigned, `resigned` in Unix seconds."""

    giver: str
    external_userid: str
    resigned: int | None


def transfer_customers(
    client: WeComClient,
    *,
    giver: str,
    taker: str,
    external_userids: Sequence[str],
    message: str = "",
    resigned: bool = False,
) -> dict[str, int]:
    """Not repeatable: a lost answer is Unknown; `transfer_results` settles it.

    external_userid → verdict; 0 only means that it began: after 24 hours the customer has gone over
    unless they refuse. A customer of whom the answer says nothing is not in it.
    """
    body: dict[str, object] = {
        "handover_userid": giver,
        "takeover_userid": taker,
        "external_userid": list(external_userids),
    }
    if message and not resigned:
        body["transfer_success_msg"] = message[:MESSAGE_LIMIT]
    path = f"externalcontact/{_place(resigned)}transfer_customer"
    answer = client.call("post", path, data=body, repeatable=False)
    found: dict[str, int] = {}
    for one in answers.parts(answer, "customer"):
        code = answers.number(one, "errcode")
        if code is not None:
            found[answers.text(one, "external_userid")] = code
    return found


def transfer_results(
    client: WeComClient, *, giver: str, taker: str, resigned: bool = False
) -> Iterator[Result]:
    """Repeatable. The latest transfer of every customer between the two."""
    request = {"handover_userid": giver, "takeover_userid": taker}
    path = f"externalcontact/{_place(resigned)}transfer_result"
    for answer in pages(client, "post", path, request):
        for one in answers.parts(answer, "customer"):
            status = answers.number(one, "status")
            if status is not None:
                yield Result(
                    external_userid=answers.text(one, "external_userid"),
                    status=status,
                    at=answers.number(one, "takeover_time") or None,
                )


def list_unassigned(client: WeComClient) -> Iterator[LeftBehind]:
    """Repeatable. Customers whose member resigned and whom nobody took over yet."""
    request = {"page_size": UNASSIGNED_A_PAGE}
    for answer in pages(client, "post", "externalcontact/get_unassigned_list", request):
        for one in answers.parts(answer, "info"):
            yield LeftBehind(
                giver=answers.text(one, "handover_userid"),
                external_userid=answers.text(one, "external_userid"),
                resigned=answers.number(one, "dimission_time"),
            )


def transfer_groups(
    client: WeComClient, chat_ids: Sequence[str], new_owner: str, *, resigned: bool = False
) -> dict[str, int]:
    """Not repeatable: a lost answer is Unknown; groupchat/get of each tells who owns it.

    chat_id → errcode of those that were not handed on; the others are.
    """
    verb = "transfer" if resigned else "onjob_transfer"
    body: dict[str, object] = {"chat_id_list": list(chat_ids), "new_owner": new_owner}
    answer: Json = client.call(
        "post", f"externalcontact/groupchat/{verb}", data=body, repeatable=False
    )
    return {
        answers.text(one, "chat_id"): answers.number(one, "errcode") or -1
        for one in answers.parts(answer, "failed_chat_list")
    }


def _place(resigned: bool) -> str:  # noqa: FBT001 - one word of the path
    return "resigned/" if resigned else ""
