"""The guard over our own network: silence of the anchors makes results unknown, an answer lets them through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from time import time_ns

import pytest

from saasobs.alerting.network import Anchors, default_quorum
from saasobs.core.incident import Change
from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Outcome, Reason, Result
from saasobs.core.values import MINUTE, SECOND
from saasobs.daemon import network
from saasobs.daemon.board import Board
from saasobs.daemon.network import NetworkGuard
from support.probing import SteppedClock

API = Monitor("api", "http", None, "https://api.example")
LAN = Monitor("printer", "tcp", None, "10.0.0.9:9100", network_guard=False)
ANCHORS = Anchors((), ("one", "two"), 2, MINUTE, "default")


def result(reason: Reason | None = Reason.CONNECT_TIMEOUT, monitor: str = "api", now: int = 0) -> Result:
    now = now or time_ns() // 1000
    outcome = Outcome.UP if reason is None else Outcome.DOWN
    return Result(Check(monitor, now, now), outcome, 0, reason, "" if reason is None else "no answer")


@dataclass
class Told:
    """The daemon's incident about the network."""

    own_network: str = ""
    said: list[str] = field(default_factory=list)
    since: int = 0
    ending: Change | None = None

    def blind(self, sentence: str, since: int, policy: str) -> str:
        self.own_network = "i1"
        self.said.append(sentence)
        self.since = since
        return self.own_network

    def sighted(self, sentence: str, ending: Change = Change.RECOVERED) -> None:
        if self.own_network:
            self.said.append(sentence)
            self.ending = ending
        self.own_network = ""


class House:
    """A guard whose two anchors answer as the test says."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.rounds = 0
        self.go = asyncio.Event()
        """While it is not set, no anchor answers, be it yes or no."""
        self.go.set()
        self.clock = SteppedClock()
        self.delivered: list[Result] = []
        self.broken = ""
        """The monitor whose results cannot be judged."""
        self.away: list[tuple[int, int]] = []
        self.told = Told()
        board = Board()
        for name in ("one", "two", "api"):
            board.monitors[name] = Monitor(name, "http", None, name)
        self.guard = NetworkGuard(self.clock, board, self._deliver, self.ask, self._away, self.told)

    def _deliver(self, monitor: Monitor, seen: Result) -> None:
        if monitor.name == self.broken:
            raise RuntimeError("a mistake in the judging")
        self.delivered.append(seen)

    def _away(self, start: int, end: int) -> None:
        self.away.append((start, end))

    async def ask(self, monitor: Monitor) -> Result:
        self.rounds += monitor.name == "one"
        await self.go.wait()
        return result(Reason.CONNECT_TIMEOUT if monitor.name in self.silent else None, monitor.name)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(network, "BLIND_EVERY", 0.02 * SECOND)  # rounds follow each other at a test's pace
    monkeypatch.setattr(network, "CLOSEST", 0.01)
    made = House()
    made.guard.configure(ANCHORS)
    await made.until(lambda: made.rounds)
    yield made
    made.guard.close()


async def test_a_failure_goes_on_when_the_anchors_answer(house: House) -> None:
    """It waits for one round, which is made at once, and is delivered as it was."""
    seen = result()
    house.guard.take(API, seen)
    assert house.delivered == []
    await house.until(lambda: house.delivered)
    assert house.delivered == [seen]
    assert not house.guard.cut_off


async def test_a_failure_is_unknown_when_nobody_answers(house: House) -> None:
    """Both anchors silent: our own network explains it."""
    house.silent = {"one", "two"}
    house.guard.take(API, result())
    await house.until(lambda: house.delivered)
    assert house.delivered[0].outcome is Outcome.UNKNOWN
    assert house.delivered[0].reason is Reason.OWN_NETWORK
    assert house.delivered[0].message == "our own network is down, which explains this: no answer"


async def test_one_silent_anchor_proves_nothing(house: House) -> None:
    """A quorum of two needs both."""
    house.silent = {"one"}
    house.guard.take(API, result())
    await house.until(lambda: house.delivered)
    assert house.delivered[0].outcome is Outcome.DOWN


async def test_what_the_target_answered_is_never_held(house: House) -> None:
    """A wrong status, a refusal and a good result come from the target itself."""
    house.silent = {"one", "two"}
    for reason in (Reason.STATUS_MISMATCH, Reason.CONNECT_REFUSED, None):
        house.guard.take(API, result(reason))
    assert [seen.reason for seen in house.delivered] == [Reason.STATUS_MISMATCH, Reason.CONNECT_REFUSED, None]


async def test_a_login_without_its_token_may_be_our_own_networks(house: House) -> None:
    """The token's server is out of reach like all others; a target that refused the login has answered."""
    house.silent = {"one", "two"}
    refused = replace(result(Reason.AUTHENTICATION_FAILED), phases={"token": 1, "connect": 1})
    house.guard.take(API, replace(result(Reason.AUTHENTICATION_FAILED), phases={"token": 1}))
    house.guard.take(replace(API, name="web"), refused)
    await house.until(lambda: len(house.delivered) == 2)
    assert [seen.outcome for seen in house.delivered] == [Outcome.DOWN, Outcome.UNKNOWN]


