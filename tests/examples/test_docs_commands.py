"""Every `saasobs …` line in the README and in docs/ can be typed; those that need no daemon are really run.

Examples stand in ```console blocks, each on a line that begins with `$ `. They run from the root of the repository, as
a reader would, but for three substitutions: hosts that do not exist become a server of the test, a file that the reader
is asked to write is written first, and what is written goes elsewhere.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from saasobs.cli.main import parser
from support.grafana import TOKEN, grafana
from support.target import Target

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
WITHOUT_DAEMON = {"validate", "schema", "check", "rules", "grafana"}
DOWN_TOO = {"shop-checkout"}
"""Monitors of config/demo.yaml: the shop need not run, so that down is as good an answer as up."""


@dataclass(frozen=True)
class Example:
    """One command line of a page."""

    page: Path
    line: int
    text: str

    @property
    def words(self) -> list[str]:
        words = shlex.split(self.text, comments=True)
        return words[: words.index("|")] if "|" in words else words

    @property
    def arguments(self) -> list[str]:
        words = self.words
        return words[1 : words.index(">")] if ">" in words else words[1:]

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def examples_of(page: Path) -> list[Example]:
    """Every `$ …` line inside a console block."""
    found, inside = [], False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = line.strip() == "```console"
        elif inside and line.strip().startswith("$ "):
            found.append(Example(page, number, line.strip()[2:]))
    return found


EVERY = [example for page in PAGES for example in examples_of(page)]
OURS = [example for example in EVERY if example.words[0] == "saasobs"]
RUNNABLE = [example for example in OURS if example.words[1] in WITHOUT_DAEMON]


def test_the_pages_have_examples() -> None:
    """Pages are found, and every command has an example in one of them."""
    shown = {example.words[1] for example in OURS}
    assert shown >= {"serve", "check", "validate", "schema", "status", "incidents", "ack", "pause", "resume", "notify"}


@pytest.mark.parametrize("example", OURS, ids=str)
def test_every_example_parses(example: Example) -> None:
    """The command line accepts what the documentation shows."""
    parser().parse_args(example.arguments)


@pytest.mark.parametrize("example", RUNNABLE, ids=str)
def test_every_example_without_a_daemon_runs(example: Example, tmp_path: Path) -> None:
    """It ends well, and what is redirected to a file is there."""
    with Target() as target, grafana() as dashboards:
        grafanas = re.compile(r"^(?:https://grafana\.example\.com|http://localhost:3000)$")
        theirs = [grafanas.sub(dashboards.url, word) for word in example.arguments]
        arguments = [re.sub(r"https://[a-z.]*example(\.com)?", target.url, word) for word in theirs]
        told = subprocess.run(
            [sys.executable, "-m", "saasobs", *_placed(arguments, tmp_path)],
            cwd=ROOT,
            env={**os.environ, "SAASOBS_GRAFANA_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    allowed = {0, 1} if DOWN_TOO & set(arguments) else {0}
    assert told.returncode in allowed, told.stderr
    assert "Traceback" not in told.stderr
    assert told.stdout


def _placed(words: list[str], folder: Path) -> list[str]:
    """With a file that the page asks the reader to write, of its own text; and what is written goes elsewhere."""
    path = folder / "saasobs.yaml"
    path.write_text(_yaml_blocks(ROOT / "docs/getting-started.md")[0])
    there = [str(path) if word == path.name else word for word in words]
    return [str(folder / word) if there[i - 1 : i] == ["--out"] else word for i, word in enumerate(there)]


def _yaml_blocks(page: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_configuration_in_the_readme_is_right(tmp_path: Path) -> None:
    """What the README shows as a configuration is one, secrets given."""
    path = tmp_path / "saasobs.yaml"
    path.write_text(_yaml_blocks(ROOT / "README.md")[0])
    secrets = {"SLACK_BOT_TOKEN": "xoxb-1", "TWILIO_SID": "AC1", "TWILIO_TOKEN": "t"}
    command = [sys.executable, "-m", "saasobs", "validate", str(path)]
    told = subprocess.run(command, env=secrets, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stderr


def test_the_other_commands_exist() -> None:
    """`make` targets, scripts and modules that the pages name are there."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for example in EVERY:
        first, *rest = example.words
        if first == "make":
            assert rest[0] in targets, example
        elif first.endswith("/python"):
            assert (ROOT / rest[1].replace(".", "/") / "__main__.py").exists(), example
        else:
            assert first in {"saasobs", "pip", "export"}, example
