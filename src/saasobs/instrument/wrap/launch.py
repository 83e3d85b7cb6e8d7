"""Becomes the command that is wrapped: the same process, streams, signals and exit code, in a prepared environment.

What is asked of the command is decided purely; only `become` acts.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

STARTUP: Final = Path(__file__).with_name("startup")
"""A folder with nothing in it but `sitecustomize.py`, so that nothing else of ours is found by accident."""
WRAPPED: Final = "SAASOBS_WRAP"
"""The number of the process that is the command: set for all of its children, too."""
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
"""What shells and `env` answer with."""
_PYTHON: Final = re.compile(r"(python|pypy)[0-9.]*t?")
_DEAF: Final = {
    "I": "-I: it ignores the environment",
    "E": "-E: it ignores the environment",
    "S": "-S: it does not import `site`",
}
_WITH_VALUE: Final = frozenset("WX")
_LAST: Final = frozenset("cm")
_SHEBANG_LIMIT: Final = 512


class CannotRun(Exception):
    """The command cannot be started; `code` is the exit code that says so."""

    def __init__(self, problem: str, code: int) -> None:
        super().__init__(problem)
        self.code = code


def environment_for(environ: Mapping[str, str], settings: Mapping[str, str], pid: int) -> dict[str, str]:
    """The command's environment. :param settings: variables that it shall have. :param pid: its process."""
    path = environ.get("PYTHONPATH", "")
    others = [folder for folder in path.split(os.pathsep) if folder != str(STARTUP)] if path else []
    return {**environ, **settings, "PYTHONPATH": os.pathsep.join([str(STARTUP), *others]), WRAPPED: str(pid)}


def deaf_option(command: Sequence[str]) -> str:
    """The option with which a Python interpreter would not find us, and why; nothing when there is none."""
    if not command or not _PYTHON.fullmatch(Path(command[0]).name):
        return ""
    return next((_DEAF[letter] for letter in _letters(command[1:]) if letter in _DEAF), "")


def _letters(options: Sequence[str]) -> Iterator[str]:
    """The short options before the script, as Python reads them: `-Ic code`, `-W error -E -m app`."""
    rest = iter(options)
    for option in rest:
        if not option.startswith("-") or option in ("-", "--"):
            return
        if option.startswith("--"):
            continue
        for place, letter in enumerate(option[1:], 2):
            if letter in _LAST:
                return
            yield letter
            if letter in _WITH_VALUE:
                if place == len(option):
                    next(rest, None)
                break


def shebang(program: Path) -> list[str]:
    """The words of a script's first line; none when it is no script, or cannot be read."""
    try:
        with program.open("rb") as file:
            line = file.read(_SHEBANG_LIMIT).partition(b"\n")[0]
    except OSError:
        return []
    words = line[2:].decode(errors="replace").split() if line.startswith(b"#!") else []
    return words[1:] if words and Path(words[0]).name == "env" else words


def obstacle(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Why the command would run without instrumentation, as far as can be seen; nothing when nothing speaks for it."""
    found = shutil.which(command[0], path=environ.get("PATH"))
    option = deaf_option(command) or (deaf_option(shebang(Path(found))) if found else "")
    return f"{command[0]} runs Python with {option}, so it is not instrumented" if option else ""


def become(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process by the command. :raises CannotRun: it is not there, or is no program."""
    name = command[0]
    if not name:
        raise CannotRun("the command's name is empty", NOT_FOUND)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, and what is ignored stays so in another program
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvpe(name, list(command), dict(environ))  # noqa: S606 - no shell, which is the point
    except FileNotFoundError as error:
        raise CannotRun(_not_found(name, shutil.which(name, path=environ.get("PATH"))), NOT_FOUND) from error
    except OSError as error:
        raise CannotRun(f"{name}: cannot be executed ({error.strerror})", NOT_EXECUTABLE) from error
    except ValueError as error:  # a NUL in an argument
        raise CannotRun(f"{name}: cannot be executed ({error})", NOT_EXECUTABLE) from error


def _not_found(name: str, found: str | None) -> str:
    if found is not None:
        return f"{found}: its interpreter is not there"
    if os.sep in name:
        return f"{name}: command not found"
    ours = Path(sys.executable).with_name(name)
    hint = f"; there is {ours}, whose folder is not in PATH" if ours.exists() else ""
    return f"{name}: command not found{hint}"
