"""`saasobs grafana push | export`: the dashboards into a Grafana, or into a folder."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from saasobs.cli.command import Exit, UsageError
from saasobs.cli.screen import Screen, Tone, Toned, open_screen, print_json
from saasobs.grafana.push import Grafana, GrafanaError, NoGrafanaError, Pushed
from saasobs.grafana.shipped import NAMES, Dashboard, Own, dashboards, written
from saasobs.web.guard import is_loopback_name

TOKEN: Final = "SAASOBS_GRAFANA_TOKEN"  # noqa: S105 - the name of the variable
_UID: Final = re.compile(r"[A-Za-z0-9_-]{0,40}")


def grafana(options: Namespace) -> int:
    """No daemon need run."""
    own = Own(_uid(options.datasource, "--datasource"), _uid(options.loki, "--loki-uid"), options.sentry)
    if options.sentry:
        _checked(options.sentry, "--sentry-url")
    if options.action == "export":
        return _export(options, own)
    url = _checked(options.url, "--url")
    token = _token(options, url)
    _uid(options.folder or " ", "--folder")
    return _push(options, url, token, dashboards(_names(options.only), own))


def _push(options: Namespace, url: str, token: str, found: list[Dashboard]) -> int:
    screen = open_screen(os.environ)
    told: list[dict[str, object]] = []
    with Grafana(url, token, timeout=options.timeout, waiting=_waiting) as there:
        if not options.dry_run:
            there.folder(options.folder)
        for one, came in _pushed(there, found, options):
            told.append(_as_json(one, came))
            if not options.json:
                _say(screen, one, came, dry=options.dry_run)
    failed = sum("error" in one for one in told)
    if options.json:
        print_json({"url": url, "folder": options.folder, "dry_run": options.dry_run, "dashboards": told})
    elif failed:
        what = "could not be compared" if options.dry_run else "were not pushed"
        screen.line(f"{failed} of {len(told)} {what}; push again when that is mended.")
    return Exit.FAILED if failed else Exit.OK


def _pushed(
    there: Grafana, found: list[Dashboard], options: Namespace
) -> Iterator[tuple[Dashboard, Pushed | GrafanaError]]:
    gone: NoGrafanaError | None = None  # what went wrong for good need not be waited for again
    for one in found:
        if gone:
            yield one, gone
            continue
        try:
            yield one, (there.compare if options.dry_run else there.push)(one, options.folder)
        except GrafanaError as error:
            gone = error if isinstance(error, NoGrafanaError) else None
            yield one, error


def _waiting(why: str) -> None:
    print(f"saasobs: {why}", file=sys.stderr, flush=True)


def _as_json(dashboard: Dashboard, came: Pushed | GrafanaError) -> dict[str, object]:
    known = {"uid": dashboard["uid"], "title": dashboard["title"]}
    return {**known, **({"error": str(came)} if isinstance(came, GrafanaError) else asdict(came))}


def _say(screen: Screen, dashboard: Dashboard, came: Pushed | GrafanaError, *, dry: bool) -> None:
    if isinstance(came, GrafanaError):
        screen.line(Toned("failed     ", "bad"), f"{dashboard['title']}: {came}")
        return
    changed = came.outcome != "unchanged"
    outcome = f"would be {came.outcome}" if dry and changed else came.outcome
    note = f" ({came.overwritten} changed it there: that version stays in its history)" if came.overwritten else ""
    tone: Tone = "dim" if not changed else "warn" if came.overwritten else "good"
    screen.line(Toned(f"{outcome:<{17 if dry else 11}}", tone), f"{dashboard['title']}  {came.url}{note}")


def _export(options: Namespace, own: Own) -> int:
    if not options.out:
        raise UsageError("say into which folder: saasobs grafana export --out FOLDER")
    folder = Path(options.out)
    names = _names(options.only) or NAMES
    found = dict(zip(names, dashboards(names, own), strict=True))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, dashboard in found.items():
            (folder / f"{name}.json").write_text(written(dashboard), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error
    if options.json:
        print_json({"folder": str(folder), "files": [f"{name}.json" for name in found]})
    else:
        open_screen(os.environ).line(f"{folder}: {', '.join(f'{name}.json' for name in found)}.")
    return Exit.OK


def _names(words: str) -> list[str]:
    names = [name.strip() for name in words.split(",") if name.strip()]
    for name in names:
        if name not in NAMES:
            raise UsageError(f"--only: there is no dashboard {name!r}; there are {', '.join(NAMES)}")
    return names


def _token(options: Namespace, url: str) -> str:
    token: str = options.token or os.environ.get(TOKEN, "")
    if not token:
        raise UsageError(f"say whose: a service account's token in {TOKEN} (or --token, which others can see in ps)")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("the token has characters that no token of Grafana has: was it copied whole?")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback_name(host) and not options.allow_http:
        raise UsageError(
            f"over http:// the token would go to {host} unencrypted: give an https:// address,"
            " or say --allow-http where nobody else is on the way"
        )
    return token


def _uid(text: str, option: str) -> str:
    """:raises UsageError: Grafana gives no such uid."""
    if not _UID.fullmatch(text):
        raise UsageError(f"{option} is a uid, as in the address of its page: letters, digits, - and _, at most 40")
    return text


def _checked(url: str, option: str) -> str:
    """:raises UsageError: it is no address that one can speak to."""
    if not url:
        raise UsageError(f"say where Grafana is: {option} https://grafana.example.com")
    if not url.isprintable() or any(letter in url for letter in ' "\\<>$@'):
        raise UsageError(f"{option} has characters that no address has, or a user, for which there is no use")
    try:
        parts = urlsplit(url)
        httpx.URL(url)
        _ = parts.port
    except (ValueError, httpx.InvalidURL) as error:
        raise UsageError(f"{option}: {url!r} is no address ({error})") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or "?" in url or "#" in url:
        raise UsageError(f"{option} is an address such as https://grafana.example.com or …/grafana, without query")
    return url
