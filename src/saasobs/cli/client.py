"""The running daemon, spoken to over its Unix socket. The one door for the errors of sockets and httpx.

Every foreign error becomes one of: Unavailable (nobody answers), NotFound (no such thing), SaasobsError (the daemon
said no, in its own words).
"""

from __future__ import annotations

import json
import socket
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from saasobs.cli.places import socket_of
from saasobs.core.errors import NotFound, SaasobsError, Unavailable

USUAL_TIMEOUT: Final = 10.0
PATIENT_TIMEOUT: Final = 150.0
"""For calls that wait for the world: a check, a test message."""

SENTENCES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (PermissionError, "you may not speak to the daemon for {where}: run this as the daemon's own user"),
    (TimeoutError, "the daemon for {where} does not answer in time; its log may say why"),
    (OSError, "no saasobs daemon is running for {where}: start it with `{start}`"),
    (httpx.TimeoutException, "the daemon for {where} does not answer in time; its log may say why"),
    (httpx.HTTPError, "the daemon for {where} broke off the answer: {error}"),
)
"""The first that fits; all of them say that nobody (properly) answers."""


class Client:
    """The API of one daemon. Paths are made of parts, which are quoted: names hold spaces and slashes."""

    def __init__(self, path: Path, configuration: Path | None = None) -> None:
        self._socket = path
        self._configuration = configuration
        # No proxy, no environment: this never leaves the machine.
        transport = httpx.HTTPTransport(uds=str(path))
        self._http = httpx.Client(transport=transport, base_url="http://localhost", trust_env=False)

    @classmethod
    def of(cls, options: Namespace, environ: Mapping[str, str]) -> Self:
        """The daemon that --socket or --config means."""
        return cls(*socket_of(options, environ))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, *parts: str, **query: str | int | list[str]) -> Any:
        """:raises Unavailable: :raises NotFound: :raises SaasobsError:"""
        return self._call("GET", parts, query=query, timeout=USUAL_TIMEOUT)

    def post(self, *parts: str, timeout: float = USUAL_TIMEOUT, **body: object) -> Any:
        """:raises Unavailable: :raises NotFound: :raises SaasobsError:"""
        return self._call("POST", parts, body=body, timeout=timeout)

    def _call(
        self,
        method: str,
        parts: tuple[str, ...],
        *,
        timeout: float,
        query: Mapping[str, str | int | list[str]] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Any:
        self._knock()
        path = "/".join(("/api/v1", *(quote(part, safe="") for part in parts)))
        try:
            response = self._http.request(method, path, params=query, json=body, timeout=timeout)
        except httpx.HTTPError as error:
            raise self._unavailable(error) from error
        return self._read(response)

    def _knock(self) -> None:
        """See whether anybody listens, since httpcore tells the reasons apart in words only (and leaks the socket)."""
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.settimeout(USUAL_TIMEOUT)
            try:
                visitor.connect(str(self._socket))
            except OSError as error:
                raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> Unavailable:
        sentence = next(sentence for kind, sentence in SENTENCES if isinstance(error, kind))
        where = (
            f"{self._configuration} (socket {self._socket})" if self._configuration else f"the socket {self._socket}"
        )
        start = f"saasobs serve --config {self._configuration or 'PATH'}"
        return Unavailable(sentence.format(where=where, start=start, error=error))

    def _read(self, response: httpx.Response) -> Any:
        try:
            answer = response.json()
            if response.is_success:
                return answer
            message = str(answer["error"]["message"])
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            strange = f"what answers on {self._socket} is no saasobs daemon of this version"
            raise SaasobsError(f"{strange} (status {response.status_code})") from error
        raise NotFound(message) if response.status_code == 404 else SaasobsError(message)
