"""What has one name, in English: labels, buttons, phases, units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.alerting.words.catalogue import AnswerPhrases, Buttons, Labels
from saasobs.core.monitor import Severity

LABELS: Final = Labels(
    late="Late",
    since="Since",
    lasted="Lasted",
    reason="Reason",
    reasons="Reasons",
    phases="Phases",
    target="Target",
    affected="Affects",
    about="About",
    note="Note",
    tags="Tags",
    severity="Severity",
    tenant="Tenant",
    correlation_id="Correlation ID",
    incident="Incident",
    group="Group",
    page="Page",
    runbook="Runbook",
    also_told="Also told",
    assigned="Assigned to",
    snoozed="Snoozed",
    acknowledged="Acknowledged",
    acknowledge="Acknowledge",
    history="What happened",
)

BUTTONS: Final = Buttons(
    acknowledge="Acknowledge",
    unacknowledge="Hand it back",
    snooze="Snooze",
    assign="Assign",
    note="Add a note",
    resolve="Resolve",
    open_page="Open the page",
)

ANSWER_PAGE: Final = AnswerPhrases(
    title="Take on an incident",
    question="Are you on it?",
    acknowledge="I'm on it",
    note="Once you press a button, nobody else is called about it. Opening this page alone changes nothing.",
    over="It is over: there is nothing left to take on.",
    done="It is yours now. Nobody else is called about it.",
    invalid_title="This link leads nowhere",
    invalid="It is not whole. Open it from the message again, or take the incident on with: saasobs ack ID",
    expired_title="This link has expired",
    expired="A newer message has a newer one; or take the incident on with: saasobs ack ID",
    later_title="Not just now",
    wait="Too many tries. Wait a minute.",
    unavailable="It could not be written down just now. Try again in a moment.",
)

PHASES: Final[Mapping[str, str]] = {
    "dns": "DNS",
    "tls": "TLS",
    "starttls": "STARTTLS",
    "ehlo": "EHLO",
    "first_byte": "first byte",
    "key_exchange": "key exchange",
}

LINKS: Final[Mapping[str, str]] = {
    "dashboard": "Dashboard",
    "trace": "Trace",
    "logs": "Logs",
    "errors": "Errors",
    "source": "Source",
    "panel": "Panel",
}

SEVERITIES: Final[Mapping[Severity, str]] = {Severity.CRITICAL: "critical", Severity.WARNING: "warning"}

SPOKEN_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "ms": ("millisecond", "milliseconds"),
    "s": ("second", "seconds"),
    "min": ("minute", "minutes"),
    "m": ("minute", "minutes"),
    "h": ("hour", "hours"),
    "d": ("day", "days"),
}
