"""A contact's journey: stages, content, score, scripts and touches, leads."""

from .content import Content, Link, Scale
from .leads import FollowUp, Lead
from .scoring import Score, ScoreModel, ScorePoint, ScoreRule
from .sops import (
    BY_TEMPLATE,
    THROUGH_STAFF,
    TO_FANS,
    Enrolment,
    Route,
    Sop,
    SopStep,
    SopVersion,
    TouchKind,
)
from .stages import ContactStage, Purpose, Review, Stage, StageMove
from .surveys import SurveyAnswer
from .touches import MassQuota, SharedTask, StaffTask, Touch, TouchRules

__all__ = [
    "BY_TEMPLATE",
    "THROUGH_STAFF",
    "TO_FANS",
    "ContactStage",
    "Content",
    "Enrolment",
    "FollowUp",
    "Lead",
    "Link",
    "MassQuota",
    "Purpose",
    "Review",
    "Route",
    "Scale",
    "Score",
    "ScoreModel",
    "ScorePoint",
    "ScoreRule",
    "SharedTask",
    "Sop",
    "SopStep",
    "SopVersion",
    "StaffTask",
    "Stage",
    "StageMove",
    "SurveyAnswer",
    "Touch",
    "TouchKind",
    "TouchRules",
]
