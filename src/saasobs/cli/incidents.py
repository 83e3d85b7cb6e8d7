"""`saasobs incidents [ID]`."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from saasobs.cli.client import Client
from saasobs.cli.command import Exit
from saasobs.cli.drawing import TONES
from saasobs.cli.reading import clock_time, in_seconds, to_moment
from saasobs.cli.screen import Part, Screen, Tone, Toned, open_screen, print_json

Json = Mapping[str, Any]
NOTICE_TONES: Mapping[str, Tone] = {
    "sent": "good",
    "delivered": "good",
    "failed": "bad",
    "expired": "bad",
    "pending": "warn",
    "held": "warn",
    "suppressed": "dim",
}


def incidents(options: Namespace) -> int:
    """A list, newest first, or one with its whole story."""
    now = time.time_ns() // 1000
    with Client.of(options, os.environ) as client:
        if options.id:
            answer = client.get("incidents", options.id)
        else:
            answer = client.get("incidents", open="true" if options.open else "false", limit=options.limit)
    if options.json:
        print_json(answer)
    elif options.id:
        draw_incident(open_screen(os.environ), answer, now)
    else:
        draw_incidents(open_screen(os.environ), answer["incidents"], now)
    return Exit.OK


def draw_incidents(screen: Screen, found: Sequence[Json], now: int) -> None:
    """A row for each, or a sentence when there is none."""
    if not found:
        screen.line("No incidents.")
        return
    screen.table(
        ("incident", "state", "began (utc)", "lasted", "monitor", "acknowledged", "what"),
        [_row(incident, now) for incident in found],
    )


def _row(incident: Json, now: int) -> list[Part]:
    return [
        incident["id"],
        _state(incident),
        clock_time(incident["started_at"]),
        _lasted(incident, now),
        incident["monitor"],
        incident["acknowledged_by"] or "-",
        incident["message"],
    ]


def _state(incident: Json) -> Toned:
    """What it is now (down, degraded, flapping), or how it ended (recovered, withdrawn)."""
    if incident["open"] and incident["topic"] == "flapping":
        return Toned("flapping", "warn")
    if incident["open"] and incident["topic"] == "alert":
        word = "silent" if incident["reason"] == "source_silent" else "firing"
        return Toned(word, TONES[incident["status"]])
    if incident["open"]:
        return Toned(incident["status"], TONES[incident["status"]])
    return Toned(incident["ending"] or "ended", "good" if incident["ending"] == "recovered" else "dim")


def _lasted(incident: Json, now: int) -> str:
    end = to_moment(incident["ended_at"]) or now
    return in_seconds(end - to_moment(incident["started_at"]))


def draw_incident(screen: Screen, incident: Json, now: int) -> None:
    """What happened, and who was told."""
    screen.line(Toned(incident["id"], "strong"), "  ", _state(incident), "  ", Toned(incident["monitor"], "strong"))
    screen.line("  ", incident["message"])
    facts = {
        "began": f"{clock_time(incident['started_at'])} UTC",
        "lasted" if incident["ended_at"] else "lasts": _lasted(incident, now),
        "severity": incident["severity"],
        "correlation": incident["correlation_id"],
        "acknowledged": incident["acknowledged_by"],
        "snoozed": f"until {clock_time(incident['snoozed_until'])} UTC" if incident["snoozed_until"] else "",
        "assigned to": incident["assigned_to"],
    }
    for label, value in facts.items():
        if value:
            screen.line("  ", Toned(label.ljust(13), "dim"), value)
    screen.line()
    screen.table(("at (utc)", "what happened", ""), [_event_row(event) for event in incident["events"]])
    if incident["notices"]:
        screen.line()
        header = ("due (utc)", "about", "channel", "recipient", "state", "tries", "detail")
        screen.table(header, [_notice_row(notice) for notice in incident["notices"]])


def _event_row(event: Json) -> list[Part]:
    by = f" (by {event['actor']})" if event["actor"] and event["actor"] not in event["text"] else ""
    return [clock_time(event["at"]), event["change"], f"{event['text']}{by}"]


def _notice_row(notice: Json) -> list[Part]:
    state = _notice_state(notice)
    shared = f"with others, group {notice['group_id']}" if notice["group_id"] else ""
    detail = ", ".join(part for part in (_why(notice), shared) if part)
    told = [clock_time(notice["due_at"]), notice["change"], notice["channel"], notice["recipient"]]
    return [*told, Toned(state, NOTICE_TONES[state]), str(notice["attempts"]), detail]


def _notice_state(notice: Json) -> str:
    """``sent`` is what the provider accepted; ``delivered`` what it says has arrived."""
    if notice["state"] == "pending" and notice["suppression"]:
        return "held"
    return "delivered" if notice["state"] == "sent" and notice.get("delivered_at") else str(notice["state"])


def _why(notice: Json) -> str:
    """``dependency: db is down``, or what the provider said."""
    return ": ".join(part for part in (notice["suppression"], notice["detail"]) if part)
