"""Whoever configures logging before us or after us: one shape for all, and no access line of a server's own."""

from __future__ import annotations

import json
import logging
import logging.config
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.capture import captured
from support.daemon import free_port
from support.process import ServerProcess

_OTHERS: dict[str, Any] = {
    "version": 1,
    "formatters": {"plain": {"format": "PLAIN %(message)s"}},
    "handlers": {
        "terminal": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "plain"},
    },
    "root": {"level": "INFO", "handlers": ["terminal"]},
    "loggers": {"their.app": {"handlers": ["terminal"], "propagate": False, "level": "DEBUG"}},
}


def test_a_configuration_after_us(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An app's `dictConfig`: its terminal handlers give way, its file stays, what it did not name is not muted."""
    file = {"class": "logging.FileHandler", "filename": str(tmp_path / "log"), "formatter": "plain"}
    config = {**_OTHERS, "handlers": {**_OTHERS["handlers"], "file": file}}
    config["root"] = {"level": "INFO", "handlers": ["terminal", "file"]}
    before = logging.getLogger("known.before")
    with captured() as out:
        logging.config.dictConfig(config)
        logging.getLogger("their.app").info("theirs")
        before.info("not muted")
        assert [line["event"] for line in out.lines()] == ["theirs", "not muted"]
        for handler in logging.getLogger().handlers:
            handler.close()
    assert (tmp_path / "log").read_text().splitlines() == ["PLAIN theirs", "PLAIN not muted"]
    assert "PLAIN" not in capfd.readouterr().err


def test_an_ini_file_after_us(tmp_path: Path) -> None:
    """`fileConfig`, as alembic's env.py calls it in the middle of an app, neither mutes nor takes over."""
    ini = tmp_path / "alembic.ini"
    ini.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=console\n[formatters]\nkeys=plain\n"
        "[formatter_plain]\nformat=PLAIN %(message)s\n"
        "[logger_root]\nlevel=WARNING\nhandlers=console\n"
        "[handler_console]\nclass=StreamHandler\nargs=(sys.stderr,)\nformatter=plain\n"
    )
    logger = logging.getLogger("shop.orders")
    with captured() as out:
        logging.config.fileConfig(ini)
        logger.warning("still here")
        assert [line["event"] for line in out.lines()] == ["still here"]


def test_what_frameworks_say_about_requests_is_said_once() -> None:
    """Access records of Django's and werkzeug's own servers are ours to tell; what else they say comes out."""
    with captured() as out:
        extra = {"status_code": 200, "request": object(), "server_time": "now"}
        logging.getLogger("django.server").info('"%s" %s %s', "GET / HTTP/1.1", "200", "7", extra=extra)
        logging.getLogger("werkzeug").info('%s - - [%s] "%s" %s %s', "127.0.0.1", "now", "GET /", 200, "-")
        logging.getLogger("werkzeug").info(" * Running on http://127.0.0.1:5000")
        logging.getLogger("django.request").warning("Not Found: %s", "/x", extra=extra)
        lines = out.lines()
    assert [line["logger"] for line in lines] == ["werkzeug", "django.request"]
    assert "request" not in lines[1]


def test_levels_of_somebodys_own() -> None:
    """A level between ours counts as the one below it, whatever it is called."""
    with captured(log_level="DEBUG") as out:
        logging.getLogger("x").log(25, "notice")
        logging.getLogger("x").log(35, "alert")
        logging.getLogger("x").log(70, "doom")
        assert [line["level"] for line in out.lines()] == ["info", "warning", "critical"]


_APP = """
import logging, sys
import saasobs
from saasobs.instrument.logs.setup import tame_server_loggers
saasobs.instrument(service="g")
def app(environ, start_response):
    logging.getLogger("shop").warning("from the app")
    logging.getLogger("gunicorn.error").info("from the server")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    logging.getLogger("shop").warning("from the app")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
asgi = saasobs.instrument(asgi)
"""


