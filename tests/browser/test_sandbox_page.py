"""The sandbox's page, clicked through: three phones, codes, time, faults and logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit, window_on
from tests.browser.test_main_pages import EVERYWHERE
from tests.sandbox.actors import Scene, scene
from tests.sandbox.grounds import group, join_way
from tests.sandbox.oa_actors import OaCaller

pytestmark = pytest.mark.browser

PATH = "externalcontact/"


@dataclass
class Stage:
    """A window on a sandbox with the staff li and zhang, who accept only when told to."""

    scene: Scene
    window: Visit

    @property
    def page(self) -> Page:
        return self.window.page

    def press(self, place: str, what: str, among: str = "") -> None:
        """A button by its English words; in the row with this text when one is named."""
        rows = self.page.locator(f"#{place} .row", has_text=among)
        rows.locator(f"[data-act='{what}']").first.click()

    def write(self, phone: str, words: str) -> None:
        self.page.fill(f"#{phone}-say [name=words]", words)
        self.page.press(f"#{phone}-say [name=words]", "Enter")

    def got(self, phone: str, words: str, *, own: bool = False) -> None:
        side = ".own" if own else ":not(.own)"
        bubble = self.page.locator(f"#{phone}-messages .bubble{side}", has_text=words)
        expect(bubble.first).to_be_visible()

    def shows(self, place: str, text: str) -> None:
        expect(self.page.locator(f"#{place}")).to_contain_text(text)

    def hides(self, place: str, text: str) -> None:
        expect(self.page.locator(f"#{place}")).not_to_contain_text(text)

    def told(self) -> list[str]:
        """What the app heard, in order."""
        self.scene.sim.flush()
        return [event["ChangeType"] for event in self.scene.app.events]

    def mass(self, text: str, **more: object) -> None:
        body = {"sender": "li", "text": {"content": text}, **more}
        assert self.scene.caller.post(PATH + "add_msg_template", **body)["errcode"] == 0


@pytest.fixture
def stage(chromium: Browser) -> Iterator[Callable[..., Stage]]:
    windows = []
    with scene(listening=True) as s:
        s.sim.post("settings", accept_after_s=-1)

        def open_stage(language: str = "zh-CN", size: str = "desktop") -> Stage:
            window = window_on(chromium, s.sim.url, language, size)
            windows.append(window)
            window.page.on("dialog", lambda asked: asked.accept("VIP 一群"))
            window.open("/")
            return Stage(s, window)

        yield open_stage
        for window in windows:
            window.page.context.close()


@EVERYWHERE
def test_adding_and_talking(language: str, size: str, stage: Callable[..., Stage]) -> None:
    on = stage(language, size)
    on.scene.caller.way(state="展会")
    on.press("codes-list", "New person scans", "展会")
    on.press("staff-todo", "Accept")
    on.shows("customer-people", "li")
    on.write("customer", "在吗")
    on.got("staff", "在吗")
    on.got("customer", "在吗", own=True)
    on.write("staff", "在的，您请说")
    on.got("customer", "在的，您请说")
    on.press("staff-people", "Remark")
    on.shows("staff-people", "VIP 一群")
    on.window.look("sandbox-talking", whole=True)
    on.press("customer-people", "Delete")
    on.hides("customer-people", "li")
    on.shows("callbacks-list", "del_follow_user")
    on.press("staff-people", "Add this customer")
    on.shows("customer-people", "li")
    on.press("staff-people", "Delete")
    on.hides("customer-people", "li")

    assert on.told() == [
        "add_external_contact",
        "edit_external_contact",
        "del_follow_user",
        "add_external_contact",
        "del_external_contact",
    ]


@EVERYWHERE
def test_tasks_wait_for_a_tap(language: str, size: str, stage: Callable[..., Stage]) -> None:
    on = stage(language, size)
    s = on.scene
    s.sim.post("settings", accept_after_s=0)
    one = s.customer()
    group(s, one["external_userid"], name="老客户群")
    on.mass("新品八折")
    on.press("staff-todo", "Confirm", "新品八折")
    on.got("customer", "新品八折")
    on.mass("群里见", chat_type="group")
    on.press("staff-todo", "Confirm", "群里见")
    on.got("customer", "群里见")
    body = {
        "text": {"content": "门店开张"},
        "visible_range": {"sender_list": {"user_list": ["li"]}},
    }
    assert s.caller.post(PATH + "add_moment_task", **body)["errcode"] == 0
    on.press("machine-clock", "+1 min")
    on.press("staff-todo", "Publish", "门店开张")
    on.got("customer", "门店开张")
    on.window.look("sandbox-tasks", whole=True)

    expect(on.page.locator("#staff-todo .row")).to_have_count(0)


@EVERYWHERE
def test_groups_by_code_and_by_hand(language: str, size: str, stage: Callable[..., Stage]) -> None:
    on = stage(language, size)
    chat_id = group(on.scene, name="老客户群")
    join_way(on.scene, chat_id, state="群活码")
    on.press("codes-list", "New person scans", "群活码")
    on.shows("customer-groups", "老客户群")
    on.press("customer-groups", "Leave", "老客户群")
    on.hides("customer-groups", "老客户群")
    on.press("staff-groups", "Invite", "老客户群")
    on.shows("customer-groups", "老客户群")
    on.press("staff-groups", "Remove", "老客户群")
    on.hides("customer-groups", "老客户群")
    on.press("staff-groups", "Rename", "老客户群")
    on.shows("staff-groups", "VIP 一群")
    on.press("staff-groups", "Create group")
    on.shows("customer-groups", "Li · VIP")
    on.press("staff-groups", "Dismiss", "VIP 一群")
    expect(on.page.locator("#staff-groups [data-act=Dismiss]")).to_have_count(1)
    on.window.look("sandbox-groups", whole=True)


@EVERYWHERE
def test_changing_hands(language: str, size: str, stage: Callable[..., Stage]) -> None:
    on = stage(language, size)
    s = on.scene
    s.sim.post("settings", accept_after_s=0, unassigned_delay_s=0)
    first, second = s.customer(), s.customer()
    pair = {"handover_userid": "li", "takeover_userid": "zhang"}
    both = [each["external_userid"] for each in (first, second)]
    s.caller.post(PATH + "transfer_customer", **pair, external_userid=both)
    on.page.select_option("#customer-choice", first["customer"])
    on.press("customer-todo", "Refuse")
    expect(on.page.locator("#customer-todo .row")).to_have_count(0)
    on.page.select_option("#customer-choice", second["customer"])
    on.window.look("sandbox-transfer", whole=True)
    on.press("customer-todo", "Accept transfer")
    on.shows("customer-people", "zhang")
    on.press("staff-end", "Resign")
    expect(on.page.locator("#staff-choice option")).to_have_count(1)
    rows = s.caller.post(PATH + "transfer_result", **pair)["customer"]
    left = s.caller.post(PATH + "get_unassigned_list")["info"]

    assert [row["status"] for row in rows] == [3, 1]
    assert [row["external_userid"] for row in left] == both[:1]
    assert on.page.input_value("#staff-choice").endswith('"zhang"]')


@EVERYWHERE
def test_link_and_account(language: str, size: str, stage: Callable[..., Stage]) -> None:
    on = stage(language, size)
    s = on.scene
    body = {"link_name": "官网链接", "range": {"user_list": ["zhang"]}, "skip_verify": False}
    s.caller.post(PATH + "customer_acquisition/create_link", **body)
    oa = OaCaller(s.sim.url, s.sim.post("oa/accounts", name="示例公众号"))
    oa.code("门店海报")
    oa.post("menu/create", button=[{"type": "click", "name": "签到", "key": "in"}])
    on.press("codes-list", "New person opens", "官网链接")
    on.press("staff-todo", "Accept")
    on.shows("staff-people", "sandbox")
    on.press("codes-list", "New person scans", "门店海报")
    on.write("fan", "营业到几点？")
    on.shows("journal-list", "oa_text")
    openid = oa.get("user/get")["data"]["openid"][0]
    assert oa.say(openid, "到晚上九点") == 0
    on.got("fan", "到晚上九点")
    on.press("fan-menu", "签到")
    on.shows("journal-list", "oa_click")
    on.window.look("sandbox-fan", whole=True)
    on.press("fan-about", "Unfollow")
    on.press("fan-about", "Follow")
    expect(on.page.locator("#fan-about [data-act=Unfollow]")).to_be_visible()

    # The first two set out together.
    assert sorted(on.told()) == ["add_external_contact", "friend_request", "open_profile"]


@EVERYWHERE
def test_time_and_profiles(language: str, size: str, stage: Callable[..., Stage]) -> None:
    on = stage(language, size)
    sim, page = on.scene.sim, on.page
    before = sim.get("clock")["now"]
    on.press("machine-clock", "+1 day")
    page.select_option("#machine-speed", "60")
    on.shows("clock", "×60")
    page.select_option("#machine-speed", "1")
    on.press("machine-profiles", "hostile")
    on.shows("machine-rules", "reset_after")
    on.window.look("sandbox-hostile", whole=True)
    on.press("machine-profiles", "calm")
    expect(page.locator("#machine-rules button")).to_have_count(0)
    expect(page.locator("[name=accept_after_s]")).to_be_checked()
    page.locator("[name=accept_after_s]").click()
    expect(page.locator("[name=accept_after_s]")).not_to_be_checked()
    page.wait_for_timeout(500)  # the box is ticked before the sandbox knows

    assert sim.get("settings")["accept_after_s"] == -1
    assert sim.get("clock")["now"] > before + 86_400


@EVERYWHERE
def test_faults_and_logs(language: str, size: str, stage: Callable[..., Stage]) -> None:
    on = stage(language, size)
    s, page = on.scene, on.page
    page.select_option("#machine-fault [name=kind]", label="callback · duplicate")
    page.click("#machine-fault button")
    on.shows("machine-rules", "duplicate")
    s.sim.post("settings", accept_after_s=0)
    s.customer()
    s.caller.get(PATH + "get", external_userid="wm_unknown")
    expect(page.locator("#journal-list summary.bad", has_text="40096")).to_have_count(1)
    told = page.locator("#callbacks-list details", has_text="add_external_contact").first
    told.locator("summary").click()
    expect(told.locator("p", has_text="duplicate · ")).to_have_count(1)
    expect(told.locator("pre", has_text="ExternalUserID")).to_be_visible()
    told.locator("[data-act='Send again']").click()
    expect(told.locator("p", has_text="duplicate · ")).to_have_count(2)
    on.window.look("sandbox-logs", whole=True)
    page.click("#machine-rules button")
    expect(page.locator("#machine-rules button")).to_have_count(0)

    assert s.sim.get("faults") == {"rules": []}


def test_refusal_is_said_and_stays_until_something_works(stage: Callable[..., Stage]) -> None:
    on = stage("en-US")
    on.scene.sim.post("settings", accept_after_s=0)
    on.scene.customer()
    on.page.select_option("#staff-choice", label="Zhang (zhang) · 示例企业")
    on.shows("staff-people", "Add this customer")
    on.write("customer", "hello")
    on.shows("note", "have not added each other")
    on.page.wait_for_timeout(3000)  # longer than the page waits before it looks again
    on.shows("note", "have not added each other")
    assert on.page.input_value("#customer-say [name=words]") == "hello"
    on.press("staff-people", "Add this customer")
    on.page.press("#customer-say [name=words]", "Enter")
    on.got("staff", "hello")
    expect(on.page.locator("#note")).to_be_empty()


def test_language_can_be_switched_and_is_kept(stage: Callable[..., Stage]) -> None:
    on = stage("zh-CN")
    on.shows("staff", "员工手机")
    on.page.click("#language")
    on.shows("staff", "Staff phone")
    on.page.reload()
    on.shows("staff", "Staff phone")
    on.page.click("#language")
    on.shows("staff", "员工手机")
    on.window.is_sound()


def test_a_refusal_is_said_in_the_words_of_the_page(stage: Callable[..., Stage]) -> None:
    on = stage("zh-CN", "desktop")
    on.scene.caller.way(state="展会")
    on.press("codes-list", "New person scans", "展会")
    on.shows("staff-todo", "请求添加")

    on.write("staff", "在吗")
    on.shows("note", "li 与这位客户还不是好友")
    on.page.click("#language")
    on.write("staff", "anybody?")
    on.shows("note", "li and this customer have not added each other")


def test_the_sidebar_opens_beside_the_chat_with_a_customer(stage: Callable[..., Stage]) -> None:
    on = stage("zh-CN", "desktop")
    on.scene.sim.post("settings", accept_after_s=0)
    customer = on.scene.customer()["customer"]
    on.shows("staff-people", "侧边栏")

    with on.page.context.expect_page() as opened:
        on.press("staff-people", "Sidebar")

    assert "/chat?" in opened.value.url
    assert f"customer={customer}" in opened.value.url
    assert "userid=li" in opened.value.url
