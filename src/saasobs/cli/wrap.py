"""`saasobs wrap -- COMMAND`: settings as options, and the command in this process's place. Needs no extra."""

from __future__ import annotations

import os
import sys
from argparse import REMAINDER, ArgumentParser, Namespace

from saasobs.cli.command import UsageError
from saasobs.instrument.config import SETTINGS, Setting
from saasobs.instrument.wrap import launch

_PREFIX = "setting_"
_SECRET = frozenset({"sentry_dsn", "otlp_headers"})


def add_arguments(parser: ArgumentParser) -> None:
    """One option for each setting that has a variable of ours."""
    parser.usage = "saasobs wrap [SETTING ...] -- COMMAND [ARGUMENT ...]"
    about = "each stands for its variable (--service for SAASOBS_SERVICE), and wins over it"
    group = parser.add_argument_group("settings", about)
    for setting in SETTINGS:
        if _variable(setting):
            option = f"--{setting.field.replace('_', '-')}"
            words = setting.help.replace("`", "").replace("%", "%%")
            group.add_argument(option, dest=_PREFIX + setting.field, metavar="VALUE", help=words)
    parser.add_argument("words", metavar="-- COMMAND", nargs=REMAINDER, help="what to run, with its own options")


def wrap(options: Namespace) -> int:
    """Becomes the command; returns only when it cannot. :raises UsageError: nothing to run, a wrong setting."""
    command = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not command:
        raise UsageError("nothing to run; say what after two dashes: `saasobs wrap -- gunicorn shop.wsgi`")
    environ = launch.environment_for(os.environ, _given(options), os.getpid())
    if problem := launch.obstacle(command, environ):
        _tell(problem)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        launch.become(command, environ)
    except launch.CannotRun as error:
        _tell(str(error))
        return error.code


def _given(options: Namespace) -> dict[str, str]:
    """The variables of the options that were given. :raises UsageError: a value is not understood."""
    found: dict[str, str] = {}
    for setting in SETTINGS:
        value = getattr(options, _PREFIX + setting.field, None)
        if value is None:
            continue
        try:
            setting.read(value)
        except ValueError as error:
            shown = "it" if setting.field in _SECRET else f"{value!r}"
            raise UsageError(f"--{setting.field.replace('_', '-')}: {shown} {error}") from error
        found[_variable(setting)] = value
    return found


def _variable(setting: Setting) -> str:
    return next((name for name in setting.variables if name.startswith("SAASOBS_") and not name.endswith("*")), "")


def _tell(problem: str) -> None:
    print(f"saasobs wrap: {problem}", file=sys.stderr)
