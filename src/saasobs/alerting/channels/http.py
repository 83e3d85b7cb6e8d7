"""One request to a provider, usually a POST: a connection of its own, no redirects, a bounded answer.

A connection is never kept for the next message: between two alerts lie hours, and a stale connection is how a message
gets lost or doubled. TLS contexts are made once (16–29 ms each).
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpx

from saasobs._version import __version__

USER_AGENT: Final = f"saasobs/{__version__}"
_BODY: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered; the body is cut at 64 KiB."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:
        """The answer as an object, or an empty one when it is anything else."""
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


async def post(
    url: str,
    *,
    method: str = "POST",
    content: bytes | None = None,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
) -> Answer:
    """:raises Exception: as httpx does; go through `faults.door`, which also bounds the time."""
    client = httpx.AsyncClient(verify=await _tls(), timeout=None, follow_redirects=False)  # noqa: S113 - see `door`
    sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
    async with client, client.stream(method, url, content=content, data=form, headers=sent, auth=auth) as response:
        body = bytearray()
        async for piece in response.aiter_bytes(8 * 1024):
            body += piece
            if len(body) >= _BODY:
                break
        return Answer(response.status_code, dict(response.headers), bytes(body[:_BODY]).decode(errors="replace"))


async def _tls() -> ssl.SSLContext:
    return await asyncio.to_thread(_context)


@cache
def _context() -> ssl.SSLContext:
    return httpx.create_ssl_context()
