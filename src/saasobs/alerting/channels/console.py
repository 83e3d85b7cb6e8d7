"""Prints messages for whoever watches the terminal (or reads the service's log). Needs no configuration at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, TextIO

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import door
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.channels.threads import Bench
from saasobs.alerting.details import Fact
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Receipt
from saasobs.options import ChannelOptions

_COLOURS: Final = {"🔴": "31", "🟡": "33", "🟢": "32", "⚪": "2", "🔔": "36"}
_SHOWN: Final = frozenset(
    {
        Fact.LATE, Fact.SINCE, Fact.LASTED, Fact.PHASES, Fact.TARGET, Fact.AFFECTED, Fact.REASONS, Fact.GROUP,
        Fact.PAGE, Fact.ACKNOWLEDGED, Fact.ACKNOWLEDGE,
    }
)  # fmt: skip
_LABELS: Final = 13
"""Columns; more where a label is longer."""
_ROWS: Final = 10
"""Incidents that a group's message lists."""


class ConsoleOptions(ChannelOptions):
    """Prints on standard output, in colours when that is a terminal and `NO_COLOR` is not set."""

    timeout: Timeout = DEFAULT_TIMEOUT
    """A terminal that takes longer to print a message counts as blocked."""
    quiet_hours: bool = False
    """Whether warnings wait here in quiet hours. Nobody is woken by it."""


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
        return await self._print(render(briefing, colours=self._colours))

    @property
    def edits(self) -> bool:
        """Nothing is, but a line more costs nobody anything; it says which group it belongs to."""
        return True

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - nor here
        return await self._print(render_group(group, colours=self._colours))

    async def _print(self, text: str) -> Receipt:
        async with door("the console", self._options.timeout):
            await self._bench.run(lambda: _write(self._stream, text))
        return Receipt()

    async def close(self) -> None:
        """The stream is not ours."""


def render(briefing: Briefing, *, colours: bool = False) -> str:
    """The headline with its time, and below it, indented, what a person needs first."""
    headline = _first(message.time(briefing), message.symbol(briefing), message.headline(briefing), colours=colours)
    return "\n".join([headline, *_below(message.details(briefing))]) + "\n"


def render_group(group: GroupBriefing, *, colours: bool = False) -> str:
    """The same for many incidents, with a line for each of the first of them."""
    headline = _first(message.time(group), group_message.symbol(group), group_message.headline(group), colours=colours)
    rows = [f"           {row.symbol} {row.incident_id}  {row.text}" for row in group_message.rows(group, _ROWS)]
    left = group_message.left_out(group, _ROWS)
    below = [*_below(group_message.details(group)), *rows, *([f"           {left}"] if left else [])]
    return "\n".join([headline, *below]) + "\n"


def _first(time: str, symbol: str, headline: str, *, colours: bool) -> str:
    text = f"{time}  {headline}"
    return f"\x1b[1;{_COLOURS[symbol]}m{text}\x1b[0m" if colours else text


def _below(details: Sequence[message.Detail]) -> list[str]:
    shown = [detail for detail in details if detail.fact in _SHOWN]
    width = max([_LABELS, *(len(detail.label) + 2 for detail in shown)])
    return [f"           {f'{detail.label}:':<{width}}{detail.text}" for detail in shown]


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
