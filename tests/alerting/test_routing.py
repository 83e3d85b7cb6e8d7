"""Which policy takes an incident."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from saasobs.alerting.oncall import Hours
from saasobs.alerting.routing import Subject, choose, misfit
from saasobs.alerting.steps import Match, Policy
from saasobs.core.monitor import Severity
from saasobs.core.values import from_datetime

NOON = from_datetime(datetime(2026, 11, 23, 12, tzinfo=UTC))  # a Monday
SUBJECT = Subject(
    "nightly-invoices", Severity.WARNING, ("batch", "billing"), "acme", {"alertname": "JobFailed", "team": "core"}
)


@pytest.mark.parametrize(
    ("match", "why_not"),
    [
        (Match(severity=Severity.WARNING), ""),
        (Match(severity=Severity.CRITICAL), "is for critical incidents"),
        (Match(tags=frozenset({"web", "batch"})), ""),
        (Match(tags=frozenset({"web"})), "is for monitors with the tag web"),
        (Match(monitors=("daily-*", "nightly-*")), ""),
        (Match(monitors=("nightly",)), "is for monitors called nightly"),
        (Match(tenants=frozenset({"acme"})), ""),
        (Match(tenants=frozenset({"other"})), "is for the tenant other"),
        (Match(labels={"alertname": "Job*", "team": "core"}), ""),
        (Match(labels={"alertname": "Job*", "region": "eu"}), "is for alerts with region=eu"),
        (Match(hours=Hours(time(9), time(18)), timezone="UTC"), ""),
        (
            Match(hours=Hours(time(9), time(18)), timezone="Asia/Tokyo"),
            "is for 09:00 to 18:00 (Asia/Tokyo) on its days",
        ),
        (Match(hours=Hours(days=frozenset({5, 6}))), "is for 00:00 to 00:00 (UTC) on its days"),
        (Match(severity=Severity.WARNING, tags=frozenset({"web"})), "is for monitors with the tag web"),
    ],
)
def test_all_conditions_must_hold(match: Match, why_not: str) -> None:
    """The first that does not is told in words."""
    assert misfit(match, SUBJECT, NOON) == why_not


def test_the_order_of_the_file_decides() -> None:
    """The monitor's own, else the first that fits, else the default; one without a match is never found by matching."""
    plain, first, second = (
        Policy("plain", ()),
        Policy("first", (), Match(tags=frozenset({"batch"}))),
        Policy("second", (), Match(severity=Severity.WARNING)),
    )
    policies = {one.name: one for one in (plain, first, second)}
    web = Subject("shop", Severity.CRITICAL)
    assert choose(policies, SUBJECT, "second", "plain", NOON) is second
    assert choose(policies, SUBJECT, "", "plain", NOON) is first
    assert choose(policies, SUBJECT, "gone", "plain", NOON) is first
    assert choose(policies, web, "", "plain", NOON) is plain
    assert choose(policies, web, "", "gone", NOON) is None
