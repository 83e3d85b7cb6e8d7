"""An operation in progress, for tests of what is counted while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from saasobs.instrument.queries.log import QueryLog
from saasobs.instrument.state import Operation, enter, leave
from support.capture import Captured


@dataclass
class Observed:
    """What an operation asked, and what was told of it."""

    operation: Operation
    queries: QueryLog = field(default_factory=QueryLog)
    events: list[dict[str, Any]] = field(default_factory=list)
    """Once it is over: the events about queries."""

    def told(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.events if line["event"] == event]


@contextmanager
def operation(out: Captured, name: str = "/orders", kind: str = "request") -> Iterator[Observed]:
    """Run what is inside as one operation, and have its queries judged at the end."""
    current = Operation("a-correlation-id", kind, name)
    observed = Observed(current)
    current.queries = observed.queries
    before = len(out.lines())
    token = enter(current)
    try:
        yield observed
    finally:
        leave(token)
        out.instrumentation.queries.judge(current)
        observed.events = [line for line in out.lines()[before:] if line["event"].startswith("queries.")]
