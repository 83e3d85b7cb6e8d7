"""One daemon, one incident, three readers: each is told in the language and on the clock of their own."""

from __future__ import annotations

import re
from pathlib import Path

from saasobs.alerting import gsm7
from support.daemon import Daemon, wait_until
from support.slack import TOKEN, SlackDouble
from support.target import Target
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, retry_interval: 100ms}}
people:
  ana: {{phone: "+51987654321", language: es, timezone: America/Lima}}
  bia: {{phone: "+5511987654321", language: pt, timezone: America/Sao_Paulo}}
channels:
  team: {{kind: slack, token: "{token}", channel: C123, base_url: "{slack}", language: pt, timezone: America/Sao_Paulo}}
  texts: {{kind: sms, provider: twilio, account_sid: {account}, auth_token: "{auth}", from: "+15005550006",
           to: ["+15005550009"], api_base: "{twilio}"}}
policies:
  default: [{{notify: [team, texts]}}, {{notify: [ana, bia], over: texts}}]
links: {{logs: "https://logs.example/?q={{correlation_id}}&m={{monitor}}", runs: "https://x.example/{{tenant}}"}}
monitors:
  - {{name: cobrança à vista, kind: http, url: "{target}/api", expect: {{status: 200}}}}
"""


def test_everybody_is_told_in_their_own_words(tmp_path: Path) -> None:
    """A team's channel, two people and a bare number, of the failure and of its end; a link that misses a fact is left
    out, and what is put into one is encoded."""
    with Target() as target, SlackDouble() as slack, TwilioDouble() as twilio:
        text = CONFIGURATION.format(
            token=TOKEN, slack=slack.base_url, account=ACCOUNT, auth=AUTH_TOKEN, twilio=twilio.url, target=target.url
        )
        with Daemon(tmp_path, text):
            target.set("/api", 500)
            [seen] = wait_until(lambda: slack.seen, 60)
            assert "cobrança à vista está fora do ar: respondeu 500 (esperado: 200)" in seen.text
            shown = str(seen.blocks)
            assert re.search(r"\*Desde:\* \d\d:\d\d UTC-3, há ", shown)
            assert re.search(r"https://logs\.example/\?q=[\w.-]+&amp;m=cobran%C3%A7a%20%C3%A0%20vista", shown)
            assert "x.example" not in shown
            wait_until(lambda: len(twilio.texts) == 3, 60)
            told = {one.to: one.body for one in twilio.texts}
            assert told["+51987654321"].startswith("CAIDO cobranca à vista: respondio 500, se esperaba 200")
            assert told["+5511987654321"].startswith("FORA DO AR cobranca à vista: respondeu 500 (esperado: 200)")
            assert told["+15005550009"].startswith("DOWN cobranca à vista: status 500, expected 200")
            assert "UTC-5" in told["+51987654321"]
            assert all(gsm7.septets(body) <= gsm7.SEGMENT for body in told.values())
            target.set("/api", 200)
            wait_until(lambda: len(twilio.texts) == 6, 60)
            ended = {one.to: one.body for one in twilio.texts[3:]}
            assert ended["+51987654321"].startswith("RECUPERADO cobranca à vista tras ")
            assert ended["+5511987654321"].startswith("NO AR cobranca à vista apos ")
            wait_until(lambda: "voltou ao ar" in slack.seen[0].text, 60)
