"""What goes to Sentry is what Sentry takes, and never twice, whose client it may be."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sentry_relay.processing import StoreNormalizer

from saasobs.instrument.errors.sentry import dsn_problem
from support.listening import Quiet, listening


class Receiver:
    """Takes envelopes and keeps their events."""

    def __init__(self, port: int) -> None:
        self.dsn = f"http://key@127.0.0.1:{port}/1"
        self.events: list[dict[str, Any]] = []
        self.kinds: list[str] = []

    def take(self, body: bytes) -> None:
        lines = body.split(b"\n")
        at = 1
        while at + 1 < len(lines) and lines[at]:
            header = json.loads(lines[at])
            self.kinds.append(header["type"])
            if header["type"] == "event":
                self.events.append(json.loads(lines[at + 1]))
            at += 2


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(Quiet):
        def do_POST(self) -> None:
            receiver.take(self.content())
            self.answer(200, b"{}")

    with listening(Handler) as port:
        receiver = Receiver(port)
        yield receiver


_COMMON = """
import asyncio, logging, sys, json
import saasobs
def failing(order=7):
    password = "hunter2"
    raise ValueError(f"order {order} of ana@acme.example")
async def ask(app, path="/orders/7"):
    async def receive(): return {"type": "http.request", "body": b"", "more_body": False}
    sent = []
    async def send(message): sent.append(message)
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": path,
             "raw_path": path.encode(), "root_path": "", "query_string": b"page=2&token=hunter2", "scheme": "http",
             "server": ("127.0.0.1", 80), "client": ("10.0.0.9", 5), "headers": [(b"host", b"shop.example"),
             (b"cookie", b"sid=hunter2"), (b"x-request-id", b"the-request"), (b"authorization", b"Bearer hunter2")]}
    try:
        await app(scope, receive, send)
    except ValueError as error:
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
def shop():
    from fastapi import FastAPI
    app = FastAPI()
    @app.get("/orders/{order}")
    async def order(order: int):
        saasobs.set_tenant("acme"); saasobs.set_user(7); saasobs.bind(cart=3)
        saasobs.get_logger("shop").info("order.loaded", token="hunter2", order=order)
        failing(order)
    return app
"""

_PATIENTLY = """
from saasobs.instrument.errors import capture
for errors in list(capture._running): errors.flush(30)  # the end of the process waits for two seconds only
"""


def run(code: str, dsn: str) -> list[dict[str, Any]]:
    """Run it in a fresh interpreter; returns its log."""
    program = _COMMON + code.replace("DSN", repr(dsn)) + _PATIENTLY
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]


def test_an_event_of_our_own_client() -> None:
    """One fault of a FastAPI app is one event that Relay has nothing to mend in, with all that the request knew."""
    with receiving() as receiver:
        log = run(
            "app = shop(); saasobs.instrument(app, service='s', version='1.2', environment='test', sentry_dsn=DSN)\n"
            "asyncio.run(ask(app))",
            receiver.dsn,
        )
    assert receiver.kinds == ["event"]
    (event,) = receiver.events
    normal = StoreNormalizer(project_id=1, protocol_version="7", remove_other=True).normalize_event(dict(event))
    assert normal.get("errors") in (None, [])
    assert {"route": "/orders/{order}", "tenant": "acme", "correlation_id": "the-request"}.items() <= event[
        "tags"
    ].items()
    assert event["tags"]["trace_id"] == event["contexts"]["trace"]["trace_id"]
    assert (event["transaction"], event["release"], event["environment"]) == ("/orders/{order}", "1.2", "test")
    assert event["user"] == {"id": "7"}
    assert event["extra"]["cart"] == 3
    assert event["request"]["query_string"] == "page=2&token=***"
    shown = event["request"]["headers"]
    assert {shown["cookie"], shown["authorization"]} <= {"***", "[Filtered]"}
    (exception,) = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("ValueError", "order 7 of ***@acme.example")
    assert exception["stacktrace"]["frames"][-1]["function"] == "failing"
    assert not any("vars" in frame for frame in exception["stacktrace"]["frames"])
    assert [crumb["message"] for crumb in event["breadcrumbs"]["values"]] == ["order.loaded"]
    assert "hunter2" not in json.dumps({key: value for key, value in event.items() if key != "exception"})
    (line,) = (line for line in log if line["event"] == "exception")
    assert (line["event"], line["error_id"], line["correlation_id"]) == ("exception", event["event_id"], "the-request")
    assert line["fingerprint"] == event["tags"]["fingerprint"]


def test_a_logged_exception_is_titled_by_the_exception() -> None:
    """What was logged and what was bound go along, but the title is the exception's: one issue for all messages."""
    with receiving() as receiver:
        run(
            "saasobs.instrument(sentry_dsn=DSN)\n"
            "for order in range(3):\n"
            "    try: failing(order)\n"
            "    except ValueError: saasobs.get_logger('shop').exception('order.failed', order=order)\n",
            receiver.dsn,
        )
    assert len(receiver.events) == 3
    assert {event["exception"]["values"][0]["type"] for event in receiver.events} == {"ValueError"}
    assert len({tuple(event["fingerprint"]) for event in receiver.events}) == 1
    assert {event["logger"] for event in receiver.events} == {"shop"}
    assert sorted(event["extra"]["order"] for event in receiver.events) == [0, 1, 2]
    assert all("message" not in event and "logentry" not in event for event in receiver.events)


