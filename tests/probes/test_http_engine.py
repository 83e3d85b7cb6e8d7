"""The engine under load, under cancellation, and at its end: nothing is shared between checks, nothing is left."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import certifi
import pycurl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.result import REASONS, Outcome, Reason
from saasobs.probes.budget import TookTooLong, within_budget
from saasobs.probes.http import exchange
from saasobs.probes.http.authorities import system_ca_file
from saasobs.probes.http.chains import Chains
from saasobs.probes.http.curl import Multi
from saasobs.probes.http.handle import Order, Transfer
from saasobs.probes.http.phases import Moments, Phase, lengths, phase_of
from saasobs.probes.http.reasons import CURL_REASONS, OURS, TIMEOUTS, reason_for
from saasobs.probes.http.sockets import ByLoop, InEpoll
from saasobs.probes.http.target import parse
from saasobs.probes.http.way import Way
from support.badhttp import BadServer, bad_server, deaf_port
from support.dns import Zone, dns_server
from support.probing import Prober, WallClock, check, monitor, prober
from support.tls import Certificates


def order(url: str, milliseconds: int = 2000, **more: object) -> Order:
    settings: dict[str, object] = {"method": "GET", "headers": (), "body": None, "max_body": 1000}
    return Order(target=parse(url), milliseconds=milliseconds, **(settings | more))  # type: ignore[arg-type]


def failed(errno: int, error: str = "", os_errno: int = 0, overflow: str = "") -> Transfer:
    return Transfer(errno, error, os_errno, 0, "", "", Moments(0, 0, 0, 0), [], b"", overflow, 0, ())


async def test_many_checks_at_once_do_not_mix(probe: Prober, bad: BadServer) -> None:
    """Two hundred concurrent checks each get their own answer, over a connection of their own."""
    numbers = range(200)
    results = await asyncio.gather(
        *(probe.get(bad.url(f"/text?body=n{number}."), expect={"body_contains": f"n{number}."}) for number in numbers)
    )
    assert {result.outcome for result in results} == {Outcome.UP}
    assert bad.connections == len(numbers)


async def test_concurrent_checks_of_one_name_keep_their_own_addresses() -> None:
    """Addresses are handed over per check: two checks of one name and port never meet each other's."""
    async with bad_server(host="127.0.0.1") as here, prober() as probe:
        multi = Multi(asyncio.get_running_loop(), "")
        url = here.url("/status/200", "same.test")
        pins = [Way(pin=f"same.test:{here.port}:{address}") for address in ("127.0.0.1", "127.0.0.2")] * 20
        transfers = await asyncio.gather(*(multi.perform(order(url, way=way)) for way in pins))
        multi.close()
        assert probe.probe is not None
    assert [transfer.errno for transfer in transfers] == [0, pycurl.E_COULDNT_CONNECT] * 20


async def test_cancelling_stops_a_check_at_once(bad: BadServer) -> None:
    """A cancelled check hangs up, and its handle serves the next one."""
    async with prober() as probe:
        waiting = asyncio.create_task(probe.get(bad.url("/silent")))
        while not bad.asked:
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        multi = next(iter(probe.probe._fetcher._engines.values())).multi
        assert not multi._running
        assert (await probe.get(bad.url("/status/200"))).outcome is Outcome.UP


async def test_closing_amid_checks_is_quick_and_clean(bad: BadServer) -> None:
    """Close stops what runs, dead names and deaf servers too, and leaves no handle, timer or descriptor behind."""
    zone = Zone(silent=lambda _name: True)
    before = len(list(Path("/proc/self/fd").iterdir()))
    async with dns_server(zone) as address, deaf_port() as port:
        async with prober(address) as probe:
            urls = [bad.url("/silent"), bad.url("/drip"), f"https://127.0.0.1:{port}/", "http://dead.test/"]
            tasks = [asyncio.create_task(probe.get(url, timeout=30)) for url in urls * 5]
            await asyncio.sleep(0.2)
            for task in tasks[3::4]:
                task.cancel()  # the runner cancels what it started; lookups belong to their check
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    gc.collect()
    await asyncio.sleep(0.1)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


async def test_handles_are_reused_and_carry_nothing_over(probe: Prober, bad: BadServer) -> None:
    """A check after a POST with headers and a HEAD is a plain GET again."""
    await probe.get(bad.url("/echo"), method="POST", body="x", headers={"X-Old": "1"}, correlation_id="c1")
    await probe.get(bad.url("/echo"), method="HEAD")
    result = await probe.get(bad.url("/echo"), expect={"body_contains": "GET"})
    assert result.outcome is Outcome.UP, result.message
    last = bad.asked[-1]
    assert (last.method, last.body) == ("GET", b"")
    assert not {"x-old", "x-request-id", "content-length", "content-type"} & last.headers.keys()
    idle = next(iter(probe.probe._fetcher._engines.values())).multi._idle
    assert sum(map(len, idle.values())) == 1


