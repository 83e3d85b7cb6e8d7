"""What messages are made from and held against, gathered from the parts of the daemon that know it.

Answers the outbox (`claims.Context`). The writer's thread asks; what is asked of changes by whole references only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from saasobs.alerting.directory import Directory
from saasobs.alerting.received.about import About
from saasobs.core.incident import Incident, Notice
from saasobs.core.monitor import Monitor
from saasobs.core.ports import Transaction
from saasobs.core.result import Result
from saasobs.daemon.board import Board
from saasobs.daemon.holding import Holding
from saasobs.daemon.pipeline import Pipeline


def no_answer_url(_incident_id: str, _who: str) -> str:
    """Where nobody can answer by a link."""
    return ""


class Surroundings:
    """Made before the parts that it asks, for they need the outbox."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.page_url = ""
        self.links: Mapping[str, str] = {}
        self.answer_url: Callable[[str, str], str] = no_answer_url
        """(incident, person or recipient) → where one tap acknowledges it, or nothing."""

    def connect(self, holding: Holding, pipeline: Pipeline) -> None:
        self._holding = holding
        self._pipeline = pipeline

    @property
    def directory(self) -> Directory:
        return self._pipeline.directory

    def monitor_or_none(self, name: str) -> Monitor | None:
        return self._board.monitors.get(name)

    def reported(self, transaction: Transaction, incident: Incident) -> About | None:
        return self._holding.tell(transaction, incident)

    def last_result(self, monitor: str) -> Result | None:
        return self._board.last.get(monitor)

    def dependants(self, monitor: str) -> Sequence[str]:
        return self._holding.dependants(monitor)

    def holds_back(self, transaction: Transaction, notice: Notice, incident: Incident) -> bool:
        return self._holding.holds_back(transaction, notice, incident)
