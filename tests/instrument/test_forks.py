"""A child that is forked at any moment finds no import half done by a thread of ours."""

from __future__ import annotations

import subprocess
import sys

import pytest

NEEDED = ("encodings.idna",)
STARTS = {
    "errors": ("saasobs.instrument(sentry_dsn='http://key@127.0.0.1:9/1')", NEEDED),
    "traces": (
        "saasobs.instrument(otlp_endpoint='http://127.0.0.1:9', trace_sample_ratio=1.0)",
        (*NEEDED, "urllib.request"),
    ),
    "heartbeat": (
        "saasobs.instrument()\nwith saasobs.job('nightly', heartbeat='http://127.0.0.1:9/ping/x'): seen = loaded()",
        (*NEEDED, "urllib.request", "urllib.error"),
    ),
}
PROGRAM = """\
import sys, threading
import saasobs
modules = {modules}
def loaded(): return [name for name in modules if name in sys.modules]
seen = None
threading.Thread.start = lambda self: None  # nothing but this thread may have loaded them
{start}
print(*(loaded() if seen is None else seen))
"""


@pytest.mark.parametrize("name", STARTS)
def test_what_a_connection_loads_is_loaded_before_a_thread_begins(name: str) -> None:
    """The codec of host names, and urllib where it is used: their locks are free in every child."""
    start, modules = STARTS[name]
    program = PROGRAM.format(modules=modules, start=start)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1].split() == list(modules)


def test_without_a_receiver_nothing_is_loaded() -> None:
    """Who sends nothing does not pay for it."""
    program = PROGRAM.format(modules=NEEDED, start="saasobs.instrument()")
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.splitlines()[-1].split() == [], ran.stderr
