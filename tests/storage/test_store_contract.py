"""The contract of core.ports.Store and Transaction: monitors, results, heartbeats, transactions."""

from __future__ import annotations

import threading

import pytest

from saasobs.core.errors import StorageError
from saasobs.core.heartbeat import HeartbeatState, Ping, Signal
from saasobs.core.incident import MonitorState, Status
from saasobs.core.ports import Store
from saasobs.core.result import Check, Outcome, Result
from saasobs.core.values import MINUTE
from support.storing import NOW, RolledBack, incident, left_behind, notice, result

# Transactions --------------------------------------------------------------------------------------------------------


def test_an_exception_leaves_nothing_behind(store: Store) -> None:
    """All or nothing: what a failing block wrote is gone, and the next block works."""
    with pytest.raises(RolledBack), store.write() as transaction:  # noqa: PT012 - a transaction
        transaction.add_results([result(NOW)])
        transaction.save_incident(incident())
        raise RolledBack
    with store.read() as transaction:
        assert transaction.results("api") == []
        assert transaction.incidents() == []
    with store.write() as transaction:
        transaction.add_results([result(NOW)])
    with store.read() as transaction:
        assert transaction.results("api") == [result(NOW)]


def test_a_write_is_seen_by_its_own_transaction(store: Store) -> None:
    """What was written is there before the commit, for the writer."""
    with store.write() as transaction:
        transaction.save_state(MonitorState("api", ups=1))
        assert transaction.states() == [MonitorState("api", ups=1)]


def test_a_read_refuses_to_write(store: Store) -> None:
    """A read-only view is one; the store writes as before afterwards."""
    with pytest.raises(StorageError), store.read() as transaction:
        transaction.set_fact("key", "value")
    with store.write() as transaction:
        transaction.set_fact("key", "value")
    with store.read() as transaction:
        assert transaction.fact("key") == "value"


def test_a_failed_statement_fails_the_whole_transaction(store: Store) -> None:
    """Whoever swallows an error inside the block still gets one at its end, and nothing is committed."""
    with pytest.raises(StorageError, match="failed before"), store.write() as transaction:  # noqa: PT012 - a transaction
        transaction.set_fact("key", "value")
        with pytest.raises(ValueError, match="refuses a row"):
            transaction.set_fact("other", None)  # type: ignore[arg-type]
    with store.read() as transaction:
        assert transaction.fact("key") is None


def test_a_fact_that_can_never_be_kept_is_no_storage_error(store: Store) -> None:
    """A number that no database holds is the program's fault, so that the writer drops it instead of waiting."""
    with pytest.raises((ValueError, OverflowError)), store.write() as transaction:
        transaction.save_state(MonitorState("api", since=2**70))
    with store.write() as transaction:
        transaction.save_state(MonitorState("api"))


def test_a_closed_transaction_is_useless(store: Store) -> None:
    """A transaction that outlived its block cannot write outside of it."""
    with store.write() as transaction:
        kept = transaction
    with pytest.raises(StorageError):
        kept.set_fact("key", "value")


def test_any_thread_reads(store: Store) -> None:
    """Many threads read at once, each its own view."""
    with store.write() as transaction:
        transaction.add_results([result(NOW + number) for number in range(50)])
    seen: list[int] = []

    def read() -> None:
        for _ in range(5):
            with store.read() as transaction:
                seen.append(len(transaction.results("api")))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [50] * 40


def test_a_reader_never_waits_for_the_writer(file_store: Store) -> None:
    """While a write is under way, a reader sees what was committed before, and all along the same."""
    with file_store.write() as writing:
        writing.add_results([result(NOW)])
        with file_store.read() as reading:
            assert reading.results("api") == []
    with file_store.read() as reading:
        assert len(reading.results("api")) == 1
        with file_store.write() as writing:
            writing.add_results([result(NOW + 1)])
        assert len(reading.results("api")) == 1


def test_closing_twice_is_harmless(store: Store) -> None:
    """Going down need not keep count."""
    store.close()
    store.close()


# Monitors and results ------------------------------------------------------------------------------------------------


def test_a_result_is_kept_once(store: Store) -> None:
    """Writing it again, in the same batch or later, changes nothing: the first one stays."""
    first = result(NOW, duration=1)
    with store.write() as transaction:
        transaction.add_results([first, result(NOW, duration=2)])
    with store.write() as transaction:
        transaction.add_results([result(NOW, Outcome.DOWN)])
        transaction.add_results([])
        assert transaction.results("api") == [first]