@contextmanager
def serving(folder: Path, *command: str) -> Iterator[tuple[str, Path]]:
    """A server of its own process on a free port; yields its address and its output."""
    (folder / "tamed_app.py").write_text(_APP)
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in command]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    log = folder / "out"
    server = ServerProcess([sys.executable, "-m", *words], lambda: answers(port), log, environment)
    server.start()
    try:
        yield f"http://127.0.0.1:{port}/", log
    finally:
        server.stop()


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
    except OSError:
        return False
    return True


def lines_of(log: Path, event: str) -> list[dict[str, Any]]:
    """All lines after the app has been loaded, once an event is among them; each is JSON.

    Except those of a gunicorn master that never loads the app: it formats its own.
    """
    until = time.monotonic() + 10
    while event not in log.read_text() and time.monotonic() < until:
        time.sleep(0.02)
    text = log.read_text().splitlines()
    master = "[20"
    first = next(number for number, line in enumerate(text) if line.startswith("{"))
    return [json.loads(line) for line in text[first:] if not line.startswith(master)]


GUNICORN = ["gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "2", "--access-logfile", "-", "tamed_app:app"]
UVICORN = ["uvicorn", "--port", "PORT", "tamed_app:asgi"]


@pytest.mark.parametrize(
    "command", [GUNICORN, [*GUNICORN, "--preload"], UVICORN], ids=["gunicorn", "gunicorn --preload", "uvicorn"]
)
def test_real_servers(tmp_path: Path, command: list[str]) -> None:
    """From the moment that the app is loaded each line is JSON of one shape, and the server writes no access line."""
    with serving(tmp_path, *command) as (_, log):
        lines_of(log, "from the app")
    assert "--preload" not in command or not log.read_text().splitlines()[-1].startswith("[")
    lines = lines_of(log, "from the app")
    assert {line["service"] for line in lines} == {"g"}
    assert {"shop"} <= {line["logger"] for line in lines}
    assert not {"gunicorn.access", "uvicorn.access"} & {line["logger"] for line in lines}
    if command[0] == "gunicorn":
        assert "from the server" in {line["event"] for line in lines}
    else:
        assert "uvicorn.error" in {line["logger"] for line in lines}


_CHILDREN = """
import multiprocessing, logging, sys
import saasobs
def work(number):
    logging.getLogger("child").warning("from %d", number)
if __name__ == "__main__":
    saasobs.instrument()
    children = [multiprocessing.get_context("fork").Process(target=work, args=(number,)) for number in range(3)]
    for child in children: child.start()
    for child in children: child.join()
"""


def test_a_pools_children_write_their_last_line() -> None:
    """A process that leaves by os._exit, as multiprocessing's do, has written its lines before."""
    ran = subprocess.run([sys.executable, "-c", _CHILDREN], capture_output=True, text=True, timeout=60, check=True)
    events = sorted(json.loads(line)["event"] for line in ran.stdout.splitlines())
    assert events == ["from 0", "from 1", "from 2"], ran.stderr


_LATE = """
import atexit, logging, sys
@atexit.register
def late():
    logging.getLogger("x").warning("after the end")
import saasobs
saasobs.instrument()
logging.getLogger("x").warning("before")
"""


def test_a_line_after_the_end() -> None:
    """What an exit handler that runs after ours logs is written too."""
    ran = subprocess.run([sys.executable, "-c", _LATE], capture_output=True, text=True, timeout=60, check=True)
    assert [json.loads(line)["event"] for line in ran.stdout.splitlines()] == ["before", "after the end"]


_CLOSED = """
import os, sys
os.close(1)
import saasobs
saasobs.instrument()
saasobs.get_logger("x").info("to nobody")
"""


def test_a_process_without_stdout() -> None:
    """A daemon whose stdout is closed logs to nobody and goes on."""
    ran = subprocess.run([sys.executable, "-c", _CLOSED], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
