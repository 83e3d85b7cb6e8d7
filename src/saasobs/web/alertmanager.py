"""Alertmanager's shapes: alerts, groups, silences and status as JSON, and a silence read from JSON. Pure.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from saasobs.core.alert import Alert, AlertView, Matcher, Silence
from saasobs.core.errors import Refused
from saasobs.core.values import from_datetime, isoformat
from saasobs.core.views import Health

Json = dict[str, Any]

_NEVER: Final = "0001-01-01T00:00:00.000Z"
"""Go's zero time: an alert that does not say how long it holds."""
_MATCHERS: Final = 100
_TEXT: Final = 500
_CONFIGURATION: Final = "# Alerts are routed by the policies of saasobs.\nroute:\n  receiver: default\n"


def moment(micros: int) -> str:
    return isoformat(micros) if micros else _NEVER


def alert_json(view: AlertView) -> Json:
    """A `gettableAlert`."""
    alert, silenced = view.alert, list(view.silenced_by)
    link = {"generatorURL": alert.generator_url} if alert.generator_url else {}
    return {
        "annotations": dict(alert.annotations),
        "endsAt": moment(alert.ends_at),
        "fingerprint": alert.fingerprint,
        "receivers": [{"name": view.receiver}],
        "startsAt": moment(alert.starts_at),
        "status": {"inhibitedBy": [], "silencedBy": silenced, "state": "suppressed" if silenced else "active"},
        "updatedAt": moment(alert.updated_at),
        **link,
        "labels": dict(alert.labels),
    }


def groups_json(views: Sequence[AlertView]) -> list[Json]:
    """`alertGroups`: by receiver and name."""
    groups: dict[tuple[str, str], list[AlertView]] = {}
    for view in views:
        groups.setdefault((view.receiver, view.alert.name), []).append(view)
    return [
        {
            "alerts": [alert_json(view) for view in members],
            "labels": {"alertname": name} if name else {},
            "receiver": {"name": receiver},
        }
        for (receiver, name), members in sorted(groups.items(), key=lambda group: group[0])
    ]


def silence_json(silence: Silence, now: int) -> Json:
    """A `gettableSilence`."""
    state = "expired" if silence.ends_at <= now else "pending" if silence.starts_at > now else "active"
    return {
        "id": silence.id,
        "status": {"state": state},
        "updatedAt": moment(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": moment(silence.ends_at),
        "matchers": [matcher_json(matcher) for matcher in silence.matchers],
        "startsAt": moment(silence.starts_at),
    }


def matcher_json(matcher: Matcher) -> Json:
    return {
        "isEqual": matcher.is_equal, "isRegex": matcher.is_regex, "name": matcher.name, "value": matcher.value,
    }  # fmt: skip


def status_json(health: Health) -> Json:
    """An `alertmanagerStatus`. Nothing of our configuration is shown."""
    build = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
    return {
        "cluster": {"peers": [], "status": "disabled"},
        "config": {"original": _CONFIGURATION},
        "uptime": isoformat(health.started_at),
        "versionInfo": {**build, "version": f"saasobs-{health.version}"},
    }


def read_silence(body: object) -> Silence:
    """A `postableSilence`. :raises Refused: it is none."""
    if not isinstance(body, Mapping):
        raise Refused("a silence must be an object")
    matchers = body.get("matchers")
    if not isinstance(matchers, list) or not 1 <= len(matchers) <= _MATCHERS:
        raise Refused("matchers in body should have at least 1 items")
    return Silence(
        id=_text(body, "id"),
        matchers=tuple(_matcher(each) for each in matchers),
        starts_at=_moment(body, "startsAt"),
        ends_at=_moment(body, "endsAt"),
        created_by=_text(body, "createdBy"),
        comment=_text(body, "comment"),
    )


def _matcher(each: object) -> Matcher:
    if not isinstance(each, Mapping) or not all(isinstance(each.get(key), str) for key in ("name", "value")):
        raise Refused("a matcher needs a name and a value")
    is_regex, is_equal = each.get("isRegex", False), each.get("isEqual", True)
    if not isinstance(is_regex, bool) or not isinstance(is_equal, bool):
        raise Refused("isRegex and isEqual must be true or false")
    return Matcher(_valid(each["name"]), _valid(each["value"]), is_regex, is_equal)


def _text(body: Mapping[str, Any], key: str) -> str:
    found = body.get(key, "")
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Refused(f"{key} must be a text")
    shown = "".join(letter if letter.isprintable() else " " for letter in found[: 2 * _TEXT])
    return " ".join(_valid(shown).split())[:_TEXT]


def _moment(body: Mapping[str, Any], key: str) -> int:
    try:
        when = datetime.fromisoformat(body.get(key, ""))
        if when.tzinfo is not None:
            return max(0, from_datetime(when))
    except (TypeError, ValueError, OverflowError):
        pass
    raise Refused(f"{key} must be a moment, as in 2026-11-22T14:03:07Z")


def _valid(text: str) -> str:
    """Without halves of surrogate pairs."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def own_alert_json(view: AlertView) -> Json:
    """GET /api/v1/alerts: fingerprint, source, name, labels, annotations, starts_at, heard_at, stale, incident_id,
    silenced_by[]."""
    alert: Alert = view.alert
    return {
        "fingerprint": alert.fingerprint,
        "source": alert.source,
        "name": alert.name,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_at": moment(alert.starts_at),
        "heard_at": moment(alert.updated_at),
        "stale": bool(alert.stale_at),
        "incident_id": alert.incident_id or None,
        "silenced_by": list(view.silenced_by),
    }
