"""An error budget in a real daemon: told once, over a kill and a pause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.daemon import Daemon, wait_until
from support.target import Target

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 90, retry_interval: 1s}}
channels: {{hook: {{kind: console}}}}
policies: {{default: [{{notify: [hook]}}]}}
monitors:
  - {{name: api, kind: http, url: "{url}/api"{slo}}}
"""


def incidents(daemon: Daemon) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = daemon.api("/incidents")["incidents"]
    assert {each["topic"] for each in found} <= {"slo"}
    return found


def asked(target: Target, path: str) -> int:
    return sum(seen == path for _, seen in target.requests)


@pytest.mark.slow
def test_a_budget_that_burns_is_told_once(tmp_path: Path) -> None:
    """No failure is ever confirmed; one incident, which a kill does not repeat and a pause withdraws."""
    with Target() as target:
        daemon = Daemon(tmp_path, CONFIGURATION.format(url=target.url, slo=", slo: 99.9"))
        with daemon:
            wait_until(lambda: asked(target, "/api"), what="a first check")
            target.set("/api", 500)
            before = asked(target, "/api")
            wait_until(lambda: asked(target, "/api") > before + 10, what="many failed checks")
            assert incidents(daemon) == []  # it is failing at this moment: what comes of it is not known yet
            target.set("/api", 200)
            [opened] = wait_until(lambda: incidents(daemon), what="the incident about the budget")
            wait_until(lambda: opened["id"] in daemon.console(), what="it to be told")
            daemon.kill()
            daemon.start()
            before = asked(target, "/api")
            wait_until(lambda: asked(target, "/api") > before + 2, what="more checks")
            assert [each["id"] for each in incidents(daemon)] == [opened["id"]]
            seen = daemon.api("/monitors/api/availability?days=7")
            assert seen["budget_left"] < 0
            assert seen["burn"][0]["fires"]
            daemon.api("/monitors/api/pause", json={"by": "maria"})
            [ended] = incidents(daemon)
            assert (ended["id"], ended["ending"]) == (opened["id"], "withdrawn")
            daemon.api("/monitors/api/resume", json={"by": "maria"})
            before = asked(target, "/api")
            wait_until(lambda: asked(target, "/api") > before + 2, what="more checks")
            assert [each["open"] for each in incidents(daemon)] == [False]
            target.set("/api", 500)
            before = asked(target, "/api")
            wait_until(lambda: asked(target, "/api") > before + 3, what="something that fails anew")
            target.set("/api", 200)
            wait_until(lambda: len(incidents(daemon)) == 2, what="an incident that says so")
            daemon.stop()
            daemon.write(CONFIGURATION.format(url=target.url, slo=""))
            daemon.start()
            wait_until(lambda: not any(each["open"] for each in incidents(daemon)), what="no objective, no incident")
