"""A mergeable quantile sketch: many latencies in a few hundred bytes, any quantile of them within 1 %.

DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
PVLDB 12(12), 2019, https://arxiv.org/abs/1908.10693), in its unbounded form:

1. With the accuracy a = 0.01 and g = (1 + a) / (1 - a), a value v >= 1 is counted in bucket i = ceil(log_g v), which
   holds the values of (g^(i-1), g^i]. Zeros are counted apart.
2. Every value of bucket i lies within a of 2 g^i / (g + 1), which is what a quantile answers.
3. Two sketches are merged by adding their buckets: the same as one sketch of all values.

Values are 0 … 2^63 - 1 microseconds, so that there are never more than 2 185 buckets and none need be collapsed.
Not a histogram for Prometheus: its bounds are not settable and its form on disk is our own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

ACCURACY: Final = 0.01
_GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA: Final = math.log(_GAMMA)
_LARGEST: Final = 2**63 - 1
_LAST_BUCKET: Final = math.ceil(math.log(_LARGEST) / _LOG_GAMMA) + 1
_VERSION: Final = 1


class Sketch:
    """Counts of values by bucket. Mutable; its written form (`encode`) is what is kept."""

    __slots__ = ("_buckets", "_zeros")

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._zeros = 0
        self._buckets: dict[int, int] = {}
        for value in values:
            self.add(value)

    def add(self, value: int) -> None:
        """Count one value, µs. :raises ValueError: it is negative or beyond 2^63 - 1."""
        if not 0 <= value <= _LARGEST:
            raise ValueError(f"a sketch holds 0 to 2^63 - 1 microseconds, not {value}")
        if value == 0:
            self._zeros += 1
            return
        bucket = math.ceil(math.log(value) / _LOG_GAMMA)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def merge(self, other: Sketch) -> None:
        """Add everything that another sketch has counted."""
        self._zeros += other._zeros
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count

    @property
    def count(self) -> int:
        """How many values were added."""
        return self._zeros + sum(self._buckets.values())

    def quantile(self, q: float) -> float | None:
        """The value (µs) at rank ``floor(q (count - 1))`` of all values in order, within 1 %; None when empty.

        :raises ValueError: q is not within 0 and 1.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile is between 0 and 1, not {q}")
        count = self.count
        if not count:
            return None
        rank = math.floor(q * (count - 1))
        passed = self._zeros
        if rank < passed:
            return 0.0
        for bucket in sorted(self._buckets):
            passed += self._buckets[bucket]
            if rank < passed:
                return 2.0 * _GAMMA**bucket / (_GAMMA + 1)
        raise AssertionError("the buckets hold every rank")  # pragma: no cover

    def encode(self) -> bytes:
        """Version, zeros, then (bucket minus the one before, count) in order: LEB128 varints, two bytes a bucket."""
        written = bytearray((_VERSION,))
        _put(written, self._zeros)
        before = 0
        for bucket in sorted(self._buckets):
            _put(written, bucket - before)
            _put(written, self._buckets[bucket])
            before = bucket
        return bytes(written)

    @classmethod
    def decode(cls, data: bytes) -> Sketch:
        """:raises ValueError: not what `encode` wrote, or by a version that this one does not know."""
        if not data or data[0] != _VERSION:
            raise ValueError(f"not a latency sketch of version {_VERSION}")
        numbers = _take(data)
        sketch = cls()
        sketch._zeros = next(numbers, -1)
        if sketch._zeros < 0:
            raise ValueError("a latency sketch that ends too early")
        bucket = 0
        for step in numbers:
            count = next(numbers, 0)
            bucket += step
            if not count or (not step and sketch._buckets) or bucket > _LAST_BUCKET:
                raise ValueError("a latency sketch with impossible buckets")
            sketch._buckets[bucket] = count
        return sketch

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sketch) and (self._zeros, self._buckets) == (other._zeros, other._buckets)

    __hash__ = None  # type: ignore[assignment] # mutable

    def __repr__(self) -> str:
        return f"Sketch(count={self.count})"


def _put(written: bytearray, number: int) -> None:
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)


def _take(data: bytes) -> Iterator[int]:
    """The numbers behind the version byte; none is longer than 63 bits, nor written longer than need be."""
    number = shift = 0
    for byte in memoryview(data)[1:]:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            if shift > 63:
                raise ValueError("a latency sketch with a number that is too long")
            continue
        if number > _LARGEST or (shift and not byte):
            raise ValueError("a latency sketch with a number that is too long")
        yield number
        number = shift = 0
    if shift or number:
        raise ValueError("a latency sketch that ends too early")
