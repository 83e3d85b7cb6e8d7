"""core.ports.Transaction, put together from its parts by subject."""

from __future__ import annotations

from saasobs.storage.alerts import Alerts
from saasobs.storage.groups import Groups
from saasobs.storage.heartbeats import Heartbeats
from saasobs.storage.incidents import Incidents
from saasobs.storage.outbox import Outbox
from saasobs.storage.overrides import Overrides
from saasobs.storage.receipts import Receipts
from saasobs.storage.results import Results
from saasobs.storage.rollups import RollUps


class SqlTransaction(Results, Incidents, Outbox, Groups, Heartbeats, Overrides, Alerts, Receipts, RollUps):
    """One all-or-nothing piece of work. Every method may raise StorageError; RowRefused for what can never be kept."""
