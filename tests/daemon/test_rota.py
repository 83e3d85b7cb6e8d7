"""Who is on call, as the daemon keeps it: overrides are written down, found again and ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest

from saasobs.alerting.oncall import Layer, Schedule
from saasobs.core.errors import NotFound, Refused
from saasobs.core.oncall import Override
from saasobs.core.people import Person
from saasobs.core.ports import Store
from saasobs.core.values import DAY, HOUR
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.rota import KEPT, Rota
from saasobs.storage import open_store
from support.owing import HandClock
from support.quiet import AtOnce

FIRST = datetime.fromisoformat("2025-01-06 09:00")
PEOPLE = {name: Person(name) for name in ("ana", "bruno", "carla")}
PLANNED = Override("primary.1", "primary", "bruno", 0, 1)
PRIMARY = Schedule("primary", "America/Lima", (Layer(("ana",), FIRST),), (PLANNED,))


@pytest.fixture
def store() -> Iterator[Store]:
    made = open_store("sqlite://")
    made.open()
    yield made
    made.close()


def a_rota(store: Store, clock: HandClock, changed: list[int] | None = None) -> Rota:
    """As a daemon has it that has just started."""
    told = changed if changed is not None else []
    rota = Rota(clock, cast("Ledger", AtOnce(store)), lambda: told.append(1))
    with store.write() as transaction:
        rota.load(transaction)
    rota.configure({"primary": PRIMARY}, PEOPLE, secret=b"s", base_url="http://127.0.0.1:9110")
    return rota


def stand_in(clock: HandClock, **said: Any) -> Override:
    return replace(Override("", "primary", "carla", 0, clock.now() + 4 * HOUR, "ana", "dentist"), **said)


async def test_an_override_counts_at_once_and_outlives_the_daemon(store: Store) -> None:
    """From the moment that it is entered until its end, or until somebody ends it, whoever runs the daemon by then."""
    clock, changed = HandClock(), list[int]()
    rota = a_rota(store, clock, changed)
    assert rota.on_call("primary", clock.now()) == ("ana",)
    entered = await rota.override(stand_in(clock))
    assert rota.on_call("primary", clock.now()) == ("carla",)
    assert len(changed) == 2
    rota = a_rota(store, clock)
    assert rota.on_call("primary", clock.now()) == ("carla",)
    assert rota.on_call("primary", entered.ends_at) == ("ana",)
    clock.at += HOUR
    assert (await rota.end_override(entered.id[:4], "ana")).ends_at == clock.now()
    assert rota.on_call("primary", clock.now()) == ("ana",)
    assert a_rota(store, clock).on_call("primary", clock.now()) == ("ana",)


async def test_what_cannot_be_is_refused(store: Store) -> None:
    """No such schedule, person or time; the configuration's own are changed there."""
    clock = HandClock()
    rota = a_rota(store, clock)
    for missing in ({"schedule": "secondary"}, {"person": "zoe"}):
        with pytest.raises(NotFound, match="there are: "):
            await rota.override(stand_in(clock, **missing))
    for times in (
        {"ends_at": clock.now()},
        {"starts_at": clock.now() + 5 * HOUR},
        {"ends_at": clock.now() + 400 * DAY},
    ):
        with pytest.raises(Refused):
            await rota.override(stand_in(clock, **times))
    with pytest.raises(Refused, match="configuration"):
        await rota.end_override("primary.1", "ana")
    with pytest.raises(NotFound):
        await rota.end_override("", "ana")


async def test_somebody_who_left_is_not_on_call(store: Store) -> None:
    """A person who is no longer configured is skipped, as is a schedule that is gone; old overrides are forgotten."""
    clock = HandClock()
    rota = a_rota(store, clock)
    await rota.override(stand_in(clock))
    rota.configure({"primary": PRIMARY}, {"ana": PEOPLE["ana"]}, secret=b"s", base_url="")
    assert rota.on_call("primary", clock.now()) == ("ana",)
    assert rota.on_call("gone", clock.now()) == ()
    clock.at += KEPT + DAY
    a_rota(store, clock)
    with store.read() as transaction:
        assert transaction.overrides() == []


async def test_each_schedule_has_a_feed_of_its_own(store: Store) -> None:
    """Its address stays the same over restarts, differs between schedules and instances, and cannot be guessed."""
    clock = HandClock()
    rota = a_rota(store, clock)
    [view] = rota.views(28)
    token = view.calendar_url.rpartition("/")[2].removesuffix(".ics")
    assert len(token) == 32
    found = a_rota(store, clock).feed(token)
    assert found is not None
    assert found.shifts[0].start < clock.now() < found.shifts[-1].end
    assert rota.feed(token[:-1] + "g") is None
    rota.configure({"other": replace(PRIMARY, name="other")}, PEOPLE, secret=b"s", base_url="")
    assert rota.feed(token) is None
