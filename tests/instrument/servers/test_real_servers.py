"""Real servers with several workers: right lines, right totals, nothing broken by fork or preload."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from saasobs.instrument import names
from support.daemon import free_port
from support.echo import echoing
from support.envelopes import taking_envelopes
from support.otlp import collecting
from support.process import ServerProcess

TESTS = Path(__file__).parents[2]
SYNC = ("gunicorn", "--workers", "2")
THREADS = (*SYNC, "--threads", "4", "--worker-class", "gthread")


@dataclass
class Serving:
    """A server that runs, and what it has written."""

    url: str
    log: Path

    def lines(self, event: str = names.REQUEST_EVENT, at_least: int = 1) -> list[dict[str, Any]]:
        """The lines of one event, as soon as so many are there."""
        until = time.monotonic() + 20
        while True:
            texts = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
            found = [line for line in map(json.loads, texts) if line["event"] == event]
            if len(found) >= at_least or time.monotonic() > until:
                return found
            time.sleep(0.02)


@contextmanager
def serving(folder: Path, *command: str, **environment: str) -> Iterator[Serving]:
    port, log = free_port(), folder / "server.log"
    bind = ["--bind", f"127.0.0.1:{port}"] if command[0] == "gunicorn" else ["--port", str(port)]
    known = {"PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "ignore"}
    url = f"http://127.0.0.1:{port}"
    server = ServerProcess(
        [sys.executable, "-m", *command, *bind], lambda: answers(url), log, {**os.environ, **known, **environment}
    )
    server.start()
    try:
        yield Serving(url, log)
    finally:
        server.stop()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def ask_until_both(url: str, path: str, limit: int = 200) -> int:
    """Ask until two workers have answered; returns how often."""
    pids: set[str] = set()
    for asked in range(1, limit + 1):
        answer = httpx.get(f"{url}{path}", headers={"X-Request-ID": f"r-{asked}"}, timeout=10)
        assert (answer.status_code, answer.headers.get_list("x-request-id")) == (200, [f"r-{asked}"])
        body = answer.text
        pids.add(str(json.loads(body)["pid"]) if body.startswith("{") else body)
        if len(pids) == 2:
            return asked
    raise AssertionError(f"only {pids} answered")


@pytest.mark.parametrize(
    ("command", "path", "route"),
    [
        ((*SYNC, "support.wsgi_shop:flask"), "/pid/7", "/pid/{n}"),
        ((*THREADS, "--preload", "support.wsgi_shop:flask"), "/pid/7", "/pid/{n}"),
        ((*SYNC, "--preload", "support.wsgi_shop:bare"), "/", names.UNMATCHED),
        ((*THREADS, "support.django_shop.wsgi"), "/users/", "/users/"),
        ((*SYNC, "--preload", "support.django_shop.wsgi"), "/users/", "/users/"),
        (("uvicorn", "--workers", "2", "support.django_shop.asgi:application"), "/users/", "/users/"),
        (("uvicorn", "--workers", "2", "support.asgi_shop:fastapi"), "/pid/7", "/pid/{n}"),
    ],
    ids=[
        "flask-sync",
        "flask-gthread-preload",
        "bare-sync-preload",
        "django-gthread",
        "django-preload",
        "django-uvicorn",
        "fastapi-uvicorn",
    ],
)
def test_two_workers(tmp_path: Path, command: tuple[str, ...], path: str, route: str) -> None:
    """Both workers write one line for each request, with the caller's ID, and none is lost."""
    _database(tmp_path)
    with serving(tmp_path, *command, SAASOBS_HEALTH="1", SHOP_DATABASE=str(tmp_path / "db")) as server:
        asked = ask_until_both(server.url, path)
        lines = server.lines(at_least=asked)
        assert sorted(line["correlation_id"] for line in lines) == sorted(f"r-{n}" for n in range(1, asked + 1))
        assert {(line["route"], line["status"], line["client"]) for line in lines} == {(route, 200, "127.0.0.1")}
        assert server.lines(names.INTERNAL_ERROR_EVENT, at_least=0) == []


def _database(folder: Path) -> None:
    """A users table, for the Django project to read."""
    import sqlite3

    with sqlite3.connect(folder / "db") as connection:
        connection.execute("create table auth_user (id integer primary key, username text)")
    connection.close()


@pytest.mark.parametrize("app", ["flask", "bare"])
def test_a_client_that_leaves_gunicorn(tmp_path: Path, app: str) -> None:
    """Somebody who goes in the middle of a stream is a disconnect, with the status that had been sent."""
    with serving(tmp_path, *SYNC, f"support.wsgi_shop:{app}", SAASOBS_HEALTH="1") as server:
        with httpx.stream("GET", f"{server.url}/stream") as answer:
            next(answer.iter_raw())
        (line,) = server.lines()
        assert (line["status"], line["outcome"]) == (200, "disconnect")
        assert 10 < line["duration_ms"] < 10_000


