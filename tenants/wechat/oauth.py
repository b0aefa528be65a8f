"""Where does a member of the corporation prove who they are, and who was it?"""

from urllib.parse import urlencode

from django.conf import settings

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import PAGE_HOSTS, BaseUrls, Credentials
from tenants.wechat.errors import Terminal, WeChatError

CODE_INVALID = 40029  # used, late, or another corporation's
NO_SUCH_API = frozenset({48001, 48002, 40066})


def pages() -> BaseUrls:
    """The platform's hosts as people's browsers find them."""
    own = settings.WECHAT_PAGES_BASE_URL or settings.WECHAT_BASE_URL
    return BaseUrls.of("" if own == "platform" else own, PAGE_HOSTS)


def silent_url(who: Credentials, back: str, state: str) -> str:
    """Inside the WeCom client: goes `back` with a code at once."""
    query = {
        "appid": who.app_id,
        "redirect_uri": back,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": state,
        "agentid": who.agent_id or "",
    }
    address = f"https://open.weixin.qq.com/connect/oauth2/authorize?{urlencode(query)}"
    return pages().locate(address) + "#wechat_redirect"


def scan_url(who: Credentials, back: str, state: str) -> str:
    """In any browser: a page with a QR code that a member scans with their WeCom."""
    query = {
        "login_type": "CorpApp",
        "appid": who.app_id,
        "agentid": who.agent_id or "",
        "redirect_uri": back,
        "state": state,
    }
    return pages().locate(f"https://login.work.weixin.qq.com/wwlogin/sso/login?{urlencode(query)}")


def userid_of(client: WeComClient, code: str) -> str:
    """Whom the code stands for; empty for somebody who is no member of the corporation. A code is
    good once: when the answer is lost, the person signs in again."""
    try:
        answer = client.call("get", "auth/getuserinfo", params={"code": code}, repeatable=True)
    except Terminal as error:
        if not _is_unknown_there(error):
            raise
        # Corporations that run WeCom on servers of their own know only the older name.
        answer = client.call("get", "user/getuserinfo", params={"code": code}, repeatable=True)
    return answers.text(answer, "userid") or answers.text(answer, "UserId")


def _is_unknown_there(error: WeChatError) -> bool:
    return error.errcode in NO_SUCH_API or error.message == "HTTP 404"
