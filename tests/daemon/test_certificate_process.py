"""A certificate's last days in a real daemon: told once, over a kill at any moment."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from support.daemon import Daemon, wait_until
from support.listening import page
from support.tls import Certificates

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 1, retry_interval: 200ms}}
channels: {{hook: {{kind: console}}}}
policies: {{default: [{{notify: [hook]}}]}}
monitors:
  - {{name: api, kind: http, url: "https://localhost:{port}/", ca_file: "{ca_file}"}}
"""


@pytest.mark.slow
def test_a_mark_is_told_once_over_kills(tmp_path: Path) -> None:
    """Twenty days left: whenever the daemon is killed, one incident is opened, and its notice is owed once."""
    certificates = Certificates(tmp_path)
    with page(tls=certificates.expiring(20).context()) as port:
        daemon = Daemon(tmp_path, CONFIGURATION.format(port=port, ca_file=certificates.ca_file))
        for _ in range(4):
            daemon.start()
            time.sleep(random.uniform(0.2, 1.4))
            daemon.kill()
        with daemon:
            [told] = wait_until(lambda: daemon.api("/incidents")["incidents"], what="the incident")
            wait_until(lambda: told["id"] in daemon.console(), what="it to be told")
            time.sleep(2)
            [told] = daemon.api("/incidents")["incidents"]
            assert (told["topic"], told["severity"], told["open"]) == ("certificate", "warning", True)
            assert [one["change"] for one in daemon.api(f"/incidents/{told['id']}")["notices"]] == ["opened"]
            assert daemon.api("/monitors/api")["state"]["status"] == "up"
