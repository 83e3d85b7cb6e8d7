"""The table of integrations: each goes in once, when its library is there, and none can hurt the app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from saasobs.instrument import integrations, names
from saasobs.instrument.config import read_config

_BEGIN = """
import importlib, json, sys, types
from saasobs.instrument import integrations
installed = []
def ours(name, install):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].install = install
def broken(process):
    raise AttributeError("another release")
ours("good", lambda process: installed.append("good"))
ours("broken", broken)
integrations.INTEGRATIONS.clear()
integrations.INTEGRATIONS.update({
    "colorsys": "good", "sched": "broken", "wave": "broken", "sndhdr": "nowhere", "xdrlib": "good", "chunk": "good"
})
import saasobs
"""


def run(code: str, **environment: str) -> tuple[list[str], list[dict[str, Any]]]:
    """What was installed in a fresh process, and its log lines."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SAASOBS")}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _BEGIN + code + "\nprint(json.dumps(installed), file=sys.stderr)"],
        capture_output=True, text=True, timeout=60, check=False, env={**kept, **environment},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stderr.splitlines()[-1]), [json.loads(line) for line in ran.stdout.splitlines()]


def test_each_once() -> None:
    """One that was imported before and one that comes later are both installed, once, however often one asks."""
    code = (
        "import colorsys\nsaasobs.instrument()\nassert installed == ['good']\nimport chunk\nsaasobs.instrument()\n"
        "from saasobs.instrument.installing import started\nintegrations.install(started())\nimport chunk, colorsys"
    )
    installed, lines = run(code)
    assert (installed, lines) == (["good", "good"], [])


def test_a_broken_one_is_one_line() -> None:
    """Whatever fails in an integration is told once, with its name; the library is imported, and the others go in."""
    installed, lines = run("saasobs.instrument()\nimport sched, wave, sndhdr, colorsys\nassert sched.scheduler")
    assert installed == ["good"]
    told = [(line["event"], line["level"], line["integration"], line["error_type"]) for line in lines]
    assert told == [
        (names.INTERNAL_ERROR_EVENT, "warning", "sched", "AttributeError"),
        (names.INTERNAL_ERROR_EVENT, "warning", "sndhdr", "ModuleNotFoundError"),
    ]


def test_disabled_ones_stay_out() -> None:
    """`SAASOBS_DISABLE` leaves libraries alone, and a name that is none of them is told."""
    code = "integrations.NAMES |= set(integrations.INTEGRATIONS)\nsaasobs.instrument()\nimport colorsys, chunk, sched"
    installed, lines = run(code, SAASOBS_DISABLE="chunk,sched,reddis")
    assert installed == ["good"]
    (problem,) = (line["problem"] for line in lines)
    assert problem.startswith("disable: there is no integration 'reddis' (did you mean redis?); there are aiohttp, ")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("requests", {"urllib3"}),
        ("Requests, HTTPX", {"urllib3", "httpx"}),
        ("sentry-sdk", {"sentry_sdk"}),
        ("sentry", {"sentry_sdk"}),
        ("mongodb", {"pymongo"}),
        ("postgres", {"asyncpg", "psycopg"}),
        ("threads", {"threading", "concurrent"}),
        *((name, {name}) for name in ("sqlalchemy", "django", "flask", "fastapi", "starlette", "celery", "uvicorn")),
    ],
)
def test_names_that_people_write(written: str, meant: set[str]) -> None:
    """A library is known under what it is called, whatever the integration is called."""
    config, warnings = read_config({"SAASOBS_DISABLE": written})
    assert warnings == ()
    assert set(config.disable) == meant
    assert meant <= integrations.NAMES


_APPS = """
import saasobs
from saasobs.instrument.servers.asgi import RequestLayer
from saasobs.instrument.servers.wsgi import WsgiLayer
import fastapi, flask, starlette.applications
def watched(app):
    saasobs.instrument(app)
    stack = app.build_middleware_stack() if hasattr(app, "build_middleware_stack") else app.wsgi_app
    return isinstance(stack, RequestLayer | WsgiLayer) or hasattr(app, "__saasobs_layer__")
apps = fastapi.FastAPI(), starlette.applications.Starlette(), flask.Flask("shop")
print([type(app).__name__ for app in apps if watched(app)])
"""


@pytest.mark.parametrize(
    ("disable", "left"),
    [
        ("", "['FastAPI', 'Starlette', 'Flask']"),
        ("flask", "['FastAPI', 'Starlette']"),
        ("fastapi", "['Starlette', 'Flask']"),
        ("starlette,redis", "['Flask']"),
    ],
)
def test_apps_of_a_disabled_framework(disable: str, left: str) -> None:
    """They are left as they are, although the code says `instrument`."""
    environment = {**os.environ, "SAASOBS_DISABLE": disable}
    command = [sys.executable, "-W", "ignore", "-c", _APPS]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert ran.stdout.splitlines() == [left]


def test_every_row_is_there() -> None:
    """Each row of the table names a module of ours, and each name of a row can be disabled."""
    for library, ours in integrations.INTEGRATIONS.items():
        spec = find_spec(ours)
        assert spec is not None, library
        assert spec.origin is not None
        assert "def install(" in Path(spec.origin).read_text(), ours
        assert library.partition(".")[0] in integrations.NAMES