async def test_a_target_on_our_own_lan_is_judged_as_ever(house: House) -> None:
    """`network_guard: false` opts out."""
    house.silent = {"one", "two"}
    house.guard.take(LAN, result())
    assert [seen.outcome for seen in house.delivered] == [Outcome.DOWN]


async def test_results_of_one_monitor_keep_their_order(house: House) -> None:
    """What comes behind a result that waits, waits too."""
    first, second = result(), result(None)
    house.guard.take(API, first)
    house.guard.take(API, second)
    await house.until(lambda: len(house.delivered) == 2)
    assert house.delivered == [first, second]


async def test_one_incident_for_one_outage(house: House) -> None:
    """However long it lasts we say once that we are blind, and once that it is over; heartbeats get grace for it."""
    house.silent = {"one", "two"}
    for _ in range(20):
        house.guard.take(API, result())
    rounds = house.rounds
    await house.until(lambda: house.rounds > rounds + 6)
    assert house.told.said == [
        "our own network is down: 2 of 2 anchors do not answer (one, two); nothing is judged by it"
    ]
    assert "our own network is down" in house.guard.problem()
    house.silent = set()
    await house.until(lambda: not house.guard.cut_off)
    assert house.told.said[1:] == ["our own network is back"]
    assert house.guard.problem() == ""
    assert all(seen.outcome is Outcome.UNKNOWN for seen in house.delivered)
    start, end = house.away[-1]
    assert start <= house.delivered[0].check.started_at <= end


async def test_without_anchors_nothing_waits() -> None:
    """No guard is configured: results pass straight on."""
    house = House()
    house.guard.configure(None)
    house.guard.take(API, result())
    assert len(house.delivered) == 1


async def test_switching_it_off_lets_everything_go(house: House) -> None:
    """A reload without anchors delivers what waits, as it came."""
    house.silent = {"one", "two"}
    house.guard.take(API, result())
    house.guard.configure(None)
    assert [seen.outcome for seen in house.delivered] == [Outcome.DOWN]


@pytest.mark.parametrize(("anchors", "quorum"), [(2, 2), (3, 2), (4, 3), (5, 3)])
def test_the_default_quorum_is_a_majority_of_at_least_two(anchors: int, quorum: int) -> None:
    """One silent anchor never makes us blind."""
    assert default_quorum(anchors) == quorum


async def test_a_refused_connection_is_an_answer(unused_tcp_port: int) -> None:
    """An address that refuses proves that the network carries."""
    house = House()
    anchors = Anchors((("127.0.0.1", unused_tcp_port), ("127.0.0.2", unused_tcp_port)), (), 2, MINUTE, "default")
    house.guard.configure(anchors)
    house.guard.take(API, result())
    await house.until(lambda: house.delivered)
    assert house.delivered[0].outcome is Outcome.DOWN
    house.guard.close()


async def test_a_check_that_began_while_we_were_blind_proves_nothing(house: House) -> None:
    """It ended after the network was back, and still met the outage: unknown."""
    house.silent = {"one", "two"}
    house.guard.take(API, result())
    await house.until(lambda: house.delivered)
    late = result()
    house.silent = set()
    await house.until(lambda: not house.guard.cut_off)
    house.guard.take(API, late)
    await house.until(lambda: len(house.delivered) == 2)
    assert [seen.outcome for seen in house.delivered] == [Outcome.UNKNOWN, Outcome.UNKNOWN]


