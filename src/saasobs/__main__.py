"""The console script `saasobs`, and `python -m saasobs`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run one command; the exit code is what it came to (`saasobs --help` lists them)."""
    try:
        from saasobs.cli.main import main as run  # noqa: PLC0415 - so that Ctrl-C is quiet from the very beginning

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
