"""The daemon that watches the scene: what is up, what is down, what expires, and the people whom it tells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from dashboards.scene.measuring import TOKEN
from dashboards.scene.processes import ENVIRONMENT
from support.daemon import Daemon, free_port
from support.listening import page
from support.slack import TOKEN as SLACK_TOKEN
from support.slack import SlackDouble
from support.tls import Certificates
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

_JOB: Final = "nightly-invoices"
_DAYS: Final = {"shop-certificate": 61, "billing-certificate": 9}
_CONFIGURATION: Final = """\
network:
  anchors: ["127.0.0.1:{shop}", "127.0.0.1:{billing}"]
people:
  ana: {{phone: "+51987654321", contact: [texts]}}
channels:
  team-slack: {{kind: slack, token: "{slack_token}", channel: C123, base_url: "{slack}"}}
  texts: {{kind: sms, provider: twilio, account_sid: {account}, auth_token: "{auth}", from: "+15005550006",
           api_base: "{twilio}"}}
policies:
  calm: {{match: {{severity: warning}}, steps: [{{notify: team-slack}}]}}
  default: [{{notify: team-slack}}, {{notify: ana, over: texts, after: 2s, unless: acknowledged}}]
alerts:
  sources: {{prometheus: {{kind: prometheus, token: {token}}}}}
  watchdog: {{alertname: Watchdog, within: 5m, source: prometheus}}
defaults: {{interval: 5s, timeout: 4s, fail_after: 2, recover_after: 2, retry_interval: 1s}}
monitors:
  - {{name: shop-home, kind: http, url: "http://localhost:{shop}/", slo: 99.9}}
  - {{name: shop-checkout, kind: http, url: "http://localhost:{shop}/checkout", slo: 99.9,
      expect: {{degraded_over: 1s}}}}
  - {{name: shop-reports, kind: http, url: "http://localhost:{shop}/reports/2026-10?tenant=acme", severity: warning,
      expect: {{degraded_over: 800ms}}}}
  - {{name: billing-health, kind: http, url: "http://localhost:{billing}/health"}}
  - {{name: shop-certificate, kind: http, url: "https://localhost:{good}/", ca_file: "{ca}"}}
  - {{name: billing-certificate, kind: http, url: "https://localhost:{expiring}/", ca_file: "{ca}"}}
  - {{name: postgres-port, kind: tcp, host: 127.0.0.1, port: {postgres}}}
  - {{name: redis-port, kind: tcp, host: 127.0.0.1, port: {redis}}}
  - {{name: old-api, kind: http, url: "http://localhost:{closed}/"}}
  - {{name: nightly-invoices, kind: heartbeat, period: 30s, grace: 15s}}
"""


@contextmanager
def watching(folder: Path, **ports: int) -> Iterator[Daemon]:
    """A daemon on its way to having told of an outage. :param ports: shop, billing, postgres, redis."""
    with ExitStack() as parts:
        slack, twilio = parts.enter_context(SlackDouble()), parts.enter_context(TwilioDouble())
        certificates = Certificates(folder)
        secure = {
            "good": parts.enter_context(page(tls=certificates.expiring(_DAYS["shop-certificate"]).context())),
            "expiring": parts.enter_context(page(tls=certificates.expiring(_DAYS["billing-certificate"]).context())),
        }
        text = _CONFIGURATION.format(
            slack=slack.base_url, slack_token=SLACK_TOKEN, twilio=twilio.url, account=ACCOUNT, auth=AUTH_TOKEN,
            token=TOKEN, ca=certificates.ca_file, closed=free_port(), **secure, **ports,
        )  # fmt: skip
        daemon = Daemon(folder, text, {"SAASOBS_ENVIRONMENT": ENVIRONMENT})
        parts.push(daemon)  # its __exit__ stops it, even if it does not come up
        daemon.start()
        parts.enter_context(_answering(daemon))
        yield daemon


@contextmanager
def _answering(daemon: Daemon) -> Iterator[None]:
    """Somebody takes the first incident, and the job reports."""
    stop = threading.Event()
    person = threading.Thread(target=_answer, args=(daemon, stop), daemon=True)
    person.start()
    try:
        yield
    finally:
        stop.set()
        person.join(30)


def _answer(daemon: Daemon, stop: threading.Event) -> None:
    taken: set[str] = set()
    while not stop.wait(2):
        with suppress(httpx.HTTPError, AssertionError):  # it may be busy, or on its way out
            ping = daemon.api(f"/monitors/{_JOB}").get("ping_url")
            if ping:
                httpx.post(ping, timeout=5, trust_env=False)
            for one in daemon.api("/incidents")["incidents"]:
                if one["open"] and one["id"] not in taken and not one.get("acknowledged_by"):
                    taken.add(one["id"])
                    stop.wait(3)
                    daemon.api(f"/incidents/{one['id']}/acknowledge", json={"by": "ana"})
                    break
