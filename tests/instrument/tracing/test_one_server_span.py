"""Exactly one SERVER span a request, whatever else is installed, on the FastAPI of today and an older one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.needs import require_older
from support.server_spans import PATHS, WAYS

TESTS = Path(__file__).parents[2]
RELEASES = ("", "fastapi-0.150", "fastapi-0.136")
"""Today's; one whose telemetry is younger; one that has none."""
UNSAMPLED = {"ours_unsampled", "the_apps_provider_unsampled", "contrib_around_everything_unsampled"}
THEIR_NAMES = {"contrib_around_everything"}
"""The SERVER span is somebody else's, and so is its name."""
NOT_THERE = {"fastapi-0.136": {"fastapis_own_by_name"}}

_measured: dict[str, Any] = {}


def measured(release: str) -> dict[str, Any]:
    """What one release gives, asked once."""
    if release not in _measured:
        folders = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        if release:
            folders.append(str(require_older(release)))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(reversed(folders))}
        command = [sys.executable, "-m", "support.server_spans"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
        assert ended.returncode == 0, ended.stderr
        _measured[release] = {**json.loads(ended.stdout.splitlines()[-1]), "said": ended.stderr}
        if release:
            assert _measured[release]["fastapi"].startswith(release.removeprefix("fastapi-") + ".")
    found: dict[str, Any] = _measured[release]
    return found


@pytest.mark.parametrize(
    ("release", "way"),
    [(each, way.__name__) for each in RELEASES for way in WAYS if way.__name__ not in NOT_THERE.get(each, ())],
)
@pytest.mark.xdist_group("server_spans")
def test_one_server_span(release: str, way: str) -> None:
    """Each request has one SERVER span with our correlation ID, and none when it is not sampled."""
    found = measured(release)["ways"][way]
    assert isinstance(found, dict), found
    servers = [span for span in found["spans"] if span["kind"] == "SERVER"]
    assert len(servers) == (0 if way in UNSAMPLED else len(PATHS))
    assert len({span["trace"] for span in servers}) == len(servers)
    assert all(span["correlated"] for span in servers)
    if servers and way not in THEIR_NAMES:
        assert [span["name"] for span in servers] == list(PATHS.values())


@pytest.mark.parametrize("way", [way.__name__ for way in WAYS])
@pytest.mark.xdist_group("server_spans")
def test_the_apps_spans_lie_below(way: str) -> None:
    """What the app makes itself belongs to the request's trace, recorded or not."""
    found = measured("")["ways"][way]
    assert len(found["answers"]["/v1/outer/orders/3"]["trace"].strip("0")) > 16
    work = [span for span in found["spans"] if span["name"] == "work"]
    assert len(work) == (0 if way in UNSAMPLED else 1)
    above = {each["id"]: each for each in found["spans"]}
    for at in work:
        while at["kind"] != "SERVER":
            at = above[at["parent"]]  # noqa: PLW2901 - upwards
        assert at["trace"] == found["answers"]["/v1/outer/orders/3"]["trace"]


@pytest.mark.xdist_group("server_spans")
def test_nobody_is_told_off() -> None:
    """No part of OpenTelemetry complains about spans that have ended or contexts that cannot be left."""
    assert measured("")["said"] == ""
