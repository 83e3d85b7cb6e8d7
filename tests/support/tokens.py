"""A token endpoint (OAuth2 client credentials) and a resource behind it, as paths of the misbehaving server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from support.badhttp import Asked, Path, Wire


@dataclass
class TokenServer:
    """``/token`` hands tokens out, ``/guarded`` takes those that are good."""

    answer: dict[str, Any] = field(default_factory=dict)
    """Put over what it would say."""
    status: int = 200
    raw: bytes | None = None
    """In place of JSON."""
    delay: float = 0.0
    lifetime: object = 3600
    given: list[str] = field(default_factory=list)
    """Every token that was handed out."""
    good: set[str] = field(default_factory=set)
    """Those that are taken."""
    stubborn: bool = False
    """Takes none."""

    def paths(self) -> dict[str, Path]:
        return {"/token": self._token, "/guarded": self._guarded}

    async def _token(self, wire: Wire, _asked: Asked) -> None:
        await asyncio.sleep(self.delay)
        token = f"t0ken-{len(self.given)}"
        self.given.append(token)
        self.good.add(token)
        said = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime} | self.answer
        body = json.dumps({key: value for key, value in said.items() if value is not None}).encode()
        await wire.answer(self.status, body if self.raw is None else self.raw, Content_Type="application/json")

    async def _guarded(self, wire: Wire, asked: Asked) -> None:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        taken = token in self.good and not self.stubborn
        await wire.answer(200 if taken else 401, b"in" if taken else b"out")
