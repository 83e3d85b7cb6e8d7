"""The figures of alerts and dashboards that are not the engine's own (`core.thresholds` has those)."""

from __future__ import annotations

from typing import Final

from saasobs.core.thresholds import CERTIFICATE_DAYS, CERTIFICATE_DAYS_DOWN, MAX_QUERIES, SLOW_SECONDS

__all__ = ["CERTIFICATE_DAYS", "CERTIFICATE_DAYS_DOWN", "MAX_QUERIES", "SLOW_SECONDS"]

P95_SHARE: Final = 0.05
"""p95 is over a limit exactly when more than this share of requests is."""
MIN_REQUESTS: Final = 20
"""Requests in a window below which a share of them says nothing."""
MIN_BAD: Final = 10
"""Bad requests in the long window below which a burn rate says nothing (SRE Workbook, "Low-traffic services")."""
ERROR_RATIO: Final = 0.05
ERROR_TRAFFIC: Final = 0.1
"""Requests a second from which the ratio of errors is looked at."""
LATENCY_OBJECTIVE: Final = 99.0
"""Percent of requests that are to be answered within SLOW_SECONDS."""
DROP_RATIO: Final = 0.2
"""Of the traffic of the same hour last week."""
DROP_TRAFFIC: Final = 1.0
"""Requests a second then, from which a drop is worth a word."""
TENANT_ERROR_RATIO: Final = 0.2
TENANT_REQUESTS: Final = 50
N_PLUS_ONE: Final = 5
"""Repetitions in half an hour."""
POOL_RATIO: Final = 0.9
CONNECTIONS_RATIO: Final = 0.8
"""Of PostgreSQL's max_connections."""
MEMORY_RATIO: Final = 0.9
"""Of Redis' maxmemory."""
QUEUE_WAIT_SECONDS: Final = 300.0
"""An edge of the histogram of waiting tasks."""
TASKS_WAITING: Final = 5
"""Tasks sent within an hour that nobody has begun, from which a queue without a start stands still."""
TASK_FAILURE_RATIO: Final = 0.1
OUTBOX_SECONDS: Final = 300
FAILED_DELIVERIES: Final = 3
CHECKS_A_DAY: Final = 144
"""Checks in a day, one in ten minutes, from which ten minutes without any say something."""
LATE_SECONDS: Final = 5.0
"""How late checks may start: an edge of the histogram of lateness."""
