"""The programs of the scene: each a process of its own, stopped by its pid whatever happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from support.process import ServerProcess

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENT: Final = "demo"


def environment(**more: str) -> dict[str, str]:
    """Of our own Python programs: nothing of the caller's own instrumentation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAASOBS", "COV_", "PYTEST"))}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(ROOT / "src")])
    ours = {
        "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", "SAASOBS_LOG_FORMAT": "json", "SAASOBS_ENVIRONMENT": ENVIRONMENT,
    }  # fmt: skip
    return {**kept, **ours, **more}


def python(*words: str) -> list[str]:
    """A module's command line."""
    return [sys.executable, "-m", *words]


def answers(url: str) -> bool:
    """With anything that is no fault."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code < 400
    except httpx.TransportError:
        return False


@contextmanager
def program(
    command: Sequence[str], page: str, log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[ServerProcess]:
    """One that is up once its page answers."""
    process = ServerProcess(command, lambda: answers(page), log, environ)
    with stopped(process):
        process.start()
        yield process


@contextmanager
def stopped(process: ServerProcess) -> Iterator[None]:
    """At the end, even if it never came up."""
    try:
        yield
    finally:
        process.stop()
