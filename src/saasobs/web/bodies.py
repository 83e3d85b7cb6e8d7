"""A request's body, whole and bounded: in length, in time, and in what it unpacks to."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

BODY_LIMIT: Final = 10 * 1024 * 1024
BODY_SECONDS: Final = 10.0
_CLOSE: Final = {"Connection": "close"}
_PIECE: Final = 256 * 1024
_GZIP: Final = 31
"""zlib's code for the gzip format."""


async def read_body(request: Request, limit: int = BODY_LIMIT, seconds: float = BODY_SECONDS) -> bytes:
    """:raises HTTPException: 400 broken off or not gzip, 408 too slow, 413 too long, 415 packed in another way."""
    packed = request.headers.get("content-encoding", "").strip().lower()
    if packed not in ("", "identity", "gzip"):
        raise HTTPException(415, "only gzip is unpacked", _CLOSE)
    try:
        async with asyncio.timeout(seconds):
            pieces = request.stream()
            return await _collect(_unpacked(pieces) if packed == "gzip" else pieces, limit)
    except TimeoutError as error:
        raise HTTPException(408, "the body did not come in time", _CLOSE) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body broke off") from error


async def _collect(pieces: AsyncIterator[bytes], limit: int) -> bytes:
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > limit:
            raise HTTPException(413, f"the body is longer than {limit} bytes", _CLOSE)
    return bytes(body)


async def _unpacked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Piece by piece, so that a bomb is noticed before it has gone off."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        async for piece in pieces:
            rest = piece
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, _PIECE)
                rest = unpacker.unconsumed_tail
    except zlib.error as error:
        raise HTTPException(400, "the body is not valid gzip", _CLOSE) from error
    if not unpacker.eof:
        raise HTTPException(400, "the gzip breaks off", _CLOSE)
