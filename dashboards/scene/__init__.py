"""What the dashboards are tried on: small services with customers and troubles, all on loopback, until the block ends.

- `front`: the example shop with a till, as `shop`; `billing`: a service on PostgreSQL and Redis with its Celery worker.
- `customers`: who uses them; `watching`: the daemon that watches them, and the people whom it tells.
- `measuring`: a Prometheus with config/prometheus.yml and alerts/*.yml, and Debian's exporters.
- `history`: the 35 days before, made of what the services say now.

`running` puts them together, for the preview (`python -m dashboards.preview`) and for the tests of the dashboards. It
stands on the test suite's servers: tests/ must be on the path, as pytest and the Makefile have it.
"""

from dashboards.scene.whole import History, Scene, running

__all__ = ["History", "Scene", "running"]
