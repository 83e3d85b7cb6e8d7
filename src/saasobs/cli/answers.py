"""`saasobs ack | unack | snooze | assign | note | resolve ID`: what a person answers to an incident."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from saasobs.cli.client import Client
from saasobs.cli.command import Exit, UsageError
from saasobs.cli.maintenance import read_duration, read_local_moment
from saasobs.cli.people import who
from saasobs.cli.reading import clock_time
from saasobs.cli.screen import open_screen, print_json

Json = Mapping[str, Any]
SNOOZE = "30m"


def ack(options: Namespace) -> int:
    """Somebody is on it: whoever was first."""
    return _answer(options, "acknowledge", lambda one: f"is acknowledged by {_taken(one)}", text=options.why)


def unack(options: Namespace) -> int:
    """Nobody is."""
    return _answer(options, "unacknowledge", lambda _: "is nobody's: its policy goes on", text=options.why)


def snooze(options: Namespace) -> int:
    """Until a moment nobody is called."""

    def said(incident: Json) -> str:
        return f"is snoozed until {clock_time(incident['snoozed_until'])} UTC, acknowledged by {_taken(incident)}"

    return _answer(options, "snooze", said, text=options.why, **until(options, datetime.now().astimezone()))


def until(options: Namespace, now: datetime) -> dict[str, object]:
    """When the snooze ends, as the command line means it. :raises UsageError: it says too much."""
    if options.lasting and options.until:
        raise UsageError("say how long (--for) or until when (--until), not both")
    if options.until:
        return {"until": read_local_moment(options.until, now).isoformat()}
    return {"duration_seconds": read_duration(options.lasting or SNOOZE)}


def assign(options: Namespace) -> int:
    """It is somebody's."""

    def said(incident: Json) -> str:
        return f"is assigned to {incident['assigned_to']}, acknowledged by {_taken(incident)}"

    return _answer(options, "assign", said, to=options.to, text=options.why)


def note(options: Namespace) -> int:
    """A line for its timeline."""
    return _answer(options, "note", lambda _: "has the note in its timeline", text=" ".join(options.text))


def resolve(options: Namespace) -> int:
    """It is over, whatever the checks say."""
    return _answer(
        options, "resolve", lambda one: f"is resolved since {clock_time(one['ended_at'])} UTC", text=options.why
    )


def _answer(options: Namespace, kind: str, said: Callable[[Json], str], **more: Any) -> int:
    with Client.of(options, os.environ) as client:
        taken = client.post("incidents", options.id, kind, by=who(options, os.environ), **more)
    if options.json:
        print_json(taken)
        return Exit.OK
    screen = open_screen(os.environ)
    for incident in taken.get("incidents", [taken]):  # a group's ID stands for all of it that is open
        screen.line(f"Incident {incident['id']} ({incident['monitor']}) {said(incident)}.")
    return Exit.OK


def _taken(incident: Json) -> str:
    return f"{incident['acknowledged_by']} since {clock_time(incident['acknowledged_at'])} UTC"
