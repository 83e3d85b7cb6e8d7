"""Who stands in for whom on call: the part of a transaction that overrides are kept in."""

from __future__ import annotations

from sqlalchemy import delete, select

from saasobs.core.oncall import Override
from saasobs.storage.part import Part
from saasobs.storage.rows import from_row, to_row
from saasobs.storage.tables import overrides


class Overrides(Part):
    """Methods of core.ports.Transaction."""

    def overrides(self) -> list[Override]:
        """By the moment at which they begin."""
        wanted = select(overrides).order_by(overrides.c.starts_at, overrides.c.id)
        return [from_row(Override, row) for row in self._session.all(wanted)]

    def save_override(self, override: Override) -> None:
        self._session.put(overrides, to_row(override))

    def forget_overrides(self, before: int) -> int:
        """Those that were over by then (µs); returns how many."""
        return self._session.run(delete(overrides).where(overrides.c.ends_at < before))
