"""A channel that fails is an incident, told over another one by a real daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.daemon import Daemon, wait_until
from support.receiver import Receiver
from support.slack import TOKEN, SlackDouble
from support.target import Target

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 1, recover_after: 1, retry_interval: 100ms}}
channels:
  chat: {{kind: slack, token: "{token}", channel: "#alerts", base_url: "{slack}/api/", timeout: 2s}}
  hook: {{kind: webhook, url: "{hook}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}
policies:
  default: [{{notify: chat}}]
monitors:
  - {{name: api, kind: http, url: "{target}/api", expect: {{status: 200}}}}
"""


def told(hook: Receiver) -> list[tuple[str, str]]:
    """(monitor, type) of all that came over the other channel; what came again after a kill has the same ID."""
    sent: dict[str, dict[str, Any]] = {one.headers["webhook-id"]: one.json() for one in hook.accepted()}
    return [(one["monitor"]["name"], one["type"].removeprefix("incident.")) for one in sent.values()]


@pytest.mark.timeout(120)
def test_a_revoked_token_is_told_elsewhere(tmp_path: Path) -> None:
    """The policy names no other channel, and still somebody hears; over a kill too; and hears when it works again."""
    with Target() as target, SlackDouble() as slack, Receiver() as hook:
        said = {"token": TOKEN, "slack": slack.url, "hook": hook.url, "target": target.url}
        daemon = Daemon(tmp_path, CONFIGURATION.format(**{**said, "token": "xoxb-revoked"}))
        with daemon:
            target.set("/api", 500)
            wait_until(lambda: ("(channel) chat", "opened") in told(hook))
            daemon.kill()
            daemon.write(CONFIGURATION.format(**said))
            daemon.start()
            target.set("/api", 200)
            wait_until(lambda: bool(daemon.api("/monitors/api")["state"]["status"] == "up"))
            target.set("/api", 500)
            wait_until(lambda: ("(channel) chat", "recovered") in told(hook))
            assert [one for one in told(hook) if one[0] == "(channel) chat"] == [
                ("(channel) chat", "opened"),
                ("(channel) chat", "recovered"),
            ]
