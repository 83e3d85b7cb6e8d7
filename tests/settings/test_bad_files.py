"""One bad file per mistake, each with exactly what a person is told about it beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from saasobs.core.errors import ConfigurationError
from saasobs.settings import load

BAD = Path(__file__).parent / "bad"


def told(file: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    return str(caught.value).replace(str(file), file.name) + "\n"


@pytest.mark.parametrize("file", sorted(BAD.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_mistake_is_told_in_these_words(file: Path) -> None:
    """Every fault at once, as `file:line: path: sentence`, word for word."""
    assert told(file) == file.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_expectation_belongs_to_a_file() -> None:
    """No expected output without its mistake."""
    assert {file.stem for file in BAD.glob("*.txt")} == {file.stem for file in BAD.glob("*.yaml")}
