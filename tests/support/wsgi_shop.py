"""WSGI apps as gunicorn imports them: a bare one, a Flask app, and the Werkzeug kind in between."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Response, send_file
from werkzeug.wrappers import Request
from werkzeug.wrappers import Response as WerkzeugResponse

import saasobs


def _bare(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    saasobs.get_logger("shop").info("inside")
    if environ["PATH_INFO"] == "/boom":
        raise RuntimeError("boom")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return _chunks() if environ["PATH_INFO"] == "/stream" else [str(os.getpid()).encode()]


def _chunks() -> Iterator[bytes]:
    """Enough that a client that leaves is noticed by a write."""
    for _ in range(100):
        time.sleep(0.01)
        yield b"x" * 100_000


@Request.application
def _werkzeug(request: Request) -> WerkzeugResponse:
    return WerkzeugResponse(f"hello {request.path}")


def _everything(n: int) -> str:
    from support.everything import do_everything

    do_everything(n)
    return "never"


def _flask() -> Flask:
    app = Flask("shop")
    app.add_url_rule("/everything/<int:n>", view_func=_everything)
    app.add_url_rule("/pid/<int:n>", view_func=lambda n: str(os.getpid()), endpoint="pid")
    app.add_url_rule("/boom/<int:n>", view_func=lambda n: str(1 // 0), endpoint="boom")
    app.add_url_rule("/stream", view_func=lambda: Response(_chunks()), endpoint="stream")
    app.add_url_rule("/file", view_func=lambda: send_file(Path(__file__)), endpoint="file")
    return app


bare = saasobs.instrument(_bare)
werkzeug = saasobs.instrument(_werkzeug)
flask = saasobs.instrument(_flask())
