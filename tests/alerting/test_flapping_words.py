"""What people read of flapping."""

from __future__ import annotations

from dataclasses import replace

import pytest

from saasobs.alerting import message
from saasobs.core.incident import Change, Incident, Topic
from saasobs.core.result import Reason
from saasobs.core.values import MINUTE
from support.briefings import INCIDENT, NOW, briefing

FLAPPING = replace(
    INCIDENT,
    topic=Topic.FLAPPING,
    reason=Reason.FLAPPING,
    message="5 outages in 20m",
    started_at=NOW - 20 * MINUTE,
)


def over(ending: Change) -> Incident:
    return replace(FLAPPING, ended_at=NOW + 20 * MINUTE, ending=ending, message="9 outages in 40m")


@pytest.mark.parametrize(
    ("changes", "incident", "headline", "sms"),
    [
        (
            (Change.OPENED,),
            FLAPPING,
            "🔴 api is flapping: 5 outages in 20m",
            "FLAPPING api: 5 outages in 20m 13:43 UTC",
        ),
        (
            (Change.RECOVERED,),
            over(Change.RECOVERED),
            "🟢 api is stable and up again after 40m",
            "UP api after 40m 14:23 UTC",
        ),
        ((Change.WITHDRAWN,), over(Change.WITHDRAWN), "⚪ api no longer flaps", "CLOSED api after 40m 14:23 UTC"),
        (
            (Change.OPENED, Change.RECOVERED),
            over(Change.RECOVERED),
            "🟢 api was flapping for 40m and is stable and up again",
            "WAS FLAPPING, UP api after 40m 14:23 UTC",
        ),
    ],
)
def test_flapping_in_words(changes: tuple[Change, ...], incident: Incident, headline: str, sms: str) -> None:
    """It is called by its name, from its first outage on, and its end says that the monitor is stable."""
    told = briefing(*changes, incident=incident, now=incident.ended_at or NOW)
    assert message.headline(told) == headline
    assert message.sms(told) == f"{sms} #{INCIDENT.id}"
