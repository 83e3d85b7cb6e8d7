"""The icmp kind: against this machine, in a namespace that loses and refuses packets, and with forged replies."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.core.values import MILLISECOND
from saasobs.probes.icmp.judge import judge_tally
from saasobs.probes.icmp.packet import HEADER, Echo, error_words, internet_checksum, read_reply, read_request, request
from saasobs.probes.icmp.pinging import Pinging, Tally
from saasobs.probes.icmp.sockets import Received, Refused, not_permitted, open_socket
from saasobs.probes.inquiry import Trouble
from saasobs.probes.verdict import verdict
from support.dns import Zone, dns_server
from support.loops import LOOPS, NAMES, Loop, run_on
from support.namespace_pings import pinged
from support.needs import missing, require_binary
from support.probing import asker, monitor

NOBODY = "1 0"
"""A ping_group_range that holds no group."""


@pytest.fixture
def may_ping() -> None:
    """Skips (fails on CI) where neither the kernel nor our capabilities allow a ping."""
    try:
        open_socket(["127.0.0.1"]).close()
    except Trouble as trouble:
        missing(trouble.sentence)


@pytest.mark.usefixtures("may_ping")
@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_host_that_answers(loop: Loop, host: str) -> None:
    """Packets are counted and timed, over either version of IP and on either loop."""
    if ":" in host and not Path("/proc/net/if_inet6").exists():
        missing("this machine has no IPv6")

    async def main() -> Result:
        async with asker("icmp") as probe:
            return await probe.ask(host=host, packets=4, spacing="5ms", size=1000)

    result = run_on(loop, main())
    assert result.outcome is Outcome.UP, result.message
    seen = result.observations
    assert (seen["address"], seen["sent"], seen["received"], seen["loss_percent"]) == (host, 4, 4, 0.0)
    assert 0 < seen["rtt_min_us"] <= seen["rtt_avg_us"] <= seen["rtt_max_us"]
    assert seen["rtt_jitter_us"] >= 0
    assert list(result.phases) == ["dns", "echo"]
    assert result.phases["echo"] == seen["rtt_avg_us"], "the spacing is ours, not the host's"
    assert sum(result.phases.values()) == result.duration


@pytest.mark.usefixtures("may_ping")
async def test_a_host_by_its_name() -> None:
    """The name is resolved by the monitor's name servers; one that does not exist is down in the DNS phase."""
    async with dns_server(Zone(addresses={"gw.acme.example": ("127.0.0.1",)})) as names, asker("icmp") as probe:
        found = await probe.ask(host="gw.acme.example", packets=1, nameservers=[names])
        missing = await probe.ask(host="gone.acme.example", nameservers=[names])
        version = await probe.ask(host="gw.acme.example", nameservers=[names], ip_version=6)
    assert found.outcome is Outcome.UP, found.message
    assert (missing.outcome, missing.reason) == (Outcome.DOWN, Reason.DNS_NOT_FOUND)
    assert version.reason is Reason.DNS_NOT_FOUND


async def test_the_guard_holds() -> None:
    """A monitor of somebody who is not trusted pings no private address."""
    async with asker("icmp") as probe:
        ways: list[dict[str, Any]] = [{"host": "127.0.0.1"}, {"host": "public.example", "address": "10.0.0.1"}]
        for options in ways:
            result = await probe.ask(public_only=True, **options)
            assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.ADDRESS_REFUSED)


CHECKS: list[dict[str, Any]] = [
    {"host": "10.9.0.5"},
    {"host": "10.9.0.2"},
    {"host": "10.9.0.3"},
    {"host": "10.9.0.4", "expect": {"loss_degraded": 30}},
    {"host": "198.51.100.7"},
    {"host": "2001:db8::2"},
]


