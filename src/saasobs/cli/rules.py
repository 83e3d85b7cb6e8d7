"""`saasobs rules`: a team's own set of Prometheus rules, on stdout or in a folder."""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from saasobs import __version__
from saasobs.cli.command import Exit, UsageError
from saasobs.cli.screen import open_screen, print_json
from saasobs.rules.document import alerts_of, pages, whole
from saasobs.rules.model import RuleSet
from saasobs.rules.texts import TEXTS

LOWEST_SLO: Final = 94.0
"""Percent. Below 93.06 a service that fails every request burns its budget less than 14.4 times too fast: nobody would
ever be called."""


def rules(options: Namespace) -> int:
    """No daemon need run."""
    wanted, language = rule_set(options), _language(options.language)
    head = f"# Made by saasobs {__version__}: {_command_line(wanted, language)}\n"
    if options.json:
        print_json({"alerts": [{"name": one.name, "severity": one.severity.value} for one in alerts_of(wanted)]})
        return Exit.OK
    if not options.out:
        print(whole(wanted, language=language, head=head), end="")
        return Exit.OK
    made = pages(wanted, language=language, head=head)
    folder = Path(options.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in made.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error
    open_screen(os.environ).line(f"{folder}: {', '.join(made)}. Look at them: promtool check rules {folder}/*.yml")
    return Exit.OK


def rule_set(options: Namespace) -> RuleSet:
    """What the command line asks for. :raises UsageError: it makes no sense."""
    if not (LOWEST_SLO <= options.slo < 100 and RuleSet(slo=options.slo).budget):
        raise UsageError(
            "--slo is a percentage of requests that must not fail, such as 99.9:"
            f" at least {LOWEST_SLO:g} (below, the fastest alert could never fire), below 100"
        )
    routes = tuple(route.strip() for route in options.critical.split(",") if route.strip())
    for route in routes:
        if not route.startswith("/"):
            raise UsageError(f"--critical {route}: a route begins with / and is a template, such as /orders/{{id}}")
    for text in (options.service, *routes, options.grafana, options.runbooks):
        if not text.isprintable() or '"' in text or "\\" in text:
            raise UsageError(f"{text!r} cannot stand in a rule: no quotes, backslashes or control characters")
    _address(options.grafana, "--grafana")
    if options.runbooks:
        _address(options.runbooks, "--runbooks")
    return RuleSet(options.service, routes, options.slo, options.grafana, options.runbooks or RuleSet().runbooks)


def _address(url: str, option: str) -> None:
    """:raises UsageError: what the rules add to it would lead nowhere, or Prometheus would take it for a template."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(letter in url for letter in " {}<>?#"):
        raise UsageError(f"{option} is an address such as https://grafana.example.com, without query or {{templates}}")


def _command_line(wanted: RuleSet, language: str) -> str:
    """What makes the same set again."""
    usual = RuleSet()
    said = {
        "--service": (wanted.service, usual.service),
        "--critical": (",".join(wanted.critical), ",".join(usual.critical)),
        "--slo": (str(wanted.slo), str(usual.slo)),
        "--language": (language, "en"),
        "--grafana": (wanted.grafana, usual.grafana),
        "--runbooks": (wanted.runbooks, usual.runbooks),
    }
    chosen = [word for name, (value, default) in said.items() if value != default for word in (name, value)]
    return shlex.join(["saasobs", "rules", *chosen])


def _language(text: str) -> str:
    """`pt` of pt, pt-BR and pt_BR. :raises UsageError: there are no words in it."""
    language = text.lower().replace("_", "-").partition("-")[0]
    if language not in TEXTS:
        raise UsageError(f"--language is one of {', '.join(TEXTS)}")
    return language
