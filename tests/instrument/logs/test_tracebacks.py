"""A traceback as text: what Python would print, bounded and scrubbed."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from saasobs.instrument.logs.tracebacks import traceback_text


def raised(function: Callable[[], object]) -> BaseException:
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - any
        return error
    raise AssertionError


def plain_failure() -> None:
    raise ValueError("bad")


def caused() -> None:
    try:
        plain_failure()
    except ValueError as error:
        raise RuntimeError("worse") from error


def while_handling() -> None:
    try:
        plain_failure()
    except ValueError:
        raise RuntimeError("worse")  # noqa: B904 - on purpose


def hidden() -> None:
    try:
        plain_failure()
    except ValueError:
        raise RuntimeError("worse") from None


@pytest.mark.parametrize("failure", [plain_failure, caused, while_handling, hidden])
def test_it_is_what_python_prints(failure: Callable[[], object]) -> None:
    """Frames, source lines, causes and contexts are those of the standard library, without its carets."""
    error = raised(failure)
    theirs = [line for line in "".join(traceback.format_exception(error)).splitlines() if set(line) - set(" ^~")]
    assert [line for line in traceback_text(error).splitlines() if line] == [line for line in theirs if line]


def test_messages_are_scrubbed_and_code_is_not() -> None:
    """What an exception says may hold a secret; a line of source is only cleared of whole credentials."""

    def failure() -> None:
        connect("postgres://bob:hunter2@db/x")

    def connect(url: str) -> None:
        password = url  # stands in the source
        raise ValueError(f"{password=} for ana@acme.example")

    text = traceback_text(raised(failure))
    assert "ValueError: password='***' for ***@acme.example" in text
    assert 'connect("postgres://***@db/x")' in text
    assert "hunter2" not in text


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def endless() -> None:
    endless()


def test_hostile_exceptions() -> None:
    """One that cannot speak, one that recurses, one in a circle and one with a megabyte to say are all bounded."""
    assert traceback_text(Hostile()) == f"{__name__}.Hostile: <unprintable Hostile>"
    deep = traceback_text(raised(endless))
    assert "[Previous line repeated" in deep
    assert len(deep) < 4000
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert traceback_text(first).count("ValueError: ") == 2
    assert len(traceback_text(ValueError("x" * 1_000_000))) < 20_000


def test_groups_and_notes() -> None:
    """The members of a group stand below it, each with its own traceback, and notes follow the message."""
    member = raised(caused)
    group = BaseExceptionGroup("many", [member, *(KeyError(number) for number in range(20))])
    group.add_note("in shard 7")
    text = traceback_text(group)
    assert text.splitlines()[:2] == ["ExceptionGroup: many (21 sub-exceptions)", "in shard 7"]
    assert "  | RuntimeError: worse" in text
    assert "  | ValueError: bad" in text
    assert "and 11 more" in text
