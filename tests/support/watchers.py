"""Observers with nothing to say."""

from __future__ import annotations

from saasobs.core.errors import StorageError


class Calm:
    """A ledger's watcher that minds nothing."""

    def storage_failed(self, error: StorageError) -> None: ...

    def storage_mended(self) -> None: ...

    def results_dropped(self, count: int) -> None: ...
