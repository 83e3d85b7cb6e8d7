"""The daemon as a whole, in a process of its own, against real targets and a real receiver."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from support.daemon import Daemon, free_port, wait_until
from support.receiver import Receiver
from support.target import Target

BASE = """\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 2, recover_after: 2, retry_interval: 100ms}}
channels:
  team: {{kind: console}}
  hook: {{kind: webhook, url: "{receiver}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", timeout: 50s}}
policies:
  default: [{{notify: [team, hook]}}]
monitors:
  - {{name: api, kind: http, url: "{target}/api", expect: {{status: 200}}}}
  - {{name: web, kind: http, url: "{target}/web", expect: {{status: 200}}}}
"""


@pytest.fixture
def target() -> Iterator[Target]:
    with Target() as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def daemon(tmp_path: Path, target: Target, receiver: Receiver) -> Iterator[Daemon]:
    with Daemon(tmp_path, BASE.format(target=target.url, receiver=receiver.url)) as made:
        wait_until(lambda: status(made, "api") == "up" and status(made, "web") == "up", what="both monitors up")
        yield made


def status(daemon: Daemon, name: str) -> str:
    return str(daemon.api(f"/monitors/{name}")["state"]["status"])


def told(receiver: Receiver) -> list[str]:
    """The types of what was accepted, in order: incident.opened …"""
    return [json.loads(request.body)["type"] for request in receiver.accepted()]


def metric(daemon: Daemon, line_start: str) -> float:
    text = httpx.get(f"{daemon.url}/metrics", timeout=10).text
    return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(line_start))


def test_a_failure_is_told_and_so_is_the_recovery(daemon: Daemon, target: Target, receiver: Receiver) -> None:
    """A broken target opens one incident and one message on each channel; mended, each hears of the recovery."""
    target.set("/api", 500)
    wait_until(lambda: told(receiver) == ["incident.opened"])
    [incident] = daemon.api("/incidents?open=true")["incidents"]
    assert (incident["monitor"], incident["status"], incident["reason"]) == ("api", "down", "status_mismatch")
    assert "500" in incident["message"]
    assert status(daemon, "web") == "up"
    target.set("/api", 200)
    wait_until(lambda: told(receiver) == ["incident.opened", "incident.recovered"])
    wait_until(lambda: "up again" in daemon.console())
    assert "api is down" in daemon.console()
    assert daemon.api("/incidents?open=true")["incidents"] == []


def test_a_check_carries_a_correlation_id(daemon: Daemon, target: Target) -> None:
    """The target's own logs can be found by the ID that the result shows."""
    last = daemon.api("/monitors/api")["last"]
    assert len(last["correlation_id"]) == 32
    headers = {name.lower(): value for name, value in target.headers["/api"].items()}
    assert len(headers["x-request-id"]) == 32
    assert headers["traceparent"].endswith("-01")


def test_a_bad_reload_keeps_the_old_configuration_and_says_so(daemon: Daemon, target: Target) -> None:
    """Log, metric, page and API name the fault; what ran goes on; a good file mends it and is taken whole."""
    good = daemon.config.read_text()
    daemon.config.write_text(good.replace("kind: http, url", "kind: htp, url", 1))
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: metric(daemon, "saasobs_config_last_reload_successful") == 0)
    assert "saasobs.yaml:" in daemon.api("/status")["configuration"]["error"]
    assert "config.reload_refused" in daemon.logged()
    assert "htp" in httpx.get(daemon.url, timeout=10).text
    assert len(daemon.api("/monitors")["monitors"]) == 2

    daemon.config.write_text(good + f'  - {{name: new, kind: http, url: "{target.url}/new"}}\n')
    wait_until(lambda: metric(daemon, "saasobs_config_last_reload_successful") == 1, what="the file watch to take it")
    wait_until(lambda: status(daemon, "new") == "up")
    assert daemon.api("/status")["configuration"]["error"] is None


def test_a_reload_keeps_the_state_of_a_monitor_that_is_down(daemon: Daemon, target: Target, receiver: Receiver) -> None:
    """Changing its interval or policy while it is down neither forgets nor repeats its incident."""
    target.set("/api", 500)
    wait_until(lambda: told(receiver) == ["incident.opened"])
    text = daemon.config.read_text()
    daemon.config.write_text(
        text.replace("name: api, kind: http,", "name: api, kind: http, interval: 2s, tags: [new],")
    )
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.api("/monitors/api")["tags"] == ["new"])
    assert status(daemon, "api") == "down"
    target.set("/api", 200)
    wait_until(lambda: told(receiver) == ["incident.opened", "incident.recovered"])


