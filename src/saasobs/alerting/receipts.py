"""What a provider's later word about an accepted message changes of the notices that it covers. Pure.

1. Delivered is final, whatever came before: a message that was given up and arrives all the same was told.
2. Failed counts while nothing said that it had arrived, and once: then whoever takes its place is owed (`policy`).
3. One that nobody says anything of for too long counts as failed while it matters: its incident is open, and nobody is
   on it.
"""

from __future__ import annotations

from dataclasses import replace

from saasobs.alerting.policy import STEPPED
from saasobs.core.incident import Incident, Notice, NoticeState
from saasobs.core.receipts import DeliveryReport, Fate
from saasobs.core.values import format_duration


def after(notice: Notice, report: DeliveryReport, now: int) -> Notice | None:
    """The notice as a report leaves it; None: it says nothing new. :param now: also for a report without a moment."""
    if notice.delivered_at or notice.state not in (NoticeState.SENT, NoticeState.FAILED):
        return None
    if report.fate is Fate.DELIVERED:
        at = min(max(report.at or now, notice.sent_at), max(now, notice.sent_at))
        return replace(notice, state=NoticeState.SENT, delivered_at=at, detail=notice.provider_id)
    if report.fate is Fate.FAILED and notice.state is NoticeState.SENT:
        return replace(notice, state=NoticeState.FAILED, detail=report.detail or "the provider could not deliver it")
    return None


def unheard(notice: Notice, incident: Incident | None, lasting: int) -> Notice | None:
    """The notice as its silence leaves it; None: it need not be told again.

    :param lasting: for how long nobody has said that it arrived (µs).
    """
    if incident is None or not incident.open or incident.acknowledged_at or notice.change not in STEPPED:
        return None
    sentence = f"accepted, but not delivered within {format_duration(lasting)}"
    return replace(notice, state=NoticeState.FAILED, detail=sentence)
