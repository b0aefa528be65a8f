"""The REST API on one screen: every resource under /api/v1/, and its description."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from analytics.api import (
    alerts,
    assets,
    attribution,
    benchmark,
    customers,
    formula,
    kpis,
    losses,
    overview,
    plans,
    prediction,
    rates,
    reports,
    satisfaction,
    seven_factor_fit,
    sharing,
    step_roi,
    targets,
    touch_reports,
    trust_mix,
)
from campaigns.api import broadcasts
from contacts.api import (
    callbacks,
    catalogue,
    contacts,
    custom_fields,
    events,
    exports,
    figures,
    follows,
    group_codes,
    groups,
    identities,
    imports,
    live_codes,
    merges,
    orders,
    privacy,
    segments,
    sync,
    tag_rules,
    tags,
    transfers,
)
from journeys.api import contents, leads, scores, sops, stages, surveys, touches
from scrm.contract import Contract
from tenants.api import accounts, staff, webhooks


class Router(SimpleRouter):
    """Paths without a slash at the end; one that is there does no harm."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False)
        self.trailing_slash = "/?"


def without_slash(
    endpoints: list[tuple[str, str, str, object]],
) -> list[tuple[str, str, str, object]]:
    """A hook of the description: the paths as we write them."""
    return [(path.rstrip("/"), *others) for path, *others in endpoints]  # type: ignore[misc]


router = Router()
router.register("contacts", contacts.Contacts, "contact")
router.register("contacts", merges.ContactMerges, "contact-merge")
router.register("duplicates", merges.Duplicates, "duplicate")
router.register("custom-fields", custom_fields.CustomFields, "custom-field")
router.register("tags", tags.Tags, "tag")
router.register("tag-groups", tags.TagGroups, "tag-group")
router.register("tag-rules", tag_rules.TagRules, "tag-rule")
router.register("pre-tag-lists", tag_rules.PreTagLists, "pre-tag-list")
router.register("contacts", privacy.ContactPrivacy, "contact-privacy")
router.register("contacts", identities.ContactIdentities, "contact-identity")
router.register("erasures", privacy.Erasures, "erasure")
router.register("retention-rules", privacy.Retentions, "retention-rule")
router.register("group-codes", group_codes.GroupCodes, "group-code")
router.register("group-welcomes", group_codes.GroupWelcomes, "group-welcome")
router.register("transfers", transfers.Transfers, "transfer")
router.register("segments", segments.Segments, "segment")
router.register("events", events.Events, "event")
router.register("orders", orders.Orders, "order")
router.register("products", catalogue.Products, "product")
router.register("channels", catalogue.Channels, "channel")
router.register("costs", catalogue.Costs, "cost")
router.register("contacts", scores.ContactScores, "contact-score")
router.register("stages", stages.Stages, "stage")
router.register("stage-moves", stages.StageMoves, "stage-move")
router.register("score-rules", scores.ScoreRules, "score-rule")
router.register("contents", contents.Contents, "content")
router.register("links", contents.Links, "link")
router.register("survey-answers", surveys.SurveyAnswers, "survey-answer")
router.register("sops", sops.Sops, "sop")
router.register("enrolments", sops.Enrolments, "enrolment")
router.register("touches", touches.Touches, "touch")
router.register("staff-tasks", touches.StaffTasks, "staff-task")
router.register("leads", leads.Leads, "lead")
router.register("broadcasts", broadcasts.Broadcasts, "broadcast")
router.register("imports", imports.Imports, "import")
router.register("exports", exports.Exports, "export")
router.register("live-codes", live_codes.LiveCodes, "live-code")
router.register("sync", sync.Syncs, "sync")
router.register("staff-figures", figures.Figures, "staff-figure")
router.register("drifts", sync.Drifts, "drift")
router.register("follows", follows.Follows, "follow")
router.register("groups", groups.Groups, "group")
router.register("staff", staff.StaffMembers, "staff")
router.register("teams", staff.Teams, "team")
router.register("accounts", accounts.Accounts, "account")
router.register("callbacks", callbacks.Callbacks, "callback")
router.register("webhooks", webhooks.Webhooks, "webhook")
router.register("reports", reports.Reports, "report")
router.register("reports", overview.OverviewReports, "overview-report")
router.register("reports", attribution.Attribution, "attribution-report")
router.register("reports", benchmark.BenchmarkReports, "benchmark-report")
router.register("reports", satisfaction.SatisfactionReports, "satisfaction-report")
router.register("reports", losses.LossReports, "loss-report")
router.register("reports", assets.AssetReports, "asset-report")
router.register("reports", formula.FormulaReports, "formula-report")
router.register("reports", rates.RateReports, "rates-report")
router.register("reports", customers.CustomerReports, "customer-report")
router.register("reports", prediction.PredictionReports, "prediction-report")
router.register("reports", kpis.KpiReports, "kpi-report")
router.register("reports", touch_reports.TouchReports, "touch-report")
router.register("reports", trust_mix.TrustMixReports, "trust-mix-report")
router.register("reports", step_roi.StepRoiReports, "step-roi-report")
router.register("report-views", sharing.ReportViews, "report-view")
router.register("report-schedules", sharing.ReportSchedules, "report-schedule")
router.register("report-readers", sharing.ReportReaders, "report-reader")
router.register("report-deliveries", sharing.ReportDeliveries, "report-delivery")
router.register("targets", targets.Targets, "target")
router.register("fit/history", seven_factor_fit.FitHistory, "fit-history")
router.register("plans", plans.Plans, "plan")
router.register("alert-rules", alerts.AlertRules, "alert-rule")
router.register("alerts", alerts.Alerts, "alert")

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(router.urls)),
    path(
        "v1/touch-rules", sops.Pace.as_view({"get": "show", "patch": "change"}), name="touch-rules"
    ),
    path("v1/fit", seven_factor_fit.Fit.as_view({"get": "show", "put": "answer"}), name="fit"),
    path("v1/fit/presets", seven_factor_fit.Fit.as_view({"get": "presets"}), name="fit-presets"),
    path("schema/", SpectacularAPIView.as_view(generator_class=Contract), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]
