"""`saasobs status [NAME]`: what the running daemon believes, of everything or of one monitor."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from saasobs.cli.client import Client
from saasobs.cli.command import Exit
from saasobs.cli.drawing import TONES
from saasobs.cli.incidents import draw_incidents
from saasobs.cli.names import suggesting
from saasobs.cli.reading import ago, clock_time, to_micros
from saasobs.cli.screen import Part, Screen, Toned, open_screen, print_json
from saasobs.core.values import format_duration

Json = Mapping[str, Any]
SHOWN_RESULTS = 10


def status(options: Namespace) -> int:
    """Exit code 1 when something is down or the daemon itself has a problem."""
    with Client.of(options, os.environ) as client:
        if options.name:
            with suggesting(client, options.name):
                return _one(client.get("monitors", options.name), options)
        health = client.get("status")
        monitors = client.get("monitors")["monitors"]
        incidents = client.get("incidents", open="true", limit=100)["incidents"]
    if options.json:
        print_json({"daemon": health, "monitors": monitors, "open_incidents": incidents})
    else:
        draw_status(open_screen(os.environ), health, monitors, incidents, time.time_ns() // 1000)
    bad = not health["ready"] or health["problems"] or any(state_word(monitor) == "down" for monitor in monitors)
    return Exit.FAILED if bad else Exit.OK


def _one(monitor: Json, options: Namespace) -> int:
    if options.json:
        print_json(monitor)
    else:
        draw_monitor(open_screen(os.environ), monitor, time.time_ns() // 1000)
    return Exit.FAILED if state_word(monitor) == "down" else Exit.OK


def state_word(monitor: Json) -> str:
    """new, up, degraded, down, or paused, which hides the others."""
    return "paused" if monitor["state"]["paused"] else str(monitor["state"]["status"])


# Everything ----------------------------------------------------------------------------------------------------


def draw_status(screen: Screen, health: Json, monitors: Sequence[Json], incidents: Sequence[Json], now: int) -> None:
    """The daemon in one line, its problems, then a row for each monitor, then what is wrong."""
    configuration = health["configuration"]["path"]
    screen.line(
        Toned("saasobs", "strong"), f" {health['version']} on {configuration}, up for {ago(health['started_at'], now)}"
    )
    for problem in health["problems"]:
        screen.line(Toned("problem  ", "bad"), problem)
    if monitors:
        screen.line()
        screen.table(("monitor", "state", "for", "checked", "took", "target"), [_row(each, now) for each in monitors])
    screen.line()
    screen.line(_summary(monitors))
    if incidents:
        screen.line()
        draw_incidents(screen, incidents, now)


def _row(monitor: Json, now: int) -> list[Part]:
    state, last, word = monitor["state"], monitor["last"], state_word(monitor)
    took = format_duration(to_micros(last["duration_seconds"])) if last and monitor["kind"] != "heartbeat" else "-"
    checked = f"{ago(state['last_at'], now)} ago" if state["last_at"] else "-"
    return [monitor["name"], Toned(word, TONES[word]), ago(state["since"], now), checked, took, monitor["target"]]


def _summary(monitors: Sequence[Json]) -> str:
    words = [state_word(monitor) for monitor in monitors]
    counts = [f"{words.count(word)} {word}" for word in ("down", "degraded", "up", "new", "paused") if word in words]
    total = f"{len(words)} monitor{'' if len(words) == 1 else 's'}"
    return f"{total}: {', '.join(counts)}" if counts else "no monitors: the configuration names none"


# One monitor ---------------------------------------------------------------------------------------------------


def draw_monitor(screen: Screen, monitor: Json, now: int) -> None:
    """Its state, what it is, and its last results."""
    state, word = monitor["state"], state_word(monitor)
    screen.line(
        Toned(word.upper(), TONES[word]), "  ", Toned(monitor["name"], "strong"), f"  for {ago(state['since'], now)}"
    )
    for label, value in _monitor_facts(monitor):
        screen.line("  ", Toned(label.ljust(13), "dim"), value)
    results = monitor.get("recent", [])[:SHOWN_RESULTS]
    if results:
        screen.line()
        screen.table(("checked (utc)", "outcome", "took", "what"), [_result_row(result) for result in results])


def _monitor_facts(monitor: Json) -> list[tuple[str, str]]:
    facts = {
        "kind": monitor["kind"],
        "target": monitor["target"],
        "ping URL": monitor["ping_url"],
        "interval": format_duration(to_micros(monitor["interval_seconds"])),
        "timeout": format_duration(to_micros(monitor["timeout_seconds"])),
        "severity": monitor["severity"],
        "policy": monitor["policy"],
        "tags": ", ".join(monitor["tags"]),
        "description": monitor["description"],
        "runbook": monitor["runbook"],
        "incident": monitor["state"]["incident_id"],
    }
    return [(label, str(value)) for label, value in facts.items() if value]


def _result_row(result: Json) -> list[Part]:
    outcome = result["outcome"]
    took = format_duration(to_micros(result["duration_seconds"]))
    return [clock_time(result["started_at"]), Toned(outcome, TONES[outcome]), took, result["message"]]
