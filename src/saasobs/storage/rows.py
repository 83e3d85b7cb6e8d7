"""Facts as rows and back, for every table whose columns are named like the fields of the fact it holds.

A value that this version does not know (the file was written by a newer one) is read as the nearest it does know, from
one table; reading never fails on it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from saasobs.core.groups import GroupKind
from saasobs.core.heartbeat import Signal
from saasobs.core.incident import Change, NoticeState, Status, Suppression, Topic
from saasobs.core.monitor import Severity
from saasobs.core.result import Outcome, Reason
from saasobs.storage.session import Columns

F = TypeVar("F")
E = TypeVar("E", bound=StrEnum)

NEAREST: Final[Mapping[type[StrEnum], StrEnum]] = {
    Change: Change.ESCALATED,  # something changed, and not for the better as far as we know
    GroupKind: GroupKind.FAILURES,
    NoticeState: NoticeState.FAILED,  # finished business: it must not be sent again
    Outcome: Outcome.UNKNOWN,
    Reason: Reason.INTERNAL,
    Severity: Severity.CRITICAL,
    Signal: Signal.LOG,  # says nothing about the job
    Status: Status.DOWN,
    Suppression: Suppression.ENDED,
    Topic: Topic.HEALTH,
}
"""What an unknown value of each enum is read as."""


def known(enum: type[E], value: str) -> E:
    """The member of this value, or the nearest one."""
    try:
        return enum(value)
    except ValueError:
        nearest = NEAREST[enum]
        assert isinstance(nearest, enum)  # noqa: S101 - for the type checker; a test holds the table
        return nearest


def to_row(fact: Any) -> dict[str, Any]:
    """A column for each field; enums by value."""
    return {name: _plain(getattr(fact, name)) for name in _field_names(cast("Hashable", type(fact)))}


def from_row(kind: type[F], row: Columns, **more: Any) -> F:
    """The fact that a row holds, with the fields that it does not hold; columns beyond its fields are left out."""
    columns = by_name(row)
    values = {name: columns[name] for name in _field_names(cast("Hashable", kind)) if name not in more}
    for name, enum in _enums(cast("Hashable", kind)).items():
        if values[name] is not None:
            values[name] = known(enum, values[name])
    return kind(**values, **more)


def by_name(row: Columns) -> Mapping[Any, Any]:
    """A row's values by the names of its columns."""
    return row._mapping  # noqa: SLF001 - a public name of SQLAlchemy's: the underscore keeps it apart from columns


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value


@cache
def _field_names(kind: Hashable) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cast("type[Any]", kind)))


@cache
def _enums(kind: Hashable) -> Mapping[str, type[StrEnum]]:
    """The fields that hold an enum, or an enum and None."""
    found = {name: _enum_in(hint) for name, hint in get_type_hints(cast("type[Any]", kind)).items()}
    return {name: enum for name, enum in found.items() if enum is not None}


def _enum_in(hint: Any) -> type[StrEnum] | None:
    choices = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((one for one in choices if isinstance(one, type) and issubclass(one, StrEnum)), None)
