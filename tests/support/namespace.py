"""A network namespace of its own with a cable that a test can pull; skips where this machine does not allow one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from support.needs import missing, require_binary


@dataclass(frozen=True)
class Cable:
    """The namespace's name, and the addresses of our end of its cable."""

    namespace: str
    link: str
    addresses: tuple[str, str]

    def pull(self) -> None:
        """Cut the network; the other end finds no carrier."""
        _ip("link", "set", self.link, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self.link, "up")

    @property
    def prefix(self) -> tuple[str, ...]:
        """What runs a command inside the namespace."""
        return ("ip", "netns", "exec", self.namespace)


@contextmanager
def cabled() -> Iterator[Cable]:
    """A namespace with one cable to ours, two addresses at our end, and nothing else but its loopback."""
    require_binary("ip", "iproute2")
    number = os.getpid() % 250
    name = f"saasobs{os.getpid()}"
    cable = Cable(name, f"so{os.getpid()}a"[:15], (f"10.231.{number}.1", f"10.231.{number}.2"))
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        missing(f"this machine allows no network namespace: {made.stderr.strip()}")
    try:
        inside = f"so{os.getpid()}b"[:15]
        _ip("link", "add", cable.link, "type", "veth", "peer", "name", inside, "netns", name)
        for address in cable.addresses:
            _ip("address", "add", f"{address}/24", "dev", cable.link)
        _ip("link", "set", cable.link, "up")
        _ip("-n", name, "address", "add", f"10.231.{number}.3/24", "dev", inside)
        for device in (inside, "lo"):
            _ip("-n", name, "link", "set", device, "up")
        yield cable
    finally:
        _ip("netns", "delete", name)  # its end of the cable goes with it, and so does ours


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
