"""Metrics and log events are documented, all of them and nothing else."""

import re
from pathlib import Path

from saasobs.daemon import document
from saasobs.daemon.events import EVENTS

ROOT = Path(__file__).parents[2]


def test_the_metrics_page_is_up_to_date() -> None:
    """docs/metrics.md is what the code makes: run `python -m saasobs.daemon.document`."""
    assert (ROOT / document.METRICS).read_text() == document.metrics_page()


def test_the_logs_page_is_up_to_date() -> None:
    """docs/logs.md is what the code makes: run `python -m saasobs.daemon.document`."""
    assert (ROOT / document.LOGS).read_text() == document.logs_page()


def test_every_event_that_is_logged_is_in_the_table_and_the_other_way_round() -> None:
    """The table of events is held against the source of the daemon and of its channels."""
    rooms = ((ROOT / "src/saasobs" / room).rglob("*.py") for room in ("daemon", "alerting/channels"))
    paths = (path for room in rooms for path in room if path.stem not in ("events", "document"))
    source = "\n".join(path.read_text() for path in paths)
    named = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', source)) & {
        name for name in re.findall(r'"([a-z_]+\.[a-z_]+)"', source) if name.split(".")[0] in _rooms()
    }
    assert named == set(EVENTS)


def _rooms() -> set[str]:
    return {name.split(".")[0] for name in EVENTS}
