"""Draws the dashboards: real data of a local Prometheus, the panels of @grafana/ui, headless Chromium. For docs/images.

1. `scene`: the example shop, a service on PostgreSQL and Redis with its Celery worker, the daemon that watches them,
   Debian's exporters and a Prometheus, all on loopback, with customers and with troubles; `history` is what was before.
2. `asking`: every target of every panel is asked of Prometheus, its variables filled in, as Grafana would do it.
3. `drawing`: a page for each dashboard, drawn by src/ (TypeScript), photographed.

It is no Grafana: no package registry has one. `make dashboards-preview` runs it.
"""
