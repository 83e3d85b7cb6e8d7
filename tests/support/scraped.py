"""A page of metrics on loopback that a test writes: by hand, or by the real client from a registry of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder

from support.serving import port_of, serving

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Answer = tuple[str, bytes]
"""Content-Type and body."""


@dataclass
class Page:
    """What the server answers to everything, until a test says otherwise."""

    port: int
    answer: Callable[[str], Answer] = lambda _accept: (TEXT, b"")
    """By the Accept header of the request."""
    status: int = 200
    date: str = ""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """First line, headers (lower-case names) and body of each."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    def say(self, text: str, content_type: str = TEXT) -> None:
        """Answer with this text from now on."""
        self.answer = lambda _accept: (content_type, text.encode())

    def show(self, registry: CollectorRegistry) -> None:
        """Answer with what a registry holds at the time, in the format that is asked for.

        Without the `_created` samples: they tell this machine's time, and tests have their own.
        """

        def answer(accept: str) -> Answer:
            encode, content_type = choose_encoder(accept)
            return content_type, encode(_WithoutCreated(registry))

        self.answer = answer


class _WithoutCreated(CollectorRegistry):
    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._source = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._source.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            if family.samples or not family.name.endswith("_created"):
                yield family


@asynccontextmanager
async def page() -> AsyncIterator[Page]:
    """A server on a free port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(shown, reader, writer)

    async with serving(handle) as listener:
        shown = Page(port_of(listener))
        yield shown


async def _serve(shown: Page, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    shown.requests.append((first, headers, body))
    content_type, answer = shown.answer(headers.get("accept", ""))
    date = f"Date: {shown.date}\r\n" if shown.date else ""
    writer.write(
        f"HTTP/1.1 {shown.status} X\r\nContent-Type: {content_type}\r\n{date}Content-Length: {len(answer)}\r\n"
        "Connection: close\r\n\r\n".encode()
        + answer
    )
    await writer.drain()
