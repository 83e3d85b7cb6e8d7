"""The running configuration as a page may show it."""

from __future__ import annotations

import json
from pathlib import Path

from saasobs.settings import describe, load

FILE = """
store: sqlite:///var/saasobs.db
heartbeat: {url: https://hc.example/ping/f00ba4}
monitors:
  - name: api
    kind: http
    url: https://ada:hunter2@api.acme.example/health?token=s3cr3t&page=2
    method: POST
    headers: {Authorization: Bearer abcdef123456, X-Team: blue}
    body: "password=s3cr3t"
    expect: {status: 2xx, json: {"$.status": ok}, degraded_over: 1s}
  - {name: job, kind: heartbeat, period: 10m, token: 0b7e0d1c-5f0a-4f5c-9d2b-1f2e3d4c5b6a}
"""


def test_every_default_is_filled_in_and_no_secret_shown(tmp_path: Path) -> None:
    """It is whole, JSON-ready, and free of passwords, tokens and header values."""
    file = tmp_path / "saasobs.yaml"
    file.write_text(FILE, encoding="utf-8")
    shown = describe(load(file, {}))
    text = json.dumps(shown)
    for secret in ("hunter2", "s3cr3t", "abcdef123456", "blue", "f00ba4", "0b7e0d1c"):
        assert secret not in text
    api, job = shown["monitors"]
    assert api["url"].startswith("https://")
    assert api["url"].endswith("page=2")
    assert set(api["headers"]) == {"Authorization", "X-Team"}
    assert api["expect"]["degraded_over"] == "1s"
    assert (api["interval"], api["timeout"], api["policy"]) == ("1m", "10s", None)
    assert job["period"] == "10m"
    assert shown["web"] == {"bind": "127.0.0.1:9110", "base_url": "http://127.0.0.1:9110"}
    assert shown["heartbeat"] == {"url": "***", "interval": "1m"}
    [step] = shown["policies"]["default"]["steps"]
    assert (step["notify"], step["after"], step["unless"]) == (["console"], "0ms", None)
