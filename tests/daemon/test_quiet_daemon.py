"""A real daemon keeps quiet when it is right to, through a `kill -9` as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from saasobs.cli.main import main
from support.daemon import Daemon, wait_until
from support.receiver import Receiver
from support.target import Target

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 2, recover_after: 2, retry_interval: 100ms}}
channels:
  hook: {{kind: webhook, url: "{hook}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}
policies:
  default: [{{notify: hook}}]
monitors:
  - {{name: db, kind: http, url: "{target}/db", expect: {{status: 200}}}}
  - {{name: middle, kind: http, url: "{target}/middle", expect: {{status: 200}}, depends_on: db}}
  - {{name: api, kind: http, url: "{target}/api", expect: {{status: 200}}, depends_on: middle}}
"""


def told(receiver: Receiver, name: str) -> list[str]:
    """The types of the messages about a monitor, in order."""
    sent: list[dict[str, Any]] = [request.json() for request in receiver.accepted()]
    return [one["type"].removeprefix("incident.") for one in sent if one["monitor"]["name"] == name]


def held(daemon: Daemon, name: str) -> str:
    """Why the alerts of a monitor's newest incident wait; empty: they do not."""
    newest = next((one for one in daemon.api("/incidents")["incidents"] if one["monitor"] == name), None)
    if newest is None:
        return ""
    notices = daemon.api(f"/incidents/{newest['id']}")["notices"]
    return next((f"{one['suppression']}: {one['detail']}" for one in notices if one["suppression"]), "")


def is_(daemon: Daemon, name: str, status: str) -> Callable[[], bool]:
    return lambda: bool(daemon.api(f"/monitors/{name}")["state"]["status"] == status)


@pytest.mark.timeout(120)
def test_a_childs_alert_waits_for_its_grandparent(tmp_path: Path) -> None:
    """api fails a moment before db does; only db is told. db comes back and api does not: it is told then."""
    with Target() as target, Receiver() as receiver:
        daemon = Daemon(tmp_path, CONFIGURATION.format(hook=receiver.url, target=target.url))
        with daemon:
            for name in ("db", "middle", "api"):
                wait_until(is_(daemon, name, "up"))
            target.set("/api", 500)
            target.set("/db", 500)
            wait_until(lambda: told(receiver, "db") == ["opened"])
            wait_until(lambda: held(daemon, "api") == "dependency: db is down")
            daemon.kill()
            daemon.start()
            assert held(daemon, "api") == "dependency: db is down"
            target.set("/db", 200)
            wait_until(lambda: told(receiver, "api") == ["opened"])
            assert told(receiver, "db") == ["opened", "recovered"]
            target.set("/api", 200)
            wait_until(lambda: told(receiver, "api") == ["opened", "recovered"])
            assert told(receiver, "middle") == []


@pytest.mark.timeout(120)
def test_a_window_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Down inside it and not told, over a kill; ended by hand, and told then."""
    with Target() as target, Receiver() as receiver:
        daemon = Daemon(tmp_path, CONFIGURATION.format(hook=receiver.url, target=target.url))

        def run(*words: str) -> str:
            assert main(["maintenance", *words, "--socket", str(tmp_path / "saasobs.sock")]) == 0
            return capsys.readouterr().out

        with daemon:
            wait_until(is_(daemon, "api", "up"))
            run("start", "--monitor", "api", "--for", "30m", "--reason", "deploy", "--by", "ana")
            [window] = daemon.api("/maintenance")["windows"]
            target.set("/api", 500)
            wait_until(lambda: held(daemon, "api").startswith("maintenance: maintenance 'deploy' until "))
            daemon.kill()
            daemon.start()
            assert window["id"] in run("list")
            wait_until(is_(daemon, "api", "down"))
            assert told(receiver, "api") == []
            assert "is over" in run("end", window["id"][:3])
            wait_until(lambda: told(receiver, "api") == ["opened"])
            assert "maintenance.opened" in daemon.logged()
            assert "alerts.released" in daemon.logged()
