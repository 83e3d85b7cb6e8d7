"""A daemon whose cable is pulled: it says once that it is blind, and calls nobody down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.daemon import Daemon, wait_until
from support.namespace import Cable, cabled
from support.receiver import Receiver
from support.target import Target

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 1, recover_after: 1, retry_interval: 200ms}}
network: {{anchors: ["{anchors[0]}", "{anchors[1]}"], interval: 2s}}
channels: {{hook: {{kind: console}}}}
policies: {{default: [{{notify: [hook]}}]}}
monitors:
  - {{name: api, kind: http, url: "{target}/api"}}
  - {{name: web, kind: http, url: "{target}/web"}}
  - {{name: nightly, kind: heartbeat, period: 6s, grace: 3s, interval: 1s}}
"""


class Cabled(Daemon):
    """A daemon in a namespace, spoken to over its Unix socket."""

    def _http(self) -> httpx.Client:
        socket = next(self.folder.glob("*.sock"))
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://localhost")

    def states(self) -> dict[str, str]:
        return {each["name"]: each["state"]["status"] for each in self.api("/monitors")["monitors"]}

    def answers(self) -> bool:
        try:
            with self._http() as client:
                return client.get("/api/v1/monitors").status_code == 200
        except (httpx.TransportError, StopIteration):
            return False

    def api(self, path: str, **options: Any) -> Any:
        with self._http() as client:
            return client.get(f"/api/v1{path}", **options).raise_for_status().json()


@pytest.fixture
def cable() -> Iterator[Cable]:
    with cabled() as made:
        yield made


@pytest.mark.slow
def test_a_cut_network_makes_nobody_down(tmp_path: Path, cable: Cable) -> None:
    """One incident says that we are blind; monitors and heartbeats stay what they were; it ends when we are back."""
    first, second = cable.addresses
    with Target(first) as target, Target(second) as other, Receiver():
        anchors = (f"{first}:{target.port}", f"{second}:{other.port}")
        daemon = Cabled(tmp_path, CONFIGURATION.format(anchors=anchors, target=target.url))
        daemon.prefix = cable.prefix
        with daemon:
            ups = wait_until(lambda: (seen := daemon.states())["api"] == seen["web"] == "up" and seen, what="both up")
            cable.pull()
            blind = wait_until(lambda: daemon.api("/incidents")["incidents"], what="the incident about our network")
            time.sleep(8)  # many checks, and the heartbeat's deadline, go by
            assert daemon.states() == ups
            assert [each["topic"] for each in daemon.api("/incidents")["incidents"]] == ["network"]
            last = daemon.api("/monitors/api")["last"]
            assert (last["outcome"], last["reason"]) == ("unknown", "own_network")
            cable.plug_in()
            wait_until(lambda: daemon.api("/incidents")["incidents"][0]["ended_at"], what="the incident to end")
            wait_until(lambda: daemon.api("/monitors/api")["last"]["outcome"] == "up", what="an up again")
            assert [each["id"] for each in daemon.api("/incidents")["incidents"]] == [blind[0]["id"]]
            assert daemon.states() == ups
