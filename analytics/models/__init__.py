"""What analytics keeps: facts and cells behind reports, forecasts, targets, alerts, fit."""

from .alerts import Alert, AlertNotice, AlertRecipient, AlertRule
from .assets import AssetBalance, AssetCell, AssetChange, AssetPiece
from .credits import CreditCell
from .deeds import DeedCell, DeedFact
from .facts import (
    EVERY_CHANNEL,
    CohortCell,
    CohortMonth,
    ContactFact,
    CustomerFact,
    DayCell,
    DirtyContact,
    FactsState,
    FunnelCell,
    GapCell,
    OrderDay,
    ReferralPart,
    StageCount,
    StageReach,
)
from .goals import Headcount, Kpi, KpiSettings, Purpose, Target
from .losses import LossCell, LossFact
from .messages import MessageDay
from .plans import Plan, PlanBroadcast, PlanPhase, PlanSop
from .prediction import Forecast, ForecastState, PurchaseFit, StaleForecast
from .rfm import RfmBorders
from .seven_factor_fit import FitAnswer, Industry
from .sharing import ReportDelivery, ReportRecipient, ReportRun, ReportSchedule, ReportView

__all__ = [
    "EVERY_CHANNEL",
    "Alert",
    "AlertNotice",
    "AlertRecipient",
    "AlertRule",
    "AssetBalance",
    "AssetCell",
    "AssetChange",
    "AssetPiece",
    "CohortCell",
    "CohortMonth",
    "ContactFact",
    "CreditCell",
    "CustomerFact",
    "DayCell",
    "DeedCell",
    "DeedFact",
    "DirtyContact",
    "FactsState",
    "FitAnswer",
    "Forecast",
    "ForecastState",
    "FunnelCell",
    "GapCell",
    "Headcount",
    "Industry",
    "Kpi",
    "KpiSettings",
    "LossCell",
    "LossFact",
    "MessageDay",
    "OrderDay",
    "Plan",
    "PlanBroadcast",
    "PlanPhase",
    "PlanSop",
    "PurchaseFit",
    "Purpose",
    "ReferralPart",
    "ReportDelivery",
    "ReportRecipient",
    "ReportRun",
    "ReportSchedule",
    "ReportView",
    "RfmBorders",
    "StageCount",
    "StageReach",
    "StaleForecast",
    "Target",
]
