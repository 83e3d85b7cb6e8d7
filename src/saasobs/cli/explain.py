"""`saasobs explain ID`: who was told of an incident, over what and when; and who was not, and why not."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Final

from saasobs.cli.client import Client
from saasobs.cli.command import Exit
from saasobs.cli.reading import clock_time
from saasobs.cli.screen import Part, Screen, Tone, Toned, open_screen, print_json

Json = Mapping[str, Any]
_TONES: Final[Mapping[str, Tone]] = {"told": "good", "waits": "warn", "not told": "dim"}


def explain(options: Namespace) -> int:
    """Asks the running daemon."""
    with Client.of(options, os.environ) as client:
        answer = client.get("incidents", options.id, "explanation")
    if options.json:
        print_json(answer)
    else:
        draw(open_screen(os.environ), answer)
    return Exit.OK


def draw(screen: Screen, answer: Json) -> None:
    """A row for each thing that was owed, in the order in which it was due."""
    incident = answer["incident"]
    screen.line(Toned(incident["id"], "strong"), "  ", Toned(incident["monitor"], "strong"), f"  {incident['message']}")
    for note in answer["notes"]:
        screen.line("  ", Toned(clock_time(note["at"]), "dim"), f"  {note['text']}")
    screen.line()
    if not answer["told"]:
        screen.line("Nobody was owed a word of it.")
        return
    header = ("due (utc)", "about", "who", "over", "", "when (utc)", "why")
    screen.table(header, [_row(one) for one in answer["told"]])


def _row(one: Json) -> list[Part]:
    when = clock_time(one["at"]) if one["at"] else "-"
    fate = Toned(one["fate"], _TONES[one["fate"]])
    return [
        clock_time(one["due_at"]), one["change"], one["person"] or one["recipient"], one["channel"], fate, when,
        one["why"],
    ]  # fmt: skip
