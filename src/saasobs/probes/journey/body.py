"""The body of an answer, decompressed piece by piece and never past its cap. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from saasobs.core.result import Reason
from saasobs.probes.http.options import show_size
from saasobs.probes.inquiry import Trouble
from saasobs.probes.verdict import short

ACCEPTED: Final = "gzip, deflate"
_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15


class Body:
    """Takes what arrives; `content` is what it means."""

    def __init__(self, encodings: Sequence[str], cap: int) -> None:
        """:raises Trouble: it is encoded in a way that was not asked for."""
        self._cap = cap
        self._arrived = 0
        self._content = bytearray()
        self._encoding = _encoding(encodings)
        self._inflater = zlib.decompressobj(_GZIP) if self._encoding == "gzip" else None

    @property
    def content(self) -> bytes:
        return bytes(self._content)

    def feed(self, piece: bytes) -> None:
        """:raises Trouble: too large, or not what its encoding says."""
        self._arrived += len(piece)
        if self._arrived > self._cap:
            raise self._too_large()
        if not self._encoding:
            self._content += piece
            return
        try:
            self._inflate(piece)
        except zlib.error as error:
            raise Trouble(Reason.BODY_ENCODING, f"it is not {self._encoding}: {short(str(error))}") from error

    def end(self) -> None:
        """:raises Trouble: the compressed stream has not come to its end."""
        if self._inflater is not None and not self._inflater.eof and self._arrived:
            raise Trouble(Reason.BODY_TRUNCATED, f"the {self._encoding} stream has no end")

    def _inflate(self, piece: bytes) -> None:
        if self._inflater is None:
            self._inflater = zlib.decompressobj(_deflate(piece))
        while piece:
            if self._inflater.eof:
                if self._encoding != "gzip" or piece[:1] != b"\x1f":
                    return  # whatever follows the stream is no part of it
                self._inflater = zlib.decompressobj(_GZIP)  # RFC 1952: members may follow one another
            self._content += self._inflater.decompress(piece, self._cap - len(self._content) + 1)
            if len(self._content) > self._cap:
                raise self._too_large()
            piece = self._inflater.unconsumed_tail or self._inflater.unused_data

    def _too_large(self) -> Trouble:
        return Trouble(Reason.BODY_TOO_LARGE, f"more than {show_size(self._cap)}")


def _encoding(encodings: Sequence[str]) -> str:
    named = [one.strip().lower() for line in encodings for one in line.split(",")]
    coded = [one for one in named if one not in ("", "identity")]
    if not coded:
        return ""
    if coded in (["gzip"], ["x-gzip"], ["deflate"]):
        return coded[0].removeprefix("x-")
    raise Trouble(Reason.BODY_ENCODING, f"content-encoding {short(', '.join(coded))}, which was not asked for")


def _deflate(first: bytes) -> int:
    """RFC 9110 says zlib's format, some servers send it bare (CM = 8 in the low bits of the first byte)."""
    return _ZLIB if first[:1] and first[0] & 0x0F == 8 and first[0] >> 4 <= 7 else _RAW
