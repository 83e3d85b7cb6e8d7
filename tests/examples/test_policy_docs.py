"""The page about policies shows what `saasobs policy test` really says of the configurations that it shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from saasobs.cli.command import Exit
from saasobs.cli.main import main
from saasobs.settings import load

PAGE = Path(__file__).parents[2] / "docs/alerting-policies.md"
ENVIRONMENT = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "TWILIO_SID": "AC1",
    "TWILIO_TOKEN": "t",
    "HOOK_URL": "https://hooks.example.com/1",
    "HOOK_SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
}


def configurations() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def rehearsals() -> Iterator[tuple[str, str, str]]:
    """(configuration, command, what the page says that it prints): each command is about the YAML above it."""
    configuration = ""
    for language, text in re.findall(r"```(yaml|console)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        if language == "yaml":
            configuration = text
        elif text.startswith("$ saasobs policy "):
            command, _, printed = text.partition("\n")
            yield configuration, command.removeprefix("$ saasobs "), printed


@pytest.mark.parametrize("number", range(len(configurations())))
def test_every_configuration_is_valid(number: int, tmp_path: Path) -> None:
    """The daemon takes it as it stands."""
    file = tmp_path / "saasobs.yaml"
    file.write_text(configurations()[number])
    assert load(file, ENVIRONMENT).source == file


@pytest.mark.parametrize("rehearsal", list(rehearsals()), ids=lambda rehearsal: rehearsal[1][-60:])
def test_every_rehearsal_says_what_the_page_says(
    rehearsal: tuple[str, str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """To the letter."""
    configuration, command, printed = rehearsal
    (tmp_path / "saasobs.yaml").write_text(configuration)
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert main(shlex.split(command)) == Exit.OK
    assert capsys.readouterr().out == printed
