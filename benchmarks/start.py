"""What saasobs costs at an app's start, in CPU: its import, and `saasobs.instrument(app)` with everything on.

Each is measured in fresh interpreters, the second with the framework imported already, as in an app. Where the import's
time goes is printed when it is over its budget.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from typing import Final

RUNS: Final = 10
IMPORT_BUDGET: Final = 50.0
INSTRUMENT_BUDGET: Final = 300.0
"""Milliseconds."""
_MODULES: Final = 10

_CLOCK: Final = "from time import process_time; begin = process_time()"
_SAY: Final = "import sys; print((process_time() - begin) * 1000, file=sys.stderr)"
_IMPORT: Final = f"{_CLOCK}; import saasobs; {_SAY}"
_INSTRUMENT: Final = f"""
from fastapi import FastAPI
app = FastAPI()
{_CLOCK}
import saasobs
saasobs.instrument(app, service="shop", sentry_dsn="http://key@127.0.0.1:9/1", otlp_endpoint="http://127.0.0.1:9")
{_SAY}
import os
os._exit(0)
"""


def milliseconds(code: str) -> list[float]:
    """CPU of a piece of code that tells it as the last line of stderr, in as many fresh interpreters."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return [float(_stderr(["-c", code], environment).splitlines()[-1]) for _ in range(RUNS)]


def _stderr(arguments: list[str], environment: dict[str, str] | None = None) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stderr


def dearest_imports() -> list[tuple[float, str]]:
    """Milliseconds of the modules that take the most by themselves when saasobs is imported."""
    lines = [
        line.removeprefix("import time:").split("|")
        for line in _stderr(["-X", "importtime", "-c", "import saasobs"]).splitlines()
    ]
    found = [(int(own) / 1000, name.strip()) for own, _, name in lines[1:]]
    return sorted(found, reverse=True)[:_MODULES]


def main() -> None:
    milliseconds("import saasobs; import sys; print(0, file=sys.stderr)")  # the bytecode is there from now on
    print(f"\nStart, ms of CPU in {RUNS} fresh interpreters")
    print("| what | lowest | median | budget |")
    print("| --- | --- | --- | --- |")
    imported = milliseconds(_IMPORT)
    _print("import saasobs", imported, IMPORT_BUDGET)
    _print("saasobs.instrument(app), everything on", milliseconds(_INSTRUMENT), INSTRUMENT_BUDGET)
    if statistics.median(imported) > IMPORT_BUDGET:
        for own, module in dearest_imports():
            print(f"  {own:6.1f} {module}")


def _print(what: str, taken: list[float], budget: float) -> None:
    print(f"| {what} | {min(taken):.0f} | {statistics.median(taken):.0f} | {budget:.0f} |")


if __name__ == "__main__":
    main()
