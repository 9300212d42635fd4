"""All tables of the core, one file an idea."""

from copilot.models.agent import Agent, AgentRequest, AgentRequestState, AgentToken
from copilot.models.audit import AuditEntry
from copilot.models.change import ChangeRecord
from copilot.models.connection import Connection, ConnectionHealth, Endpoint
from copilot.models.delivery import Delivery, EventRecord
from copilot.models.evidence import EvidenceRecord
from copilot.models.feedback import Confirmation, Feedback, FeedbackValue, Reason
from copilot.models.hypothesis import Hypothesis, RankingRecord
from copilot.models.incident import Incident, IncidentCounter, IncidentStatus
from copilot.models.limit import Limit, LimitReached, LimitUse
from copilot.models.question import AnsweredBy, AnswerFeedback, Question, QuestionStatus
from copilot.models.related import RelatedAlert
from copilot.models.run import Run, SourceCall, SourceStatus, Stage, StageResult
from copilot.models.runbook import Runbook, RunbookChunk, RunbookMemory, RunbookTerm, RunbookVector, RunbookVersion
from copilot.models.service import Service, ServiceDependency, ServiceKind, TopologySurvey
from copilot.models.tenant import Membership, Role, Tenant, Weekday, is_time_zone
from copilot.models.token import ApiToken, KeptAnswer, Scope
from copilot.models.usage import ModelCall

__all__ = [
    "Agent",
    "AgentRequest",
    "AgentRequestState",
    "AgentToken",
    "AnswerFeedback",
    "AnsweredBy",
    "ApiToken",
    "AuditEntry",
    "ChangeRecord",
    "Confirmation",
    "Connection",
    "ConnectionHealth",
    "Delivery",
    "Endpoint",
    "EventRecord",
    "EvidenceRecord",
    "Feedback",
    "FeedbackValue",
    "Hypothesis",
    "Incident",
    "IncidentCounter",
    "IncidentStatus",
    "KeptAnswer",
    "Limit",
    "LimitReached",
    "LimitUse",
    "Membership",
    "ModelCall",
    "Question",
    "QuestionStatus",
    "RankingRecord",
    "Reason",
    "RelatedAlert",
    "Role",
    "Run",
    "Runbook",
    "RunbookChunk",
    "RunbookMemory",
    "RunbookTerm",
    "RunbookVector",
    "RunbookVersion",
    "Scope",
    "Service",
    "ServiceDependency",
    "ServiceKind",
    "SourceCall",
    "SourceStatus",
    "Stage",
    "StageResult",
    "Tenant",
    "TopologySurvey",
    "Weekday",
    "is_time_zone",
]
