"""Where a command writes: colours and a table for a person at a terminal, plain aligned text for everything else.

What is written may come from a hostile server: control characters never reach the terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, Literal, Protocol, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

Tone = Literal["", "good", "bad", "warn", "dim", "strong", "accent"]
_STYLES: Final[Mapping[Tone, str]] = {
    "": "",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "dim": "dim",
    "strong": "bold",
    "accent": "cyan",
}


@dataclass(frozen=True, slots=True)
class Toned:
    """A text and what it means to the reader; colour follows from that."""

    text: str
    tone: Tone = ""


Part = str | Toned


class Screen(Protocol):
    """The seam between what is said and how it looks."""

    @property
    def width(self) -> int: ...

    @property
    def block(self) -> str:
        """What a bar is drawn with."""
        ...

    def line(self, *parts: Part) -> None: ...

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Part]]) -> None: ...


def printable(text: str) -> str:
    """The text with everything that a terminal would obey, or that would reorder what is read, written out."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _text(part: Part) -> str:
    return printable(part.text if isinstance(part, Toned) else part)


class PlainScreen:
    """For pipes, files and people who set NO_COLOR: no colour, no box art, no cutting to a width."""

    width = 100
    block = "#"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, *parts: Part) -> None:
        print("".join(_text(part) for part in parts).rstrip(), file=self._stream)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Part]]) -> None:
        texts = [[name.upper() for name in header], *([_text(part) for part in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip_longest(*texts, fillvalue="")]
        for row in texts:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
            print("  ".join(cells).rstrip(), file=self._stream)


class RichScreen:
    """For a terminal."""

    block = "█"

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)

    @property
    def width(self) -> int:
        return self._console.width

    def line(self, *parts: Part) -> None:
        self._console.print(Text().join(_rich(part) for part in parts))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Part]]) -> None:
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        for name in header:
            table.add_column(name.upper(), overflow="fold")
        for row in rows:
            table.add_row(*(_rich(part) for part in row))
        self._console.print(table, soft_wrap=False)


def _rich(part: Part) -> Text:
    return Text(_text(part), style=_STYLES[part.tone] if isinstance(part, Toned) else "")


def print_json(value: object) -> None:
    """For machines: one document on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def open_screen(environ: Mapping[str, str], stream: TextIO | None = None) -> Screen:
    """What fits the stream: rich only on a terminal that can do it, and only when nobody asked for plain."""
    target = stream or sys.stdout
    plain = not target.isatty() or environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
    return PlainScreen(target) if plain else RichScreen(target)