@pytest.mark.parametrize(("raw", "groups"), [(True, NOBODY), (False, "0 0")], ids=["raw sockets", "datagram sockets"])
def test_loss_and_refusal(raw: bool, groups: str) -> None:
    """Loss, silence and errors on the way are told apart, unprivileged as well as with raw sockets, on either loop."""
    for program, package in (("ip", "iproute2"), ("iptables", "iptables"), ("unshare", "util-linux")):
        require_binary(program, package)
    for results in pinged(CHECKS, raw=raw, groups=groups).values():
        well, prohibited, silent, lossy, no_route, prohibited6 = results
        assert (well["outcome"], well["seen"]["received"]) == ("up", 3)
        assert (prohibited["outcome"], prohibited["reason"]) == ("down", "connect_failed")
        assert prohibited["message"] == (
            "10.9.0.2 does not answer: all 3 packets were lost (host prohibited, says 10.9.0.2)"
        )
        assert (silent["outcome"], silent["reason"]) == ("down", "response_timeout")
        assert silent["message"] == "10.9.0.3 does not answer: all 3 packets were lost"
        assert (lossy["outcome"], lossy["reason"], lossy["seen"]["received"]) == ("degraded", "packet_loss", 2)
        assert lossy["message"] == "1 of 3 packets were lost, expected less than 30 % (degraded)"
        assert (no_route["outcome"], no_route["reason"]) == ("down", "connect_failed")
        assert no_route["message"] == "the host could not be reached (198.51.100.7: no route to host)"
        assert prohibited6["message"] == (
            "2001:db8::2 does not answer: all 3 packets were lost (prohibited by a filter, says 2001:db8::2)"
        )


def test_without_permission() -> None:
    """Where we may not ping, the result is unknown, and the sentence tells what to do."""
    require_binary("unshare", "util-linux")
    for results in pinged([{"host": "127.0.0.1"}, {"host": "::1"}], raw=False, groups=NOBODY).values():
        for result in results:
            assert (result["outcome"], result["reason"]) == ("unknown", "unsupported")
            assert result["message"] == f"this machine cannot make this check ({not_permitted(0)})"
    assert "sysctl -w net.ipv4.ping_group_range='7 7'" in not_permitted(7)
    assert "cap_net_raw" in not_permitted(7)


def _tally(*round_trips: int, sent: int = 4) -> Tally:
    """Round trips in ms."""
    return Tally(sent, {number: taken * MILLISECOND for number, taken in enumerate(round_trips, 1)})


JUDGED: list[tuple[dict[str, Any], Tally, Outcome, str]] = [
    ({}, _tally(1, 2, 3, 4), Outcome.UP, ""),
    ({}, _tally(1, 2, 3), Outcome.UP, ""),
    ({}, _tally(1, 2), Outcome.DEGRADED, "2 of 4 packets were lost, expected less than 50 % (degraded)"),
    ({"loss_degraded": 0}, _tally(1), Outcome.UP, ""),
    ({"loss_degraded": 10, "loss_down": 25}, _tally(1, 1, 1), Outcome.DOWN,
     "1 of 4 packets were lost, expected less than 25 %"),
    ({"loss_down": 0, "loss_degraded": 0}, _tally(), Outcome.DOWN, "h does not answer: all 4 packets were lost"),
    ({}, _tally(sent=1), Outcome.DOWN, "h does not answer: the packet was lost"),
    ({"degraded_over": "2ms"}, _tally(1, 1, 1, 6), Outcome.DEGRADED, "answered in 2.25ms, more than 2ms (degraded)"),
    ({"down_over": "2ms"}, _tally(1, 1, 1, 6), Outcome.DOWN, "answered in 2.25ms, more than 2ms"),
    ({"degraded_over": "3ms"}, _tally(1, 1, 1, 6), Outcome.UP, ""),
    ({"slowest_degraded_over": "5ms"}, _tally(1, 1, 1, 6), Outcome.DEGRADED,
     "the slowest round trip took 6ms, more than 5ms (degraded)"),
    ({"slowest_degraded_over": "2ms", "slowest_down_over": "5ms"}, _tally(1, 1, 1, 6), Outcome.DOWN,
     "the slowest round trip took 6ms, more than 5ms"),
]  # fmt: skip


@pytest.mark.parametrize(("expect", "tally", "outcome", "sentence"), JUDGED)
def test_judging(expect: dict[str, Any], tally: Tally, outcome: Outcome, sentence: str) -> None:
    """Loss, the average and the slowest round trip are held against what was expected, to the edge."""
    options = monitor("icmp", host="h", expect=expect).options
    found, _, message = verdict(judge_tally(options.expect, tally, "h"))
    assert (found, message) == (outcome, sentence)


