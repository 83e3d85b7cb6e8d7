"""docs/monitors.md is made from the kinds, and every example in it is read by the daemon and run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Outcome, Reason, Result
from saasobs.probes import KINDS
from saasobs.settings import load, monitors_page
from support.examples import ROWS, SECRETS, probe_of
from support.needs import missing
from support.scenes import SECRET, Place, Scene

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{(\w+)")


def environment(text: str) -> dict[str, str]:
    return {name: SECRETS.get(name, SECRET) for name in _VARIABLE.findall(text)}


def read(folder: Path, *monitors: dict[str, Any]) -> Monitor:
    """The first of these monitors, as the daemon reads it."""
    text = yaml.safe_dump({"monitors": list(monitors)})
    file = folder / "saasobs.yaml"
    file.write_text(text)
    return load(file, environment(text)).monitors[monitors[0]["name"]]


async def run(scene: Scene, monitor: Monitor) -> Result:
    probe = probe_of(monitor.kind, scene)
    try:
        result = await check(scene, probe, monitor)
        if scene.step is not None:
            scene.step()
            result = await check(scene, probe, monitor)
    finally:
        await probe.close()
    return result


async def check(scene: Scene, probe: Any, monitor: Monitor) -> Result:
    now = scene.clock.now()
    result: Result = await probe.check(monitor, Check(monitor.name, now, now, correlation_id="0af7651916cd43dd" * 2))
    return result


def test_the_page_is_up_to_date() -> None:
    """docs/monitors.md is what the code makes: run `python -m saasobs.settings.monitors_page`."""
    assert (ROOT / monitors_page.DOCUMENT).read_text(encoding="utf-8") == monitors_page.document()


def test_the_page_is_written_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command writes it below the working folder."""
    monkeypatch.chdir(tmp_path)
    monitors_page.DOCUMENT.parent.mkdir()
    monitors_page.main()
    assert monitors_page.DOCUMENT.read_text(encoding="utf-8") == monitors_page.document()


def test_every_link_within_the_page_leads_somewhere() -> None:
    """Kinds and groups that are pointed at have their heading."""
    text = monitors_page.document()
    headings = {monitors_page.anchor(line.lstrip("# ")) for line in text.splitlines() if line.startswith("#")}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_begins_alike(kind: str) -> None:
    """Each kind has an example: a monitor of that kind, its name first, its hosts under acme.example."""
    example = yaml.safe_load(KINDS[kind].options.example)
    assert list(example)[:2] == ["name", "kind"]
    assert example["kind"] == kind
    hosts = re.findall(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|net|org|io|example|test)\b", str(example))
    assert all(host.endswith("acme.example") for host in hosts)


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_each_kind_is_documented(kind: str) -> None:
    """The page has a row for each key that the kind takes."""
    section = monitors_page.document().partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    for key in monitors_page.own_keys(KINDS[kind].options):
        assert f"\n| `{key}` |" in section


@pytest.mark.parametrize("kind", KINDS)
async def test_the_example_of_each_kind_runs(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """As it is shown the daemon takes it; with its host and port swapped it finds a good server up.

    A kind without a row in tests/support/examples.py fails here: every example is run.
    """
    example = yaml.safe_load(KINDS[kind].options.example)
    async with ROWS[kind](example, Place(tmp_path, request.getfixturevalue)) as scene:
        read(tmp_path, example, *scene.beside)
        result = await run(scene, read(tmp_path, scene.monitor, *scene.beside))
    if result.reason is Reason.UNSUPPORTED:
        missing(result.message)
    assert result.outcome is Outcome.UP, result.message
    options = KINDS[kind].options
    assert not options.observations or result.observations.keys() <= options.observations.keys()
    assert not options.phases or result.phases.keys() <= options.phases.keys()
    assert SECRET not in repr(result)


def test_every_row_is_of_a_kind() -> None:
    """No row for a kind that there is not."""
    assert ROWS.keys() <= KINDS.keys()
