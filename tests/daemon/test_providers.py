"""The daemon against a Slack and a Twilio that misbehave: what the team sees in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon import Daemon, wait_until
from support.slack import TOKEN, SlackDouble
from support.target import Target
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, retry_interval: 100ms}}
channels:
  slack: {{kind: slack, token: "{token}", channel: C123, base_url: "{slack}", fallback: sms}}
  sms: {{kind: sms, provider: twilio, account_sid: {account}, auth_token: "{auth}", from: "+15005550006",
         to: ["+51987654321"], api_base: "{twilio}"}}
policies:
  default: [{{notify: slack}}, {{notify: sms, after: {after}, unless: acknowledged}}]
monitors:
  - {{name: api, kind: http, url: "{target}/api", expect: {{status: 200}}}}
"""


class House:
    """A daemon, its target and its two providers."""

    def __init__(self, folder: Path, target: Target, slack: SlackDouble, twilio: TwilioDouble) -> None:
        self.folder, self.target, self.slack, self.twilio = folder, target, slack, twilio

    def daemon(self, after: str) -> Daemon:
        text = CONFIGURATION.format(
            token=TOKEN, slack=self.slack.base_url, account=ACCOUNT, auth=AUTH_TOKEN, twilio=self.twilio.url,
            target=self.target.url, after=after,
        )  # fmt: skip
        return Daemon(self.folder, text)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Target() as target, SlackDouble() as slack, TwilioDouble() as twilio:
        yield House(tmp_path, target, slack, twilio)


def test_one_message_for_each_incident_through_a_bad_day(house: House) -> None:
    """429 with Retry-After, 500, a dropped line: in the end one message, edited to green, its history in the thread."""
    house.slack.set("ok", schedule=["429", "500", "drop"], retry_after=1)
    with house.daemon(after="1h") as daemon:
        house.target.set("/api", 500)
        [seen] = wait_until(lambda: house.slack.seen, 40)
        assert "api is down" in seen.text
        house.target.set("/api", 200)
        wait_until(lambda: "up again" in house.slack.seen[0].text, 30)
        assert len(house.slack.seen) == 1
        assert any("api is down" in text for text in seen.edits)
        wait_until(lambda: seen.thread)
        wait_until(lambda: all(n["state"] != "pending" for n in notices(daemon)), what="every notice to be settled")
        assert {(n["channel"], n["state"], n["suppression"]) for n in notices(daemon)} == {
            ("slack", "sent", None),
            ("sms", "suppressed", "ended"),
        }
        assert house.twilio.texts == []
        assert TOKEN not in daemon.logged()


def test_nobody_answers_so_the_phone_rings(house: House) -> None:
    """Unacknowledged after the delay, one text goes out, short enough for every carrier; then the recovery."""
    with house.daemon(after="1s"):
        house.target.set("/api", 500)
        [text] = wait_until(lambda: house.twilio.texts, 30)
        assert text.to == "+51987654321"
        assert "api" in text.body
        assert len(text.body) <= 160
        house.target.set("/api", 200)
        wait_until(lambda: len(house.twilio.texts) == 2, 30)


def test_a_revoked_token_falls_back_at_once(house: House) -> None:
    """Slack says token_revoked: the phone hears at once instead of never, of failure and end alike; and of Slack."""
    house.slack.refusals["chat.postMessage"] = "token_revoked"
    with house.daemon(after="1h") as daemon:
        house.target.set("/api", 500)
        wait_until(lambda: len(house.twilio.texts) == 2, 30)
        assert sorted(text.body.partition(":")[0] for text in house.twilio.texts) == ["CHANNEL FAILS slack", "DOWN api"]
        wait_until(lambda: any(n["state"] == "failed" and "token_revoked" in n["detail"] for n in notices(daemon)))
        house.target.set("/api", 200)
        wait_until(lambda: len(house.twilio.texts) == 3, 30)
        assert house.slack.seen == []


def notices(daemon: Daemon) -> list[dict[str, str]]:
    [incident] = [one for one in daemon.api("/incidents")["incidents"] if one["monitor"] == "api"]
    found: list[dict[str, str]] = daemon.api(f"/incidents/{incident['id']}")["notices"]
    return found
