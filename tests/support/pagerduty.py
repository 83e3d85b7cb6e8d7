"""A stateful PagerDuty: takes events, checks their form as PagerDuty does, and keeps an incident for each key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.receiver import Double, Reply, Request, main

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
_JSON = {"Content-Type": "application/json"}
_SEVERITIES = ("critical", "error", "warning", "info")


@dataclass
class Theirs:
    """One incident as PagerDuty has it."""

    status: str
    payload: dict[str, Any]
    history: list[str] = field(default_factory=list)


class PagerDutyDouble(Double):
    """The Events API v2 on loopback."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        super().__init__(port, log)
        self.incidents: dict[str, Theirs] = {}

    def check(self, request: Request) -> Reply | None:
        event = request.json()
        payload = event.get("payload", {})
        action = event.get("event_action")
        errors = [
            *(["'routing_key' is invalid"] if event.get("routing_key") != ROUTING_KEY else []),
            *(["'event_action' is wrong"] if action not in ("trigger", "acknowledge", "resolve") else []),
            *(["'dedup_key' is wrong"] if not 0 < len(event.get("dedup_key", "")) <= 255 else []),
        ]
        if action == "trigger":
            errors += [
                f"'payload.{key}' is missing" for key in ("summary", "source", "severity") if not payload.get(key)
            ]
            errors += ["'payload.severity' is wrong"] if payload.get("severity") not in _SEVERITIES else []
            errors += ["'payload.summary' is too long"] if len(payload.get("summary", "")) > 1024 else []
        if errors or request.path != "/v2/enqueue" or len(request.body) > 512 * 1024:
            return Reply(
                400,
                json.dumps({"status": "invalid event", "message": "Event object is invalid", "errors": errors}),
                _JSON,
            )
        return None

    def accept(self, request: Request) -> Reply:
        event = request.json()
        key, action = event["dedup_key"], event["event_action"]
        known = self.incidents.get(key)
        if action == "trigger":
            known = self.incidents.setdefault(key, Theirs("triggered", {}))
            known.status, known.payload = (
                ("triggered" if known.status == "resolved" else known.status),
                event["payload"],
            )
        elif known is not None:
            known.status = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
        if known is not None:
            known.history.append(action)
        return Reply(202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": key}), _JSON)


if __name__ == "__main__":
    main(PagerDutyDouble)
