"""The queries of one operation, counted while they happen: a dictionary increment each, nothing else."""

from __future__ import annotations

from saasobs.instrument.state import current


class QueryLog:
    """What one operation asked its databases."""

    __slots__ = ("by_statement", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.by_statement: dict[str, int] = {}

    def add(self, statement: str, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds
        self.by_statement[statement] = self.by_statement.get(statement, 0) + 1


def record(statement: str, seconds: float, system: str) -> None:  # noqa: ARG001 - comes
    """Count a query of the operation in progress; outside of one nothing is counted.

    :param statement: its text with placeholders, never with parameters. :param system: `postgresql`, `redis` …
    """
    operation = current()
    if operation is None:
        return
    if operation.queries is None:
        operation.queries = QueryLog()
    operation.queries.add(statement, seconds)
