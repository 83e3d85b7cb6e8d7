"""Facts and tables fit each other, and a value from a newer version is read as the nearest known one."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, update

from saasobs.core import groups, heartbeat, incident, monitor, result
from saasobs.core.heartbeat import HeartbeatState, Ping, Signal
from saasobs.core.incident import Attempt, Change, Event, Incident, MonitorState, Notice, NoticeState, Status
from saasobs.core.ports import Store, Transaction
from saasobs.core.result import Check, Failure, Outcome, Reason
from saasobs.core.values import DAY
from saasobs.storage import tables
from saasobs.storage.result_rows import OUTCOMES
from saasobs.storage.rows import NEAREST
from saasobs.storage.tables import attempts, events, heartbeats, incidents, notices, pings, states
from support import storing
from support.storing import NOW


@pytest.mark.parametrize(
    ("fact", "table", "beside"),
    [
        (MonitorState, states, set[str]()),
        (Incident, incidents, set[str]()),
        (Event, events, set[str]()),
        (Notice, notices, set[str]()),
        (Attempt, attempts, {"notice_ids"}),
        (HeartbeatState, heartbeats, set[str]()),
        (Ping, pings, set[str]()),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_field_has_its_column(fact: Any, table: Table, beside: set[str]) -> None:
    """A field that is added to a fact needs a column, and a revision."""
    columns = {column.name for column in table.columns} - ({"id"} if table is pings else set())
    assert {field.name for field in fields(fact)} - beside == columns


def test_outcomes_keep_their_numbers() -> None:
    """They are in every file: a new one is appended, and none is left out."""
    assert [outcome.value for outcome in OUTCOMES[:5]] == ["up", "degraded", "down", "missed", "unknown"]
    assert set(OUTCOMES) == set(Outcome)
    assert {outcome.value for outcome in Outcome} <= {column.name for column in tables.rollups.columns}


def test_every_enum_has_a_nearest_value() -> None:
    """Whatever enum a fact holds can be read from a newer version's file."""
    rooms = (groups, heartbeat, incident, monitor, result)
    enums = {
        thing
        for room in rooms
        for thing in vars(room).values()
        if isinstance(thing, type) and issubclass(thing, StrEnum) and thing is not StrEnum
    }
    assert enums == set(NEAREST)
    assert all(isinstance(nearest, enum) for enum, nearest in NEAREST.items())


def overwrite(transaction: Transaction, table: Table, **values: object) -> None:
    transaction._session.run(update(table).values(values))  # type: ignore[attr-defined]


def test_a_value_from_a_newer_version_is_read(store: Store) -> None:
    """No reader fails on it: it is told as the nearest that this version knows."""
    with store.write() as transaction:
        transaction.save_state(MonitorState("api", last_outcome=Outcome.UP))
        transaction.save_incident(storing.ended("i1", NOW))
        transaction.add_event(Event("i1", NOW, Change.OPENED, "text"))
        transaction.owe([storing.notice()])
        transaction.add_ping(Ping("api", NOW, Signal.START))
        failure = Failure("status", "200", "500", Reason.STATUS_MISMATCH)
        check = Check("api", NOW, NOW)
        transaction.add_results([result.Result(check, Outcome.DOWN, reason=Reason.TOO_SLOW, failures=(failure,))])
        overwrite(transaction, states, status="dazed", last_outcome="dazed", last_reason="sun")
        overwrite(transaction, incidents, severity="mild", status="dazed", reason="sun", ending="sold")
        overwrite(transaction, events, change="sold")
        overwrite(transaction, notices, change="sold", state="lost", suppression="whim", severity="mild")
        overwrite(transaction, pings, signal="wink")
        odd = '{"failures": [["status", "200", "500", "sun", false]]}'
        overwrite(transaction, tables.results, outcome=99, reason="sun", detail=odd)
    with store.read() as transaction:
        (state,) = transaction.states()
        assert (state.status, state.last_outcome, state.last_reason) == (Status.DOWN, Outcome.UNKNOWN, Reason.INTERNAL)
        assert transaction.incidents()[0].ending is Change.ESCALATED
        assert transaction.events("i1")[0].text == "text"
        assert transaction.notices("i1")[0].state is NoticeState.FAILED
        assert transaction.pings("api")[0].signal is Signal.LOG
        (found,) = transaction.results("api")
        assert (found.outcome, found.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
        assert found.failures[0].reason is Reason.INTERNAL
    with store.write() as transaction:
        transaction.roll_up(NOW + DAY)
        assert transaction.history("api", 0, 2**62)[0].counts == {Outcome.UNKNOWN: 1}


def test_the_file_says_what_it_is_made_of() -> None:
    """The room's migrations travel with the package."""
    folder = Path(tables.__file__).parent / "migrations"
    assert {"env.py", "script.py.mako"} <= {file.name for file in folder.iterdir()}