def test_a_monitor_that_is_removed_while_down_closes_its_incident(
    daemon: Daemon, target: Target, receiver: Receiver
) -> None:
    """Those who were told of the failure hear that it is no longer watched."""
    target.set("/api", 500)
    wait_until(lambda: told(receiver) == ["incident.opened"])
    lines = daemon.config.read_text().splitlines(keepends=True)
    daemon.config.write_text("".join(line for line in lines if "name: api" not in line))
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: told(receiver) == ["incident.opened", "incident.withdrawn"])
    assert daemon.api("/incidents?open=true")["incidents"] == []


def test_a_restart_while_down_neither_forgets_nor_repeats(daemon: Daemon, target: Target, receiver: Receiver) -> None:
    """After a clean stop and a start the incident is the same one, and nobody is told again."""
    target.set("/api", 500)
    wait_until(lambda: told(receiver) == ["incident.opened"])
    [before] = daemon.api("/incidents?open=true")["incidents"]
    assert daemon.stop() == 0
    daemon.start()
    wait_until(lambda: daemon.api("/monitors/api")["last"]["started_at"] > before["opened_at"])
    [after] = daemon.api("/incidents?open=true")["incidents"]
    assert after["id"] == before["id"]
    target.set("/api", 200)
    wait_until(lambda: told(receiver) == ["incident.opened", "incident.recovered"])


def test_a_dead_provider_is_told_the_whole_story_once_it_is_back(
    daemon: Daemon, target: Target, receiver: Receiver
) -> None:
    """Down and up while the provider refuses: one combined message under both IDs, or one of each; nothing more."""
    receiver.set("500")
    target.set("/api", 500)
    wait_until(lambda: status(daemon, "api") == "down")
    target.set("/api", 200)
    wait_until(lambda: status(daemon, "api") == "up")
    wait_until(lambda: metric(daemon, 'saasobs_notifications_total{channel="hook",outcome="retry"}') >= 1)
    receiver.set("ok")
    wait_until(receiver.accepted, 60)
    payloads = [json.loads(request.body) for request in receiver.accepted()]
    assert sum(len(payload["notice_ids"]) for payload in payloads) == 2
    assert [change for payload in payloads for change in payload["changes"]] == ["opened", "recovered"]


def test_a_provider_that_hangs_delays_no_check(daemon: Daemon, target: Target, receiver: Receiver) -> None:
    """While a send hangs, checks keep their one-second rhythm and the other channel speaks."""
    receiver.set("hang")
    target.set("/api", 500)
    wait_until(lambda: status(daemon, "api") == "down")
    wait_until(lambda: "api is down" in daemon.console())
    begun = len([1 for _, path in target.requests if path == "/web"])
    wait_until(lambda: len([1 for _, path in target.requests if path == "/web"]) >= begun + 6)
    moments = [at for at, path in target.requests if path == "/web"][begun:]
    gaps = [later - sooner for sooner, later in pairwise(moments)]
    assert sorted(gaps)[len(gaps) // 2] < 1.5
    assert receiver.accepted() == []
    receiver.set("ok")


def test_a_locked_database_turns_no_monitor_down(daemon: Daemon) -> None:
    """Another process holds the write lock: the daemon says so, keeps watching, and catches up."""
    name = f"{daemon.folder}/saasobs.db"
    before = daemon.api("/monitors/api")["last"]["started_at"]
    holder = sqlite3.connect(name, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    wait_until(lambda: httpx.get(f"{daemon.url}/readyz", timeout=10).status_code == 503, 30)
    assert "locked" in httpx.get(f"{daemon.url}/readyz", timeout=10).text
    assert metric(daemon, "saasobs_storage_up") == 0
    wait_until(lambda: daemon.api("/monitors/api")["last"]["started_at"] > before)
    assert (status(daemon, "api"), status(daemon, "web")) == ("up", "up")
    holder.execute("ROLLBACK")
    holder.close()
    wait_until(lambda: httpx.get(f"{daemon.url}/readyz", timeout=10).status_code == 200, 30)
    with sqlite3.connect(f"file:{name}?mode=ro", uri=True) as reader:
        [outcomes] = list(reader.execute("SELECT count(*) FROM incidents"))
    assert outcomes == (0,)


def test_a_full_disk_turns_no_monitor_down_and_loses_no_transition(
    daemon: Daemon, target: Target, receiver: Receiver
) -> None:
    """No byte more can be written: an outage meanwhile is kept in memory and told once there is room."""
    soft, hard = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1, hard))
    wait_until(lambda: httpx.get(f"{daemon.url}/readyz", timeout=10).status_code == 503, 30)
    assert (status(daemon, "api"), status(daemon, "web")) == ("up", "up")
    target.set("/api", 500)
    wait_until(lambda: status(daemon, "api") == "down")
    time.sleep(0.5)
    assert receiver.accepted() == [], "nothing is told that is not committed"
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (soft, hard))
    wait_until(lambda: told(receiver) == ["incident.opened"], 30)
    wait_until(lambda: httpx.get(f"{daemon.url}/readyz", timeout=10).status_code == 200, 30)


