"""alerts/alertmanager.yml in a real Alertmanager: told once, not three times, and never muted for another service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import yaml

from saasobs.rules.document import alerts_of
from saasobs.rules.model import RuleSet
from support.alerting_systems import Running, alertmanager
from support.daemon import wait_until
from support.receiver import Receiver

ROOT = Path(__file__).parents[2]
SEVERITIES = {alert.name: alert.severity.value for alert in alerts_of(RuleSet())}
BURNS = ("SaasobsErrorBudgetBurnFast", "SaasobsErrorBudgetBurnMedium", "SaasobsErrorBudgetBurnSlow")
RATES = (
    "SaasobsRouteP95High", "SaasobsCriticalRouteP95High", "SaasobsHttp5xxRatioHigh", "SaasobsTrafficDropped",
    "SaasobsTenantErrors", *BURNS, "SaasobsLatencyBudgetBurnFast",
)  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With the committed configuration; only the places of its secrets are the test's."""
    folder = tmp_path_factory.mktemp("alertmanager")
    with alertmanager(folder, _configuration(folder, "http://127.0.0.1:1/nowhere")) as started:
        yield started


def _configuration(folder: Path, daemon: str, slack_url: str = "http://127.0.0.1:1/nowhere") -> str:
    """In a hurry: news of a group goes out after a second, not after five minutes."""
    body = yaml.safe_load((ROOT / "alerts/alertmanager.yml").read_text(encoding="utf-8"))
    (folder / "slack").write_text(slack_url)
    (folder / "token").write_text("t")
    for receiver in body["receivers"]:
        for slack in receiver.get("slack_configs", ()):
            slack["api_url_file"] = str(folder / "slack")
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = daemon
            hook["http_config"]["authorization"]["credentials_file"] = str(folder / "token")
    body["route"]["group_interval"] = "1s"
    return yaml.safe_dump(body)


def _post(running: Running, service: str, *names: str, ends: str = "", **labels: str) -> None:
    common = {"service": service, "environment": "production", **labels}
    when = {"endsAt": ends} if ends else {}
    alerts = [{"labels": {"alertname": name, "severity": SEVERITIES[name], **common}, **when} for name in names]
    httpx.post(f"{running.url}/api/v2/alerts", json=alerts, timeout=20).raise_for_status()


def _fire(running: Running, service: str, *names: str, **labels: str) -> dict[str, str]:
    """All of them, of one service; what Alertmanager makes of each: `active` or `suppressed`."""
    _post(running, service, *names, **labels)

    def states() -> dict[str, str]:
        asked = httpx.get(f"{running.url}/api/v2/alerts", params={"filter": f'service="{service}"'}, timeout=20).json()
        return {one["labels"]["alertname"]: one["status"]["state"] for one in asked}

    def settled() -> bool:
        return states().keys() >= set(names) and "unprocessed" not in states().values()

    wait_until(settled, 60, lambda: str(states()))
    return states()


def _muted(states: dict[str, str]) -> set[str]:
    return {name for name, state in states.items() if state == "suppressed"}


def test_a_target_that_is_down_says_it_all(running: Running) -> None:
    """Its service's rates, errors and burns are muted; its N+1 is not, and nothing of another service."""
    assert _muted(_fire(running, "gone", "SaasobsTargetDown", *RATES, "SaasobsNPlusOne")) == set(RATES)
    assert not _muted(_fire(running, "other", "SaasobsRouteP95High"))


def test_the_faster_burn_says_more(running: Running) -> None:
    """It mutes the slower one and the ratio of errors; nothing mutes the fastest."""
    states = _fire(running, "burning", *BURNS, "SaasobsHttp5xxRatioHigh")
    assert _muted(states) == {"SaasobsErrorBudgetBurnSlow", "SaasobsHttp5xxRatioHigh"}
    assert not _muted(_fire(running, "slowly", "SaasobsErrorBudgetBurnSlow", "SaasobsHttp5xxRatioHigh"))


