"""Alerts that really arrive: from Debian's Prometheus, Alertmanager and amtool to a daemon, and on to a webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.alerting_systems import Running, alertmanager, amtool, amtool_json, flag, prometheus
from support.daemon import Daemon, wait_until
from support.receiver import Receiver

pytestmark = pytest.mark.slow

TOKEN = "open-sesame-42"
DAEMON = """\
channels:
  hook:
    {{kind: webhook, url: "{url}/hook", secret: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", group_over: 0}}
policies: {{default: [{{notify: [hook]}}]}}
alerts:
  sources:
    prometheus: {{kind: prometheus, token: {token}}}
    alertmanager: {{kind: alertmanager, token: {token}-am}}
{more}
monitors: []
"""
PROMETHEUS = """\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: flag, static_configs: [{{targets: ["127.0.0.1:{flag}"]}}]}}]
alerting:
  alertmanagers:
    - path_prefix: /alertmanager/prometheus
      authorization: {{credentials: {token}}}
      static_configs: [{{targets: ["127.0.0.1:{daemon}"]}}]
"""
ALERTMANAGER = """\
route: {{receiver: saasobs, group_wait: 0s, group_interval: 1s, repeat_interval: 1h, group_by: ["..."]}}
receivers:
  - name: saasobs
    webhook_configs:
      - url: http://127.0.0.1:{daemon}/alerts/alertmanager
        http_config: {{authorization: {{credentials: {token}-am}}}}