def test_sigterm_while_sending_hands_over_to_the_next_start(daemon: Daemon, target: Target, receiver: Receiver) -> None:
    """The hanging send is given up in time; the next start delivers the same notice under the same ID."""
    receiver.set("hang")
    target.set("/api", 500)
    wait_until(lambda: receiver.requests)
    first = receiver.requests[0]
    assert daemon.stop() == 0
    receiver.set("ok")
    daemon.start()
    wait_until(receiver.accepted, 30)
    assert receiver.accepted()[0].headers["webhook-id"] == first.headers["webhook-id"]


def test_an_acknowledgement_stops_the_later_step(tmp_path: Path, target: Target, receiver: Receiver) -> None:
    """Slack at once, SMS later unless acknowledged: after `ack` the later step is suppressed and says why."""
    text = BASE.format(target=target.url, receiver=receiver.url).replace(
        "default: [{notify: [team, hook]}]",
        "default: [{notify: team}, {notify: hook, after: 2s, unless: acknowledged}]",
    )
    with Daemon(tmp_path, text) as daemon:
        target.set("/api", 500)
        [incident] = wait_until(lambda: daemon.api("/incidents?open=true")["incidents"])
        beginning = incident["id"][:5]
        taken = daemon.api(f"/incidents/{beginning}/acknowledge", json={"by": "ana"})
        assert taken["acknowledged_by"] == "ana"
        view = daemon.api(f"/incidents/{beginning}")
        later = next(notice for notice in view["notices"] if notice["channel"] == "hook")
        assert (later["state"], later["suppression"]) == ("suppressed", "acknowledged")
        target.set("/api", 200)
        wait_until(lambda: "up again" in daemon.console())
        assert receiver.accepted() == []


def test_a_paused_monitor_is_left_alone(daemon: Daemon, target: Target) -> None:
    """No checks, no incidents while paused; resumed, it is checked at once and judged afresh."""
    daemon.api("/monitors/api/pause", json={"by": "ana"})
    seen = len([1 for _, path in target.requests if path == "/api"])
    target.set("/api", 500)
    time.sleep(2.5)
    assert len([1 for _, path in target.requests if path == "/api"]) <= seen + 1
    assert daemon.api("/monitors/api")["state"]["paused"]
    assert daemon.api("/incidents?open=true")["incidents"] == []
    daemon.api("/monitors/api/resume", json={"by": "ana"})
    wait_until(lambda: status(daemon, "api") == "down")


def test_pausing_a_monitor_that_is_down_closes_its_incident(daemon: Daemon, target: Target, receiver: Receiver) -> None:
    """Those who heard of the failure hear that nobody watches it now; resumed and still down, they are told anew."""
    target.set("/api", 500)
    wait_until(lambda: told(receiver) == ["incident.opened"])
    daemon.api("/monitors/api/pause", json={"by": "ana"})
    wait_until(lambda: told(receiver) == ["incident.opened", "incident.withdrawn"])
    daemon.stop()
    daemon.start()
    assert daemon.api("/monitors/api")["state"]["paused"], "a restart does not resume it"
    daemon.api("/monitors/api/resume", json={"by": "ana"})
    wait_until(lambda: told(receiver) == ["incident.opened", "incident.withdrawn", "incident.opened"])


