"""What a test needs of the machine: a missing server skips with its reason, but on CI (CI=true) it fails."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

_PLACES = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/postgresql/15/bin"))


def require_binary(name: str, package: str) -> str:
    """The path of a program, or the test is skipped (failed on CI) with how to get it."""
    found = shutil.which(name) or shutil.which(name, path=_PLACES)
    if found:
        return found
    reason = f"{name} is not installed (Debian: apt-get install {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def require_older(release: str) -> Path:
    """The folder of an older release of a framework, which `make test` fetches (tests/older.py)."""
    folder = Path(sys.prefix) / "older" / release
    if (folder / ".complete").exists():
        return folder
    reason = f"{release} is not there (make test fetches it into {folder})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def require_tool(tool: str) -> Path:
    """The folder with the programs of a tool from PyPI, which `make test` fetches (tests/tools.py)."""
    folder = Path(sys.prefix) / "tools" / tool
    if (folder / ".complete").exists():
        return folder / "bin"
    reason = f"{tool} is not there (make test fetches it into {folder})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
