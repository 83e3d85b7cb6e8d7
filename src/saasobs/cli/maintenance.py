"""`saasobs maintenance start|list|end`."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from saasobs.cli.client import Client
from saasobs.cli.command import Exit, UsageError
from saasobs.cli.people import who
from saasobs.cli.reading import clock_time, in_seconds, to_moment
from saasobs.cli.screen import Part, Screen, Toned, open_screen, print_json
from saasobs.core.values import SECOND, parse_duration

Json = Mapping[str, Any]


def maintenance(options: Namespace) -> int:
    """One of the three."""
    return {"start": _start, "list": _list, "end": _end}[options.action](options)


def _start(options: Namespace) -> int:
    if options.id is not None:
        raise UsageError(f"what is {options.id!r}? Name monitors with --monitor, tags with --tag, or take --all")
    wanted = asked_for(options, datetime.now().astimezone())
    with Client.of(options, os.environ) as client:
        window = client.post("maintenance", by=who(options, os.environ), **wanted)
    if options.json:
        print_json(window)
        return Exit.OK
    begun = "" if window["active"] else f" from {clock_time(window['start'])}"
    until = f"{begun} until {clock_time(window['end'])} UTC"
    screen = open_screen(os.environ)
    screen.line(f"Alerts of {covered(window)} wait{until}.")
    screen.line(f"`saasobs maintenance end {window['id']}` ends it before.")
    return Exit.OK


def _list(options: Namespace) -> int:
    if options.id is not None:
        raise UsageError(f"`list` shows every window, and takes no {options.id!r}")
    with Client.of(options, os.environ) as client:
        answer = client.get("maintenance")
    if options.json:
        print_json(answer)
    else:
        draw(open_screen(os.environ), answer["windows"], time.time_ns() // 1000)
    return Exit.OK


def _end(options: Namespace) -> int:
    if options.id is None:
        raise UsageError("say which one: `saasobs maintenance list` shows their IDs")
    with Client.of(options, os.environ) as client:
        window = client.post("maintenance", options.id, "end", by=who(options, os.environ))
    if options.json:
        print_json(window)
    else:
        open_screen(os.environ).line(f"Maintenance {window['name']} is over: what is down now is told.")
    return Exit.OK


def asked_for(options: Namespace, now: datetime) -> dict[str, Any]:
    """The request that the command line means. :raises UsageError: it says too little or too much."""
    if not (options.monitor or options.tag or options.all):
        raise UsageError("say what it covers: --monitor NAME, --tag TAG or --all")
    if (options.lasting is None) == (options.until is None):
        raise UsageError("say how long: --for 30m, or --until 23:00")
    wanted: dict[str, Any] = {
        "monitors": options.monitor, "tags": options.tag, "all": options.all, "reason": options.reason,
    }  # fmt: skip
    start = read_local_moment(options.at, now) if options.at else None
    if start is not None:
        wanted["start"] = start.isoformat()
    if options.until:
        wanted["end"] = read_local_moment(options.until, start or now).isoformat()
    else:
        wanted["duration_seconds"] = read_duration(options.lasting)
    return wanted


def read_duration(text: str) -> float:
    try:
        return parse_duration(text) / SECOND
    except ValueError as error:
        raise UsageError(str(error)) from error


def read_local_moment(text: str, after: datetime) -> datetime:
    """A moment, in this machine's time zone when it names none; ``23:00`` is the next time that it is that late."""
    try:
        if len(text) == 5 and text[2] == ":":
            hour, minute = int(text[:2]), int(text[3:])
            wall = after.replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)
            today = wall.astimezone()
            return today if today > after else (wall + timedelta(days=1)).astimezone()
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise UsageError(f"{text!r} is not a moment: write 23:00 or 2026-11-22T23:00-05:00") from error


def draw(screen: Screen, windows: Sequence[Json], now: int) -> None:
    """A row for each, or a sentence when there is none."""
    if not windows:
        screen.line("No maintenance: nothing is planned, and no alert waits for a window.")
        return
    header = ("id", "now", "from (utc)", "until (utc)", "covers", "by", "what")
    screen.table(header, [_row(window, now) for window in windows])


def _row(window: Json, now: int) -> list[Part]:
    left = in_seconds((to_moment(window["end"]) if window["active"] else to_moment(window["start"])) - now)
    state = Toned(f"open, {left} left", "warn") if window["active"] else Toned(f"in {left}", "dim")
    what = [window["name"], window["reason"], window["schedule"]]
    return [
        window["id"], state, clock_time(window["start"]), clock_time(window["end"]), covered(window),
        window["by"] or "the configuration", ", ".join(part for part in what if part),
    ]  # fmt: skip


def covered(window: Json) -> str:
    """``api, db and tag shop``, or ``every monitor``."""
    if window["all"]:
        return "every monitor"
    return ", ".join([*window["monitors"], *(f"tag {tag}" for tag in window["tags"])])
