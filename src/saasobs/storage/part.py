"""What every part of a transaction stands on."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, select

from saasobs.storage.retention import Retention
from saasobs.storage.session import Session
from saasobs.storage.tables import monitors

_NUMBER = select(monitors.c.id).where(monitors.c.name == bindparam("name"))


class Part:
    """Some of the methods of core.ports.Transaction; they are put together in transaction.py."""

    def __init__(self, session: Session, retention: Retention, numbers: Mapping[str, int]) -> None:
        self._session = session
        self._retention = retention
        self._numbers = numbers
        self.new_numbers: dict[str, int] = {}
        """Numbers of monitors that this transaction looked up: good for others only once it is committed."""

    def _monitor_id(self, name: str) -> int | None:
        number = self._numbers.get(name) or self.new_numbers.get(name)
        if number is None:
            row = self._session.one(_NUMBER, {"name": name})
            if row is None:
                return None
            number = self.new_numbers[name] = int(row[0])
        return number
