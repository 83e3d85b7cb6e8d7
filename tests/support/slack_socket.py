"""Slack's side of Socket Mode: a real WebSocket server that greets, sends what was pressed, and misbehaves."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from support.slack import SlackDouble


class SlackSocket:
    """One app's connections; `slack.socket_url` leads here while it runs."""

    def __init__(self, slack: SlackDouble) -> None:
        self.slack = slack
        self.greets = True
        """Whether a new connection is greeted at all."""
        self.confirmed: list[str] = []
        self.connections = 0
        self._live: list[ServerConnection] = []
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._server = serve(self._serve, "127.0.0.1", 0)
        self.slack.socket_url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/link"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self.drop()
        self._server.shutdown()
        self._thread.join(10)

    @property
    def connected(self) -> bool:
        return bool(self._live)

    def send(self, said: object) -> None:
        """A frame on the newest connection."""
        self._live[-1].send(said if isinstance(said, str) else json.dumps(said))

    def drop(self) -> None:
        """Every connection, without a word."""
        for line in list(self._live):
            with contextlib.suppress(OSError):
                line.socket.shutdown(2)

    def press(self, action: str, incident: str, *, envelope: str = "", **said: Any) -> str:
        """Somebody presses a button; returns the envelope's ID."""
        identity = envelope or str(uuid.uuid4())
        self.send({"envelope_id": identity, "type": "interactive", "payload": payload(action, incident, **said)})
        return identity

    def _serve(self, line: ServerConnection) -> None:
        self.connections += 1
        if self.greets:
            line.send(json.dumps({"type": "hello", "num_connections": 1}))
        self._live.append(line)
        try:
            for frame in line:
                self.confirmed.append(json.loads(frame)["envelope_id"])
        except (ConnectionClosed, OSError, ValueError):
            pass
        finally:
            self._live.remove(line)


def payload(action: str, incident: str, *, user: str = "U012AB3CD", team: str = "T1", channel: str = "C1") -> Any:
    """What Slack says of a button that was pressed."""
    return {
        "type": "block_actions",
        "team": {"id": "T1", "domain": "acme"},
        "user": {"id": user, "username": "someone", "name": "someone", "team_id": team},
        "channel": {"id": channel, "name": "alerts"},
        "container": {"type": "message", "message_ts": "1763800000.000001", "channel_id": channel},
        "response_url": "https://hooks.slack.com/actions/T1/1/x",
        "actions": [{"type": "button", "action_id": f"saasobs_{action}", "value": incident, "block_id": "b"}],
    }
