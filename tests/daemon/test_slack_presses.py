"""A button under a message of a real daemon, pressed in Slack: taken over, told, and nobody else is called."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from support.daemon import Daemon, wait_until
from support.receiver import Receiver
from support.slack import APP_TOKEN, TOKEN, Message, SlackDouble
from support.slack_socket import SlackSocket, payload
from support.target import Target

SIGNING = "8f742231b10e8888abcd99yyyzzz85a5"
CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 1, recover_after: 1, retry_interval: 100ms}}
people:
  ana: {{slack: U012AB3CD}}
channels:
  chat: {{kind: slack, token: "{token}", channel: "#alerts", base_url: "{slack}", {hears}, mention: "<!subteam^S0123>"}}
  hook: {{kind: webhook, url: "{hook}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}
policies:
  default: [{{notify: chat}}, {{notify: hook, after: 5m, unless: acknowledged}}]
monitors:
  - {{name: api, kind: http, url: "{target}/api", expect: {{status: 200}}}}
"""


@pytest.fixture
def target() -> Iterator[Target]:
    with Target() as server:
        yield server


@pytest.fixture
def slack() -> Iterator[SlackDouble]:
    with SlackDouble() as double:
        yield double


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with Receiver() as double:
        yield double


def configuration(slack: SlackDouble, hook: Receiver, target: Target, hears: str) -> str:
    return CONFIGURATION.format(token=TOKEN, slack=slack.base_url, hook=hook.url, target=target.url, hears=hears)


def buttons(message: Message) -> list[str]:
    return [one["action_id"] for block in message.blocks if block["type"] == "actions" for one in block["elements"]]


def incident(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = daemon.api("/incidents")["incidents"][0]
    return found


@pytest.mark.timeout(120)
def test_a_press_stops_the_escalation(tmp_path: Path, slack: SlackDouble, hook: Receiver, target: Target) -> None:
    """By Socket Mode, in the person's name; the message says who has it and offers to give it back; the next step is
    never told; the daemon is killed in between and hears again."""
    with SlackSocket(slack) as socket:
        daemon = Daemon(tmp_path, configuration(slack, hook, target, f'app_token: "{APP_TOKEN}"'))
        with daemon:
            wait_until(lambda: socket.connected)
            target.set("/api", 500)
            [message] = wait_until(lambda: slack.seen)
            assert message.text.startswith("<!subteam^S0123> ")
            assert buttons(message) == ["saasobs_acknowledge", "saasobs_snooze", "saasobs_resolve"]
            socket.press("acknowledge", incident(daemon)["id"])
            wait_until(lambda: incident(daemon)["acknowledged_by"] == "ana")
            wait_until(lambda: buttons(message) == ["saasobs_unacknowledge", "saasobs_resolve"])
            assert "ana" in json.dumps(message.blocks)
            daemon.kill()
            connections = socket.connections
            daemon.start()
            wait_until(lambda: socket.connections > connections and socket.connected)
            notices = daemon.api(f"/incidents/{incident(daemon)['id']}")["notices"]
            assert [one["suppression"] for one in notices if one["channel"] == "hook"] == ["acknowledged"]
            socket.press("resolve", incident(daemon)["id"])
            wait_until(lambda: buttons(message) == [])
            assert hook.accepted() == []
            metrics = httpx.get(f"{daemon.url}/metrics").text
        assert 'saasobs_presses_total{channel="chat",outcome="taken"} 1.0' in metrics
        assert 'saasobs_listener_connected{channel="chat"} 1.0' in metrics


@pytest.mark.timeout(120)
def test_a_signed_request_does_the_same(tmp_path: Path, slack: SlackDouble, hook: Receiver, target: Target) -> None:
    """On the ingest listener; one that Slack has not signed looks like a page that is not there."""
    daemon = Daemon(tmp_path, configuration(slack, hook, target, f'signing_secret: "{SIGNING}"'))
    with daemon:
        target.set("/api", 500)
        wait_until(lambda: slack.seen)
        body = urlencode({"payload": json.dumps(payload("acknowledge", incident(daemon)["id"]))}).encode()
        at = str(int(time.time()))
        digest = hmac.new(SIGNING.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": at, "Content-Type": "application/x-www-form-urlencoded"}
        url = f"{daemon.url}/slack/chat/actions"
        assert httpx.post(url, content=body, headers={**headers, "X-Slack-Signature": "v0=00"}).status_code == 404
        assert httpx.post(f"{daemon.url}/slack/other/actions", content=body).status_code == 404
        answer = httpx.post(url, content=body, headers={**headers, "X-Slack-Signature": f"v0={digest}"})
        assert (answer.status_code, answer.text) == (200, "")
        wait_until(lambda: incident(daemon)["acknowledged_by"] == "ana")
