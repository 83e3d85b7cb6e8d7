"""`saasobs alerts` and `saasobs silence add|list|expire`: what others report, and what is not told of it."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from saasobs.alerting.received.matchers import parse
from saasobs.cli.client import Client
from saasobs.cli.command import Exit, UsageError
from saasobs.cli.maintenance import read_duration, read_local_moment
from saasobs.cli.people import who
from saasobs.cli.reading import clock_time, in_seconds, to_moment
from saasobs.cli.screen import Part, Screen, Tone, Toned, open_screen, print_json
from saasobs.core.alert import Matcher
from saasobs.core.errors import Refused

Json = Mapping[str, Any]

_TONES: Mapping[str, Tone] = {"active": "warn", "pending": "dim", "expired": "dim"}


def alerts(options: Namespace) -> int:
    """What fires now."""
    wanted = {"filter": [str(read_matcher(text)) for text in options.matcher]} if options.matcher else {}
    with Client.of(options, os.environ) as client:
        answer = client.get("alerts", **wanted)
    if options.json:
        print_json(answer)
    else:
        draw_alerts(open_screen(os.environ), answer["alerts"], time.time_ns() // 1000)
    return Exit.OK


def silence(options: Namespace) -> int:
    """One of the three."""
    return {"add": _add, "list": _list, "expire": _expire}[options.action](options)


def _add(options: Namespace) -> int:
    wanted = asked_for(options, datetime.now().astimezone())
    with Client.of(options, os.environ) as client:
        made = client.post("silences", by=who(options, os.environ), **wanted)
    if options.json:
        print_json(made)
        return Exit.OK
    screen = open_screen(os.environ)
    begun = "" if made["status"]["state"] == "active" else f" from {clock_time(made['startsAt'])}"
    screen.line(f"Alerts with {covered(made)} are not told{begun} until {clock_time(made['endsAt'])} UTC.")
    screen.line(f"`saasobs silence expire {made['id'][:8]}` ends it before.")
    return Exit.OK


def _list(options: Namespace) -> int:
    if options.matchers:
        raise UsageError("`list` shows every silence, and takes no matchers")
    with Client.of(options, os.environ) as client:
        answer = client.get("silences")
    if options.json:
        print_json(answer)
    else:
        draw_silences(open_screen(os.environ), answer["silences"], time.time_ns() // 1000)
    return Exit.OK


def _expire(options: Namespace) -> int:
    if len(options.matchers) != 1:
        raise UsageError("say which one: `saasobs silence list` shows their IDs")
    with Client.of(options, os.environ) as client:
        ended = client.post("silences", options.matchers[0], "expire", by=who(options, os.environ))
    if options.json:
        print_json(ended)
    else:
        open_screen(os.environ).line(f"Alerts with {covered(ended)} are told again: what still fires is told now.")
    return Exit.OK


def asked_for(options: Namespace, now: datetime) -> dict[str, Any]:
    """The request that the command line means. :raises UsageError: it says too little or too much."""
    if not options.matchers:
        raise UsageError("say which alerts: alertname=HighErrorRate service=~'api|web'")
    if options.lasting and options.until:
        raise UsageError("say how long once: --for 2h, or --until 23:00")
    start = read_local_moment(options.at, now) if options.at else now
    if options.until:
        end = read_local_moment(options.until, start)
    else:
        end = start + timedelta(seconds=read_duration(options.lasting or "1h"))
    matchers = [_as_json(read_matcher(text)) for text in options.matchers]
    times = {"startsAt": start.isoformat(), "endsAt": end.isoformat()}
    return {"matchers": matchers, "comment": options.reason, **times}


def read_matcher(text: str) -> Matcher:
    """``service=api``, or the alert's name alone. :raises UsageError: it is none."""
    try:
        return parse(text if any(sign in text for sign in "=!~") else f"alertname={text}")
    except Refused as error:
        raise UsageError(f"{error}: write name=value, name!=value, name=~expression or name!~expression") from error


def _as_json(matcher: Matcher) -> dict[str, Any]:
    return {
        "name": matcher.name, "value": matcher.value, "isRegex": matcher.is_regex, "isEqual": matcher.is_equal,
    }  # fmt: skip


def covered(made: Json) -> str:
    """``alertname="HighErrorRate", service=~"api|web"``."""
    said = (Matcher(one["name"], one["value"], one["isRegex"], one["isEqual"]) for one in made["matchers"])
    return ", ".join(map(str, said))


def draw_alerts(screen: Screen, found: Sequence[Json], now: int) -> None:
    """A row for each, or a sentence when there is none."""
    if not found:
        screen.line("No alert fires.")
        return
    header = ("since (utc)", "source", "alert", "labels", "heard", "incident")
    screen.table(header, [_alert_row(alert, now) for alert in found])


def _alert_row(alert: Json, now: int) -> list[Part]:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alert["labels"].items()) if name != "alertname")
    heard = f"{in_seconds(now - to_moment(alert['heard_at']))} ago"
    said = Toned(f"stale, {heard}", "warn") if alert["stale"] else Toned(heard, "dim")
    incident = alert["incident_id"] or "-"
    told = f"{incident}, silenced" if alert["silenced_by"] else incident
    return [clock_time(alert["starts_at"]), alert["source"], alert["name"], labels, said, told]


def draw_silences(screen: Screen, found: Sequence[Json], now: int) -> None:
    """A row for each, or a sentence when there is none."""
    if not found:
        screen.line("No silences: every alert that fires is told.")
        return
    header = ("id", "now", "from (utc)", "until (utc)", "alerts with", "by", "why")
    screen.table(header, [_silence_row(one, now) for one in found])


def _silence_row(one: Json, now: int) -> list[Part]:
    state = one["status"]["state"]
    left = f", {in_seconds(to_moment(one['endsAt']) - now)} left" if state == "active" else ""
    times = [clock_time(one["startsAt"]), clock_time(one["endsAt"])]
    shown = Toned(f"{state}{left}", _TONES[state])
    return [one["id"][:8], shown, *times, covered(one), one["createdBy"], one["comment"]]
