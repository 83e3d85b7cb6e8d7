"""The way in: the parser teaches, and every error has an exit code."""

from __future__ import annotations

import importlib
import shlex

import pytest

from saasobs.cli.command import Command, Exit, UsageError
from saasobs.cli.main import ERRORS, _explain, main, parser
from saasobs.cli.table import COMMANDS
from saasobs.core import errors
from saasobs.core.errors import ConfigurationError, Fault, NotFound, SaasobsError, Unavailable

COMMON_ANYWHERE = (
    "status --config a.yaml --json --socket s",
    "--config a.yaml --json --socket s status",
    "--json --config a.yaml status --socket s",
)
WRONG = ("", "nonsense", "check", "ack", "pause", "notify", "notify try x", "incidents --limit 0", "serve --jso")
EXAMPLES = [example for command in COMMANDS for example in command.examples]


def words_of(example: str) -> list[str]:
    """The arguments of an example, without its environment, redirections and comment."""
    words = shlex.split(example, comments=True)
    words = words[words.index("saasobs") + 1 :]
    return words[: words.index(">")] if ">" in words else words


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_help_parses(example: str) -> None:
    """What `--help` shows can be typed."""
    parser().parse_args(words_of(example))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_teaches(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` of each command has its examples, is wrapped, and every command exists."""
    with pytest.raises(SystemExit) as left:
        parser().parse_args([command.name, "--help"])
    told = capsys.readouterr().out
    assert left.value.code == 0
    assert all(example in told for example in command.examples)
    module, function = command.run.split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_list_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """`saasobs --help` names every command, the exit codes and where the configuration is looked for."""
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(f"  {command.name} " in told or f"  {command.name}\n" in told for command in COMMANDS)
    assert "Exit codes: 0 ok" in told
    assert "$SAASOBS_CONFIG" in told


@pytest.mark.parametrize(
    "line",
    [
        "status --config a.yaml --json --socket s",
        "--config a.yaml --json --socket s status",
        "--json --config a.yaml status --socket s",
    ],
)
def test_common_options_stand_anywhere(line: str) -> None:
    """--config, --json and --socket may come before or after the command."""
    options = parser().parse_args(line.split())
    assert (str(options.config), options.json, str(options.socket)) == ("a.yaml", True, "s")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "check",
        "ack",
        "pause",
        "notify",
        "notify try x",
        "incidents --limit 0",
        "serve --jso",
    ],
)
def test_wrong_usage_is_exit_code_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever cannot be understood ends with 2, a usage line and no trace."""
    with pytest.raises(SystemExit) as left:
        main(line.split())
    assert left.value.code == Exit.USAGE
    assert "usage: saasobs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (UsageError("say more"), Exit.USAGE, "saasobs: say more\n"),
        (ConfigurationError((Fault("a.yaml", 3, "x", "is wrong"),)), Exit.USAGE, "a.yaml:3: x: is wrong\n"),
        (NotFound("no such monitor"), Exit.USAGE, "saasobs: no such monitor\n"),
        (Unavailable("not there"), Exit.NO_DAEMON, "saasobs: not there\n"),
        (SaasobsError("no"), Exit.FAILED, "saasobs: no\n"),
    ],
)
def test_errors_become_a_sentence_and_a_code(
    error: SaasobsError, code: Exit, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The documented exit codes, and the error's own words on stderr."""
    assert _explain(error) == code
    assert capsys.readouterr() == ("", told)


def test_the_table_of_errors_is_complete() -> None:
    """Every error of core has a row, and no row hides another."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SaasobsError)]
    first = {next(row for row, _ in ERRORS if issubclass(kind, row)) for kind in [*kinds, UsageError]}
    assert first == {row for row, _ in ERRORS}


@pytest.mark.parametrize("days", ["0", "367", "-1", "a week"])
def test_a_range_that_there_is_not_is_refused_in_words(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what is accepted."""
    with pytest.raises(SystemExit) as left:
        main(["slo", f"--days={days}"])
    assert left.value.code == Exit.USAGE
    assert f"argument --days: {days!r} is no number of days from 1 to 366" in capsys.readouterr().err
