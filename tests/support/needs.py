"""What a test needs of the machine: a missing server skips with its reason, but on CI (CI=true) it fails."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

_PLACES = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/postgresql/15/bin"))


def require_binary(name: str, package: str) -> str:
    """The path of a program, or the test is skipped (failed on CI) with how to get it."""
    found = shutil.which(name) or shutil.which(name, path=_PLACES)
    if not found:
        missing(f"{name} is not installed (Debian: apt-get install {package})")
    return found


def require_older(release: str) -> Path:
    """The folder of an older release of a framework."""
    return _fetched("older", release)


def require_tool(tool: str) -> Path:
    """The folder with the programs of a tool from PyPI."""
    return _fetched("tools", tool) / "bin"


def _fetched(kind: str, name: str) -> Path:
    folder = Path(sys.prefix) / kind / name
    if not (folder / ".complete").exists():
        missing(f"{name} is not there (make test fetches it into {folder}: tests/fetched.py)")
    return folder


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it on CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
