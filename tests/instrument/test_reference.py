"""The reference page lists every setting, metric, log event and field that there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from saasobs.instrument import names
from saasobs.instrument.config import SETTINGS, InstrumentConfig, read_config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/instrumentation-reference.md").read_text()


def test_the_page_is_what_the_code_says() -> None:
    """The committed page is the generated one (make docs)."""
    code = "from saasobs.instrument.document import page; print(page(), end='')"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert made == PAGE


def test_every_setting_has_a_row() -> None:
    """Each field of the configuration can be set, and is in the table."""
    assert {setting.field for setting in SETTINGS} == set(InstrumentConfig.__dataclass_fields__)
    assert all(f"| `{setting.field}` |" in PAGE for setting in SETTINGS)


@pytest.mark.parametrize("setting", [each for each in SETTINGS if each.example], ids=lambda setting: setting.field)
def test_every_example_is_understood(setting: object) -> None:
    """What the page shows as an example is a value that is taken."""
    assert hasattr(setting, "field")
    if setting.field in ("ready_checks", "heartbeats"):
        return  # a function, and a variable with its name
    _, warnings = read_config({}, {setting.field: setting.example})  # type: ignore[attr-defined]
    assert warnings == ()


def test_every_name_is_documented() -> None:
    """Each metric and event constant is on the page."""
    wanted = [
        value
        for key, value in vars(names).items()
        if key.isupper() and isinstance(value, str) and re.search(r"_(total|seconds|bytes)$|_EVENT$", f"{value}{key}")
    ]
    assert wanted
    missing = [name for name in wanted if f"`{name}`" not in PAGE]
    assert missing == []
