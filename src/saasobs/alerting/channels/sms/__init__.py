"""Text messages: the channel, and a file for each provider with its request, its answers and its errors."""

from __future__ import annotations

from typing import Final

from saasobs.alerting.channels.kind import ChannelKind
from saasobs.alerting.channels.sms.channel import SmsChannel
from saasobs.alerting.channels.sms.options import SmsOptions
from saasobs.core.people import Contact

SMS: Final = ChannelKind("sms", SmsOptions, SmsChannel, "text messages by one provider or several", Contact.PHONE)

__all__ = ["SMS", "SmsChannel", "SmsOptions"]
