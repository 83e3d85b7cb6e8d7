"""The shapes of the API, from facts."""

from __future__ import annotations

import json
from dataclasses import replace

from saasobs.web.json import JsonResponse, incident_view_json, moment, monitor_json, result_json
from support.operator import NOW, a_failure, a_view, an_incident, an_incident_view


def test_moments_and_durations() -> None:
    """A moment is RFC 3339 with microseconds, never is null, and durations are seconds."""
    assert moment(NOW) == "2026-11-22T14:03:07.120345Z"
    assert moment(NOW // 1_000_000 * 1_000_000) == "2026-11-22T14:03:07.000000Z"
    assert moment(0) is None
    result = result_json(a_failure())
    assert result["duration_seconds"] == 0.1295
    assert next(iter(result["phases_seconds"].items())) == ("dns", 0.004)


def test_a_result() -> None:
    """A failed result says which expectation failed, with expected and seen values, and its reason in both forms."""
    result = result_json(a_failure())
    assert (result["outcome"], result["reason"], result["reason_text"]) == (
        "down",
        "status_mismatch",
        "unexpected status code",
    )
    assert result["failures"] == [
        {"expectation": "status", "expected": "200-299", "seen": "500", "reason": "status_mismatch", "degraded": False}
    ]


def test_a_monitor_without_results() -> None:
    """What is not known yet is null, never a made-up zero."""
    shown = monitor_json(a_view(results=[]), recent=True)
    assert (shown["last"], shown["recent"], shown["ping_url"], shown["state"]["incident_id"]) == (None, [], None, None)


def test_an_incidents_story() -> None:
    """An incident carries its events, its notices with why one was suppressed, and the attempts."""
    story = incident_view_json(an_incident_view(an_incident(acknowledged_at=0)))
    assert (story["open"], story["ended_at"], story["acknowledged_by"]) == (True, None, None)
    assert [notice["suppression"] for notice in story["notices"]] == [None, "acknowledged", None]
    assert [attempt["outcome"] for attempt in story["attempts"]] == ["retry", "sent"]


def test_odd_values_are_still_json() -> None:
    """NaN, infinities, lone surrogates and foreign objects do not break an answer."""
    odd = {"nan": [float("nan"), {"inf": float("inf")}], "text": "\ud800", "object": complex(1, 2)}
    result = result_json(replace(a_failure(), observations=odd))
    parsed = json.loads(bytes(JsonResponse(result).body))
    assert parsed["observations"]["nan"] == [None, {"inf": None}]
    assert parsed["observations"]["object"] == "(1+2j)"
