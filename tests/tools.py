"""Fetch programs from PyPI that tests run as servers; `make test` calls it first.

Each has a virtual environment of its own below the project's: their dependencies are none of ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

# folder -> what is in it
TOOLS = {
    "bugsink": ("bugsink>=2.6,<3",),
}


def main() -> int:
    failed = [tool for tool, packages in TOOLS.items() if not fetch(tool, packages)]
    if failed:
        sys.stdout.write(f"Not fetched: {', '.join(failed)}. Tests that need them are skipped.\n")
    return 1 if failed and os.environ.get("CI") == "true" else 0


def fetch(tool: str, packages: tuple[str, ...]) -> bool:
    """Whether the tool is there; fetched now if it was not."""
    folder = Path(sys.prefix) / "tools" / tool
    mark = folder / ".complete"
    if mark.exists():
        return True
    sys.stdout.write(f"Installing for the tests (once): {tool} …\n")
    sys.stdout.flush()
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
    if subprocess.run(pip, check=False).returncode:
        return False
    mark.touch()
    return True


if __name__ == "__main__":
    sys.exit(main())
