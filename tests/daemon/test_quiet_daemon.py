"""A real daemon keeps quiet when it is right to, through a `kill -9` as well."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from saasobs.cli.main import main
from saasobs.core.incident import ENDINGS, Change, NoticeState, Suppression
from saasobs.storage import open_store
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
    """The types of the messages about a monitor, in order; what came again after a kill has the same ID."""
    sent: dict[str, dict[str, Any]] = {one.headers["webhook-id"]: one.json() for one in receiver.accepted()}
    return [one["type"].removeprefix("incident.") for one in sent.values() if one["monitor"]["name"] == name]


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
            wait_until(lambda: told(receiver, "db") == ["opened", "recovered"])
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


# Killed again and again ----------------------------------------------------------------------------------------------

KILLS = int(os.environ.get("SAASOBS_KILLS", "25")) // 3
NAMES = ("m0", "m1", "m2", "m3", "m4", "m5")


def family(target: Target, receiver: Receiver) -> str:
    """Each monitor but the first two depends on one or two before it; four outages in ten seconds are flapping."""
    parents = {"m2": "[m0]", "m3": "[m0, m1]", "m4": "[m2]", "m5": "[m3]"}
    monitors = "\n".join(
        f"  - {{name: {name}, kind: http, url: '{target.url}/{name}', expect: {{status: 200}}"
        + (f", depends_on: {parents[name]}}}" if name in parents else "}")
        for name in NAMES
    )
    return f"""\
defaults:
  {{interval: 1s, timeout: 900ms, fail_after: 2, recover_after: 2, retry_interval: 100ms,
   flapping: {{outages: 3, within: 10s, stable_after: 3s, down_after: 3s}}}}
limits: {{per_host: 50}}
channels:
  hook: {{kind: webhook, url: "{receiver.url}", group_over: 0, secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}
policies:
  default: [{{notify: hook}}]
maintenance:
  - {{name: often, monitors: [m1, m5], cron: "* * * * *", duration: 20s}}
monitors:
{monitors}
"""


@pytest.mark.slow
@pytest.mark.timeout(KILLS * 8 + 180)
def test_kills_lose_nothing_that_was_held(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Dependencies, a window each minute and flapping under `kill -9`: at the end nothing waits, every end was told to
    whom the beginning was, and nothing was told that is not written down."""
    seed = random.randrange(2**32)
    record_property("seed", seed)
    chance = random.Random(seed)
    with Target() as target, Receiver() as receiver:
        daemon = Daemon(tmp_path, family(target, receiver))
        target.set("/m0", 500)
        target.set("/m2", 500)
        with daemon:  # however slow the machine: something waits for a reason
            wait_until(lambda: held(daemon, "m2").startswith(("dependency", "maintenance")))
        for _ in range(KILLS):
            daemon.start()
            for _ in range(chance.randrange(4, 30)):
                target.set(f"/{chance.choice(NAMES)}", chance.choice([200, 500]))
                time.sleep(0.05)
            daemon.kill()
        for name in NAMES:
            target.set(f"/{name}", 200)
        with daemon:
            wait_until(lambda: at_rest(daemon), 120, "every monitor to be up and every notice to be settled")
        told_ids = {identity for one in receiver.accepted() for identity in one.json()["notice_ids"]}
        assert_kept(tmp_path, told_ids)


def at_rest(daemon: Daemon) -> bool:
    if any(one["state"]["status"] != "up" for one in daemon.api("/monitors")["monitors"]):
        return False
    with open_store(f"sqlite:///{daemon.folder}/saasobs.db").read() as transaction:
        waiting = transaction.held() or transaction.outbox(2**62)
        return not waiting and not transaction.incidents(open_only=True)


def assert_kept(folder: Path, told_ids: set[str]) -> None:
    with open_store(f"sqlite:///{folder}/saasobs.db").read() as transaction:
        story = {one.id: transaction.notices(one.id) for one in transaction.incidents(limit=100_000)}
    assert story
    assert told_ids == {one.id for notices in story.values() for one in notices if one.state is NoticeState.SENT}
    for notices in story.values():
        assert {one.state for one in notices} <= {NoticeState.SENT, NoticeState.SUPPRESSED}
        heard = {one.change for one in notices if one.state is NoticeState.SENT}
        assert (Change.OPENED in heard) == bool(heard & ENDINGS), notices
    held = {one.suppression for notices in story.values() for one in notices}
    assert held & {Suppression.DEPENDENCY, Suppression.MAINTENANCE, Suppression.FLAPPING}
