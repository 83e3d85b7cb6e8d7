"""The ways to reach people: one file each, with its options, its words and the errors of its provider.

A channel raises DeliveryError and nothing else. It never tries again by itself: that is the outbox's, which remembers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from saasobs.alerting.channels.apprise import APPRISE
from saasobs.alerting.channels.console import CONSOLE
from saasobs.alerting.channels.discord import DISCORD
from saasobs.alerting.channels.email import EMAIL
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.channels.pagerduty import PAGERDUTY
from saasobs.alerting.channels.slack import SLACK
from saasobs.alerting.channels.sms import SMS
from saasobs.alerting.channels.teams import TEAMS
from saasobs.alerting.channels.telegram import TELEGRAM
from saasobs.alerting.channels.voice import VOICE
from saasobs.alerting.channels.webhook import WEBHOOK
from saasobs.alerting.channels.whatsapp import WHATSAPP

CHANNELS: Final[Mapping[str, ChannelKind]] = MappingProxyType(
    {
        "console": CONSOLE,
        "slack": SLACK,
        "telegram": TELEGRAM,
        "sms": SMS,
        "whatsapp": WHATSAPP,
        "voice": VOICE,
        "email": EMAIL,
        "webhook": WEBHOOK,
        "pagerduty": PAGERDUTY,
        "teams": TEAMS,
        "discord": DISCORD,
        "apprise": APPRISE,
    }
)

__all__ = ["CHANNELS", "ChannelKind", "Tools"]
