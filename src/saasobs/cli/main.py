"""The way in: arguments to a command, and the one door where errors become a sentence and an exit code.

A command either returns its exit code or raises; only this file decides what a person sees of an error.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from saasobs import __version__
from saasobs.cli.command import Command, Exit, UsageError
from saasobs.cli.table import COMMANDS, EPILOG
from saasobs.core.errors import ConfigurationError, NotFound, SaasobsError, Unavailable

ERRORS: Final[tuple[tuple[type[SaasobsError], Exit], ...]] = (
    (UsageError, Exit.USAGE),
    (ConfigurationError, Exit.USAGE),
    (NotFound, Exit.USAGE),
    (Unavailable, Exit.NO_DAEMON),
    (SaasobsError, Exit.FAILED),
)
"""The first that fits. Every error of core.errors is one of these."""

Run = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str]) -> int:
    """Run one command. Wrong usage ends in SystemExit(2), as argparse does; everything else returns."""
    for stream in (sys.stdout, sys.stderr):
        if callable(reconfigure := getattr(stream, "reconfigure", None)):
            reconfigure(errors="backslashreplace")  # a name must not fail to print where the locale is not UTF-8
    try:
        options = parser().parse_args(arguments)
        code = _load(options.run)(options)
        sys.stdout.flush()
    except SaasobsError as error:
        return _explain(error)
    except ModuleNotFoundError as error:
        return _explain(_missing_extra(error))
    except BrokenPipeError:
        _leave_pipe()
        return Exit.BROKEN_PIPE
    return code


def _explain(error: SaasobsError) -> int:
    print(str(error) if isinstance(error, ConfigurationError) else f"saasobs: {error}", file=sys.stderr)
    return next(code for kind, code in ERRORS if isinstance(error, kind))


def _missing_extra(error: ModuleNotFoundError) -> UsageError:
    """A plain install has none of the daemon's dependencies. A missing room of our own is a bug, and raised."""
    if (error.name or "saasobs").partition(".")[0] == "saasobs":
        raise error
    return UsageError(f"this command needs the daemon: pip install 'saasobs[daemon]' ({error.name} is not installed)")


def _leave_pipe() -> None:
    """The reader went away (`| head`): the interpreter's own last flush must not complain of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _load(name: str) -> Run:
    module, function = name.split(":")
    run: Run = getattr(importlib.import_module(module), function)
    return run


# The parser ----------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """Built from the table; loads no command."""
    root = argparse.ArgumentParser(
        prog="saasobs",
        description="Uptime checks, incidents and alerts for a small SaaS.",
        epilog=EPILOG,
        formatter_class=_Teaching,
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"saasobs {__version__}")
    for option in _COMMON:
        _add_common(root, option, default=_COMMON[option][0])
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for command in COMMANDS:
        _add_command(commands, command)
    return root


def _add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser], command: Command) -> None:
    words = f"{command.help[0].upper()}{command.help[1:]}. {command.description}".strip()
    added = commands.add_parser(
        command.name,
        help=command.help,
        description=words,
        epilog="Examples:\n" + "\n".join(f"  {example}" for example in command.examples),
        formatter_class=_Teaching,
        allow_abbrev=False,
    )
    if command.arguments:
        command.arguments(added)
    for option in command.options:
        _add_common(added, option, default=argparse.SUPPRESS)  # what stands before the command stays
    added.set_defaults(run=command.run)


_COMMON: Final[dict[str, tuple[object, str]]] = {
    "config": (None, "the configuration: a YAML file or a folder of them"),
    "json": (False, "print JSON, for machines"),
    "socket": (None, "the daemon's socket; else saasobs.sock in the configuration's state_dir"),
}


def _add_common(target: argparse.ArgumentParser, option: str, default: object) -> None:
    words = _COMMON[option][1] if default is argparse.SUPPRESS else argparse.SUPPRESS
    if option == "json":
        target.add_argument("--json", action="store_true", default=default, help=words)
    else:
        target.add_argument(f"--{option}", type=Path, metavar="PATH", default=default, help=words)


class _Teaching(argparse.RawDescriptionHelpFormatter):
    """Wraps the description, keeps what has lines of its own as it is written; room for the longest command."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=18)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)  # noqa: SLF001 - argparse's own extension point
