"""What the README and the guide show of the instrumentation is what it does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from saasobs.instrument import names

ROOT = Path(__file__).parents[2]
README, GUIDE = ROOT / "README.md", ROOT / "docs/instrumentation.md"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


PROGRAMS = [(page.name, number, text) for page in (README, GUIDE) for number, text in enumerate(blocks(page, "python"))]


@pytest.mark.parametrize(("page", "number", "text"), PROGRAMS, ids=[f"{page}-{number}" for page, number, _ in PROGRAMS])
def test_every_program_runs(page: str, number: int, text: str, tmp_path: Path) -> None:
    """Each Python block is a program that ends well, and the instrumentation has nothing to complain of."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SAASOBS_LOG_FORMAT": "json"}
    command = [sys.executable, "-W", "error", "-c", text]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    told = {json.loads(line)["event"] for line in ended.stdout.splitlines() if line.startswith("{")}
    assert not told & {names.MISCONFIGURED_EVENT, names.INTERNAL_ERROR_EVENT}


def test_the_job_of_the_guide_is_told(tmp_path: Path) -> None:
    """The cron script of the guide writes the lines that the guide speaks of."""
    (text,) = (text for text in blocks(GUIDE, "python") if "saasobs.job" in text)
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    by_event = {line["event"]: line for line in map(json.loads, out.splitlines())}
    assert by_event["job.run"]["outcome"] == "success"
    assert by_event["invoices.sent"]["correlation_id"] == by_event["job.run"]["correlation_id"]


def test_the_lines_of_the_readme_have_real_fields() -> None:
    """Each event is one of ours, and each of its fields is documented with it or with all lines."""
    shown = [json.loads(line) for text in blocks(README, "json") for line in text.splitlines()]
    assert {line["event"] for line in shown} == {"exception", "http.request", "queries.n_plus_one"}
    for line in shown:
        meaning = names.EVENTS[line["event"]]
        undocumented = [field for field in line if field not in names.FIELDS and f"`{field}`" not in meaning]
        assert undocumented == []


def test_the_metrics_of_the_readme_exist() -> None:
    """Each metric of the README and the guide is one that is exported."""
    known = {value for key, value in vars(names).items() if key.isupper() and isinstance(value, str)}
    text = README.read_text() + GUIDE.read_text()
    shown = set(re.findall(r"\b(?:http_server|http_client|db_client|db_queries|task|saasobs)_[a-z_]+", text))
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    assert families - known - {"saasobs_capture"} == set()


def test_every_variable_of_the_guide_is_a_setting() -> None:
    """Each SAASOBS_ name in the guide is read."""
    from saasobs.instrument.config import SETTINGS

    read = {variable for setting in SETTINGS for variable in setting.variables}
    shown = set(re.findall(r"\b(?:SAASOBS|OTEL|SENTRY)_[A-Z_]+", GUIDE.read_text()))
    assert {name for name in shown if name not in read and not name.startswith("SAASOBS_HEARTBEAT_")} == set()
