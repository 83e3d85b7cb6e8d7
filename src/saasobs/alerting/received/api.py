"""Alertmanager's API, version 2, as Prometheus posts to it, and the two webhooks that have its alerts in an envelope.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config (version 4)
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from saasobs.alerting.received.reports import (
    Parsed,
    Report,
    Unfit,
    collect,
    decode,
    read_annotations,
    read_labels,
    read_moment,
    read_url,
)
from saasobs.core.errors import Refused

_STATES: Final = {"firing": False, "resolved": True}
_GRAFANA_LINKS: Final = {"dashboardURL": "dashboard_url", "panelURL": "panel_url"}
"""What Grafana says beside the annotations, and the annotation that it becomes."""


def read_posted(body: bytes) -> Parsed:
    """The body of ``POST /api/v2/alerts``. :raises Refused:"""
    return collect(decode(body), _posted)


def _posted(item: Mapping[str, Any]) -> Report:
    starts_at, ends_at = read_moment(item.get("startsAt")), read_moment(item.get("endsAt"))
    if ends_at and ends_at < starts_at:
        raise Unfit("start time must be before end time")
    return Report(
        read_labels(item.get("labels")),
        read_annotations(item.get("annotations")),
        starts_at,
        ends_at,
        read_url(item.get("generatorURL")),
    )


def read_webhook(body: bytes) -> Parsed:
    """A notification of Alertmanager or Grafana. :raises Refused:"""
    envelope = decode(body)
    if not isinstance(envelope, Mapping) or "alerts" not in envelope:
        raise Refused("this is no notification of Alertmanager or Grafana: it has no `alerts`")
    return collect(envelope["alerts"], _notified)


def _notified(item: Mapping[str, Any]) -> Report:
    status = item.get("status")
    if not isinstance(status, str) or status not in _STATES:
        raise Unfit(f"the status {str(status)[:40]!r} is neither firing nor resolved")
    resolved = _STATES[status]
    said = read_annotations(item.get("annotations"))
    links = {name: link for key, name in _GRAFANA_LINKS.items() if (link := read_url(item.get(key)))}
    return Report(
        read_labels(item.get("labels")),
        {**links, **said},
        read_moment(item.get("startsAt")),
        read_moment(item.get("endsAt")) if resolved else 0,
        read_url(item.get("generatorURL")),
        resolved,
    )
