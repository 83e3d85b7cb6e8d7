"""Who an alert is: its labels as one number, the same that Alertmanager, Prometheus and Grafana make of them.

FNV-1a of 64 bits over the labels sorted by name, each as ``name 0xff value 0xff`` in UTF-8; 0xff occurs in no UTF-8.
https://github.com/prometheus/common/blob/main/model/signature.go
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_OFFSET: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_MASK: Final = 0xFFFFFFFFFFFFFFFF
_END: Final = "\udcff"
"""The byte 0xff, as a text that is encoded with `surrogateescape`."""
_REMEMBERED: Final = 4_096
"""Alerts are repeated each minute: those are not reckoned again …"""
_SHORT: Final = 1_000
"""… unless they are longer than so many characters."""


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hexadecimal digits. :param labels: valid Unicode."""
    text = "".join(f"{name}{_END}{labels[name]}{_END}" for name in sorted(labels))
    return _remembered(text) if len(text) <= _SHORT else _digest(text)


def _digest(text: str) -> str:
    digest = _OFFSET
    for byte in text.encode("utf-8", "surrogateescape"):
        digest = ((digest ^ byte) * _PRIME) & _MASK
    return f"{digest:016x}"


_remembered = lru_cache(maxsize=_REMEMBERED)(_digest)
