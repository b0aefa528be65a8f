"""Fill the demo: two businesses with a year of history, their people, keys and accounts."""

from __future__ import annotations

import io
import json
from argparse import ArgumentParser
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from contacts import ingest, livecodes, timeline, welcome
from contacts.imports import run
from contacts.models import Channel, Import, LiveCode, LiveCodeStaff, LiveCodeTag, Tag
from journeys import leads, score_versions, sops
from journeys.models import Content, FollowUp, ScoreRule, Sop, SopStep
from scrm.demo import aims, surveys, wecom
from scrm.demo import groups as demo_groups
from scrm.demo.businesses import ALL, BEAUTY, Business
from scrm.demo.history import History
from tenants import auth, setup
from tenants.models import ApiKey, Membership, Staff, Tenant, User, WeChatAccount
from tenants.roles import Can, Role
from tenants.scope import scope

# Known to everyone: the demo listens on this machine only.
PASSWORD = "let-me-look-around"  # noqa: S105
OWNER = "owner@demo.example"
LOGINS = [
    (OWNER, "何老板", Role.OWNER),
    ("operator@demo.example", "运营小美", Role.OPERATOR),
    ("sales@demo.example", "林小雨", Role.SALES),
]


class Command(BaseCommand):
    help = "Fill the demo businesses, once; write addresses, logins and keys to a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", type=Path, default=settings.VAR_DIR / "demo.json")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOCAL:
            self.stderr.write("The demo has known passwords: it is for a local machine only.")
            raise SystemExit(1)
        output: Path = options["output"]
        known = _known_keys(output)
        tenants = []
        for business in ALL:
            tenant = Tenant.objects.filter(slug=business.slug).first()
            if tenant is None:
                tenant = self._make(business)
            _connect(business, tenant)
            tenants.append(
                {
                    "name": tenant.name,
                    "slug": tenant.slug,
                    "api_key": _key(tenant, known.get(tenant.slug)),
                }
            )
        output.write_text(json.dumps(_answers(tenants), ensure_ascii=False, indent=2) + "\n")

    def _make(self, business: Business) -> Tenant:
        self.stdout.write(f"{business.name} …")
        owner_name = next(name for email, name, _role in LOGINS if email == OWNER)
        tenant = setup.create(
            business.name, OWNER, slug=business.slug, owner_name=owner_name
        ).tenant
        with scope(tenant):
            _people(business)
            _content(business)
            _fit_rules(business)
            wecom.new_account(business)
        score_versions.work(tenant.pk)
        score_versions.work_reviews(tenant.pk)
        _load(business, tenant)
        with scope(tenant), timezone.override(tenant.tz):
            _script(business)
            _live_code(business)
            demo_groups.fill(business)
            surveys.fill(business)
            aims.fill(business)
            _work_some_leads()
        return tenant


def _known_keys(output: Path) -> dict[str, str]:
    if not output.exists():
        return {}
    return {t["slug"]: t["api_key"] for t in json.loads(output.read_text()).get("tenants", [])}


def _key(tenant: Tenant, known: str | None) -> str:
    """The key written last time, while it opens; else a new one."""
    with scope(tenant):
        if known and auth.find_key(known):
            return known
        ApiKey.objects.filter(name="demo", revoked_at=None).update(revoked_at=timezone.now())
        _row, text = auth.make_key("demo", list(Can))
        return text


def _answers(tenants: list[dict[str, str]]) -> dict[str, object]:
    return {
        "url": f"{settings.BASE_URL}/",
        "api_url": f"{settings.BASE_URL}/api/v1/",
        "sandbox_url": f"{settings.WECHAT_BASE_URL}/",
        "sandbox_control_url": f"{settings.WECHAT_BASE_URL}/_sim/",
        "logins": [
            {"email": email, "password": PASSWORD, "role": str(role), "tenant": BEAUTY.name}
            for email, _name, role in LOGINS
        ],
        "tenants": tenants,
    }