def test_locations_and_monitors_are_apart(store: Store) -> None:
    """The same moment at another place, or of another monitor, is another result."""
    elsewhere = Result(Check("api", NOW, NOW, "sa-east-1"), Outcome.UP)
    other = result(NOW, monitor="web")
    with store.write() as transaction:
        transaction.add_results([result(NOW), elsewhere, other])
        assert transaction.results("api") == [result(NOW), elsewhere]
        assert transaction.results("web") == [other]
        assert transaction.results("nobody") == []


def test_results_come_newest_first(store: Store) -> None:
    """At most `limit`, none from before `since`."""
    wanted = [result(NOW + number * MINUTE) for number in range(10)]
    with store.write() as transaction:
        transaction.add_results(wanted[::2] + wanted[1::2])
        assert transaction.results("api") == wanted[::-1]
        assert transaction.results("api", 3) == wanted[:-4:-1]
        assert transaction.results("api", since=NOW + 8 * MINUTE) == wanted[:-3:-1]


def test_the_last_result_of_every_monitor(store: Store) -> None:
    """One for each monitor that ever had one."""
    with store.write() as transaction:
        assert transaction.last_results() == {}
        transaction.add_results([result(NOW + at, monitor=name) for name in ("a", "b") for at in (2, 1)])
        transaction.add_results([Result(Check("a", NOW, NOW + 2, "zz"), Outcome.DOWN)])
        assert transaction.last_results() == {"a": result(NOW + 2, monitor="a"), "b": result(NOW + 2, monitor="b")}


def test_a_monitor_number_of_a_lost_transaction_is_forgotten(store: Store) -> None:
    """A name first seen in a transaction that failed gets no results that belong to another."""
    with left_behind(store) as transaction:
        transaction.add_results([result(NOW, monitor="lost")])
    with store.write() as transaction:
        transaction.add_results([result(NOW, monitor="first")])
    with store.write() as transaction:
        transaction.add_results([result(NOW, monitor="lost")])
        assert transaction.results("first") == [result(NOW, monitor="first")]
        assert transaction.results("lost") == [result(NOW, monitor="lost")]


def test_the_newest_state_stays(store: Store) -> None:
    """One state for each monitor, overwritten whole."""
    with store.write() as transaction:
        transaction.save_state(MonitorState("api", Status.DOWN, downs=3, paused=True))
        transaction.save_state(MonitorState("api", ups=1))
        transaction.save_state(MonitorState("web"))
        assert transaction.states() == [MonitorState("api", ups=1), MonitorState("web")]


def test_forgetting_keeps_the_history(store: Store) -> None:
    """State, heartbeat and pings go; results, incidents and other monitors stay."""
    with store.write() as transaction:
        for name in ("api", "web"):
            transaction.save_state(MonitorState(name))
            transaction.save_heartbeat(HeartbeatState(name, NOW))
            transaction.add_ping(Ping(name, NOW, Signal.SUCCESS))
        transaction.add_results([result(NOW)])
        transaction.save_incident(incident())
        transaction.forget("api")
        assert transaction.states() == [MonitorState("web")]
        assert transaction.heartbeats() == [HeartbeatState("web", NOW)]
        assert transaction.pings("api") == []
        assert len(transaction.pings("web")) == 1
        assert transaction.results("api") == [result(NOW)]
        assert transaction.incident("i1") == incident()


# Heartbeats and facts ------------------------------------------------------------------------------------------------


def test_the_newest_hundred_pings_are_kept(store: Store) -> None:
    """Of each monitor; the newest come first."""
    pings = [Ping("job", NOW + number, Signal.SUCCESS, exit_code=number % 3) for number in range(103)]
    with store.write() as transaction:
        transaction.add_ping(Ping("other", NOW, Signal.LOG))
        for ping in pings:
            transaction.add_ping(ping)
        assert transaction.pings("job", 1000) == pings[:2:-1]
        assert transaction.pings("job") == pings[:82:-1]
        assert len(transaction.pings("other")) == 1


def test_facts_are_overwritten(store: Store) -> None:
    """A fact is what was last said; an unknown one is None."""
    with store.write() as transaction:
        assert transaction.fact("alive_at") is None
        transaction.set_fact("alive_at", "1")
        transaction.set_fact("alive_at", "2")
        assert transaction.fact("alive_at") == "2"


def test_a_restart_changes_nothing(file_store: Store, path: object) -> None:
    """Everything is there for the next process, and for one that does not even migrate."""
    from saasobs.storage import open_store

    with file_store.write() as transaction:
        transaction.add_results([result(NOW)])
        transaction.owe([notice()])
    file_store.close()
    again = open_store(f"sqlite:///{path}")
    with again.read() as transaction:
        assert transaction.results("api") == [result(NOW)]
        assert transaction.notices("i1") == [notice()]
    again.close()