def test_a_heartbeat_is_missed_found_and_forgiven(tmp_path: Path) -> None:
    """Silence is told after period and grace, a failing exit code at once; our own absence is forgiven."""
    text = """\
defaults: {interval: 30s}
channels: {team: {kind: console}}
monitors:
  - {name: job, kind: heartbeat, period: 3s, grace: 1s}
"""
    with Daemon(tmp_path, text) as daemon:
        url = daemon.api("/monitors/job")["ping_url"]
        assert httpx.get(url, timeout=10).status_code == 200
        wait_until(lambda: status(daemon, "job") == "up", what="the first ping to count")
        wait_until(lambda: status(daemon, "job") == "down", what="the silence to be told")
        assert "job is down" in wait_until(daemon.console)
        httpx.post(url, content=b"done", timeout=10)
        wait_until(lambda: status(daemon, "job") == "up")
        httpx.post(f"{url}/3", content=b"disk full", timeout=10)
        wait_until(lambda: status(daemon, "job") == "down")
        assert "disk full" in daemon.api("/monitors/job")["last"]["message"]
        httpx.head(url, timeout=10)
        wait_until(lambda: status(daemon, "job") == "up")
        daemon.kill()
        time.sleep(6)
        daemon.start()
        assert daemon.api("/monitors/job")["ping_url"] == url
        time.sleep(2)
        assert status(daemon, "job") == "up", "the ping may have come while the daemon was away"
        assert httpx.get(url.replace("ping/", "ping/0"), timeout=10).status_code == 404


def test_two_daemons_never_share_a_folder(daemon: Daemon) -> None:
    """The second one says who is there and ends; the first goes on."""
    second = subprocess.run(
        [sys.executable, "-m", "saasobs", "serve", "--config", str(daemon.config)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=daemon.folder,
    )
    assert second.returncode == 1
    assert f"pid {daemon.pid}" in second.stderr
    assert "Traceback" not in second.stderr
    assert daemon.answers()


def test_two_daemons_never_share_a_database(daemon: Daemon, tmp_path: Path) -> None:
    """A state folder of its own is not enough: the incidents would be told twice."""
    text = daemon.config.read_text().replace(f"state_dir: {daemon.folder}", f"state_dir: {tmp_path}/other")
    second = tmp_path / "second.yaml"
    second.write_text(text.replace(f":{daemon.port}", f":{free_port()}"))
    ended = subprocess.run(
        [sys.executable, "-m", "saasobs", "serve", "--config", str(second)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert f"pid {daemon.pid}) uses {daemon.folder}/saasobs.db" in ended.stderr


def test_a_restart_goes_on_confirming(tmp_path: Path, target: Target) -> None:
    """Killed in the middle of a confirmation, the next start does not wait for the slot, an hour away."""
    text = f"""\
monitors:
  - {{name: api, kind: http, url: "{target.url}/api", interval: 1h, retry_interval: 1s, fail_after: 30,
     expect: {{status: 200}}}}
"""
    target.set("/api", 500)
    with Daemon(tmp_path, text) as daemon:
        daemon.api("/monitors/api/check", json={})
        wait_until(lambda: len(target.requests) >= 3)
        wait_until(lambda: daemon.api("/monitors/api")["state"]["confirming"])
        time.sleep(0.6)
        daemon.kill()
        seen = len(target.requests)
        daemon.start()
        wait_until(lambda: len(target.requests) >= seen + 2)


def test_an_answer_to_an_old_question_is_not_judged(tmp_path: Path, target: Target) -> None:
    """The URL is corrected while a check of the wrong one is under way: its answer opens no incident."""
    text = f"""\
defaults: {{interval: 5s, timeout: 4s, fail_after: 1}}
monitors:
  - {{name: api, kind: http, url: "{target.url}/slow", expect: {{status: 200}}}}
"""
    target.set("/slow", 500)
    target.delays["/slow"] = 2.5
    with Daemon(tmp_path, text) as daemon:
        wait_until(lambda: target.requests, what="the slow check to begin")
        daemon.config.write_text(daemon.config.read_text().replace("/slow", "/right"))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.api("/monitors/api")["target"].endswith("/right"))
        wait_until(lambda: status(daemon, "api") == "up")
        time.sleep(2)
        assert daemon.api("/incidents")["incidents"] == []


def test_metrics_carry_blackbox_names(daemon: Daemon, target: Target) -> None:
    """Existing dashboards find probe_success and the phases, with the target as `instance`."""
    labels = f'{{instance="{target.url}/api",monitor="api"}}'
    assert metric(daemon, f"probe_success{labels}") == 1
    assert metric(daemon, f"probe_http_status_code{labels}") == 200
    assert metric(daemon, f"probe_duration_seconds{labels}") > 0
    phase = f'probe_http_duration_seconds{{instance="{target.url}/api",monitor="api",phase="processing"}}'
    assert metric(daemon, phase) > 0
    assert metric(daemon, "saasobs_incidents_open") == 0


def test_ctrl_c_ends_quietly(daemon: Daemon) -> None:
    """SIGINT is a clean stop: exit code 0, no stack trace, the socket is gone."""
    os.kill(daemon.pid, signal.SIGINT)
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.logged()
    assert not (daemon.folder / "saasobs.sock").exists()
