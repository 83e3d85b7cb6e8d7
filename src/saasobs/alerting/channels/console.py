"""Prints messages for whoever watches the terminal (or reads the service's log). Needs no configuration at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, TextIO

from saasobs.alerting import message
from saasobs.alerting.channels.faults import door
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.channels.threads import Bench
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Briefing, Receipt
from saasobs.options import ChannelOptions

_COLOURS: Final = {"🔴": "31", "🟡": "33", "🟢": "32", "⚪": "2"}
_SHOWN: Final = frozenset({"Late", "Since", "Lasted", "Target", "Page", "Acknowledge"})


class ConsoleOptions(ChannelOptions):
    """Prints on standard output, in colours when that is a terminal and `NO_COLOR` is not set."""

    timeout: Timeout = DEFAULT_TIMEOUT
    """A terminal that takes longer to print a message counts as blocked."""


class ConsoleChannel:
    """One stream. Writing happens in a thread: a reader that stops reading never stops the daemon."""

    def __init__(self, options: ConsoleOptions, stream: TextIO | None, *, colours: bool) -> None:
        self._options = options
        self._stream = stream
        self._colours = colours
        self._bench = Bench("console", 1)

    @property
    def recipients(self) -> Sequence[str]:
        return ("console",)

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - nothing can be edited here
        text = render(briefing, colours=self._colours)
        async with door("the console", self._options.timeout):
            await self._bench.run(lambda: _write(self._stream, text))
        return Receipt()

    async def close(self) -> None:
        """The stream is not ours."""


def render(briefing: Briefing, *, colours: bool = False) -> str:
    """The headline with its time, and below it, indented, what a person needs first."""
    first = f"{message.clock(briefing.now, briefing.now)}  {message.headline(briefing)}"
    if colours:
        first = f"\x1b[1;{_COLOURS[message.symbol(briefing)]}m{first}\x1b[0m"
    shown = [detail for detail in message.details(briefing) if detail.label in _SHOWN]
    lines = [f"           {f'{detail.label}:':<13}{detail.text}" for detail in shown]
    return "\n".join([first, *lines]) + "\n"


def wants_colours(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Colours on a terminal only, never with NO_COLOR (https://no-color.org) or on a dumb one."""
    if stream is None or stream.closed or environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _write(stream: TextIO | None, text: str) -> None:
    """Straight to the descriptor where there is one: a write that hangs must not hold the stream's own lock, which
    the interpreter takes at exit.
    """
    if stream is None or stream.closed:
        raise DeliveryError("standard output is closed", permanent=True)
    try:
        descriptor = stream.fileno()
    except OSError:  # an in-memory stream has none
        stream.write(text)
        stream.flush()
        return
    rest = text.encode(stream.encoding or "utf-8", "replace")
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BrokenPipeError as error:
        raise DeliveryError("whoever read standard output has gone", permanent=True) from error


def _build(options: ConsoleOptions, tools: Tools) -> ConsoleChannel:  # noqa: ARG001 - every kind is built alike
    return ConsoleChannel(options, sys.stdout, colours=wants_colours(sys.stdout, os.environ))


CONSOLE: Final = ChannelKind("console", ConsoleOptions, _build, "prints on standard output")
