"""A registry's RDAP server, and IANA's list that names it, on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from saasobs.core.values import DAY, isoformat
from support.listening import Quiet, listening


@dataclass
class Registry:
    """What it answers: a document by domain (404 for others), or one status for all."""

    port: int = 0
    domains: dict[str, Any] = field(default_factory=dict)
    status: int = 0
    retry_after: str = ""
    raw: bytes = b""
    """In place of any document."""
    asked: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    tops: list[str] = field(default_factory=lambda: ["example"])
    """What IANA's list has it for."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def bootstrap(self) -> str:
        return f"http://127.0.0.1:{self.port}/dns.json"

    def answer(self, path: str) -> tuple[int, bytes]:
        if path == "/dns.json":
            services = [[["test"], ["https://elsewhere.invalid/"]], [self.tops, [f"{self.url}/"]]]
            return self.status or 200, json.dumps({"version": "1.0", "services": services}).encode()
        if self.status or self.raw:
            return self.status or 200, self.raw
        found = self.domains.get(path.rpartition("/")[2])
        return (404, b"{}") if found is None else (200, json.dumps(found).encode())


def registration(now: int, days: float = 200, *statuses: str, **more: Any) -> dict[str, Any]:
    """A domain's answer in the shape of RFC 9083."""
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Example Registrar Ltd."]]]
    return {
        "objectClassName": "domain",
        "ldhName": "ACME.EXAMPLE",
        "status": list(statuses or ("active", "client transfer prohibited")),
        "events": [
            {"eventAction": "registration", "eventDate": isoformat(now - 4000 * DAY)},
            {"eventAction": "expiration", "eventDate": isoformat(now + round(days * DAY))},
            {"eventAction": "last update of RDAP database", "eventDate": isoformat(now)},
        ],
        "entities": [{"objectClassName": "entity", "roles": ["abuse"]},
                     {"objectClassName": "entity", "roles": ["registrar"], "vcardArray": card}],
        "nameservers": [{"ldhName": "NS2.acme.example."}, {"ldhName": "ns1.acme.example"}],
    } | more  # fmt: skip


@contextmanager
def registry() -> Iterator[Registry]:
    """A running one."""
    found = Registry()

    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.asked.append(self.path)
            found.accepted.append(self.headers["Accept"])
            later = {"Retry-After": found.retry_after} if found.retry_after else {}
            self.answer(*found.answer(self.path), "application/rdap+json", later)

    with listening(Handler) as found.port:
        yield found
