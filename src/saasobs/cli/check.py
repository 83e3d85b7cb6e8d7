"""`saasobs check NAME_OR_URL`: one check now, in this process, told to nobody and written down nowhere.

A heartbeat is asked of the running daemon, since the pings went there.
"""

from __future__ import annotations

import difflib
import os
from argparse import Namespace
from collections.abc import Mapping

from saasobs.cli.client import PATIENT_TIMEOUT, Client
from saasobs.cli.command import Exit, UsageError
from saasobs.cli.drawing import draw_result
from saasobs.cli.expectations import expectations_of
from saasobs.cli.places import configuration_path
from saasobs.cli.reading import to_result
from saasobs.cli.screen import open_screen, print_json
from saasobs.core.errors import ConfigurationError
from saasobs.core.monitor import Monitor
from saasobs.core.result import Outcome, Result
from saasobs.daemon import check_once
from saasobs.settings import Settings, for_url, load
from saasobs.web.json import result_json

HEARTBEAT = "heartbeat"


def check(options: Namespace) -> int:
    """Exit code 0 when up, 1 for anything else."""
    monitor, settings = _find(options, os.environ)
    if monitor.kind == HEARTBEAT:
        with Client.of(options, os.environ) as client:
            result = to_result(client.post("monitors", monitor.name, "check", timeout=PATIENT_TIMEOUT))
    else:
        result = check_once(monitor, settings)
    _show(options, monitor, result)
    return Exit.OK if result.outcome is Outcome.UP else Exit.FAILED


def _show(options: Namespace, monitor: Monitor, result: Result) -> None:
    if options.json:
        print_json(result_json(result))
    else:
        draw_result(open_screen(os.environ), monitor, result, expectations_of(monitor))


def _find(options: Namespace, environ: Mapping[str, str]) -> tuple[Monitor, Settings | None]:
    """:raises UsageError: no such monitor, no such URL. :raises ConfigurationError:"""
    target = options.target
    if "://" in target:
        return _of_url(target), None
    try:
        path = configuration_path(options.config, environ)
    except UsageError as error:
        raise UsageError(f"{error}\n{_url_hint(target)}") from error
    settings = load(path, environ)
    if target in settings.monitors:
        return settings.monitors[target], settings
    close = difflib.get_close_matches(target, settings.monitors, n=1)
    hint = f"did you mean {close[0]!r}?" if close else _url_hint(target)
    raise UsageError(f"{path} has no monitor {target!r}: {hint}")


def _of_url(url: str) -> Monitor:
    try:
        return for_url(url)
    except ConfigurationError as error:
        raise UsageError("; ".join(fault.message for fault in error.faults)) from error


def _url_hint(target: str) -> str:
    return f"to check a URL, write it whole, as in https://{target if '.' in target else 'example.com'}"
