"""The whole chain for real: a slow shop, Prometheus with the committed rules, the daemon, Slack, a text, and back."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.alerting_systems import Running, prometheus
from support.daemon import Daemon, free_port, wait_until
from support.slack import TOKEN, SlackDouble
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

ROOT = Path(__file__).parents[2]
NAME = "SaasobsCriticalRouteP95High shop"
DAEMON = """\
people:
  ana: {{phone: "+51987654321"}}
channels:
  team: {{kind: slack, token: "{token}", channel: C123, base_url: "{slack}", group_over: 0}}
  texts: {{kind: sms, provider: twilio, account_sid: {account}, auth_token: "{auth}", from: "+15005550006",
           api_base: "{twilio}", group_over: 0}}
policies:
  quiet: {{match: {{severity: warning}}, steps: [{{notify: team, after: 1h}}]}}
  default: [{{notify: team}}, {{notify: ana, over: texts, after: 1s, unless: acknowledged}}]
alerts:
  sources: {{prometheus: {{kind: prometheus, token: from-prometheus}}}}
  watchdog: {{alertname: Watchdog, within: 5m, source: prometheus}}
monitors: []
"""
QUICK = {"[5m]": "[20s]", "for: 5m": "for: 1s"}
"""The test's five minutes are twenty seconds; `keep_firing_for` is among them."""


def shop(folder: Path) -> Running:
    """The example shop as people start it."""
    port = free_port()
    command = [
        "env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "examples.shop", "serve",
        "--port", str(port), "--database", str(folder / "shop.db"),
    ]  # fmt: skip
    return Running(command, folder, port, ready="/health")


def watched(folder: Path, shop: Running, daemon: Daemon) -> Running:
    """Prometheus with config/prometheus.yml and alerts/*.yml, on the ports of this test and in a hurry."""
    body: dict[str, Any] = yaml.safe_load((ROOT / "config/prometheus.yml").read_text(encoding="utf-8"))
    body["global"] = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), "1s")
    body["rule_files"] = [str(folder / name) for name in ("recording.yml", "alerts.yml")]
    ports = {"app": shop.port, "saasobs": daemon.port}
    body["scrape_configs"] = [job for job in body["scrape_configs"] if job["job_name"] in ports]
    for job in body["scrape_configs"]:
        job["static_configs"][0]["targets"] = [f"127.0.0.1:{ports[job['job_name']]}"]
    [receiver] = body["alerting"]["alertmanagers"]
    receiver["authorization"] = {"credentials": "from-prometheus"}
    receiver["static_configs"] = [{"targets": [f"127.0.0.1:{daemon.port}"]}]
    for name in ("recording.yml", "alerts.yml"):
        text = (ROOT / "alerts" / name).read_text(encoding="utf-8")
        for usual, quick in QUICK.items():
            text = text.replace(usual, quick)
        (folder / name).write_text(text.replace("keep_firing_for: 5m", "keep_firing_for: 1s"), encoding="utf-8")
    return prometheus(folder / "prometheus", yaml.safe_dump(body))


@contextmanager
def buying(shop: Running, at_a_time: int = 8) -> Iterator[None]:
    """Customers, one request after the other each."""
    stop = threading.Event()

    def buy() -> None:
        with httpx.Client(timeout=60) as client:
            while not stop.is_set():
                client.get(f"{shop.url}/checkout")
                stop.wait(0.2)

    customers = [threading.Thread(target=buy, daemon=True) for _ in range(at_a_time)]
    for one in customers:
        one.start()
    try:
        yield
    finally:
        stop.set()
        for one in customers:
            one.join(90)


def incident(daemon: Daemon) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = daemon.api("/incidents")["incidents"]
    return next((one for one in found if NAME in str(one)), None)


def state(daemon: Daemon, running: Running) -> Callable[[], str]:
    """What is known when a wait was in vain."""
    return lambda: f"{daemon.api('/incidents')} {httpx.get(running.url + '/api/v1/alerts').text}"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_slow_shop_gets_somebody_up_and_a_mended_one_says_so(tmp_path: Path) -> None:
    """Slow, firing, told in Slack, texted, acknowledged, mended, resolved: nothing in between is pretended."""
    with SlackDouble() as slack, TwilioDouble() as twilio, shop(tmp_path) as app:
        text = DAEMON.format(token=TOKEN, slack=slack.base_url, account=ACCOUNT, auth=AUTH_TOKEN, twilio=twilio.url)
        with Daemon(tmp_path, text) as daemon, watched(tmp_path, app, daemon) as running, buying(app):
            known = state(daemon, running)
            assert httpx.post(f"{app.url}/break/slow").status_code == 200
            opened = wait_until(lambda: incident(daemon), 120, known)
            told = wait_until(lambda: [one for one in slack.seen if NAME in one.text], 60, known)
            assert "shop /checkout is critical and slow: p95 over 2 s" in told[0].text
            assert "/docs/runbooks/SaasobsCriticalRouteP95High.md" in str(told[0].blocks)
            [texted] = wait_until(lambda: [one for one in twilio.texts if NAME in one.body], 60, known)
            assert texted.to == "+51987654321"
            daemon.api(f"/incidents/{opened['id']}/acknowledge", json={"by": "ana"})
            assert httpx.post(f"{app.url}/break/off").status_code == 200
            ended = wait_until(lambda: (one := incident(daemon)) and not one["open"] and one, 150, known)
            assert (ended["acknowledged_by"], ended["ending"]) == ("ana", "recovered")
            wait_until(lambda: told[0].edits or told[0].thread, 60, known)
            wait_until(lambda: [one for one in twilio.texts if NAME in one.body][1:], 60, known)
