"""Figures from which something is too slow, too much or too near: for the engine, dashboards and alerts alike."""

from __future__ import annotations

from typing import Final

SLOW_SECONDS: Final = 2.0
"""Seconds of a request that users notice; an edge of the histogram's buckets."""
MAX_QUERIES: Final = 20
"""Database queries of a request that are still quiet; an edge of the histogram's buckets."""
CERTIFICATE_DAYS: Final = 14
"""Days that a certificate must still be good, else its monitor is degraded."""
CERTIFICATE_DAYS_DOWN: Final = 3
"""The same, else it is down."""