def test_the_figures_of_a_tally() -> None:
    """Loss, average and jitter, in the order in which the packets left."""
    tally = Tally(4, {3: 30, 1: 10, 2: 40})
    assert (tally.loss, tally.average, tally.jitter) == (25.0, 27, 20)
    assert (Tally().loss, Tally().average, Tally().jitter) == (100.0, 0, 0)


@dataclass
class FakeSocket:
    """An EchoSocket that answers each packet as a test says, at once."""

    answer: Callable[[bytes], list[Received | Refused]]
    address: str = "192.0.2.1"
    version: int = 4
    identifier: int | None = None
    waiting: list[Received | Refused] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)

    def fileno(self) -> int:
        return self._ours.fileno()

    def send(self, packet: bytes) -> None:
        self.waiting += self.answer(packet)
        self._theirs.send(b"x")

    def receive(self) -> Received | None:
        with contextlib.suppress(BlockingIOError):
            self._ours.recv(100)
        one = self._next(Received)
        return one if isinstance(one, Received) else None

    def refused(self) -> Refused | None:
        one = self._next(Refused)
        return one if isinstance(one, Refused) else None

    def _next(self, kind: type) -> Received | Refused | None:
        if self.waiting and isinstance(self.waiting[0], kind):
            return self.waiting.pop(0)
        return None

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


@contextlib.contextmanager
def fake(answer: Callable[[bytes], list[Received | Refused]]) -> Iterator[FakeSocket]:
    sock = FakeSocket(answer)
    try:
        yield sock
    finally:
        sock.close()


def _reply(packet: bytes, *, identifier: int = 0, sequence: int = 0, payload: bytes = b"", kind: int = 0) -> bytes:
    """The echo reply to a request, with something about it changed."""
    _, _, _, own, number = HEADER.unpack_from(packet)
    return HEADER.pack(kind, 0, 0, own ^ identifier, number + sequence) + packet[HEADER.size :] + payload


def _from(data: bytes, address: str = "192.0.2.1") -> Received:
    return Received(data, address, 0)


async def _run(answer: Callable[[bytes], list[Received | Refused]], **options: Any) -> Tally:
    asked = monitor("icmp", **({"host": "192.0.2.1", "spacing": "1ms", "reply_timeout": "40ms"} | options)).options
    with fake(answer) as sock:
        return await Pinging(sock, asked).run(1.0)


FORGED: dict[str, Callable[[bytes], Received]] = {
    "another identifier": lambda packet: _from(_reply(packet, identifier=1)),
    "another sequence": lambda packet: _from(_reply(packet, sequence=77)),
    "another payload": lambda packet: _from(_reply(packet, payload=b"x")),
    "another host": lambda packet: _from(_reply(packet), "192.0.2.2"),
    "our own request": _from,
    "too short": lambda packet: _from(_reply(packet)[:7]),
    "nothing": lambda _packet: _from(b""),
}


@pytest.mark.parametrize("way", FORGED)
async def test_forged_replies_do_not_count(way: str) -> None:
    """A reply needs our identifier, an open sequence number, our payload and the host's own address."""
    tally = await _run(lambda packet: [FORGED[way](packet)])
    assert (tally.sent, tally.received) == (3, 0)


async def test_replies_are_matched() -> None:
    """Doubled and mixed-up replies count once each, for the packet that they answer."""
    held: list[Received | Refused] = []

    def answer(packet: bytes) -> list[Received | Refused]:
        held.append(_from(_reply(packet)))
        return [*reversed(held), *held] if len(held) == 3 else []

    tally = await _run(answer)
    assert (sorted(tally.round_trips), tally.duplicates) == ([1, 2, 3], 3)
    assert tally.round_trips[1] > tally.round_trips[3]


async def test_an_error_is_not_the_last_word() -> None:
    """A packet that was refused and answered all the same was answered; only our own packets' errors count."""

    def answer(packet: bytes) -> list[Received | Refused]:
        foreign = _reply(packet, identifier=1, kind=8)
        number = HEADER.unpack_from(packet)[4]
        if number == 1:
            return [Refused(packet, "host unreachable"), _from(_reply(packet))]
        return [Refused(packet, "host unreachable")] if number == 2 else [Refused(foreign, "host unreachable")]

    tally = await _run(answer)
    assert (sorted(tally.round_trips), tally.errors) == ([1], {2: "host unreachable"})


