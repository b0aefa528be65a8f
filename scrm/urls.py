"""All routes, on one screen."""

from django.contrib import admin
from django.urls import include, path

from analytics.pages import (
    assets,
    attribution,
    baselines,
    benchmark,
    cohorts,
    concentration,
    formula,
    funnel,
    kpis,
    losses,
    overview,
    plan,
    plans,
    prediction,
    rates,
    rfm,
    satisfaction,
    saved_views,
    seven_factor_fit,
    step_roi,
    touches,
    trust_mix,
    value,
)
from contacts.livecodes.views import open_live_code
from journeys import desk, desk_losses, desk_switch, sidebar, sidebar_live
from journeys.views import answer_survey, open_link
from scrm import health
from tenants import domain_files, inside, sign_in_wecom
from tenants import views as tenants
from tenants.wechat.views import callback

urlpatterns = [
    path("", tenants.home, name="home"),
    path("sign-in/", tenants.sign_in, name="sign-in"),
    path("sign-in/<slug:business>/", tenants.sign_in, name="sign-in-business"),
    path("sign-out/", tenants.sign_out, name="sign-out"),
    path("places/", tenants.places, name="places"),
    path("language/", tenants.language, name="language"),
    path("admin/", admin.site.urls),
    path("desk/", desk.queue, name="desk"),
    path("desk/next/", desk.claim_next, name="desk-claim-next"),
    path("desk/tasks/", desk.tasks, name="desk-tasks"),
    path("desk/tasks/<str:task_id>/done/", desk.task_done, name="desk-task-done"),
    path("desk/duty/", desk_switch.switch, name="desk-duty"),
    path("desk/losses/", desk_losses.losses, name="desk-losses"),
    path("desk/losses/seen/", desk_losses.seen, name="desk-losses-seen"),
    path("desk/leads/<str:lead_id>/", desk.lead, name="desk-lead"),
    path("desk/leads/<str:lead_id>/claim/", desk.claim, name="desk-claim"),
    path("desk/leads/<str:lead_id>/release/", desk.release, name="desk-release"),
    path("desk/leads/<str:lead_id>/transfer/", desk.transfer, name="desk-transfer"),
    path("desk/leads/<str:lead_id>/follow-up/", desk.follow_up, name="desk-follow-up"),
    path("desk/leads/<str:lead_id>/outcome/", desk.outcome, name="desk-outcome"),
    path("desk/leads/<str:lead_id>/scripts/<str:content_id>/", desk.script, name="desk-script"),
    path("dashboards/overview/", overview.page, name="dashboard-overview"),
    path("dashboards/kpis/", kpis.page, name="dashboard-kpis"),
    path("dashboards/baselines/", baselines.page, name="dashboard-baselines"),
    path("dashboards/plans/", plans.page, name="dashboard-plans"),
    path("dashboards/plans/<str:plan_id>/", plan.page, name="dashboard-plan"),
    path("dashboards/funnel/", funnel.page, name="dashboard-funnel"),
    path("dashboards/value/", value.page, name="dashboard-value"),
    path("dashboards/benchmark/", benchmark.page, name="dashboard-benchmark"),
    path("dashboards/attribution/", attribution.page, name="dashboard-attribution"),
    path("dashboards/assets/", assets.page, name="dashboard-assets"),
    path("dashboards/formula/", formula.page, name="dashboard-formula"),
    path("dashboards/rates/", rates.page, name="dashboard-rates"),
    path("dashboards/prediction/", prediction.page, name="dashboard-prediction"),
    path("dashboards/losses/", losses.page, name="dashboard-losses"),
    path("dashboards/cohorts/", cohorts.page, name="dashboard-cohorts"),
    path("dashboards/concentration/", concentration.page, name="dashboard-concentration"),
    path("dashboards/touches/", touches.page, name="dashboard-touches"),
    path("dashboards/trust/", trust_mix.page, name="dashboard-trust"),
    path("dashboards/step-roi/", step_roi.page, name="dashboard-step-roi"),
    path("dashboards/rfm/", rfm.page, name="dashboard-rfm"),
    path("dashboards/views/", saved_views.page, name="saved-views"),
    path("dashboards/views/<str:view_id>/", saved_views.change, name="saved-view"),
    path("dashboards/views/<str:view_id>/delete/", saved_views.delete, name="saved-view-delete"),
    path("dashboards/shared/<str:view_id>/", saved_views.open_view, name="shared-view"),
    path("dashboards/satisfaction/", satisfaction.page, name="dashboard-satisfaction"),
    path("dashboards/fit/", seven_factor_fit.page, name="dashboard-fit"),
    path("desk/sidebar/<str:code>/", sidebar.page, name="sidebar"),
    path("desk/sidebar/<str:code>/customer/", sidebar.customer, name="sidebar-customer"),
    path("desk/sidebar/<str:code>/scripts/", sidebar.scripts, name="sidebar-scripts"),
    path("desk/sidebar/<str:code>/sent/", sidebar.sent, name="sidebar-sent"),
    path("wechat/<str:code>", callback, name="wechat-callback"),
    path("wechat/<str:code>/sign-in/", sign_in_wecom.begin, name="wecom-sign-in"),
    path("wechat/<str:code>/back/", sign_in_wecom.back, name="wecom-back"),
    path("wechat/<str:code>/signatures/", inside.signatures, name="wecom-signatures"),
    path("wechat/<str:code>/refresh/", sidebar_live.refresh, name="sidebar-refresh"),
    path("wechat/<str:code>/message/", sidebar_live.message, name="sidebar-message"),
    path("l/<str:code>", open_link, name="link"),
    path("l/<str:code>/answer", answer_survey, name="survey-answer"),
    path("q/<str:code>", open_live_code, name="live-code"),
    path("api/", include("scrm.api")),
    path("WW_verify_<str:token>.txt", domain_files.serve, {"kind": "WW"}),
    path("MP_verify_<str:token>.txt", domain_files.serve, {"kind": "MP"}),
    path("healthz", health.alive),
    path("readyz", health.ready),
]

handler400 = "tenants.rest.errors.bad_request"
handler404 = "tenants.rest.errors.not_found"
handler500 = "tenants.rest.errors.server_error"
