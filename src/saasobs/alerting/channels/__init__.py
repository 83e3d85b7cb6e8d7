"""The ways to reach people: one file each, with its options, its words and the errors of its provider.

A channel raises DeliveryError and nothing else. It never tries again by itself: that is the outbox's, which remembers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from saasobs.alerting.channels.console import CONSOLE
from saasobs.alerting.channels.email import EMAIL
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.channels.slack import SLACK
from saasobs.alerting.channels.sms import SMS
from saasobs.alerting.channels.webhook import WEBHOOK

CHANNELS: Final[Mapping[str, ChannelKind]] = MappingProxyType(
    {"console": CONSOLE, "slack": SLACK, "sms": SMS, "email": EMAIL, "webhook": WEBHOOK}
)

__all__ = ["CHANNELS", "ChannelKind", "Tools"]
