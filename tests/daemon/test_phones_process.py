"""The daemon, its providers and a telephone: accepted, delivered, undelivered, called, answered by a key, killed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from support.daemon import Daemon, wait_until
from support.phones import APP_SECRET, TOKEN, WhatsAppDouble, ZenviaDouble
from support.target import Target
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble, call_back

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, retry_interval: 100ms}}
ingest: {{bind: "127.0.0.1:{port}", base_url: "http://127.0.0.1:{port}"}}
people:
  ana: {{phone: "+51987654321", language: es}}
channels:
  whatsapp: {{kind: whatsapp, phone_number_id: "106540352242922", access_token: "{token}", app_secret: "{secret}",
              api_base: "{meta}", undelivered_after: 2s, fallback: sms}}
  sms:
    kind: sms
    providers:
      - {{provider: twilio, account_sid: {account}, auth_token: "{auth}", from: "+15005550006", api_base: "{twilio}"}}
      - {{provider: zenvia, token: "{token}", from: acme, api_base: "{zenvia}"}}
    monthly_budget: {{amount: 20, currency: USD}}
    fallback: calls
  calls: {{kind: voice, account_sid: {account}, auth_token: "{auth}", from: "+15005550006", api_base: "{twilio}"}}
policies:
  default: [{{notify: ana, over: {over}}}]
monitors:
  - {{name: api, kind: http, url: "{target}/api", expect: {{status: 200}}}}
"""


class House:
    """A daemon, its target and three providers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target, self.twilio, self.zenvia, self.meta = Target(), TwilioDouble(), ZenviaDouble(), WhatsAppDouble()

    def daemon(self, over: str) -> Daemon:
        daemon = Daemon(self.folder, "")
        text = CONFIGURATION.format(
            port=daemon.port, token=TOKEN, secret=APP_SECRET, account=ACCOUNT, auth=AUTH_TOKEN, over=over,
            meta=self.meta.url, twilio=self.twilio.url, zenvia=self.zenvia.url, target=self.target.url,
        )  # fmt: skip
        daemon.write(text)
        return daemon


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    with made.target, made.twilio, made.zenvia, made.meta:
        yield made


def incident(daemon: Daemon) -> dict[str, Any]:
    [found] = daemon.api("/incidents")["incidents"]
    whole: dict[str, Any] = daemon.api(f"/incidents/{found['id']}")
    return whole


def notice(daemon: Daemon, channel: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in incident(daemon)["notices"] if one["channel"] == channel)
    return found


def test_from_a_text_that_never_arrived_to_a_key_on_the_telephone(house: House) -> None:
    """Accepted, then undelivered by the provider's word: the telephone rings, says it in Spanish, and 1 takes it on."""
    with house.daemon(over="sms") as daemon:
        house.target.set("/api", 500)
        [text] = wait_until(lambda: house.twilio.texts, 30)
        assert re.fullmatch(rf"http://127\.0\.0\.1:{daemon.port}/receipts/sms/[0-9a-f]{{32}}", text.callback)
        wait_until(lambda: notice(daemon, "sms")["provider_id"] == text.sid)
        forged = call_back(text.callback, token="other", MessageSid=text.sid, MessageStatus="undelivered")
        assert forged.status_code == 403
        report = {"MessageSid": text.sid, "MessageStatus": "undelivered", "ErrorCode": "30003"}
        assert call_back(text.callback, **report).status_code == 200
        [call] = wait_until(lambda: house.twilio.calls, 30)
        assert call_back(text.callback, **report).status_code == 200
        assert "30003" in notice(daemon, "sms")["detail"]
        root = ET.fromstring(call.twiml)
        assert {one.get("language") for one in root.iter("Say")} == {"es-MX"}
        [gather] = root.iter("Gather")
        action = str(gather.get("action"))
        assert "Hangup" in call_back(action, CallSid=call.sid, Digits="2").text
        assert incident(daemon)["acknowledged_by"] is None
        heard = call_back(action, CallSid=call.sid, Digits="1")
        assert heard.headers["content-type"] == "application/xml"
        assert "es tuyo" in heard.text
        assert incident(daemon)["acknowledged_by"] == "ana"
        wait_until(lambda: notice(daemon, "calls")["provider_id"] == call.sid)
        assert call_back(call.callback, CallSid=call.sid, CallStatus="completed").status_code == 200
        assert notice(daemon, "calls")["delivered_at"]
        assert "delivered" in httpx.get(f"{daemon.url}/incidents/{incident(daemon)['id']}", timeout=20).text
        assert len(house.twilio.calls) == 1
        assert AUTH_TOKEN not in daemon.logged()


def test_whatsapp_falls_over_to_the_second_provider_of_texts(house: House) -> None:
    """No word that it arrived: a text is due, Twilio is out, Zenvia takes it; a kill in between loses nothing."""
    house.twilio.set("503")
    with house.daemon(over="whatsapp") as daemon:
        address = daemon.api("/receipts")["addresses"]["whatsapp"]
        ask = {"hub.mode": "subscribe", "hub.verify_token": address.rpartition("/")[2], "hub.challenge": "1158201444"}
        assert httpx.get(address, params=ask, timeout=20).text == "1158201444"
        house.target.set("/api", 500)
        [message] = wait_until(lambda: house.meta.sent, 30)
        wait_until(lambda: notice(daemon, "whatsapp")["provider_id"] == message.identity)
        daemon.kill()
        daemon.start()
        [text] = wait_until(lambda: house.zenvia.sent, 30)
        assert f"#{incident(daemon)['id']}" in text.body
        assert f"#{incident(daemon)['id']}" in message.body
        wait_until(lambda: notice(daemon, "sms")["state"] == "sent")
        assert "not delivered within 2s" in notice(daemon, "whatsapp")["detail"]
        attempts = [one["detail"] for one in incident(daemon)["attempts"] if one["channel"] == "sms"]
        assert any(one.startswith("Zenvia took it after: Twilio") for one in attempts)
        body, headers = house.meta.statuses({"id": message.identity, "status": "delivered", "timestamp": "1795356200"})
        assert httpx.post(address, content=body, headers=headers, timeout=20).status_code == 200
        assert notice(daemon, "whatsapp")["delivered_at"]
        assert len({one.json()["externalId"] for one in house.zenvia.accepted()}) == 1  # again after a kill: the same
