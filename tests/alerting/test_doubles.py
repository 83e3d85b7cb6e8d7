"""The providers' doubles run by themselves, too: a daemon that is killed needs one that outlives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from support.slack import TOKEN
from support.twilio import ACCOUNT, AUTH_TOKEN

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("module", "path", "request_options"),
    [
        ("support.receiver", "/in", {"content": b'{"a": 1}'}),
        (
            "support.slack",
            "/api/chat.postMessage",
            {"json": {"channel": "#a", "text": "hello"}, "headers": {"Authorization": f"Bearer {TOKEN}"}},
        ),
        (
            "support.twilio",
            f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
            {
                "data": {"To": "+51987654321", "From": "+15005550006", "Body": "hello", "ValidityPeriod": "600"},
                "auth": (ACCOUNT, AUTH_TOKEN),
            },
        ),
    ],
)
def test_a_double_as_a_process(module: str, path: str, request_options: dict[str, object], tmp_path: Path) -> None:
    """It prints its URL, logs exactly what it accepted, and does as the control path says."""
    log = tmp_path / "log.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--port", "0", "--log", str(log)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx.Client(base_url=url, trust_env=False) as client:
            client.post("/control", json={"mode": "ok", "schedule": ["429", "drop_after_accept"], "retry_after": 2})
            first = client.post(path, **request_options)  # type: ignore[arg-type]
            assert (first.status_code, first.headers["Retry-After"]) == (429, "2")
            with pytest.raises(httpx.RemoteProtocolError):
                client.post(path, **request_options)  # type: ignore[arg-type]
            assert client.post(path, **request_options).status_code in (200, 201)  # type: ignore[arg-type]
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [line["path"] for line in lines] == [path, path]
    finally:
        process.kill()
        process.communicate(timeout=10)
