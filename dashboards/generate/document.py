"""docs/dashboards.md: the guide, and every dashboard with its panels, made from the dashboards themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from dashboards.generate.exploration import EXPLORATION
from dashboards.generate.frame import Page

_HEAD: Final = """\
# Dashboards

<!-- Made by `python -m dashboards.generate`: edit dashboards/generate, not this page. -->

Seven dashboards for Grafana 10 to 13, as classic JSON in `dashboards/`. Each answers one question and leads to the
next: a click on a line has the route, its logs and its errors in Sentry; the links at the top keep the time and what
is chosen. A dashed line in a chart is where the alert fires: both are made from one constant.

## Into your Grafana

From anywhere, with a service account's token (role Editor); again whenever you upgrade saasobs:

```console
$ export SAASOBS_GRAFANA_TOKEN=glsa_…
$ saasobs grafana push --url https://grafana.example.com
```

Or as files, for Grafana's provisioning: `saasobs grafana export --out FOLDER` writes the JSON, and
`config/grafana/provisioning` has the data sources and the provider (`docs/containers.md` puts all of it together).
`--help` of both commands says how your Sentry and your Loki get into the links.

## What they need

- A Prometheus with the recording rules of `alerts/recording.yml` and the labels `service` and `environment` on every
  scrape, as in `config/prometheus.yml`. The 30 days of the SLO dashboard need as much retention.
- For exemplars (the diamonds that lead to a trace): `--enable-feature=exemplar-storage`, and traces switched on in
  the app.
- For PostgreSQL and Redis: Debian's `prometheus-postgres-exporter` and `prometheus-redis-exporter`, the latter with
  `-check-single-keys db0=celery` for the length of a queue.
- For logs: a Loki that gets the app's JSON lines, with the label `service_name`. The field "Correlation ID" takes
  what a customer read to you from an error page; the link beside it shows every line of that operation.

What is drawn over the charts: deploys (a version that did not run in the hour before), incidents (a monitor is down)
and firing alerts; each can be switched off at the top.

## How they were tested

Every expression and variable runs against a real Prometheus in the tests, with a shop and a billing service under
load, PostgreSQL, Redis, a Celery worker, Debian's exporters, the daemon and 35 days of history, and gives a series.
Each metric and label is held against what is exported. **They were never loaded into a Grafana**: no package registry
has one. The pictures are drawn from the same JSON with the panels of `@grafana/ui` (`make dashboards-preview`); heat
maps and state timelines, which that library does not export, are substitutes and say so.
"""


def page(pages: Sequence[Page]) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for one in pages for line in _board(one)), *_exploration()])


def _exploration() -> Iterator[str]:
    yield "## For exploration\n"
    yield "Exported, and on none of these dashboards:\n"
    yield "| metric | why |\n| --- | --- |"
    for name, why in EXPLORATION.items():
        yield f"| `{name}` | {why} |"
    yield ""


def _board(one: Page) -> Iterator[str]:
    made: dict[str, Any] = json.loads(one.written())
    name = one.file.removesuffix(".json")
    yield f"## {one.title.removeprefix('saasobs / ')}\n"
    yield f"{one.question} `dashboards/{one.file}`, `{one.board}`.\n"
    yield f"![Drawn with @grafana/ui, not Grafana](images/dashboard-{name}.png)\n"
    yield "| panel | unit | what it says |\n| --- | --- | --- |"
    for panel in made["panels"]:
        if panel["type"] == "row":
            yield f"| **{panel['title']}** | | |"
        else:
            yield f"| {panel['title']} | {panel['fieldConfig']['defaults']['unit']} | {panel['description']} |"
    yield ""
