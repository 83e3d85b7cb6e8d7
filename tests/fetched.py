"""Fetch from PyPI what tests need beside the project's own packages; `make test` calls it first.

Older releases of frameworks, each in a folder that a test puts in front of today's packages; and programs that run as
servers, each in a virtual environment of its own. What cannot be fetched is named; its tests skip
(tests/support/needs.py), except on CI (CI=true), where this script and those tests fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

Packages = tuple[str, ...]

# folder -> what is in it; their own dependencies are those of today
OLDER: dict[str, Packages] = {
    "fastapi-0.116": ("fastapi==0.116.1", "starlette==0.47.3"),
    "fastapi-0.136": ("fastapi==0.136.0", "starlette==1.0.0"),
    "fastapi-0.150": ("fastapi==0.150.0", "starlette==1.3.1"),
}
TOOLS: dict[str, Packages] = {"bugsink": ("bugsink>=2.6,<3",)}


def main() -> int:
    failed = [name for name, packages in OLDER.items() if not fetch("older", name, packages, into_folder)]
    failed += [name for name, packages in TOOLS.items() if not fetch("tools", name, packages, into_environment)]
    if failed:
        sys.stdout.write(f"Not fetched: {', '.join(failed)}. Tests that need them are skipped.\n")
    return 1 if failed and os.environ.get("CI") == "true" else 0


def fetch(kind: str, name: str, packages: Packages, install: Callable[[Path, Packages], bool]) -> bool:
    """Whether it is there; fetched now if it was not."""
    folder = Path(sys.prefix) / kind / name
    mark = folder / ".complete"
    if mark.exists():
        return True
    sys.stdout.write(f"Installing for the tests (once): {name} …\n")
    sys.stdout.flush()
    if not install(folder, packages):
        return False
    mark.touch()
    return True


def into_folder(folder: Path, packages: Packages) -> bool:
    """The packages alone, without what they depend on."""
    return pip(sys.executable, "--no-deps", "--upgrade", "--target", str(folder), *packages)


def into_environment(folder: Path, packages: Packages) -> bool:
    """The packages with all that they depend on, which is none of ours."""
    venv.create(folder, with_pip=True, clear=True)
    return pip(str(folder / "bin" / "python"), *packages)


def pip(python: str, *arguments: str) -> bool:
    return subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
