"""`saasobs policy test`: who would be told, minute by minute, from the configuration alone."""

from __future__ import annotations

import os
from argparse import Namespace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from saasobs.alerting.rehearsal import Line, Rehearsal
from saasobs.alerting.routing import Subject
from saasobs.cli.command import Exit, UsageError
from saasobs.cli.places import configuration_path
from saasobs.cli.screen import Part, Screen, Toned, open_screen, print_json
from saasobs.core.monitor import Severity
from saasobs.core.values import from_datetime, isoformat, to_datetime
from saasobs.daemon.clock import SteadyClock
from saasobs.daemon.rehearsing import rehearse_settings, subject_of
from saasobs.settings import load
from saasobs.settings.sentences import suggest


def policy(options: Namespace) -> int:
    """Nothing is sent, and no daemon need run."""
    settings = load(configuration_path(options.config, os.environ), os.environ)
    if options.monitor not in settings.monitors and not (options.tag or options.label):
        hint = suggest(options.monitor, settings.monitors)
        raise UsageError(
            f"no monitor is called {options.monitor!r}; {hint} (--tag or --label describe one that is not there)"
        )
    severity = Severity(options.severity) if options.severity else None
    labels = dict(_label(each) for each in options.label)
    wanted = Subject(options.monitor, Severity.CRITICAL, tuple(options.tag), options.tenant, labels)
    at, zone = read_moment(options.at, datetime.now().astimezone())
    found = rehearse_settings(settings, SteadyClock(), subject_of(settings, wanted, severity), at)
    if options.json:
        print_json(as_json(found))
    else:
        draw(open_screen(os.environ), found, zone)
    return Exit.OK


def read_moment(text: str | None, now: datetime) -> tuple[int, ZoneInfo | None]:
    """A moment as ``2026-12-24 03:00 America/Lima`` or with an offset, and the zone to show times in (None: local).

    :raises UsageError: it is none.
    """
    if text is None:
        return from_datetime(now), None
    rest, _, name = text.rpartition(" ")
    try:
        zone = ZoneInfo(name) if rest and name[:1].isalpha() else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"{name!r} is not a time zone: use an IANA name such as America/Lima") from error
    try:
        when = datetime.fromisoformat(rest if zone else text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a moment: write '2026-12-24 03:00 America/Lima'") from error
    if zone is not None and when.tzinfo is not None:
        raise UsageError(f"{text!r} has an offset and a time zone: leave one of them out")
    return from_datetime(when.replace(tzinfo=zone) if zone else when.astimezone()), zone


def _label(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UsageError(f"{text!r} is not a label: write it as in service=checkout")
    return name, value


def as_json(found: Rehearsal) -> dict[str, Any]:
    """For machines."""
    return {
        "monitor": found.subject.monitor,
        "severity": found.subject.severity,
        "tags": list(found.subject.tags),
        "tenant": found.subject.tenant or None,
        "at": isoformat(found.at),
        "policy": found.policy or None,
        "because": found.because,
        "passed": [{"policy": name, "why": why} for name, why in found.passed],
        "notes": list(found.notes),
        "told": [_line_json(line, found.at) for line in found.lines],
    }


def _line_json(line: Line, began: int) -> dict[str, Any]:
    return {
        "at": isoformat(line.at),
        "after_seconds": (line.at - began) / 1_000_000,
        "round": line.round,
        "step": line.step,
        "person": line.person or None,
        "schedule": line.schedule or None,
        "channel": line.channel or None,
        "recipient": line.recipient or None,
        "unless_acknowledged": line.unless_acknowledged,
        "told": not line.why_not,
        "why_not": line.why_not or None,
    }


def draw(screen: Screen, found: Rehearsal, zone: ZoneInfo | None) -> None:
    """What a person reads."""
    subject = found.subject
    about = f"{subject.monitor}, {subject.severity}" + (f", tenant {subject.tenant}" if subject.tenant else "")
    screen.line(Toned(about, "strong"), f", opens {_clock(found.at, zone, day=True)}")
    screen.line(f"Policy {found.policy or 'none'}: {found.because}.")
    for name, why in found.passed:
        screen.line("  ", Toned(f"not {name}: it {why}", "dim"))
    for note in found.notes:
        screen.line("  ", Toned(note, "warn"))
    if found.lines:
        screen.line()
        header = ("after", "at", "step", "who", "over", "to", "")
        screen.table(header, [_row(line, found.at, zone) for line in found.lines])


def _row(line: Line, began: int, zone: ZoneInfo | None) -> list[Part]:
    minutes, seconds = divmod((line.at - began) // 1_000_000, 60)
    after = f"+{minutes}m" + (f"{seconds:02}s" if seconds else "")
    who = line.person or line.channel or line.schedule
    by_way = f"{who} (on call: {line.schedule})" if line.schedule and line.person else who
    step = f"{line.step}" + (f", round {line.round + 1}" if line.round else "")
    note: Part = "unless acknowledged" if line.unless_acknowledged else ""
    if line.why_not:
        note = Toned(f"not told: {line.why_not}", "warn")
    return [after, _clock(line.at, zone), step, by_way, line.channel or "-", line.recipient or "-", note]


def _clock(moment: int, zone: ZoneInfo | None, *, day: bool = False) -> str:
    wall = to_datetime(moment).astimezone(zone)
    return wall.strftime("%Y-%m-%d %H:%M %Z" if day else "%H:%M:%S" if wall.second else "%H:%M")