def test_critical_mutes_the_warning_about_the_same(running: Running) -> None:
    """The same route, not another one."""
    _fire(running, "shop", "SaasobsCriticalRouteP95High", "SaasobsRouteP95High", http_route="/pay")
    pay = _fire(running, "shop", "SaasobsRouteP95High", http_route="/pay")
    assert _muted(pay) == {"SaasobsRouteP95High"}
    assert not _muted(_fire(running, "shop2", "SaasobsCriticalRouteP95High", http_route="/pay"))
    assert not _muted(_fire(running, "shop2", "SaasobsRouteP95High", http_route="/orders"))


def test_an_empty_pool_mutes_the_one_that_fills(running: Running) -> None:
    """Of the same process."""
    names = ("SaasobsDbPoolExhausted", "SaasobsDbPoolNearlyFull")
    assert _muted(_fire(running, "pool", *names, instance="a:1")) == {"SaasobsDbPoolNearlyFull"}


def _told(daemon: Receiver) -> Sequence[tuple[str, str]]:
    """Every alert that the daemon was told of, and whether it fired or ended; in their order."""
    found = [alert for request in daemon.accepted() for alert in request.json()["alerts"]]
    return [(alert["labels"]["alertname"], alert["status"]) for alert in found]


def test_the_daemon_hears_of_what_was_muted_only_when_that_is_over(tmp_path: Path) -> None:
    """The target first and alone; the slowness once the target is back; another service's at once."""
    down, slow, other = "SaasobsTargetDown", "SaasobsRouteP95High", "SaasobsErrorBudgetBurnFast"
    with Receiver() as daemon, alertmanager(tmp_path, _configuration(tmp_path, daemon.url)) as running:

        def heard(name: str, status: str) -> None:
            wait_until(lambda: (name, status) in _told(daemon), 60, lambda: str(_told(daemon)))

        _fire(running, "gone", down)
        heard(down, "firing")
        assert _muted(_fire(running, "gone", slow)) == {slow}
        _fire(running, "other", other)
        heard(other, "firing")
        _post(running, "gone", down, ends=datetime.now(UTC).isoformat())
        heard(slow, "firing")
        told = _told(daemon)
        assert told.index((down, "firing")) < told.index((other, "firing")) < told.index((slow, "firing"))


def _in_slack(slack: Receiver) -> list[dict[str, str]]:
    """What was said there, in its order."""
    return [request.json()["attachments"][0] for request in slack.accepted()]


def test_slack_says_what_it_is_about_and_when_it_is_over(tmp_path: Path) -> None:
    """Of several alerts with words of their own, too: a title that leads somewhere, and what has ended is marked."""
    with Receiver() as slack:
        configuration = yaml.safe_load(_configuration(tmp_path, "http://127.0.0.1:1/nowhere", slack.url))
        configuration["route"]["group_wait"] = "1s"
        with alertmanager(tmp_path, yaml.safe_dump(configuration)) as running:

            def say(operation: str, *, ends: str = "") -> dict[str, object]:
                words = {"summary": f"{operation} repeats", "description": f"{operation} asks again and again."}
                words |= {"runbook_url": "https://r.example.com", "dashboard_url": "https://g.example.com/d/1"}
                labels = {"alertname": "SaasobsNPlusOne", "severity": "info", "service": "shop", "operation": operation}
                return {"labels": labels, "annotations": words, **({"endsAt": ends} if ends else {})}

            def post(*alerts: dict[str, object]) -> None:
                httpx.post(f"{running.url}/api/v2/alerts", json=alerts, timeout=20).raise_for_status()

            def heard(title: str) -> dict[str, str]:
                wait_until(
                    lambda: title in [one.get("title") for one in _in_slack(slack)], 60, lambda: str(_in_slack(slack))
                )
                return next(one for one in _in_slack(slack) if one.get("title") == title)

            post(say("/a"), say("/b"))
            both = heard("SaasobsNPlusOne, 2 of shop")
            assert both["title_link"] == "https://g.example.com/d/1"
            assert "/a asks again and again. <https://r.example.com|runbook>" in both["text"]
            now = datetime.now(UTC).isoformat()
            post(say("/a", ends=now), say("/b", ends=now))
            over = heard("Resolved: SaasobsNPlusOne, 2 of shop")
            assert "Resolved: /a asks again and again." in over["text"]
            post(say("/c"))
            assert heard("/c repeats")["text"].startswith("/c asks")