_INIT = (
    "import sentry_sdk; from sentry_sdk.integrations.fastapi import FastApiIntegration;"
    "from sentry_sdk.integrations.starlette import StarletteIntegration;"
    "sentry_sdk.init(DSN, auto_enabling_integrations=False,"
    " integrations=[FastApiIntegration(), StarletteIntegration()]{}); "
)
_INSTRUMENT = "app = shop(); saasobs.instrument(app{}); "
INITS = {
    "before us": _INIT.format("") + _INSTRUMENT.format(""),
    "after us": _INSTRUMENT.format("") + _INIT.format(""),
    "with the same DSN": _INIT.format("") + _INSTRUMENT.format(", sentry_dsn=DSN"),
    "traces too": _INIT.format(", traces_sample_rate=1.0") + _INSTRUMENT.format(""),
}


@pytest.mark.parametrize("init", INITS.values(), ids=INITS.keys())
def test_beside_an_apps_own_client(init: str) -> None:
    """Its integrations, the log and we see the fault: one event, with our tags, through its client."""
    with receiving() as receiver:
        run(init + "asyncio.run(ask(app)); sentry_sdk.flush(5)", receiver.dsn)
    assert len(receiver.events) == 1
    (event,) = receiver.events
    assert {"tenant": "acme", "correlation_id": "the-request", "route": "/orders/{order}"}.items() <= event[
        "tags"
    ].items()
    assert "fingerprint" not in event or event["fingerprint"] == ["{{ default }}"]


def test_what_the_app_reports_itself() -> None:
    """`sentry_sdk.capture_exception` and then raising it: one event; a message of the app's gets our tags too."""
    with receiving() as receiver:
        run(
            "import sentry_sdk; sentry_sdk.init(DSN, default_integrations=False, auto_enabling_integrations=False)\n"
            "from fastapi import FastAPI\n"
            "app = FastAPI()\n"
            "@app.get('/orders/{order}')\n"
            "async def order(order: int):\n"
            "    sentry_sdk.capture_message('hello')\n"
            "    try: failing(order)\n"
            "    except ValueError as error:\n"
            "        sentry_sdk.capture_exception(error)\n"
            "        saasobs.get_logger('shop').exception('failed')\n"
            "        raise\n"
            "saasobs.instrument(app)\n"
            "asyncio.run(ask(app)); sentry_sdk.flush(5)",
            receiver.dsn,
        )
    assert [event.get("message") for event in receiver.events] == ["hello", None]
    assert {event["tags"]["correlation_id"] for event in receiver.events} == {"the-request"}


def test_a_tracker_that_does_not_answer() -> None:
    """Nobody waits for it but the end of the process, and that for two seconds."""
    import time

    before = time.monotonic()
    log = run(
        "app = shop(); saasobs.instrument(app, sentry_dsn=DSN); asyncio.run(ask(app)); sys.exit()",
        "http://key@127.0.0.1:9/1",
    )
    assert time.monotonic() - before < 30
    assert [line["error_type"] for line in log if line["event"] == "exception"] == ["ValueError"]


_FORKING = """
import os
saasobs.instrument(sentry_dsn=DSN)
from saasobs.instrument.installing import running
try: failing(1)
except ValueError as error: saasobs.capture_exception(error)
pid = os.fork()  # while the SDK is still being imported for the first report
try: failing(2)
except ValueError as error: saasobs.capture_exception(error)
running().errors.flush(60)
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
"""


def test_a_forked_worker_reports_its_own() -> None:
    """After a fork both processes report, and none of them twice."""
    with receiving() as receiver:
        run(_FORKING, receiver.dsn)
    values = sorted(event["exception"]["values"][0]["value"] for event in receiver.events)
    assert values == ["order 1 of ***@acme.example", *["order 2 of ***@acme.example"] * 2]


@pytest.mark.parametrize("dsn", ["https://key@errors.example/1", "http://key:secret@127.0.0.1:9000/path/12"])
def test_a_right_dsn(dsn: str) -> None:
    """With a key, a host and the number of a project."""
    assert dsn_problem(dsn) == ""


@pytest.mark.parametrize(
    "dsn", ["https://errors.example/1", "https://key@/1", "https://key@h/", "https://key@h:x/1", "https://[x/1"]
)
def test_a_wrong_dsn(dsn: str) -> None:
    """Any other is told what is right, without being repeated."""
    assert "https://KEY@HOST/PROJECT" in dsn_problem(dsn)
