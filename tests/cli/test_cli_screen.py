"""How text reaches a terminal, a pipe or a file."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.cli.screen import PlainScreen, RichScreen, Screen, Toned, open_screen, printable


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def write(screen: Screen) -> None:
    screen.line("plain ", Toned("[red]marked up[/red]", "bad"))
    screen.table(("name", "state"), [["a name", Toned("down", "bad")], ["b", "up"]])


def test_plain_text_is_aligned_and_bare() -> None:
    """A pipe gets text in columns: no colour, no box art, no spaces at the end of a line."""
    stream = io.StringIO()
    write(PlainScreen(stream))
    assert stream.getvalue() == "plain [red]marked up[/red]\nNAME    STATE\na name  down\nb       up\n"


def test_a_terminal_gets_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person at a terminal sees the same words in colour, with markup in data left alone."""
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    write(open_screen({"TERM": "xterm"}, stream))
    assert "\x1b[1;31m[red]marked up[/red]" in stream.getvalue()
    assert "NAME" in stream.getvalue()


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_people_who_want_plain_get_plain(environ: dict[str, str]) -> None:
    """NO_COLOR, or a terminal that can do nothing, means plain text."""
    assert isinstance(open_screen(environ, Terminal()), PlainScreen)


def test_an_empty_no_color_is_none() -> None:
    """By https://no-color.org an empty NO_COLOR does not count."""
    assert isinstance(open_screen({"NO_COLOR": ""}, Terminal()), RichScreen)


def test_a_pipe_is_plain() -> None:
    """What is not a terminal gets plain text."""
    assert isinstance(open_screen({}, io.StringIO()), PlainScreen)


@given(st.text())
def test_nothing_that_a_terminal_obeys_gets_through(text: str) -> None:
    """Every character of what is printed is printable, and printable text stays as it is."""
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()
