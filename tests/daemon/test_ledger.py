"""The ledger: batches, promptness, and patience with a broken store."""

import asyncio
from collections.abc import Iterator

import pytest

from saasobs.core.errors import NotFound, StorageError
from saasobs.core.incident import MonitorState
from saasobs.core.ports import Transaction
from saasobs.core.result import Check, Outcome, Result
from saasobs.daemon.ledger import Ledger
from support.daemon import wait_until
from support.stores import BreakableStore

NOW = 1_763_800_000_000_000


class Watcher:
    """Keeps what the ledger said of itself."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.mended = 0
        self.dropped = 0

    def storage_failed(self, error: StorageError) -> None:
        self.failures.append(error.kind)

    def storage_mended(self) -> None:
        self.mended += 1

    def results_dropped(self, count: int) -> None:
        self.dropped += count


@pytest.fixture
def store() -> Iterator[BreakableStore]:
    made = BreakableStore()
    yield made
    made.close()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def ledger(store: BreakableStore, watcher: Watcher) -> Iterator[Ledger]:
    made = Ledger(store, watcher)
    made.start()
    yield made
    store.broken = ""
    assert made.close(10)


def result(number: int, monitor: str = "api") -> Result:
    return Result(Check(monitor, NOW + number, NOW + number), Outcome.UP, 1000)


def stored(store: BreakableStore, monitor: str = "api") -> int:
    with store.read() as transaction:
        return len(transaction.results(monitor, 10_000))


def test_results_go_in_batches(store: BreakableStore, ledger: Ledger) -> None:
    """A thousand results take a handful of commits, not a thousand."""
    for number in range(1000):
        ledger.add(result(number))
    wait_until(lambda: stored(store) == 1000)
    assert store.commits <= 20


async def test_work_commits_at_once_with_what_waits(store: BreakableStore, ledger: Ledger) -> None:
    """A transition takes the results that wait along, in its own transaction."""
    ledger.add(result(1))
    seen = await ledger.run(lambda transaction: len(transaction.results("api")))
    assert seen == 1
    assert store.commits == 1


async def test_patient_work_survives_a_broken_store(store: BreakableStore, ledger: Ledger, watcher: Watcher) -> None:
    """While it is broken, results and transitions wait and impatient work is told so; mended, all is written."""
    store.broken = "full"
    ledger.add(result(1), MonitorState("api", ups=1))
    patient = asyncio.wrap_future(ledger.submit(lambda transaction: len(transaction.results("api")), patient=True))
    with pytest.raises(StorageError, match="full"):
        await ledger.run(lambda transaction: transaction.states())
    ledger.add(result(2), MonitorState("api", ups=2))
    assert not patient.done()
    store.broken = ""
    assert await asyncio.wait_for(patient, 10) >= 1
    assert await ledger.run(lambda transaction: len(transaction.results("api"))) == 2
    assert (await ledger.run(lambda transaction: transaction.states()))[0].ups == 2
    assert set(watcher.failures) == {"full"}
    assert watcher.mended == 1


async def test_work_that_fails_fails_alone(store: BreakableStore, ledger: Ledger) -> None:
    """An error inside one piece of work reaches its caller only; what was committed with it is written all the same."""

    def unknown(_: Transaction) -> None:
        raise NotFound("no such incident")

    ledger.add(result(1))
    outcomes = await asyncio.gather(
        ledger.run(unknown),
        ledger.run(lambda transaction: transaction.set_fact("a", "1"), patient=True),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], NotFound)
    assert outcomes[1] is None
    assert stored(store) == 1
    assert await ledger.run(lambda transaction: transaction.fact("a")) == "1"


async def test_a_result_that_cannot_be_written_is_dropped_alone(
    store: BreakableStore, ledger: Ledger, watcher: Watcher
) -> None:
    """One poisonous result neither stops the writer nor takes its neighbours along."""
    ledger.add(result(1))
    ledger.add(Result(Check("api", NOW, NOW + 7), Outcome.DOWN, observations={"bad": object()}))
    ledger.add(result(2))
    assert await ledger.run(lambda transaction: len(transaction.results("api"))) == 2
    assert watcher.dropped == 1


async def test_work_that_fails_tears_no_transition_apart(store: BreakableStore, ledger: Ledger) -> None:
    """Beside a failing piece of work, a transition's result, state and work still go in one transaction."""
    seen: list[tuple[int, int]] = []

    def unknown(_: Transaction) -> None:
        raise NotFound("no such incident")

    def opening(transaction: Transaction) -> None:
        seen.append((len(transaction.results("api")), len(transaction.states())))
        transaction.set_fact("opened", "1")

    store.broken = "locked"  # so that all of them wait together
    ledger.submit(unknown, patient=True)
    ledger.submit(opening, patient=True, result=result(1), state=MonitorState("api", downs=2))
    ledger.submit(unknown, patient=True)
    before = store.commits
    store.broken = ""
    await ledger.run(lambda transaction: transaction.fact("opened"))
    assert seen[-1] == (1, 1)
    assert store.commits - before <= 3


async def test_patient_work_outlives_its_caller(ledger: Ledger) -> None:
    """A request that is cancelled while its work waits has still changed what it set out to change."""
    task = asyncio.create_task(ledger.run(lambda transaction: transaction.set_fact("kept", "1"), patient=True))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ledger.run(lambda transaction: transaction.fact("kept")) == "1"


async def test_forgetting_comes_before_what_is_learnt_later(ledger: Ledger) -> None:
    """Removed and brought back while the store was broken: the newer state is the one that stays."""
    ledger.submit(lambda transaction: transaction.forget("api"), patient=True)
    ledger.add(result(1), MonitorState("api", downs=3))
    assert [state.downs for state in await ledger.run(lambda transaction: transaction.states())] == [3]


async def test_states_never_go_back(ledger: Ledger) -> None:
    """The newest state of a monitor wins, however work and results interleave."""
    ledger.submit(lambda _: None, patient=True, state=MonitorState("api", ups=1))
    ledger.add(result(1), MonitorState("api", ups=2))
    assert [state.ups for state in await ledger.run(lambda transaction: transaction.states())] == [2]


def test_closing_writes_what_waits(store: BreakableStore, watcher: Watcher) -> None:
    """A clean stop leaves nothing behind; with a broken store it gives up in time and says what it left."""
    first = Ledger(store, watcher)
    first.start()
    first.add(result(1))
    assert first.close(5)
    assert stored(store) == 1

    second = Ledger(store, watcher)
    second.start()
    store.broken = "locked"
    second.add(result(2))
    watcher.failures.clear()
    assert not second.close(0.5)
    assert second.waiting == 1
    assert len(watcher.failures) <= 6, "it does not spin"