def _people(business: Business) -> None:
    for userid, name in business.staff:
        Staff.objects.create(userid=userid, name=name)
    for email, name, role in LOGINS:
        user = User.objects.filter(email=email).first() or User(email=email)
        user.name = name
        user.set_password(PASSWORD)
        user.save()
        if role == Role.OWNER or business is BEAUTY:
            staff = Staff.objects.filter(name=name).first()
            Membership.objects.get_or_create(user=user, defaults={"role": role, "staff": staff})


def _content(business: Business) -> None:
    for piece in business.contents:
        Content.objects.create(
            title=piece.title, kind=piece.kind, purpose=piece.purpose, body=piece.body
        )


def _fit_rules(business: Business) -> None:
    """Who suits the business: written as operators write it, and published before people come."""
    for rule in business.fit_rules:
        ScoreRule.objects.create(
            name=rule.name,
            part=ScoreRule.Part.FIT,
            condition=dict(rule.condition),
            points=rule.points,
        )
    score_versions.publish()


def _load(business: Business, tenant: Tenant) -> None:
    """Through the same door as any file that a business brings."""
    now = timezone.now().astimezone(tenant.tz)
    for kind, content in History(business, now).files().items():
        with scope(tenant):
            job = run.bring(kind, io.BytesIO(content), f"{kind}.csv")
            claimed = run.claim(job.pk)
        if claimed is not None:
            run.carry_out(tenant, claimed)
        with scope(tenant):
            job.refresh_from_db()
        if job.status != Import.Status.DONE or job.rejected:
            raise RuntimeError(f"{kind}: {job.status} {job.error_message} {job.rejected} rejected")
    run.settle(tenant.pk)


def _script(business: Business) -> None:
    sop = Sop.objects.create(name="新客培育")
    contents = list(Content.objects.order_by("id"))
    sops.write_steps(
        sop,
        [
            SopStep(
                position=number,
                delay_minutes=minutes,
                day=day,
                at_time=time(20) if day is not None else None,
                text=text,
                content=contents[piece],
                kind="promotion" if contents[piece].kind == "coupon" else "service",
            )
            for number, (minutes, day, text, piece) in enumerate(business.steps, start=1)
        ],
    )
    sops.publish(sop)


def _live_code(business: Business) -> None:
    code = LiveCode.objects.create(
        name="新客有礼",
        account=WeChatAccount.objects.get(),
        channel=Channel.objects.order_by("id").first(),
        welcome_text=business.welcome,
    )
    for userid, _name in business.staff[:3]:
        LiveCodeStaff.objects.create(live_code=code, staff=Staff.objects.get(userid=userid))
    tag, _made = Tag.objects.get_or_create(name="新客有礼")
    LiveCodeTag.objects.create(live_code=code, tag=tag)
    livecodes.changed(code)


def _work_some_leads() -> None:
    """The first leads are already in good hands."""
    staff = Staff.objects.order_by("id").exclude(userid="owner")[0]
    for number in range(4):
        lead = leads.claim_next(staff)
        if lead is None:
            break
        leads.follow_up(
            lead,
            staff=staff,
            kind=FollowUp.Kind.CALL if number % 2 else FollowUp.Kind.CHAT,
            note="聊过需求,约好周末再看。" if number % 2 else "发了价目表,等回复。",
            need_confirmed=number == 1,
            next_at=_tomorrow_at_ten(),
        )
    timeline.drain_all()


def _tomorrow_at_ten() -> datetime:
    tomorrow = timezone.localtime() + timedelta(days=1)
    return tomorrow.replace(hour=10, minute=0, second=0, microsecond=0)


def _connect(business: Business, tenant: Tenant) -> None:
    """Make the sandbox know the corporation; on the first run, let visitors scan its live code."""
    sandbox = wecom.Sandbox()
    sandbox.post("settings", accept_after_s=0, confirm_after_s=20)
    with scope(tenant):
        account = WeChatAccount.objects.get(app_id=wecom.corpid_of(business))
        account.secret, account.callback_token, account.callback_aes_key  # noqa: B018 - opened here
        pending = LiveCode.objects.filter(status=LiveCode.Status.PENDING).first()
    wecom.found(sandbox, business, account)
    if pending is not None:
        livecodes.work(tenant.pk)
        wecom.let_visitors_scan(sandbox, account, pending.state)
        ingest.work(tenant.pk)
        welcome.work(tenant.pk)
