"""Several echo requests to one host, and which of them came back when.

A reply counts when it comes from the host, with our identifier, a sequence number that is still open, and the payload
that was sent. Times are the kernel's where it tells them, so that a busy loop makes no host look slow.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Protocol

from saasobs.core.values import SECOND
from saasobs.probes.icmp.options import IcmpOptions
from saasobs.probes.icmp.packet import Echo, read_reply, read_request, request
from saasobs.probes.icmp.sockets import Received, Refused

_TURN: Final = 64
"""Packets that are read before the loop gets its turn again."""
_TOKEN: Final = 16
"""Random bytes at the head of every payload."""


class EchoSocket(Protocol):
    """What a series of packets needs of a socket; `sockets.PingSocket` is one."""

    @property
    def address(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def identifier(self) -> int | None: ...

    def fileno(self) -> int: ...

    def send(self, packet: bytes) -> None: ...

    def receive(self) -> Received | None: ...

    def refused(self) -> Refused | None: ...


@dataclass(slots=True)
class Tally:
    """What became of the packets."""

    sent: int = 0
    round_trips: dict[int, int] = field(default_factory=dict)
    """µs by sequence number."""
    errors: dict[int, str] = field(default_factory=dict)
    """What somebody said about a packet, by sequence number."""
    unsent: str = ""
    """Why a packet did not leave this machine."""
    duplicates: int = 0

    @property
    def received(self) -> int:
        return len(self.round_trips)

    @property
    def loss(self) -> float:
        """Percent."""
        return 100 * (1 - self.received / self.sent) if self.sent else 100.0

    @property
    def average(self) -> int:
        """µs; 0 when nothing came back."""
        return round(sum(self.round_trips.values()) / self.received) if self.received else 0

    @property
    def jitter(self) -> int:
        """The mean difference between one round trip and the next, µs."""
        times = [self.round_trips[number] for number in sorted(self.round_trips)]
        steps = [abs(after - before) for before, after in pairwise(times)]
        return round(sum(steps) / len(steps)) if steps else 0


class Pinging:
    """One series of packets over one socket."""

    def __init__(self, sock: EchoSocket, options: IcmpOptions) -> None:
        self._socket = sock
        self._options = options
        own = sock.identifier
        self._identifier = secrets.randbelow(0x10000) if own is None else own
        self._payload = secrets.token_bytes(_TOKEN) + bytes(at % 256 for at in range(_TOKEN, options.size))
        self._address = ipaddress.ip_address(sock.address.partition("%")[0])
        self._left: dict[int, tuple[float, int]] = {}
        self._settled = asyncio.Event()
        self.tally = Tally()

    async def run(self, seconds: float) -> Tally:
        """Send all and wait for the replies, at most so long."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        count = self._options.packets
        spacing = min(self._options.spacing / SECOND, seconds / 2 / count)
        loop.add_reader(self._socket.fileno(), self._readable)
        try:
            for sequence in range(1, count + 1):
                self._send(sequence)
                if sequence < count:
                    await asyncio.sleep(max(0.0, begun + sequence * spacing - loop.time()))
            until = min(loop.time() + self._options.reply_timeout / SECOND, begun + seconds)
            await self._replies(max(0.0, until - loop.time()))
        finally:
            loop.remove_reader(self._socket.fileno())
        return self.tally

    async def _replies(self, seconds: float) -> None:
        if self._all_settled():
            return
        self._settled.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        except TimeoutError:
            pass  # what has not come by now is lost

    def _send(self, sequence: int) -> None:
        packet = request(self._socket.version, Echo(self._identifier, sequence, self._payload))
        self._left[sequence] = (time.monotonic(), time.time_ns())
        try:
            self._socket.send(packet)
        except OSError as error:
            del self._left[sequence]
            self.tally.unsent = (error.strerror or str(error)).lower()
        else:
            self.tally.sent += 1

    def _all_settled(self) -> bool:
        return len(self.tally.round_trips) + len(self.tally.errors) >= self.tally.sent

    def _readable(self) -> None:
        failed = False
        for _ in range(_TURN):
            refused = self._socket.refused()
            received = self._socket.receive()
            if refused is not None:
                failed = True
                self._note(refused)
            if received is not None:
                self._match(received)
            if refused is None and received is None:
                break
        if self._all_settled():
            self._settled.set()
        if failed:
            # libuv listens no more to a descriptor that had an error.
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket.fileno())
            loop.add_reader(self._socket.fileno(), self._readable)

    def _note(self, refused: Refused) -> None:
        echo = read_request(self._socket.version, refused.data)
        if echo is not None and echo.identifier == self._identifier and echo.sequence in self._left:
            self.tally.errors.setdefault(echo.sequence, refused.words)

    def _match(self, received: Received) -> None:
        echo = read_reply(self._socket.version, received.data)
        if echo is None or echo.identifier != self._identifier or echo.payload != self._payload:
            return
        if echo.sequence not in self._left or ipaddress.ip_address(received.address) != self._address:
            return
        if echo.sequence in self.tally.round_trips:
            self.tally.duplicates += 1
            return
        taken = self._round_trip(echo.sequence, received.at)
        if taken <= self._options.reply_timeout:
            self.tally.errors.pop(echo.sequence, None)
            self.tally.round_trips[echo.sequence] = taken

    def _round_trip(self, sequence: int, arrived: int) -> int:
        """µs; by the kernel's time of arrival where that can be true, else by when we looked."""
        left, left_at = self._left[sequence]
        looked = round((time.monotonic() - left) * SECOND)
        told = (arrived - left_at) // 1000
        return max(1, told if 0 <= told <= looked else looked)