async def test_a_deadline_holds_over_all_hops(probe: Prober, bad: BadServer) -> None:
    """The timeout covers all redirects together: ten hops of 100 ms end at 350 ms, not at the cap on redirects."""
    result = await probe.get(bad.url("/slow-loop"), timeout=0.35)
    assert result.reason is Reason.RESPONSE_TIMEOUT
    assert 1 < len(result.observations["hops"]) <= 4


async def test_libcurl_that_forgets_the_time_is_stopped(bad: BadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should libcurl not keep the deadline, the check ends all the same."""
    monkeypatch.setattr("saasobs.probes.http.curl.GUARD_SECONDS", 0.05 - 60)
    multi = Multi(asyncio.get_running_loop(), "")
    transfer = await multi.perform(order(bad.url("/silent"), milliseconds=60_000))
    multi.close()
    assert (transfer.errno, transfer.error) == (pycurl.E_OPERATION_TIMEDOUT, "stopped")
    assert not multi._running


def sender(multi: Multi, deadline: float) -> exchange.Sender:
    return exchange.Sender(multi, monitor(url="http://a.example"), WallClock(), Chains(), b"", (), "", "", deadline)


async def test_a_second_look_reads_what_was_refused(certificates: Certificates) -> None:
    """A libcurl that tells nothing of a refused chain is asked again, without verifying and without a request."""
    identity = certificates.expired()
    loop = asyncio.get_running_loop()
    async with bad_server(identity.context()) as server:
        multi = Multi(loop, "")
        asked = order(server.url("/status/200"))
        chain = await exchange._second_look(asked, sender(multi, loop.time() + 5))
        assert await exchange._second_look(asked, sender(multi, loop.time() - 1)) == ()
        multi.close()
        assert not server.asked
    assert chain[0].names == ("localhost", "127.0.0.1", "good.test")


async def test_without_epoll_the_loop_watches(bad: BadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines that are no Linux: the same answers, and nothing is left on the loop."""
    monkeypatch.setattr("saasobs.probes.http.sockets.sys.platform", "darwin")
    async with prober() as probe:
        urls = [bad.url("/redirect?to=/status/200"), bad.url("/reset-body"), bad.url("/big")] * 5
        results = await asyncio.gather(*(probe.get(url) for url in urls), probe.get(bad.url("/silent"), timeout=0.1))
        multi = next(iter(probe.probe._fetcher._engines.values())).multi
        assert isinstance(multi._sockets, ByLoop)
        assert not multi._sockets._watched
    reasons = [None, Reason.CONNECTION_RESET, Reason.BODY_TOO_LARGE] * 5
    assert [result.reason for result in results] == [*reasons, Reason.RESPONSE_TIMEOUT]


async def test_a_number_that_is_given_again_is_watched_again() -> None:
    """A socket that was closed without a word leaves its number to another, which must be heard."""
    heard: list[int] = []
    sockets = InEpoll(asyncio.get_running_loop(), lambda fd, _mask: heard.append(fd), lambda: None)
    one, other = socket.socketpair()
    number = one.fileno()
    sockets.watch(number, pycurl.POLL_IN)
    one.close()
    other.close()
    one, other = socket.socketpair()
    assert number in (one.fileno(), other.fileno())
    sockets.watch(number, pycurl.POLL_INOUT)
    await asyncio.sleep(0.01)
    assert heard
    one.close()
    other.close()
    sockets.watch(number, pycurl.POLL_REMOVE)
    sockets.close()


async def test_a_timer_rings_when_it_is_due(bad: BadServer) -> None:
    """Short deadlines end on time beside long ones that were set before and after them."""
    async with prober() as probe:
        long = [asyncio.create_task(probe.get(bad.url("/silent"), timeout=5)) for _ in range(3)]
        await asyncio.sleep(0.02)
        short = await asyncio.gather(*(probe.get(bad.url("/silent"), timeout=0.05 * n) for n in range(1, 5)))
        for task in long:
            task.cancel()
        await asyncio.gather(*long, return_exceptions=True)
    assert [result.reason for result in short] == [Reason.RESPONSE_TIMEOUT] * 4
    assert all(result.duration < 50_000 * number + 150_000 for number, result in enumerate(short, 1))


def test_it_runs_on_uvloop(tmp_path: Path) -> None:
    """The daemon's loop drives the engine as asyncio's does, also for names, redirects and refused ports."""
    script = tmp_path / "on_uvloop.py"
    script.write_text(
        "import asyncio, sys\n"
        "import uvloop\n"
        "from support.badhttp import bad_server\n"
        "from support.dns import Zone, dns_server\n"
        "from support.probing import prober\n"
        "async def main():\n"
        "    zone = Zone(addresses={'good.test': ('127.0.0.1',)})\n"
        "    async with bad_server() as bad, dns_server(zone) as address, prober(address) as probe:\n"
        "        urls = [bad.url('/redirect?to=/status/200', 'good.test')] * 20 + ['http://gone.test/'] * 5\n"
        "        results = await asyncio.gather(*(probe.get(url) for url in urls))\n"
        "        print(*sorted({str(result.reason or result.outcome) for result in results}))\n"
        "uvloop.run(main())\n"
    )
    paths = os.pathsep.join(["tests", "src"])
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
        cwd=Path(__file__).parents[2],
    )
    assert (ran.stdout.strip(), ran.stderr) == ("dns_not_found up", "")


