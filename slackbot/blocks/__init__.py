"""Briefings as Block Kit: pure functions from what is known to what is shown."""

from slackbot.blocks.bare import bare_card
from slackbot.blocks.card import root_card
from slackbot.blocks.digest import digest_message
from slackbot.blocks.evidence import evidence_lists, evidence_message
from slackbot.blocks.modals import notice_modal, other_cause_modal, reason_modal, why_blocks, why_modal
from slackbot.blocks.related import related_message
from slackbot.blocks.thread import resolution_message, similar_message

__all__ = [
    "bare_card",
    "digest_message",
    "evidence_lists",
    "evidence_message",
    "notice_modal",
    "other_cause_modal",
    "reason_modal",
    "related_message",
    "resolution_message",
    "root_card",
    "similar_message",
    "why_blocks",
    "why_modal",
]