"""


@contextmanager
def _daemon(folder: Path, more: str = "") -> Iterator[tuple[Daemon, Receiver]]:
    with Receiver() as receiver, Daemon(folder, DAEMON.format(url=receiver.url, token=TOKEN, more=more)) as daemon:
        yield daemon, receiver


def _told(receiver: Receiver, name: str) -> list[str]:
    """What was told of an incident, in order."""
    told = (request.json() for request in receiver.accepted())
    return [change for one in told if one["incident"] and one["monitor"]["name"] == name for change in one["changes"]]


def _until_told(receiver: Receiver, name: str, *changes: str) -> None:
    wait_until(lambda: _told(receiver, name) == list(changes), 60, f"{name} to be told as {changes}")


def _until_told_last(receiver: Receiver, name: str, change: str) -> None:
    wait_until(lambda: _told(receiver, name)[-1:] == [change], 60, f"{name} to be told as {change}")


def _api(daemon: Daemon) -> str:
    """The address as amtool takes it, with the token as the password."""
    return f"http://ana:{TOKEN}@127.0.0.1:{daemon.port}/alertmanager/prometheus"


def _prometheus(folder: Path, daemon: Daemon, flag_port: int) -> Running:
    return prometheus(folder / "prometheus", PROMETHEUS.format(flag=flag_port, token=TOKEN, daemon=daemon.port))


def test_a_real_prometheus_needs_no_alertmanager(tmp_path: Path) -> None:
    """A rule fires, people are told; amtool shows it; it is over, and they are told."""
    with flag() as shown, _daemon(tmp_path) as (daemon, receiver):
        with _prometheus(tmp_path, daemon, shown["port"]):
            shown["value"] = 3
            _until_told(receiver, "FlagIsUp shop", "opened")
            [message] = [r.json() for r in receiver.accepted() if r.json()["monitor"]["name"] == "FlagIsUp shop"]
            assert message["incident"]["severity"] == "critical"
            assert message["incident"]["message"] == "the flag is at 3"
            assert message["monitor"]["runbook"] == "https://wiki.example/flag"
            [alert] = amtool_json(_api(daemon), "alert", "query", "FlagIsUp")
            assert alert["labels"]["service"] == "shop"
            assert alert["receivers"] == [{"name": "default"}]
            shown["value"] = 0
            _until_told(receiver, "FlagIsUp shop", "opened", "recovered")
        assert amtool_json(_api(daemon), "alert", "query", "FlagIsUp") == []


def test_a_dead_prometheus_is_no_recovery(tmp_path: Path) -> None:
    """Killed while a rule fires: the incident says that there is no word; the Watchdog's silence is told. Back again,
    the Watchdog is heard, and what is over is told as recovered."""
    # A Prometheus that a busy machine leaves waiting for seconds is silent too: what was told last counts.
    more = "  watchdog: {within: 6s, source: prometheus}"
    with flag() as shown, _daemon(tmp_path, more) as (daemon, receiver):
        shown["value"] = 1
        server = _prometheus(tmp_path, daemon, shown["port"])
        with server:
            wait_until(lambda: _told(receiver, "FlagIsUp shop"), 60, "the alert to be told")
            server.kill()
            _until_told_last(receiver, "FlagIsUp shop", "reminded")
            _until_told_last(receiver, "Watchdog prometheus", "opened")
            stale = next(one for one in daemon.api("/incidents")["incidents"] if one["monitor"] == "FlagIsUp shop")
            assert stale["open"]
            assert stale["reason"] == "source_silent"
            assert stale["message"].startswith("no word from prometheus since ")
        with server:
            _until_told_last(receiver, "Watchdog prometheus", "recovered")
            wait_until(lambda: not daemon.api("/alerts?filter=alertname=FlagIsUp")["alerts"][0]["stale"], 60)
            shown["value"] = 0
            _until_told_last(receiver, "FlagIsUp shop", "recovered")
            first, *between, last = _told(receiver, "FlagIsUp shop")
            assert (first, set(between), last) == ("opened", {"reminded"}, "recovered")


def test_a_real_alertmanager_is_a_source(tmp_path: Path) -> None:
    """Its webhook, firing and resolved; nothing is stale for it is not repeated."""
    with _daemon(tmp_path) as (daemon, receiver):
        configuration = ALERTMANAGER.format(daemon=daemon.port, token=TOKEN)
        with alertmanager(tmp_path / "alertmanager", configuration) as server:
            ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
            amtool(server.url, "alert", "add", "DiskFull", "service=db", "severity=warning", "--end", ends,
                   "--annotation", "summary=99 % of /var is used")  # fmt: skip
            _until_told(receiver, "DiskFull db", "opened")
            [incident] = daemon.api("/incidents")["incidents"]
            assert (incident["severity"], incident["message"]) == ("warning", "99 % of /var is used")
            over = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
            begun = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
            amtool(server.url, "alert", "add", "DiskFull", "service=db", "severity=warning", "--start", begun,
                   "--end", over)  # fmt: skip
            _until_told(receiver, "DiskFull db", "opened", "recovered")


ODD_LABELS: list[dict[str, str]] = [
    {"alertname": "plain"},
    {"alertname": "sorted", "b": "2", "a": "1", "B": "3", "_": "4", "z9": "5"},
    {"alertname": "empty values go", "kept": "x", "gone": ""},
    {"alertname": "ñandú 🔴", "service": "pagos/ação", "japanese": "障害"},
    {"alertname": "quotes", "value": 'a"b\\c\nd\te', "nul": "a\0b"},
    {"alertname": "long", "value": "x" * 1500},
    {"alertname": "broken", "half": "\ud800x"},
    {"alertname": "no UTF-8", "value": "BYTES"},
]


def test_fingerprints_are_those_of_the_real_alertmanager(tmp_path: Path) -> None:
    """So that an alert has one identity everywhere, whatever stands in its labels."""

    def fingerprints(url: str, headers: dict[str, str]) -> dict[str, str]:
        kind = {"Content-Type": "application/json"}
        answer = httpx.post(f"{url}/api/v2/alerts", content=posted, headers={**headers, **kind}, timeout=20)
        assert answer.status_code == 200, answer.text
        found: list[Any] = httpx.get(f"{url}/api/v2/alerts", headers=headers, timeout=20).json()
        return {one["labels"]["alertname"]: one["fingerprint"] for one in found}

    posted = json.dumps([{"labels": labels} for labels in ODD_LABELS]).encode().replace(b"BYTES", b"\xff\xc3x")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    configuration = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
    with _daemon(tmp_path) as (daemon, _), alertmanager(tmp_path / "am", configuration) as real:
        ours = fingerprints(f"{daemon.url}/alertmanager/prometheus", bearer)
        assert ours == fingerprints(real.url, {})
        assert len(ours) == len(ODD_LABELS)
        assert ours == fingerprints(daemon.url, bearer), "the token alone says who it is"


def test_amtool_makes_finds_changes_and_ends_silences(tmp_path: Path) -> None:
    """As against Alertmanager; what a silence covers is not told, and told when amtool expires it."""
    with _daemon(tmp_path) as (daemon, receiver):
        api = _api(daemon)
        silence = amtool(api, "silence", "add", "alertname=~Disk.*", "service=db", "-a", "ana", "-c", "upgrade",
                         "-d", "1h").strip()  # fmt: skip
        amtool(api, "alert", "add", "DiskFull", "service=db", "severity=page")
        amtool(api, "alert", "add", "Other", "service=db")
        _until_told(receiver, "Other db", "opened")
        [shown] = amtool_json(api, "silence", "query")
        assert (shown["id"], shown["createdBy"], shown["comment"]) == (silence, "ana", "upgrade")
        assert amtool_json(api, "silence", "query", "service=web") == []
        assert [one["id"] for one in amtool_json(api, "silence", "query", "service=db")] == [silence]
        assert [one["labels"]["alertname"] for one in amtool_json(api, "alert", "query")] == ["Other"]
        silenced = amtool_json(api, "alert", "query", "--silenced")
        assert [one["status"]["silencedBy"] for one in silenced] == [[silence]]
        changed = amtool(api, "silence", "update", silence, "-d", "2h", "-c", "longer", "-o", "json")
        assert silence in changed
        [shown] = amtool_json(api, "silence", "query")
        assert shown["comment"] == "longer"
        assert "longer" in amtool(api, "silence", "query", "-o", "extended")
        assert _told(receiver, "DiskFull db") == []
        amtool(api, "silence", "expire", silence)
        _until_told(receiver, "DiskFull db", "opened")
        assert amtool_json(api, "silence", "query") == []
        assert amtool_json(api, "silence", "query", "--expired")[0]["id"] == silence
        amtool(api, "silence", "expire", silence, fails=True)
        amtool(api, "silence", "add", "alertname=~(", fails=True)
        wrong = api.replace(TOKEN, "wrong")
        assert "401" in amtool(wrong, "alert", "query", fails=True)
        assert "default" in amtool(api, "config", "show")