def test_every_error_of_libcurl_has_a_reason() -> None:
    """A constant that a new pycurl brings must be given a reason, or be called our own."""
    constants = {
        getattr(pycurl, name) for name in dir(pycurl) if name.startswith("E_") and not name.startswith("E_MULTI_")
    } - {pycurl.E_OK}
    later = set(range(92, 102))
    assert constants | later == set(CURL_REASONS) | OURS
    assert not set(CURL_REASONS) & OURS


@given(
    st.integers(1, 130),
    st.sampled_from(list(Phase)),
    st.text(max_size=20),
    st.integers(0, 200),
    st.sampled_from(["", "body", "headers"]),
)
def test_every_failure_has_one_reason(errno: int, phase: Phase, error: str, os_errno: int, overflow: str) -> None:
    """Whatever libcurl says, in whatever phase, a reason with a sentence comes out."""
    assert reason_for(failed(errno, error, os_errno, overflow), phase) in REASONS


def test_timeouts_are_told_by_phase() -> None:
    """Each phase has its own time-out."""
    seen = {phase: reason_for(failed(pycurl.E_OPERATION_TIMEDOUT), phase) for phase in Phase}
    assert seen == dict(TIMEOUTS)
    assert len(set(seen.values())) == len(Phase)


def test_an_unknown_error_is_still_the_targets() -> None:
    """An outage must not hide behind a number that a newer libcurl made up."""
    assert reason_for(failed(120), Phase.CONNECT) is Reason.CONNECT_FAILED
    assert reason_for(failed(120), Phase.TRANSFER) is Reason.PROTOCOL_ERROR


micros = st.integers(0, 10_000_000)


@given(micros, micros, micros, micros, st.booleans())
def test_phases_sum_to_the_whole(connected: int, secured: int, first_byte: int, ended: int, secure: bool) -> None:
    """However odd libcurl's moments are, no phase is negative and none is lost."""
    moments = Moments(connected, secured, first_byte, ended)
    phases = lengths(7, moments, secure=secure)
    assert sum(phases.values()) == 7 + ended
    assert min(phases.values()) >= 0
    assert next(iter(phases)) == "dns"
    assert list(phases)[-1] == phase_of(moments, secure=secure)
    assert ("tls" in phases) <= secure


def test_a_budget_stops_what_runs_away() -> None:
    """Pure work is stopped out of Python and out of `re`, and what keeps within the budget gets its result."""

    def for_ever() -> None:
        while True:
            pass

    with pytest.raises(TookTooLong):
        within_budget(for_ever)
    assert within_budget(sum, [1, 2]) == 3


async def test_off_the_main_thread_there_is_no_budget() -> None:
    """Signals arrive in the main thread only: elsewhere the work is simply done."""
    assert await asyncio.to_thread(lambda: within_budget(sum, [1, 2])) == 3


def test_a_machine_without_a_ca_store_uses_certifi(monkeypatch: pytest.MonkeyPatch) -> None:
    """No such machine is at hand, so that its answer is put in place."""
    paths = ssl.get_default_verify_paths()
    assert system_ca_file() == (paths.cafile or certifi.where())
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths._replace(cafile=""))
    assert system_ca_file() == certifi.where()


async def test_monitors_of_one_file_share_an_engine(probe: Prober, bad: BadServer) -> None:
    """One engine per CA file, however many monitors there are."""
    for path in ("/status/200", "/status/201"):
        await probe.probe.check(monitor(url=bad.url(path)), check())
    assert len(probe.probe._fetcher._engines) == 1
