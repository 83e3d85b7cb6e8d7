"""Checks of kind metrics, one after the other, on a clock that a test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from saasobs.core.ports import Probe
from saasobs.core.result import Result
from saasobs.core.values import MINUTE, SECOND
from saasobs.probes import KINDS, Tools
from support.probing import Others, Pings, SetClock, check, monitor
from support.scraped import Page, page

START = 1_800_000_000 * SECOND


@dataclass
class Scraper:
    """A metrics probe, the page that it scrapes, and the time."""

    page: Page
    probe: Probe
    clock: SetClock
    options: dict[str, Any] = field(default_factory=dict)

    async def scrape(self, after: int = MINUTE, **options: Any) -> Result:
        """One more check, so much later (µs)."""
        self.clock.at += after
        asked = monitor("metrics", url=self.page.url, **(options or self.options))
        return await self.probe.check(asked, check())


@asynccontextmanager
async def scraper(**options: Any) -> AsyncIterator[Scraper]:
    """A probe that remembers nothing yet; `options` stand for every check."""
    clock = SetClock(START)
    probe = KINDS["metrics"].probe(Tools(clock, Pings(), Others()))
    async with page() as shown:
        try:
            yield Scraper(shown, probe, clock, options)
        finally:
            await probe.close()