async def test_a_packet_that_does_not_leave() -> None:
    """What never left this machine is not counted as lost."""

    def answer(packet: bytes) -> list[Received | Refused]:
        if HEADER.unpack_from(packet)[4] == 2:
            raise PermissionError(1, "Operation not permitted")
        return [_from(_reply(packet))]

    tally = await _run(answer)
    assert (tally.sent, tally.received, tally.unsent) == (2, 2, "operation not permitted")


async def test_a_late_reply_is_lost() -> None:
    """A reply that comes after its time does not count, though others are still waited for."""
    held: list[Received | Refused] = []

    def answer(packet: bytes) -> list[Received | Refused]:
        held.append(_from(_reply(packet)))
        return held if len(held) == 3 else []

    tally = await _run(answer, spacing="30ms", reply_timeout="45ms")
    assert sorted(tally.round_trips) == [2, 3]


async def test_all_packets_fit_into_the_timeout() -> None:
    """Packets that would not fit are sent closer together."""
    options = monitor("icmp", host="192.0.2.1", packets=10, spacing="10s", reply_timeout="10s").options
    begun = asyncio.get_running_loop().time()
    with fake(lambda packet: [_from(_reply(packet))]) as sock:
        tally = await Pinging(sock, options).run(0.2)
    assert (tally.sent, tally.received) == (10, 10)
    assert asyncio.get_running_loop().time() - begun < 5


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"host": "http://a.example"}, "not a host name"),
    ({"packets": 0}, "greater than or equal to 1"),
    ({"size": 8}, "greater than or equal to 16"),
    ({"spacing": "0s"}, "longer than zero"),
    ({"port": 80}, "Extra inputs"),
    ({"expect": {"loss_degraded": 60, "loss_down": 40}}, "must not be more than loss_down"),
    ({"expect": {"slowest_degraded_over": "2s", "slowest_down_over": "1s"}}, "must be shorter"),
    ({"expect": {"loss_down": 101}}, "less than or equal to 100"),
]


@pytest.mark.parametrize(("options", "sentence"), MISTAKES, ids=[str(case[0]) for case in MISTAKES])
def test_mistakes_in_the_file(options: dict[str, Any], sentence: str) -> None:
    """A wrong option is refused with what would have been right."""
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        monitor("icmp", **({"host": "a.example"} | options))


_ECHOES = st.builds(Echo, st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=100))


@given(_ECHOES)
def test_packets_are_what_they_should_be(echo: Echo) -> None:
    """A request reads back as it was made, its checksum is right, and no reply is taken for a request."""
    packet = request(4, echo)
    assert internet_checksum(packet) == 0
    assert read_request(4, packet) == echo
    assert read_request(6, request(6, echo)) == echo
    assert read_reply(4, packet) is None
    with_ip_header = b"\x46" + b"\0" * 23 + _reply(packet)
    assert read_reply(4, with_ip_header) == echo


@given(st.binary(max_size=200), st.sampled_from([4, 6]))
def test_any_packet_is_a_reply_or_none(data: bytes, version: int) -> None:
    """Whatever arrives is read or passed over; nothing is raised."""
    for read in (read_reply, read_request):
        assert isinstance(read(version, data), Echo | None)


@given(st.integers(0, 255), st.integers(0, 255), st.sampled_from([4, 6]))
def test_every_error_has_words(kind: int, code: int, version: int) -> None:
    """No ICMP error is without a word."""
    assert error_words(version, kind, code)


def test_the_words_of_common_errors() -> None:
    """The errors that operators meet are called what they call them."""
    assert error_words(4, 3, 1) == "host unreachable"
    assert error_words(4, 3, 13) == "prohibited by a filter"
    assert error_words(4, 11, 0) == error_words(6, 3, 0) == "it ran in circles (time to live exceeded)"
    assert error_words(6, 1, 0) == "no route to the host"
    assert error_words(6, 2, 0) == "packet too large"
    assert struct.calcsize("=IBBBBII") == 16
