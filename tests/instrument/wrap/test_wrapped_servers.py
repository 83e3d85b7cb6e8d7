"""`saasobs wrap -- SERVER`: apps that know nothing of saasobs, served by real servers."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from saasobs.instrument import names
from support.workers import Workers, serving_workers

WRAP = ("saasobs", "wrap", "--service", "wrapped", "--health", "1", "--")
REQUESTS = "http_server_request_duration_seconds_count"
PROGRAMS = Path(sys.executable).parent
GUNICORN = ("gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "2", "--graceful-timeout", "2")
HYPERCORN = ("hypercorn", "--bind", "127.0.0.1:{port}", "--workers", "2")
UVICORN = ("uvicorn", "--port", "{port}")
DJANGO = {"DJANGO_SETTINGS_MODULE": "support.wrapped.django_settings"}


@contextmanager
def wrapped(folder: Path, *command: str, **environment: str) -> Iterator[Workers]:
    """Run the command wrapped, with the programs of this environment."""
    environment = {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": "ignore", **environment}
    with serving_workers(folder, *WRAP, *command, port=0, prefix=(), **environment) as server:
        yield server


def lines_of(server: Workers, event: str = names.REQUEST_EVENT) -> list[dict[str, Any]]:
    texts = [line for line in server.process.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in map(json.loads, texts) if line["event"] == event]


def ask(server: Workers, path: str, workers: int) -> int:
    """Ask until so many workers have answered, each time with an ID; returns how often."""
    seen: set[str] = set()
    for asked in range(1, 200):
        body, headers = server.get(path, X_Request_ID=f"r-{asked}")
        assert headers["x-request-id"] == f"r-{asked}"
        seen.add(headers.get("x-worker") or str(json.loads(body)["pid"]))
        if len(seen) == workers:
            return asked
        time.sleep(0.005)
    raise AssertionError(f"only {seen} answered")


def assert_observed(server: Workers, path: str, route: str, workers: int) -> int:
    """One line for each request, all of them in the numbers, and no failure of ours; returns how many there were."""
    asked = ask(server, path, workers)
    server.wait_for(lambda: len(lines_of(server)) >= asked)
    server.wait_for(lambda: server.value(REQUESTS) >= asked)
    lines = lines_of(server)
    assert sorted(line["correlation_id"] for line in lines) == sorted(f"r-{n}" for n in range(1, asked + 1))
    assert {(line["route"], line["status"], line["client"]) for line in lines} == {(route, 200, "127.0.0.1")}
    assert {server.value(REQUESTS) for _ in range(4)} == {float(asked)}
    assert server.value(REQUESTS, http_route=route) == asked
    log = server.process.log.read_text()
    assert lines_of(server, names.INTERNAL_ERROR_EVENT) == lines_of(server, names.MISCONFIGURED_EVENT) == []
    assert "saasobs wrap:" not in log
    assert not re.search(r'"(GET|HEAD) /', log), "a server's own access line"
    return asked


@pytest.mark.parametrize(
    ("command", "path", "route"),
    [
        ((*UVICORN, "--workers", "2", "support.wrapped.fastapi_app:app"), "/work/7", "/work/{n}"),
        ((*GUNICORN, "support.wrapped.flask_app:app"), "/work/7", "/work/{n}"),
        ((*GUNICORN, "--preload", "support.wrapped.flask_app:app"), "/work/7", "/work/{n}"),
        ((*GUNICORN, "support.wrapped.bare_app:wsgi"), "/any", names.UNMATCHED),
        ((*HYPERCORN, "support.wrapped.bare_app:asgi"), "/any", names.UNMATCHED),
    ],
    ids=["uvicorn-fastapi", "gunicorn-flask", "gunicorn-preload-flask", "gunicorn-bare", "hypercorn-bare"],
)
def test_two_workers(tmp_path: Path, command: tuple[str, ...], path: str, route: str) -> None:
    """IDs, lines and totals are right over both workers, and so is the app's own counter, without a line of code."""
    with wrapped(tmp_path, *command) as server:
        asked = assert_observed(server, path, route, 2)
        assert {line["service"] for line in lines_of(server)} == {"wrapped"}
        if route != names.UNMATCHED:
            assert {server.value("orders_total") for _ in range(4)} == {float(asked)}


@pytest.mark.parametrize(
    ("command", "path", "route"),
    [
        ((*UVICORN, "support.wrapped.fastapi_app:app"), "/sub/item/7", "/sub/item/{n}"),
        ((*UVICORN, "--reload", "--reload-dir", "{folder}", "support.wrapped.bare_app:asgi"), "/", names.UNMATCHED),
        ((*UVICORN, "--factory", "--no-access-log", "support.wrapped.bare_app:make"), "/", names.UNMATCHED),
        ((*UVICORN, "--interface", "wsgi", "support.wrapped.flask_app:app"), "/work/7", "/work/{n}"),
        (("flask", "--app", "support.wrapped.flask_app", "run", "--port", "{port}"), "/work/7", "/work/{n}"),
        (("flask", "--app", "support.wrapped.flask_app", "run", "--debug", "--port", "{port}"), "/work/7", "/work/{n}"),
    ],
    ids=["mounted", "reload-bare", "factory", "uvicorn-flask", "flask-run", "flask-run-debug"],
)
def test_one_worker(tmp_path: Path, command: tuple[str, ...], path: str, route: str) -> None:
    """Whatever way a server has of loading an app and of starting its processes, each request is told once."""
    words = [word.replace("{folder}", str(tmp_path)) for word in command]
    with wrapped(tmp_path, *words) as server:
        assert_observed(server, path, route, 1)


def test_uvicorns_worker_in_gunicorn(tmp_path: Path) -> None:
    """The app goes through two servers' hands, and is observed once."""
    pytest.importorskip("uvicorn.workers", exc_type=ImportError)
    command = (*GUNICORN, "--worker-class", "uvicorn.workers.UvicornWorker", "support.wrapped.fastapi_app:app")
    with wrapped(tmp_path, *command) as server:
        assert_observed(server, "/work/7", "/work/{n}", 2)


def test_the_apps_own_call_settles_it(tmp_path: Path) -> None:
    """An app that calls `instrument` with arguments is told once, with its own arguments."""
    with wrapped(tmp_path, *UVICORN, "support.wrapped.explicit_app:app") as server:
        assert_observed(server, "/work/7", "/work/{n}", 1)
        assert {line["service"] for line in lines_of(server)} == {"settled-by-the-app"}


@pytest.mark.parametrize(
    ("command", "workers"),
    [
        ((*GUNICORN, "support.django_shop.wsgi"), 2),
        ((*UVICORN, "support.django_shop.asgi:application"), 1),
        (("python", "-m", "django", "runserver", "127.0.0.1:{port}"), 1),
    ],
    ids=["gunicorn", "uvicorn", "runserver"],
)
def test_django(tmp_path: Path, command: tuple[str, ...], workers: int) -> None:
    """A Django project without us in INSTALLED_APPS: routes, queries, and one line for each request."""
    import sqlite3

    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute("create table auth_user (id integer primary key, username text)")
    connection.close()
    with wrapped(tmp_path, *command, SHOP_DATABASE=str(tmp_path / "db"), **DJANGO) as server:
        assert_observed(server, "/users/", "/users/", workers)
        assert {line["db_queries"] for line in lines_of(server)} == {1}
