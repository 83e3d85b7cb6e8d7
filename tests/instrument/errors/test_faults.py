"""What is one fault, and which faults are of one kind."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import pytest

from saasobs.instrument.errors.fault import Told, fingerprint, place, tell, told_of

TOLD = Told("abc", 100.0, "e1", logged=False)


def caught(message: str = "x", kind: type[Exception] = ValueError) -> Exception:
    try:
        raise kind(message)  # noqa: TRY301 - with a traceback
    except Exception as error:  # noqa: BLE001 - any
        return error


def test_the_same_object_in_the_same_operation_is_one_fault() -> None:
    """However many layers see it, and an eager task's operation shares the correlation ID."""
    error = caught()
    assert told_of(error, "abc", 100.0) is None
    tell(error, TOLD)
    assert told_of(error, "abc", 5000.0) == TOLD


def test_the_same_object_in_another_operation_is_a_new_fault() -> None:
    """An app may keep one exception object and raise it for every request."""
    error = caught()
    tell(error, TOLD)
    assert told_of(error, "other", 101.0) is None


def test_outside_of_operations_the_moment_decides() -> None:
    """A pool's thread that logs without context is believed for ten seconds."""
    error = caught()
    tell(error, TOLD._replace(correlation_id=""))
    assert told_of(error, "abc", 105.0) is not None
    assert told_of(error, "abc", 111.0) is None
    tell(error, TOLD)
    assert told_of(error, "", 105.0) is not None


def test_raised_from_a_reported_one_is_the_same_fault() -> None:
    """`raise New() from reported` is; a new error while a reported one was handled is a fault of its own."""
    first = caught()
    tell(first, TOLD)
    translated, clumsy = caught("translated"), caught("clumsy")
    translated.__cause__ = first
    clumsy.__context__ = first
    assert told_of(translated, "abc", 100.0) is not None
    assert told_of(clumsy, "abc", 100.0) is None


def test_what_a_report_holds_is_reported_with_it() -> None:
    """Causes, contexts and the members of a group are marked; a group is reported when all its members are."""
    cause, one, two = caught("cause"), caught("one"), caught("two")
    group = ExceptionGroup("many", [one, two])
    one.__cause__ = cause
    tell(group, TOLD)
    assert all(told_of(each, "abc", 100.0) for each in (cause, one, two, group))
    three, four = caught("three"), caught("four")
    tell(three, TOLD)
    assert told_of(ExceptionGroup("half", [three, four]), "abc", 100.0) is None
    tell(four, TOLD)
    assert told_of(ExceptionGroup("whole", [three, four]), "abc", 100.0) is not None


@dataclass(frozen=True)
class Frozen(Exception):
    code: int


class Slotted(Exception):
    __slots__ = ("code",)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


@pytest.mark.parametrize("error", [Frozen(1), Slotted("x")])
def test_types_that_refuse_attributes(error: Exception) -> None:
    """They are marked all the same."""
    tell(error, TOLD)
    assert told_of(error, "abc", 100.0) == TOLD


def test_the_mark_goes_with_a_pickled_exception() -> None:
    """A task's error that a result backend brings back is known on the other side."""
    error = caught()
    tell(error, TOLD)
    assert told_of(pickle.loads(pickle.dumps(error)), "abc", 100.0) == TOLD


def test_a_circle_of_causes_ends() -> None:
    """Exceptions that cause each other are looked at once."""
    one, two = caught("one"), caught("two")
    one.__cause__, two.__cause__ = two, one
    assert told_of(one, "abc", 1.0) is None
    tell(one, TOLD)
    assert len(fingerprint(one)) == 16


def by_value(value: int) -> None:
    if value % 2:
        raise ValueError(f"order {value} of customer {value * 7}")
    raise ValueError(f"order {value} is even")


def other_way(value: int) -> None:
    by_value(value)


def failing(function: object, value: int) -> Exception:
    try:
        function(value)  # type: ignore[operator]
    except ValueError as error:
        return error
    raise AssertionError


def test_a_fingerprint_leaves_values_and_lines_out() -> None:
    """The same kind from the same functions is one, whatever it says and on whatever line; another way is another."""
    prints = {fingerprint(failing(by_value, value)) for value in range(6)}
    assert len(prints) == 1
    assert fingerprint(failing(other_way, 1)) not in prints
    assert fingerprint(caught(kind=KeyError)) != fingerprint(caught())


def test_the_place_is_the_apps_own_frame() -> None:
    """Where it happened in the app, not in the library that it called."""

    def parse(_value: int) -> None:
        import json

        json.loads("{")

    shown = place(failing(parse, 1))
    assert "test_faults.py:" in shown
    assert place(ValueError("never raised")) == ""