def test_files_and_faults_under_gunicorn(tmp_path: Path) -> None:
    """sendfile sends the whole file; an exception that nobody handles is gunicorn's 500 and one line with its type."""
    with serving(tmp_path, *SYNC, "support.wsgi_shop:flask", SAASOBS_HEALTH="1") as server:
        assert httpx.get(f"{server.url}/file").content == (TESTS / "support" / "wsgi_shop.py").read_bytes()
        boom = httpx.get(f"{server.url}/boom/1")
        assert (boom.status_code, len(boom.headers.get_list("x-request-id"))) == (500, 1)
        file, fault = server.lines(at_least=2)
        assert (file["route"], file.get("outcome", "ok")) == ("/file", "ok")
        assert (fault["route"], fault["error_type"]) == ("/boom/{n}", "ZeroDivisionError")


@pytest.mark.parametrize(
    ("command", "id_sent"),
    [
        ((*SYNC, "support.wsgi_shop:flask"), "from-the-caller"),
        ((*THREADS, "--preload", "support.wsgi_shop:flask"), ""),
        ((*SYNC, "support.django_shop.wsgi"), "from-the-caller"),
        (("uvicorn", "--workers", "2", "support.django_shop.asgi:application"), "from-the-caller"),
        (("uvicorn", "--workers", "2", "support.asgi_shop:fastapi"), "from-the-caller"),
        (("uvicorn", "support.asgi_shop:starlette"), ""),
    ],
    ids=["flask", "flask-preload-own-id", "django", "django-uvicorn", "fastapi", "starlette-own-id"],
)
def test_one_id_everywhere(tmp_path: Path, command: tuple[str, ...], id_sent: str) -> None:
    """The same ID is in the log, the span, the error, the response, the outgoing call and the queued task."""
    messages = tmp_path / "messages"
    (messages / "control").mkdir(parents=True)
    with collecting() as collector, taking_envelopes() as errors, echoing() as echo:
        variables = {
            "SENTRY_DSN": errors.dsn,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
            "SAASOBS_TRACE_SAMPLE_RATIO": "1",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "SAASOBS_HEALTH": "1",
            "SHOP_ECHO": f"{echo.own}/echo",
            "SHOP_MESSAGES": str(messages),
        }
        with serving(tmp_path, *command, **variables) as server:
            answer = httpx.get(f"{server.url}/everything/7", headers={"X-Request-ID": id_sent} if id_sent else {})
            (line,) = server.lines()
            (inside,) = server.lines("inside")
            (event,) = errors.wait(1)
            (span,) = collector.wait(1, kind="SERVER")
            calls = collector.wait(1, kind="CLIENT")
        (known,) = answer.headers.get_list("x-request-id")
        assert known == (id_sent or known)
        assert (answer.status_code, line["route"], line["error_type"]) == (500, "/everything/{n}", "ValueError")
        assert {line["correlation_id"], inside["correlation_id"], event["tags"]["correlation_id"]} == {known}
        assert span.attributes["correlation_id"] == known
        assert echo.headers()["x-request-id"] == [known]
        assert {span.trace_id, line["trace_id"], inside["trace_id"], calls[0].trace_id} == {
            echo.headers()["traceparent"][0].split("-")[1]
        }
        (message,) = (path.read_text() for path in messages.iterdir() if path.is_file())
        assert known in message
        assert span.name == "GET /everything/{n}"


def test_werkzeugs_own_server(tmp_path: Path) -> None:
    """A plain Werkzeug app, without a framework, on the development server."""
    code = (
        "import os, support.wsgi_shop as s; from werkzeug.serving import run_simple;"
        "run_simple('127.0.0.1', int(os.environ['SHOP_PORT']), s.werkzeug, threaded=True)"
    )
    port, log = free_port(), tmp_path / "server.log"
    environment = {"PYTHONPATH": str(TESTS), "SHOP_PORT": str(port), "SAASOBS_HEALTH": "1"}
    url = f"http://127.0.0.1:{port}"
    server = ServerProcess([sys.executable, "-c", code], lambda: answers(url), log, {**os.environ, **environment})
    server.start()
    try:
        answer = httpx.get(f"{url}/caf%C3%A9", headers={"X-Request-ID": "one"})
        assert (answer.text, answer.headers["x-request-id"]) == ("hello /café", "one")
        (line,) = Serving(url, log).lines()
        assert (line["path"], line["status"], line["correlation_id"]) == ("/café", 200, "one")
    finally:
        server.stop()
