"""`make fuzz MINUTES=10`: strangers' bytes against everything that reads them, again and again until the time is up.

Every test that takes its values from hypothesis: the answer handling of every kind, the metrics parser, the loader of
the configuration and the rules behind them. `make test` runs each with a few dozen examples; this runs them with a new
seed every round, and a thousand examples where a test does not say how many. It keeps what fails in .hypothesis, and
stops at the first failure.
"""

from __future__ import annotations

import subprocess
import sys
import time

ROOMS = ("tests/core", "tests/probes", "tests/settings", "tests/web", "tests/alerting", "tests/instrument")
PYTEST = (
    *("-m", "pytest", "-q", "-x", "-n", "2", "--no-header", "--timeout=900"),
    *("-m", "hypothesis", "--hypothesis-profile=fuzz"),
)


def main() -> int:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    until = time.monotonic() + 60 * minutes
    rounds = 0
    while time.monotonic() < until:
        command = [sys.executable, *PYTEST, *ROOMS]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        rounds += 1
        lines = ended.stdout.strip().splitlines()
        sys.stdout.write(f"round {rounds}: {lines[-1] if lines else 'nothing ran'}\n")
        sys.stdout.flush()
        if ended.returncode:
            sys.stdout.write(ended.stdout[-10_000:] + ended.stderr[-2_000:])
            return 1
    sys.stdout.write(f"{minutes:g} minutes, {rounds} rounds: nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
