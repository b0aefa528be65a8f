"""Who looks at a page: silently inside the client, or by a scan from a browser?

Real clients and real QR codes are out of reach. Instead one says which member's phone it is: the
page asks once, and a cookie remembers it for the silent way; scanning asks each time.
"""

from dataclasses import dataclass
from html import escape
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urldefrag, urlencode

from scrm.sandbox import transport
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.exchange import HTML_TYPE, Reply
from scrm.sandbox.state import App, Corp
from scrm.sandbox.world import World

PAGE = Path(__file__).parent / "pages" / "sign_in.html"
SILENT = "/connect/oauth2/authorize"
SCANNED = ("/wwlogin/sso/login", "/wwopen/sso/qrConnect")
SCOPES = ("snsapi_base", "snsapi_userinfo", "snsapi_privateinfo")
PERSON = "person:"
Query = dict[str, str]


@dataclass(frozen=True)
class Asked:
    corp: Corp
    app: App | None
    target: str
    state: str


def respond(world: World, path: str, query: Query, cookies: str) -> Reply | None:
    """None when the page is not one of these, or belongs to an official account."""
    if path != SILENT and path not in SCANNED:
        return None
    if path == SILENT and query.get("appid", "") not in world.state.corps:
        return None
    try:
        with world.lock:
            asked = _asked(world, path, query)
            if path == SILENT:
                return _silent(world, asked, query, cookies)
            return _scanned(world, asked, query)
    except RefusedError as refused:
        return _page("出错了 / Error", str(refused), [], status=400)


def _asked(world: World, path: str, query: Query) -> Asked:
    corp = world.corp(query.get("appid", ""))
    agentid = query.get("agentid", "")
    if agentid and not agentid.isdigit():
        raise RefusedError("agentid is a number")
    app = world.app(corp, int(agentid)) if agentid else None
    if path in SCANNED and app is None:
        raise RefusedError("agentid is missing")
    if path == SILENT and query.get("response_type") != "code":
        raise RefusedError("response_type is code")
    if path == SILENT and query.get("scope") not in SCOPES:
        raise RefusedError(f"scope is one of {', '.join(SCOPES)}")
    target = query.get("redirect_uri", "")
    if not transport.is_local_page(target):
        raise RefusedError("50001: the domain of redirect_uri is not one of the app's")
    return Asked(corp, app, target, query.get("state", ""))


def _back(asked: Asked, code: str = "") -> str:
    """To the app's page, with the code, or without one when nobody agreed."""
    more = [("code", code)] if code else []
    return transport.with_query(urldefrag(asked.target).url, [*more, ("state", asked.state)])


def _code(world: World, asked: Asked, who: str) -> str:
    agentid = asked.app.agentid if asked.app else 0
    issue = world.login_codes.issue
    if who.startswith(PERSON):
        person = world.person(who.removeprefix(PERSON))
        return issue(asked.corp.corpid, agentid, person=person.id)
    return issue(asked.corp.corpid, agentid, userid=world.member(asked.corp, who).userid)


# Inside the client -----------------------------------------------------------------------------


def _silent(world: World, asked: Asked, query: Query, cookies: str) -> Reply:
    name = f"sandbox_phone_{asked.corp.corpid}"
    held = SimpleCookie(cookies).get(name)
    who = query.get("sandbox_user") or (held.value if held else "")
    if who and (who.startswith(PERSON) or who in asked.corp.staff):
        cookie = f"{name}={who}; Path=/; HttpOnly; SameSite=Lax"
        return _redirect(_back(asked, _code(world, asked, who)), cookie)
    people = [(userid, staff.name) for userid, staff in asked.corp.staff.items()]
    people += [
        (PERSON + person.id, person.name) for person in list(world.state.people.values())[-20:]
    ]
    links = [
        (f"{name} ({who})", f"{SILENT}?{urlencode({**query, 'sandbox_user': who})}")
        for who, name in people
    ]
    return _page("谁的手机？ / Whose phone?", asked.corp.name, links)


# From a browser --------------------------------------------------------------------------------


def _scanned(world: World, asked: Asked, query: Query) -> Reply:
    who = query.get("scanned_by", "")
    if who:
        member = world.member(asked.corp, who)
        if not member.active or not (asked.app and asked.app.sees(who)):
            return _page("没有权限 / No permission", f"{who}: 不在可见范围 / out of range", [])
        return _redirect(_back(asked, _code(world, asked, who)))
    links = [
        (
            f"{staff.name} ({userid})",
            f"{SCANNED[0]}?{urlencode({**query, 'scanned_by': userid})}",
        )
        for userid, staff in asked.corp.staff.items()
    ]
    refusal = ("取消 / cancel", _back(asked))
    return _page("用谁的手机扫码？ / Whose phone scans?", asked.corp.name, [*links, refusal])


def _redirect(location: str, cookie: str = "") -> Reply:
    return Reply(b"", 302, HTML_TYPE, location=location, cookie=cookie)


def _page(title: str, note: str, links: list[tuple[str, str]], *, status: int = 200) -> Reply:
    listed = "\n".join(
        f'<a class="button" href="{escape(href)}">{escape(text)}</a>' for text, href in links
    )
    page = PAGE.read_text(encoding="utf-8")
    for mark, text in (("TITLE", escape(title)), ("NOTE", escape(note)), ("LINKS", listed)):
        page = page.replace(f"<!--{mark}-->", text)
    return Reply(page.encode(), status, HTML_TYPE)
