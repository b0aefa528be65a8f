"""How does a message leave towards a customer or a colleague? The one door out for upper apps.

    request  = messaging.prepare(route, follow, text)           # inside a scope; then store it
    request  = messaging.prepare_for_fan(route, contact_id, …)  # routes of official accounts
    accepted = messaging.send(tenant_id, request)               # outside any scope
    found    = messaging.settle_unknown(tenant_id, request, …)  # outside, after `Unknown`
    progress = messaging.poll(tenant_id, request, provider_id)  # outside, for mass tasks

Mass tasks of the same words by the same member may be one: messaging.together([request, …]).

The prepared request is a dict of JSON that is everything the call needs: store it before the call
and pass the stored one, so that a repeat sends the same bytes. `send` raises the adapter's errors:
Retryable and RateLimited (not done; `retry_after` seconds), Terminal and Forbidden (refused for
good), Unauthorised (the account cannot call at all), Unknown (perhaps done: never send again before
`settle_unknown` said that it was not), and NoRoute (not this way, not now).
"""

from contacts.messaging.door import (
    TO_FANS,
    account_of,
    awaits_staff,
    cancel,
    names,
    poll,
    prepare,
    prepare_for_fan,
    prepare_for_member,
    remind,
    send,
    settle_unknown,
    settles,
)
from contacts.messaging.fans import fan_of, known_fans
from contacts.messaging.mass_tasks import together
from contacts.messaging.notices import Result, Template, results
from contacts.messaging.routes import (
    Accepted,
    NoRoute,
    NotSendable,
    Polled,
    Progress,
    Request,
    Settling,
    external_userid_of,
)

__all__ = [
    "TO_FANS",
    "Accepted",
    "NoRoute",
    "NotSendable",
    "Polled",
    "Progress",
    "Request",
    "Result",
    "Settling",
    "Template",
    "account_of",
    "awaits_staff",
    "cancel",
    "external_userid_of",
    "fan_of",
    "known_fans",
    "names",
    "poll",
    "prepare",
    "prepare_for_fan",
    "prepare_for_member",
    "remind",
    "results",
    "send",
    "settle_unknown",
    "settles",
    "together",
]
