"""What the services say now: the series of which their past is made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import httpx
from prometheus_client.parser import text_string_to_metric_families

from dashboards.scene.measuring import Target

_APART: Final = ("le", "http_response_status_code")


@dataclass(frozen=True, slots=True)
class Series:
    """One, with the labels that Prometheus will have for it."""

    name: str
    labels: dict[str, str]
    value: float
    counts: bool
    """It is a counter, or part of a histogram."""

    @property
    def selector(self) -> str:
        """As the text format writes it."""
        inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in self.labels.items() if value)
        return f"{self.name}{{{inner}}}"

    def without(self, *names: str) -> tuple[tuple[str, str], ...]:
        """Its labels but these, to group by."""
        return tuple(sorted((name, value) for name, value in self.labels.items() if name not in names))

    @property
    def mood(self) -> float:
        """Between 0 and 1, the same for all buckets and statuses."""
        return crc32(repr(self.without(*_APART)).encode()) / 2**32


def said(targets: Sequence[Target], names: Collection[str]) -> Iterator[Series]:
    """By all of them, of these metrics. :raises httpx.HTTPError: one does not answer."""
    for target in targets:
        yield from _said(target, names)


def _said(target: Target, names: Collection[str]) -> Iterator[Series]:
    page = httpx.get(target.page, timeout=20, trust_env=False).text
    for family in text_string_to_metric_families(page):
        counts = family.type in {"counter", "histogram"}
        for sample in family.samples:
            # The parser calls every counter `_total`; PostgreSQL's exporter does not.
            for name in {sample.name, sample.name.removesuffix("_total")} & set(names):
                yield Series(name, {**target.labels, **sample.labels}, sample.value, counts)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
