"""A real daemon whose people answer: by the link of a text message, on the command line, and through a kill."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import httpx
import pytest

from saasobs.cli.main import main
from saasobs.core.signing import answer_token
from saasobs.core.values import HOUR
from support.daemon import Daemon, free_port, wait_until
from support.receiver import Receiver
from support.target import Target
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

ROOT = Path(__file__).parents[2]
ANA, BRUNO = "+51987654321", "+5511987654321"
CONFIGURATION = """\
ingest: {{bind: "127.0.0.1:{port}", base_url: "http://127.0.0.1:{port}"}}
defaults: {{interval: 1s, timeout: 900ms, fail_after: 2, recover_after: 2, retry_interval: 100ms}}
people:
  ana: {{phone: "{ana}", language: es, timezone: America/Lima, contact: [sms]}}
  bruno: {{phone: "{bruno}", language: pt, contact: [sms]}}
channels:
  hook: {{kind: webhook, url: "{receiver}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}
  sms: {{kind: sms, provider: twilio, account_sid: {account}, auth_token: "{auth}", from: "+15005550006",
         api_base: "{twilio}"}}
policies:
  default: [{{notify: [hook, ana]}}, {{notify: bruno, after: {after}, unless: acknowledged}}]
monitors:
  - {{name: api, kind: http, url: "{target}/api", expect: {{status: 200}}}}
"""


class Apart(Daemon):
    """One whose health is on a listener of its own, with all else that others may reach."""

    ingest = ""

    def answers(self) -> bool:
        try:
            return super().answers() or httpx.get(f"{self.ingest}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


class House:
    """A daemon, its target, a webhook's receiver and the telephones."""

    def __init__(self, folder: Path, target: Target, receiver: Receiver, twilio: TwilioDouble) -> None:
        self.target, self.receiver, self.twilio = target, receiver, twilio
        self.ingest = f"http://127.0.0.1:{(port := free_port())}"
        self._facts = {"port": port, "ana": ANA, "bruno": BRUNO, "receiver": receiver.url, "account": ACCOUNT}
        self._facts |= {"auth": AUTH_TOKEN, "twilio": twilio.url, "target": target.url}
        self.daemon = Apart(folder, self.configuration("1h"))
        self.daemon.ingest = self.ingest

    def configuration(self, after: str) -> str:
        return CONFIGURATION.format(**self._facts, after=after)

    def fail(self) -> str:
        """The target breaks; returns the incident's ID once it is told."""
        self.target.set("/api", 500)
        wait_until(lambda: self.texts(ANA), 40, "ana's telephone to ring")
        return str(self.open()["id"])

    def open(self) -> dict[str, Any]:
        [incident] = self.daemon.api("/incidents?open=true")["incidents"]
        return dict(incident)

    def texts(self, to: str) -> list[str]:
        return [text.body for text in self.twilio.texts if text.to == to]

    def link(self, to: str = ANA) -> str:
        found = re.search(r"http://\S+/a/\w+", self.texts(to)[-1])
        assert found, self.texts(to)
        return found[0]

    def told(self) -> list[str]:
        return [json.loads(request.body)["type"] for request in self.receiver.accepted()]

    def notices(self, incident: str, recipient: str) -> list[tuple[str, str | None]]:
        story = self.daemon.api(f"/incidents/{incident}")
        return [(one["state"], one["suppression"]) for one in story["notices"] if one["recipient"] == recipient]

    def changes(self, incident: str) -> list[str]:
        return [event["change"] for event in self.daemon.api(f"/incidents/{incident}")["events"]]

    def command(self, *words: str, code: int = 0) -> str:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            ended = main([*words, "--config", str(self.daemon.config)])
        assert ended == code, err.getvalue()
        return out.getvalue() + err.getvalue()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Target() as target, Receiver() as receiver, TwilioDouble() as twilio:
        made = House(tmp_path, target, receiver, twilio)
        with made.daemon:
            wait_until(lambda: made.daemon.api("/monitors/api")["state"]["status"] == "up", what="the monitor up")
            yield made


def test_one_tap_stops_the_next_step(house: House) -> None:
    """A previewer opens ana's link and nothing happens; she presses the button, and bruno's telephone stays silent; who
    presses later reads who was first, and whoever was told hears of the end."""
    incident = house.fail()
    link = house.link()
    assert len(link.rpartition("/")[2]) <= 32
    for method in ("GET", "HEAD", "GET"):
        seen = httpx.request(method, link, headers={"User-Agent": "WhatsApp/2.24"})
        assert seen.status_code == 200
    assert '<html lang="es">' in seen.text
    assert house.open()["acknowledged_at"] is None
    assert house.notices(incident, BRUNO) == [("pending", None)]

    pressed = httpx.post(link, data={"do": "acknowledge"}, follow_redirects=True)
    assert pressed.status_code == 200
    taken = house.open()
    assert taken["acknowledged_by"] == "ana"
    assert house.notices(incident, BRUNO) == [("suppressed", "acknowledged")]
    again = httpx.post(link, data={"do": "acknowledge"}, follow_redirects=True)
    assert again.status_code == 200
    assert house.open() == taken

    secret = bytes.fromhex((house.daemon.folder / "secret").read_text())
    soon = time.time_ns() // 1_000 + HOUR
    brunos = f"{house.ingest}/a/{answer_token(secret, incident, 'bruno', soon)}"
    second = httpx.post(brunos, data={"do": "acknowledge"}, follow_redirects=True)
    assert '<html lang="pt' in second.text
    assert "ana" in second.text
    assert house.open() == taken
    wait_until(lambda: "incident.acknowledged" in house.told(), what="the webhook to hear of it")

    expired = httpx.get(f"{house.ingest}/a/{answer_token(secret, incident, 'ana', soon - 2 * HOUR)}")
    assert (expired.status_code, "api" in expired.text) == (410, False)
    cut = httpx.post(link[:-1], data={"do": "acknowledge"})
    assert (cut.status_code, "api" in cut.text) == (404, False)

    house.target.set("/api", 200)
    wait_until(lambda: len(house.texts(ANA)) == 2, 40, "ana to hear of the end")
    assert house.texts(BRUNO) == []
    assert httpx.post(link, data={"do": "acknowledge"}, follow_redirects=True).status_code == 200
    assert link.rpartition("/")[2] not in house.daemon.logged()


def test_a_snooze_ends_after_a_kill(house: House) -> None:
    """Snoozed on the command line, killed at once: the next daemon ends it, and bruno, whose step was due, is told."""
    house.daemon.write(house.configuration("1s"))
    house.daemon.api("/reload", json={})
    house.target.set("/api", 500)
    incident = str(wait_until(lambda: house.daemon.api("/incidents?open=true")["incidents"])[0]["id"])
    told = house.command("snooze", incident[:5], "--for", "4s", "--by", "ana")
    assert "is snoozed until" in told
    house.daemon.kill()
    house.daemon.start()
    wait_until(lambda: "unacknowledged" in house.changes(incident), 40, "the snooze to end")
    wait_until(lambda: house.texts(BRUNO), 40, "bruno to be told")
    changes = house.changes(incident)
    assert changes[:3] == ["opened", "snoozed", "unacknowledged"]
    assert house.open()["acknowledged_at"] is None


def test_the_whole_course_on_the_command_line(house: House) -> None:
    """Every command of the page about answering does what it says; resolved while it still fails, it opens anew."""
    incident = house.fail()
    shown = (ROOT / "docs/answering.md").read_text().replace("7f3a", incident)
    lines = re.findall(r"^\$ saasobs (.*)$", shown, re.MULTILINE)
    over = next(number for number, line in enumerate(lines) if line.startswith("resolve "))
    for line in lines[: over + 1]:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
        assert incident in house.command(*words)
    assert house.changes(incident)[-1] == "resolved"
    refused = house.command("ack", incident, code=1)
    assert "is over: there is nothing left to acknowledge" in refused
    texts = [event["text"] for event in house.daemon.api(f"/incidents/{incident}")["events"]]
    assert any(text.startswith("to bruno, by ") and text.endswith("(cli): it is his deploy") for text in texts)
    assert "restarted the database, watching it" in texts
    wait_until(lambda: "incident.resolved" in house.told(), what="the webhook to hear of the end")
    assert len(house.texts(BRUNO)) >= 1  # it was assigned to him
    new = wait_until(lambda: house.daemon.api("/incidents?open=true")["incidents"], 40, "it to open anew")[0]
    assert new["id"] != incident
    shown_json = json.loads(house.command("ack", new["id"], "--by", "ana", "--json"))
    assert (shown_json["id"], shown_json["acknowledged_by"]) == (new["id"], "ana")
    assert re.search(r'saasobs_answers_total\{kind="resolve",via="cli"\} 1', metrics(house))
    assert "saasobs_time_to_acknowledge_seconds_count 2.0" in metrics(house)


def metrics(house: House) -> str:
    return httpx.get(f"{house.ingest}/metrics", timeout=10).text
