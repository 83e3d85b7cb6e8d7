"""A button under a message of a real daemon, pressed in Telegram: taken over, and nobody else is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.daemon import Daemon, wait_until
from support.receiver import Receiver
from support.target import Target
from support.telegram import CHAT, TOKEN, TelegramDouble

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 1, recover_after: 1, retry_interval: 100ms}}
people:
  ana: {{telegram: "42"}}
channels:
  chat: {{kind: telegram, token: "{token}", chat: {chat}, base_url: "{telegram}"}}
  hook: {{kind: webhook, url: "{hook}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}
policies:
  default: [{{notify: chat}}, {{notify: ana, over: chat}}, {{notify: hook, after: 5m, unless: acknowledged}}]
monitors:
  - {{name: api, kind: http, url: "{target}/api", expect: {{status: 200}}}}
"""


def incident(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = daemon.api("/incidents")["incidents"][0]
    return found


def sent(daemon: Daemon) -> int:
    notices = daemon.api(f"/incidents/{incident(daemon)['id']}")["notices"]
    return sum(one["state"] == "sent" for one in notices)


@pytest.mark.timeout(120)
def test_a_press_stops_the_escalation(tmp_path: Path) -> None:
    """The group and ana herself are told; her press takes it over, over a kill; both messages say so; nobody else is
    told."""
    with Target() as target, TelegramDouble() as telegram, Receiver() as hook:
        said = {"token": TOKEN, "chat": CHAT, "telegram": telegram.url, "hook": hook.url, "target": target.url}
        daemon = Daemon(tmp_path, CONFIGURATION.format(**said))
        with daemon:
            target.set("/api", 500)
            wait_until(lambda: {shown.chat for shown in telegram.messages.values()} == {CHAT, "42"})
            wait_until(lambda: sent(daemon) == 2, what="both to be written down as sent")
            daemon.kill()
            data = next(iter(telegram.messages.values())).buttons[0]
            telegram.press(data, chat="42")
            daemon.start()
            wait_until(lambda: incident(daemon)["acknowledged_by"] == "ana")
            heads = [shown for shown in telegram.messages.values() if not shown.reply_to]
            wait_until(lambda: all(shown.buttons[0].startswith("unacknowledge:") for shown in heads))
            wait_until(lambda: telegram.toasts)
            notices = daemon.api(f"/incidents/{incident(daemon)['id']}")["notices"]
            assert [one["suppression"] for one in notices if one["channel"] == "hook"] == ["acknowledged"]
        assert telegram.toasts[0] == "✓"
        assert hook.accepted() == []
