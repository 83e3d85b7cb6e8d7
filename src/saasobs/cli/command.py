"""What a command is: its words, its arguments, where it is written, and what its exit code says."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from saasobs.core.errors import SaasobsError


class Exit(IntEnum):
    """What a script learns from a command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_DAEMON = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    """128 + SIGPIPE, as a shell reports of any program whose reader went away."""


class UsageError(SaasobsError):
    """The command was not given what it needs; its text says what to give."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `run` names its function as ``module:function``, so that `--help` loads none of them."""

    name: str
    help: str
    """One line, for the list of commands."""
    run: str
    examples: tuple[str, ...]
    """Each is ``command line  # what it is for``."""
    description: str = ""
    arguments: Callable[[ArgumentParser], None] | None = None
    options: tuple[str, ...] = ("config", "json", "socket")
    """Which of the common options it takes."""
