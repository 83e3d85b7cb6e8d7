"""Routes and statuses are right on the FastAPI of today and on older ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.needs import require_older
from support.route_matrix import CASES, Case

TESTS = Path(__file__).parents[2]
# FastAPI with a Starlette of its time; 0.137 hid the routes of included routers.
OLDER = ("fastapi-0.116", "fastapi-0.136", "fastapi-0.150")

_measured: dict[str, dict[str, Any]] = {}


def measured(release: str) -> dict[str, Any]:
    """What one release gives, asked once."""
    if release not in _measured:
        folders = [str(TESTS), *([str(require_older(release))] if release else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(reversed(folders))}
        command = [sys.executable, "-m", "support.route_matrix"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
        assert ended.returncode == 0, ended.stderr
        _measured[release] = json.loads(ended.stdout.splitlines()[-1])
    return _measured[release]


@pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])
@pytest.mark.parametrize("release", ["", *OLDER], ids=["today", *OLDER])
@pytest.mark.xdist_group("route_matrix")
def test_the_matrix(release: str, case: Case) -> None:
    """Each case has the right route, status and outcome, and is counted once, under bounded labels."""
    found = measured(release)[case.name]
    assert (found["route"], found["status"], found["outcome"]) == (case.route, case.status, case.outcome)
    method = "_OTHER" if case.method == "FOO" else case.method
    assert found["counted"] == [[method, case.route, str(case.status)]]


@pytest.mark.parametrize("release", OLDER)
@pytest.mark.xdist_group("route_matrix")
def test_it_was_that_release(release: str) -> None:
    """An older release is really the one that answered."""
    assert measured(release)["fastapi"].startswith(release.removeprefix("fastapi-") + ".")


@pytest.mark.xdist_group("route_matrix")
def test_a_stream_lasts_to_its_last_byte() -> None:
    """Three times 100 ms are 0.3 s, not the time until the response began."""
    assert measured("")["three times 100 ms of a stream"]["seconds"] >= 0.3
