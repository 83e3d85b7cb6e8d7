"""Certificate chains as libcurl describes them, read once: the same server presents the same chain for weeks."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from saasobs.probes.net.certificate import Certificate, read_chain

_KEPT: Final = 2048

Described = Sequence[Sequence[tuple[str, str]]]


class Chains:
    """What was read of the chains that were seen last."""

    def __init__(self) -> None:
        self._read: dict[bytes, tuple[Certificate, ...]] = {}

    def read(self, chain: Described) -> tuple[Certificate, ...]:
        """The same as `read_chain`."""
        if not chain:
            return ()
        key = blake2b(repr(chain).encode("utf-8", "replace"), digest_size=16).digest()
        found = self._read.pop(key, None)
        if found is None:
            found = read_chain(chain)
            if len(self._read) >= _KEPT:
                del self._read[next(iter(self._read))]  # the one that was not asked for the longest
        self._read[key] = found
        return found