async def test_it_asks_in_peace(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many checks fail, the anchors are asked only so often; what failed meanwhile shares the next round."""
    monkeypatch.setattr(network, "CLOSEST", 0.3)
    house.guard.take(API, result())
    await house.until(lambda: house.delivered)
    rounds = house.rounds
    async with asyncio.timeout(5):
        for _ in range(20):
            house.guard.take(API, result())
            await asyncio.sleep(0.005)
    assert house.rounds - rounds <= 1
    await house.until(lambda: len(house.delivered) == 21)
    assert house.rounds - rounds <= 2


async def test_a_clock_that_is_set_back_holds_nothing_up(house: House) -> None:
    """Which came first, the failure or the round, is no matter of the wall clock."""
    house.go.clear()
    house.guard.take(API, result())
    house.clock.step(-3600 * SECOND)
    house.go.set()
    await house.until(lambda: house.delivered)
    assert house.delivered[0].outcome is Outcome.DOWN


async def test_a_clock_that_is_set_back_keeps_nobody_blind(house: House) -> None:
    """Checks that begin after the network was back count, though the wall clock says that they began before."""
    house.silent = {"one", "two"}
    house.guard.take(API, result())
    await house.until(lambda: house.told.own_network)
    house.silent = set()
    await house.until(lambda: not house.guard.cut_off)
    house.clock.step(-3600 * SECOND)
    house.delivered.clear()
    house.guard.take(API, result(now=house.clock.now()))
    await house.until(lambda: house.delivered)
    assert house.delivered[0].outcome is Outcome.DOWN


async def test_an_absence_never_ends_before_it_begins(house: House) -> None:
    """A clock that is set back while we are blind: heartbeats get grace for what really passed, the incident too."""
    house.silent = {"one", "two"}
    house.guard.take(API, result())
    await house.until(lambda: house.guard.cut_off)
    house.clock.step(-3600 * SECOND)
    house.away.clear()
    await house.until(lambda: house.told.own_network)
    house.silent = set()
    await house.until(lambda: not house.guard.cut_off)
    now = house.clock.now()
    assert all(now - MINUTE < start <= end <= now for start, end in house.away)
    assert now - MINUTE < house.told.since <= now


async def test_a_result_that_cannot_be_judged_takes_no_other_with_it(house: House) -> None:
    """What was held beside it is delivered, and so is what comes after."""
    house.broken = "api"
    web = replace(API, name="web")
    house.guard.take(API, result())
    house.guard.take(web, result(monitor="web"))
    await house.until(lambda: house.delivered)
    assert house.delivered[0].check.monitor == "web"
    house.broken = ""
    house.guard.take(API, result())
    await house.until(lambda: len(house.delivered) == 2)


async def test_a_broken_reload_cannot_come_of_what_is_held(house: House) -> None:
    """Switching the guard off delivers what waits, and no mistake in judging it goes up to whoever reloads."""
    house.broken = "api"
    house.guard.take(API, result())
    house.guard.configure(None)
    assert house.guard.problem() == ""


async def test_a_bug_while_asking_is_not_the_end_of_asking(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in a round, what waits is let go and there is a next round."""

    async def fail(_host: str, _port: int) -> None:
        raise RuntimeError("no such socket")

    monkeypatch.setattr(asyncio, "open_connection", fail)
    house.guard.configure(replace(ANCHORS, addresses=(("127.0.0.1", 1),), quorum=3))
    for count in (1, 2):
        house.guard.take(API, result())
        await house.until(lambda count=count: len(house.delivered) == count)  # type: ignore[misc]
    assert house.delivered[1].outcome is Outcome.DOWN


async def test_more_than_can_be_held_is_judged_by_what_is_known(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing grows without end: a monitor's results are handed on in their order, as unknown while we are blind."""
    house.silent = {"one", "two"}
    house.guard.take(API, result())
    await house.until(lambda: house.delivered)
    house.go.clear()
    monkeypatch.setattr(network, "MAX_HELD", 2)
    house.delivered.clear()
    seen = [result() for _ in range(3)]
    for one in seen:
        house.guard.take(API, one)
    assert [one.check for one in house.delivered] == [one.check for one in seen]
    assert {one.outcome for one in house.delivered} == {Outcome.UNKNOWN}


async def test_other_anchors_are_not_judged_by_the_old_ones(house: House) -> None:
    """A round that was under way at a reload says nothing of the new anchors."""
    house.silent = {"one", "two"}
    house.go.clear()
    house.guard.take(API, result())
    rounds = house.rounds
    await house.until(lambda: house.rounds > rounds)
    house.guard.configure(replace(ANCHORS, monitors=("one", "api")))
    house.go.set()
    await house.until(lambda: house.delivered)
    assert house.delivered[0].outcome is Outcome.DOWN
    assert not house.guard.cut_off


async def test_switching_it_off_withdraws_the_incident(house: House) -> None:
    """Nothing recovered: it is only no longer watched."""
    house.silent = {"one", "two"}
    house.guard.take(API, result())
    await house.until(lambda: house.told.own_network)
    house.guard.configure(None)
    assert house.told.ending is Change.WITHDRAWN


async def test_a_start_without_the_guard_withdraws_what_was_left() -> None:
    """`network:` was taken out of the file while the daemon was stopped: its incident does not stay open for ever."""
    house = House()
    house.told.own_network = "left"
    house.guard.configure(None)
    assert (house.told.own_network, house.told.ending) == ("", Change.WITHDRAWN)


async def test_a_start_in_the_dark_opens_no_second_incident() -> None:
    """The incident that the last run left open goes on, and ends with the first good round."""
    house = House()
    house.told.own_network = "left"
    house.silent = {"one", "two"}
    house.guard.configure(ANCHORS)
    await house.until(house.guard.problem)
    assert house.told.said == []
    house.silent = set()
    await house.until(lambda: not house.guard.cut_off)
    assert house.told.said == ["our own network is back"]
    house.guard.close()
