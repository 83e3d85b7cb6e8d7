"""A WSGI server in a function, as PEP 3333 has it: what reaches a client, and when the server gave up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

WSGIApp = Callable[..., Iterable[bytes]]


@dataclass
class Answer:
    """What a client got."""

    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    error: BaseException | None = None
    """What came out of the app: a server answers 500 if nothing was sent."""

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Gone(OSError):
    """The client has left: a write fails."""


def environ_of(method: str, path: str, **more: Any) -> dict[str, Any]:
    """The environ of a request of a real server, whose input is no BytesIO."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "REMOTE_ADDR": "127.0.0.1",
    }
    environ["wsgi.input"] = BufferedReader(BytesIO())
    environ.update(more)
    setup_testing_defaults(environ)
    return environ


def ask(
    app: WSGIApp, path: str = "/", method: str = "GET", *, chunks: int = -1, environ: Any = None, **more: Any
) -> Answer:
    """One request.

    :param chunks: so many writes succeed, then the client is gone; -1: it stays. :param environ: more of it.
    """
    answer = Answer()

    def write(data: bytes) -> None:
        if len(sent) == chunks:
            raise Gone(32, "Broken pipe")
        sent.append(data)

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info and sent:
            raise exc_info[1].with_traceback(exc_info[2])
        answer.status, answer.headers = status, headers
        return write

    sent: list[bytes] = []
    try:
        body = app(environ_of(method, path, **(environ or {}), **more), start_response)
        try:
            for chunk in body:
                if chunk:
                    write(chunk)
        finally:
            if hasattr(body, "close"):
                body.close()
    except BaseException as error:  # noqa: BLE001 - a server lives on, whatever an app raises
        answer.error = error
    answer.body = b"".join(sent)
    return answer
