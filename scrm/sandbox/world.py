"""What is one simulated world made of, from its clock to its people?"""

from threading import RLock

from scrm.sandbox.callbacks import Callbacks
from scrm.sandbox.clock import Clock
from scrm.sandbox.dice import Dice
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.faults import Faults
from scrm.sandbox.journal import Journal
from scrm.sandbox.limits import Limits
from scrm.sandbox.login_codes import LoginCodes
from scrm.sandbox.oa.quotas import Quotas
from scrm.sandbox.oa.state import OfficialAccount
from scrm.sandbox.oa.tokens import OaTokens
from scrm.sandbox.oa.web import Grants
from scrm.sandbox.settings import Settings
from scrm.sandbox.state import App, Corp, Person, Staff, State
from scrm.sandbox.ticket_store import Tickets
from scrm.sandbox.timetable import Timetable
from scrm.sandbox.tokens import Tokens


class World:
    """`lock` guards `state`; everything else guards itself."""

    def __init__(self, *, seed: int, base_url: str, state: State | None = None) -> None:
        self.seed = seed
        self.base_url = base_url
        self.state = state or State(Dice(seed))
        self.lock = RLock()
        self.settings = Settings()
        self.clock = Clock()
        self.journal = Journal()
        self.limits = Limits(self.clock)
        self.tokens = Tokens(self.clock, self.state)
        self.tickets = Tickets(self.clock, self.dice)
        self.login_codes = LoginCodes(self.clock, self.dice)
        self.quotas = Quotas(self.clock)
        self.oa_tokens = OaTokens(self.clock, self.state, self.quotas)
        self.grants = Grants(self.clock, self.dice)
        self.faults = Faults(self.clock, self.dice)
        self.timetable = Timetable(self.clock)
        self.callbacks = Callbacks(self.clock, self.dice, self.faults, self.timetable)

    @property
    def dice(self) -> Dice:
        return self.state.dice

    def stop(self) -> None:
        self.timetable.stop()

    def corp(self, corpid: str) -> Corp:
        corp = self.state.corps.get(corpid)
        if corp is None:
            raise RefusedError(f"there is no corp {corpid!r}", 404)
        return corp

    def app(self, corp: Corp, agentid: int) -> App:
        """The corp's only app when 0 is asked for."""
        app = corp.app(agentid) if agentid else next(iter(corp.apps.values()), None)
        if app is None:
            raise RefusedError(f"corp {corp.corpid!r} has no app {agentid or ''}", 404)
        return app

    def account(self, appid: str) -> OfficialAccount:
        account = self.state.accounts.get(appid)
        if account is None:
            raise RefusedError(f"there is no official account {appid!r}", 404)
        return account

    def member(self, corp: Corp, userid: str) -> Staff:
        staff = corp.staff.get(userid)
        if staff is None:
            raise RefusedError(f"corp {corp.corpid!r} has no staff {userid!r}", 404)
        return staff

    def person(self, who: str) -> Person:
        """By the person's own id, or by what any corp or account calls them."""
        person = self.state.people.get(who)
        if person is None:
            known = (corp.externals.get(who) for corp in self.state.corps.values())
            fans = (account.fans.get(who) for account in self.state.accounts.values())
            found = [*filter(None, known), *(fan.person for fan in fans if fan)]
            person = self.state.people.get(found[0]) if found else None
        if person is None:
            raise RefusedError(f"there is no customer {who!r}", 404)
        return person
