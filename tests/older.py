"""Fetch older releases of the frameworks that the instrumentation must get right; `make test` calls it first.

Each goes into a folder of its own beside the virtual environment's packages, which a test puts in front of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# folder -> what is in it; their own dependencies are those of today
RELEASES = {
    "fastapi-0.116": ("fastapi==0.116.1", "starlette==0.47.3"),
    "fastapi-0.136": ("fastapi==0.136.0", "starlette==1.0.0"),
    "fastapi-0.150": ("fastapi==0.150.0", "starlette==1.3.1"),
}


def main() -> int:
    failed = [release for release, packages in RELEASES.items() if not fetch(release, packages)]
    if failed:
        sys.stdout.write(f"Not fetched: {', '.join(failed)}. Tests that need them are skipped.\n")
    return 1 if failed and os.environ.get("CI") == "true" else 0


def fetch(release: str, packages: tuple[str, ...]) -> bool:
    """Whether the release is there; fetched now if it was not."""
    folder = Path(sys.prefix) / "older" / release
    mark = folder / ".complete"
    if mark.exists():
        return True
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(folder)]
    if subprocess.run([*pip, *packages], check=False).returncode:
        return False
    mark.touch()
    return True


if __name__ == "__main__":
    sys.exit(main())
