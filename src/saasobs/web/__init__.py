"""Where people and programs look: the operator's page and JSON API, and the ingest app for pings and scrapes.

This room knows the ports of core and nothing of the rooms behind them; the daemon hands it an Operator and serves it.
"""

from saasobs.web.combined import combined_app
from saasobs.web.ingest import ingest_app
from saasobs.web.operator import operator_app

__all__ = ["combined_app", "ingest_app", "operator_app"]
