"""What each command takes on its line; `table` says which command that is."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path


def check(parser: ArgumentParser) -> None:
    parser.add_argument("target", metavar="NAME_OR_URL", help="a monitor's name, or any http:// or https:// URL")


def validate(parser: ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="files or folders; else the usual one")


def status(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="one monitor, in full")


def incidents(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", help="one incident, in full; the beginning of its ID will do")
    parser.add_argument("--open", action="store_true", help="only those that still go on")
    parser.add_argument("--limit", type=_count, default=20, metavar="N", help="how many, newest first (%(default)s)")


def slo(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="one monitor; else all")
    parser.add_argument("--days", type=_days, default=30, metavar="N", help="how far back (%(default)s)")


def _days(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 366):
        raise ArgumentTypeError(f"{text!r} is no number of days from 1 to 366")
    return int(text)


def answer(parser: ArgumentParser) -> None:
    parser.add_argument(
        "id", metavar="ID", help="the incident: the beginning of its ID will do; or a message about many"
    )
    parser.add_argument("--why", metavar="TEXT", default="", help="for its timeline")
    _by(parser)


def snooze(parser: ArgumentParser) -> None:
    parser.add_argument("--for", dest="lasting", metavar="TIME", help="how long, as in 30m (the default) or 2h")
    parser.add_argument(
        "--until", metavar="MOMENT", help="or until when: 2026-11-22T23:00-05:00, or 23:00 (local time)"
    )
    answer(parser)


def assign(parser: ArgumentParser) -> None:
    answer(parser)
    parser.add_argument("--to", metavar="WHO", required=True, help="one of the configured people, or any name")


def note(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the incident; the beginning of its ID will do")
    parser.add_argument("text", metavar="TEXT", nargs="+", help="what the timeline shall say")
    _by(parser)


def one_monitor(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the monitor")
    _by(parser)


def maintenance(parser: ArgumentParser) -> None:
    parser.add_argument("action", metavar="start|list|end", choices=("start", "list", "end"), help="what to do")
    parser.add_argument("id", metavar="ID", nargs="?", help="for `end`: the window; the beginning of its ID will do")
    parser.add_argument(
        "--monitor", metavar="NAME", action="append", default=[], help="what it covers; may be repeated"
    )
    parser.add_argument("--tag", metavar="TAG", action="append", default=[], help="every monitor with this tag")
    parser.add_argument("--all", action="store_true", help="every monitor")
    parser.add_argument("--for", dest="lasting", metavar="TIME", help="how long, as in 30m or 1h30m")
    parser.add_argument(
        "--until", metavar="MOMENT", help="or until when: 2026-11-22T23:00-05:00, or 23:00 (local time)"
    )
    parser.add_argument("--at", metavar="MOMENT", help="when it begins; else now")
    parser.add_argument("--reason", metavar="WHY", default="", help="what is done, for timelines")
    _by(parser)


def policy(parser: ArgumentParser) -> None:
    parser.add_argument("action", metavar="test", choices=("test",), help="what to do")
    parser.add_argument("--monitor", metavar="NAME", required=True, help="the monitor that fails")
    parser.add_argument("--severity", metavar="critical|warning", choices=("critical", "warning"), help="else its own")
    parser.add_argument("--at", metavar="MOMENT", help="when, as in '2026-12-24 03:00 America/Lima'; else now")
    parser.add_argument("--tenant", metavar="NAME", default="", help="the tenant that it concerns alone")
    parser.add_argument("--tag", metavar="TAG", action="append", default=[], help="one more tag; may be repeated")
    parser.add_argument("--label", metavar="NAME=VALUE", action="append", default=[], help="of an alert of others")


def explain(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the incident; the beginning of its ID will do")


def wrap(parser: ArgumentParser) -> None:
    from saasobs.cli.wrap import add_arguments  # noqa: PLC0415 - they are made from the instrumentation's settings

    add_arguments(parser)


def notify(parser: ArgumentParser) -> None:
    parser.add_argument("action", metavar="test|receipts", choices=("test", "receipts"), help="what to do")
    parser.add_argument("channel", metavar="CHANNEL", nargs="?", help="for `test`: the channel's name")
    parser.add_argument(
        "--to", metavar="PERSON", help="for `test`: one of the people, else the channel's own recipients"
    )


def rules(parser: ArgumentParser) -> None:
    parser.add_argument("--service", metavar="NAME", default="", help="one service; else every one, each by itself")
    parser.add_argument(
        "--critical", metavar="ROUTES", default="/checkout,/login,/pay", help="whose p95 calls people (%(default)s)"
    )
    parser.add_argument("--slo", metavar="PERCENT", type=float, default=99.9, help="requests that must not fail")
    parser.add_argument("--language", metavar="LANGUAGE", default="en", help="of summary and description: en, es, pt")
    parser.add_argument("--grafana", metavar="URL", default="http://localhost:3000", help="where the dashboards are")
    parser.add_argument("--runbooks", metavar="URL", default="", help="a folder with a page for each alert")
    parser.add_argument("--out", metavar="FOLDER", default="", help="write files there")


def grafana(parser: ArgumentParser) -> None:
    parser.add_argument("action", metavar="push|export", choices=("push", "export"), help="what to do")
    parser.add_argument("--url", metavar="URL", default="", help="for `push`: where Grafana is, with its path")
    parser.add_argument(
        "--token", metavar="TOKEN", default="", help="a service account's (Editor); better in SAASOBS_GRAFANA_TOKEN"
    )
    parser.add_argument("--only", metavar="NAMES", default="", help="some of them, as in overview,slo")
    parser.add_argument("--out", metavar="FOLDER", default="", help="for `export`: where to")
    parser.add_argument("--folder", metavar="UID", default="saasobs", help="of Grafana's folder (%(default)s)")
    parser.add_argument("--datasource", metavar="UID", default="", help="the Prometheus that is chosen at first")
    parser.add_argument("--loki-uid", dest="loki", metavar="UID", default="", help="where links to logs lead")
    parser.add_argument(
        "--sentry-url",
        dest="sentry",
        metavar="URL",
        default="",
        help="where links to errors lead, with its organisation",
    )
    parser.add_argument("--timeout", type=_seconds, default=20.0, metavar="S", help="for one answer (%(default)g)")
    parser.add_argument("--dry-run", action="store_true", help="compare, say what would be pushed, write nothing")
    parser.add_argument(
        "--allow-http",
        action="store_true",
        help="let the token go to another machine unencrypted",
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise ArgumentTypeError(f"{text!r} is no number of seconds up to 600")
    return value


def oncall(parser: ArgumentParser) -> None:
    parser.add_argument("schedule", metavar="SCHEDULE", nargs="?", help="one schedule; else all")
    parser.add_argument("--days", type=_days, default=28, metavar="N", help="how far ahead (%(default)s)")
    parser.add_argument("--override", metavar="PERSON", help="PERSON stands in, for --for or --until")
    parser.add_argument("--for", dest="lasting", metavar="TIME", help="how long, as in 4h or 2d")
    parser.add_argument(
        "--until", metavar="MOMENT", help="or until when: 2026-12-26T09:00-05:00, or 23:00 (local time)"
    )
    parser.add_argument("--at", metavar="MOMENT", help="from when; else now")
    parser.add_argument("--reason", metavar="WHY", default="", help="why, for everybody to see")
    parser.add_argument("--end", metavar="ID", help="end an override now; the beginning of its ID will do")
    _by(parser)


def alerts(parser: ArgumentParser) -> None:
    parser.add_argument("matcher", metavar="MATCHER", nargs="*", help="only those that fit, as in service=api")


def silence(parser: ArgumentParser) -> None:
    parser.add_argument("action", metavar="add|list|expire", choices=("add", "list", "expire"), help="what to do")
    parser.add_argument(
        "matchers", metavar="MATCHER|ID", nargs="*", help="for `add`: which alerts; for `expire`: which silence"
    )
    parser.add_argument("--for", dest="lasting", metavar="TIME", help="how long, as in 30m or 2h; else 1h")
    parser.add_argument(
        "--until", metavar="MOMENT", help="or until when: 2026-11-22T23:00-05:00, or 23:00 (local time)"
    )
    parser.add_argument("--at", metavar="MOMENT", help="when it begins; else now")
    parser.add_argument("--reason", metavar="WHY", default="", help="why, for timelines")
    _by(parser)


def _by(parser: ArgumentParser) -> None:
    parser.add_argument("--by", metavar="WHO", default="", help="who does it, for the timeline; else your user name")


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise ValueError(text)
    return number
