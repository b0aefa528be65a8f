"""What is each permission of an account called, what lacks without it, and where is it granted?"""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.models import AccountProbe
from tenants.wechat.errors import refusal
from tenants.wechat.reactions import reaction

_ADDRESS_CODES: Final = frozenset({60020, 40164})
_AGENT_UNKNOWN: Final = 40056
_CALLABLE: Final = gettext_lazy(
    "In the WeCom admin console under Customer contact → API, add the app to the callable apps."
)


@dataclass(frozen=True, slots=True)
class Permission:
    """`missing`: what does not work without it. `grant`: where to grant it."""

    title: Promise
    missing: Promise
    grant: Promise


PERMISSIONS: Final[dict[str, Permission]] = {
    "token": Permission(
        gettext_lazy("Id and secret"),
        gettext_lazy("The platform does not accept the id together with this secret."),
        gettext_lazy(
            "Copy both once more: for WeCom from My company and from the app's page, for an"
            " official account from Settings and development → Basic configuration."
        ),
    ),
    "address": Permission(
        gettext_lazy("Trusted IP list"),
        gettext_lazy("The platform takes no calls from this server."),
        gettext_lazy(
            "On the app's page under Developer interface → Trusted company IPs, add the address of"
            " this server. Whoever runs the server knows it."
        ),
    ),
    "customer_contact": Permission(
        gettext_lazy("Customer contact"),
        gettext_lazy("Customers cannot be read, tagged, welcomed or written to."),
        _CALLABLE,
    ),
    "visible": Permission(
        gettext_lazy("Visible range"),
        gettext_lazy("The app sees no member who may contact customers."),
        gettext_lazy(
            "On the app's page, put the members or departments into the visible range; and under"
            " Customer contact → Permissions, let them contact customers."
        ),
    ),
    "customers": Permission(
        gettext_lazy("Callable app: customer lists"),
        gettext_lazy("The customers of the members cannot be listed."),
        _CALLABLE,
    ),
    "staff": Permission(
        gettext_lazy("Members and departments"),
        gettext_lazy("Staff cannot be synchronized."),
        gettext_lazy("On the app's page, put at least one department into the visible range."),
    ),
    "tags": Permission(
        gettext_lazy("Customer tags"),
        gettext_lazy("Tags stay here and do not reach WeCom."),
        _CALLABLE,
    ),
    "groups": Permission(
        gettext_lazy("Customer groups"), gettext_lazy("Groups cannot be read."), _CALLABLE
    ),
    "mass_sends": Permission(
        gettext_lazy("Mass messages"),
        gettext_lazy("Messages to customers cannot be planned or followed up."),
        _CALLABLE,
    ),
    "moments": Permission(
        gettext_lazy("Moments"), gettext_lazy("Moments cannot be published."), _CALLABLE
    ),
    "acquisition": Permission(
        gettext_lazy("Acquisition links"),
        gettext_lazy("Acquisition links cannot be made."),
        gettext_lazy(
            "In the WeCom admin console under Customer contact → Acquisition links, add the app to"
            " the callable apps."
        ),
    ),
    "app_message": Permission(
        gettext_lazy("Messages of the app"),
        gettext_lazy("Members get no reminders from the app."),
        gettext_lazy("Write the agent id in step 1: the app's page shows it as AgentId."),
    ),
    "fans": Permission(
        gettext_lazy("Followers"),
        gettext_lazy("Followers cannot be listed."),
        gettext_lazy("The interface User management: it needs a verified account."),
    ),
    "qr_codes": Permission(
        gettext_lazy("QR codes with a source"),
        gettext_lazy("Followers cannot be told apart by the code that they scanned."),
        gettext_lazy("The interface QR codes with parameters: for verified service accounts."),
    ),
    "templates": Permission(
        gettext_lazy("Template messages"),
        gettext_lazy("Template messages cannot be sent."),
        gettext_lazy("In the account's console, add the function Template messages."),
    ),
    "customer_messages": Permission(
        gettext_lazy("Customer messages"),
        gettext_lazy("Answers within 48 hours cannot be sent."),
        gettext_lazy("The interface Customer messages: it needs a verified account."),
    ),
}


def sentence(probe: AccountProbe) -> str:
    """Why it is not there, and what to do; empty when it is, or is not known yet."""
    S = AccountProbe.State  # noqa: N806 - short for a table of cases
    if probe.state == S.UNKNOWN:
        return _("The platform could not be asked. Try again in a moment.")
    if probe.state != S.MISSING:
        return ""
    about = PERMISSIONS[probe.name]
    if probe.errcode in _ADDRESS_CODES:
        about = PERMISSIONS["address"]
    elif probe.errcode == _AGENT_UNKNOWN:
        return f"{about.missing} {_('The platform knows no app with this agent id.')} {about.grant}"
    return f"{about.missing} {about.grant}"


def reaction_to(errcode: int, api: str) -> str:
    """What we do about a code, as a sentence; empty for 0."""
    return reaction(refusal(errcode, "", api=api)) if errcode else ""
