"""Takes what a Sentry client sends, on loopback, and keeps the events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from support.listening import Quiet, listening


@dataclass
class Envelopes:
    """Where errors arrive."""

    dsn: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def wait(self, count: int, seconds: float = 20.0) -> list[dict[str, Any]]:
        """The events, as soon as there are so many; fewer when they do not come."""
        until = monotonic() + seconds
        while len(self.events) < count and monotonic() < until:
            sleep(0.02)
        return list(self.events)


@contextmanager
def taking_envelopes() -> Iterator[Envelopes]:
    """Run the receiver until the end of the block."""

    class Handler(Quiet):
        def do_POST(self) -> None:
            lines = [json.loads(line) for line in self.content().splitlines() if line.strip()]
            heads = (at for at, line in enumerate(lines[:-1]) if line.get("type") == "event" and "length" in line)
            envelopes.events.extend(lines[at + 1] for at in heads)
            self.answer(200, b"{}")

    with listening(Handler) as port:
        envelopes = Envelopes(f"http://key@127.0.0.1:{port}/1")
        yield envelopes
