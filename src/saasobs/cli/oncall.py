"""`saasobs oncall [SCHEDULE]`: who is on call, and who stands in for whom."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from saasobs.cli.client import Client
from saasobs.cli.command import Exit, UsageError
from saasobs.cli.maintenance import read_duration, read_local_moment
from saasobs.cli.people import who
from saasobs.cli.reading import in_seconds, to_moment
from saasobs.cli.screen import Part, Screen, Toned, open_screen, print_json

Json = Mapping[str, Any]


def oncall(options: Namespace) -> int:
    """Show, or enter or end an override."""
    if options.end is not None:
        return _end(options)
    if options.override is not None:
        return _override(options)
    if options.lasting or options.until or options.at:
        raise UsageError("--for, --until and --at go with --override PERSON")
    with Client.of(options, os.environ) as client:
        answer = client.get("oncall", *([options.schedule] if options.schedule else []), days=options.days)
    if options.json:
        print_json(answer)
    else:
        draw(open_screen(os.environ), answer["schedules"], time.time_ns() // 1000)
    return Exit.OK


def _override(options: Namespace) -> int:
    wanted = asked_for(options, datetime.now().astimezone())
    with Client.of(options, os.environ) as client:
        entered = client.post("oncall", options.schedule, "override", by=who(options, os.environ), **wanted)
    if options.json:
        print_json(entered)
        return Exit.OK
    screen = open_screen(os.environ)
    screen.line(f"{entered['person']} stands in for {entered['schedule']} until {_local(entered['end'], None)}.")
    screen.line(f"`saasobs oncall --end {entered['id']}` ends it before.")
    return Exit.OK


def asked_for(options: Namespace, now: datetime) -> dict[str, Any]:
    """The request that the command line means. :raises UsageError: it says too little or too much."""
    if not options.schedule:
        raise UsageError("say for which schedule: saasobs oncall SCHEDULE --override PERSON --for 2d")
    if (options.lasting is None) == (options.until is None):
        raise UsageError("say how long: --for 2d, or --until 2026-12-26T09:00")
    start = read_local_moment(options.at, now) if options.at else None
    if options.until:
        end = read_local_moment(options.until, start or now)
    else:
        end = (start or now) + timedelta(seconds=read_duration(options.lasting))
    wanted: dict[str, Any] = {"person": options.override, "reason": options.reason, "end": end.isoformat()}
    return {**wanted, "start": start.isoformat()} if start else wanted


def _end(options: Namespace) -> int:
    with Client.of(options, os.environ) as client:
        ended = client.post("oncall", "overrides", options.end, "end", by=who(options, os.environ))
    if options.json:
        print_json(ended)
    else:
        open_screen(os.environ).line(f"{ended['person']} no longer stands in for {ended['schedule']}.")
    return Exit.OK


def draw(screen: Screen, schedules: Sequence[Json], now: int) -> None:
    """Each schedule with its turns, or a sentence when there is none."""
    if not schedules:
        screen.line("Nobody is on call: `oncall` in the configuration says who takes turns.")
    for number, schedule in enumerate(schedules):
        if number:
            screen.line()
        _draw_one(screen, schedule, now)


def _draw_one(screen: Screen, schedule: Json, now: int) -> None:
    people = ", ".join(schedule["now"])
    screen.line(
        Toned(schedule["name"], "strong"), "  ", Toned(people, "good") if people else Toned("nobody", "bad"), " now  ",
        Toned(f"times in {schedule['timezone']}", "dim"),
    )  # fmt: skip
    reasons = {one["id"]: one for one in schedule["overrides"]}
    rows = [_row(shift, reasons, schedule["timezone"], now) for shift in schedule["shifts"]]
    screen.table(("from", "until", "lasts", "who", "why"), rows)
    if schedule["calendar_url"]:
        screen.line(Toned("calendar  ", "dim"), schedule["calendar_url"])


def _row(shift: Json, overrides: Mapping[str, Json], timezone: str, now: int) -> list[Part]:
    start, end = to_moment(shift["start"]), to_moment(shift["end"])
    begins = "now" if start <= now < end else _local(shift["start"], timezone)
    who_has_it: Part = ", ".join(shift["people"]) if shift["people"] else Toned("nobody", "bad")
    return [begins, _local(shift["end"], timezone), in_seconds(end - start), who_has_it, _why(shift, overrides)]


def _why(shift: Json, overrides: Mapping[str, Json]) -> str:
    one = overrides.get(shift["override"] or "")
    if one is None:
        return ""
    reason = f": {one['reason']}" if one["reason"] else ""
    return f"stands in{reason} ({one['id']}, by {one['by'] or 'the configuration'})"


def _local(text: str, timezone: str | None) -> str:
    """``Mon 2026-11-02 09:00``; this machine's own time zone where none is given."""
    moment = datetime.fromisoformat(text).astimezone(ZoneInfo(timezone) if timezone else None)
    return moment.strftime("%a %Y-%m-%d %H:%M")
