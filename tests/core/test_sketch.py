"""The latency sketch: accurate, mergeable, and deaf to garbage."""

import contextlib
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saasobs.core.sketch import ACCURACY, Sketch

ROUNDING = 1e-9
VALUES = st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 1_000_000), min_size=1, max_size=200)


@given(VALUES, st.floats(0, 1))
@example([2**63 - 1], 1.0)
@example([1], 0.5)
def test_every_quantile_is_within_one_percent_of_the_exact_one(values: list[int], q: float) -> None:
    """The relative error of any quantile is at most the promised accuracy."""
    exact = sorted(values)[math.floor(q * (len(values) - 1))]
    told = Sketch(values).quantile(q)
    assert told is not None
    assert abs(told - exact) <= (ACCURACY + ROUNDING) * exact


@given(VALUES, VALUES)
def test_merging_is_adding_all(ours: list[int], theirs: list[int]) -> None:
    """A sketch of each half, merged, equals the sketch of the whole, and the other half is left as it was."""
    merged, other = Sketch(ours), Sketch(theirs)
    merged.merge(other)
    assert merged == Sketch(ours + theirs)
    assert merged.count == len(ours) + len(theirs)
    assert other == Sketch(theirs)


@given(st.lists(st.integers(0, 2**63 - 1)))
def test_what_was_encoded_is_decoded(values: list[int]) -> None:
    """The written form holds everything."""
    sketch = Sketch(values)
    assert Sketch.decode(sketch.encode()) == sketch


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"\x01" + tail))
def test_garbage_is_refused_or_has_one_written_form(data: bytes) -> None:
    """Hostile bytes raise ValueError; what is accepted is exactly what would have been written."""
    with contextlib.suppress(ValueError):
        assert Sketch.decode(data).encode() == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02\x00",
        b"\x01",
        b"\x01\x80",
        b"\x01\x00\x05",
        b"\x01\x00\x05\x00",
        b"\x01\x00\x05\x01\x00\x01",
        b"\x01\x00\xff\x7f\x01",
        b"\x01" + b"\xff" * 12 + b"\x01",
    ],
    ids=["empty", "version", "no zeros", "cut", "no count", "count 0", "bucket twice", "bucket too far", "too long"],
)
def test_each_kind_of_damage_is_refused(data: bytes) -> None:
    """Damage of any kind is a ValueError, never a wrong answer."""
    with pytest.raises(ValueError, match="sketch"):
        Sketch.decode(data)


def test_an_empty_sketch_has_no_quantile() -> None:
    """No values, no answer."""
    assert Sketch().quantile(0.5) is None
    assert Sketch().count == 0


@pytest.mark.parametrize("value", [-1, 2**63])
def test_what_cannot_be_a_duration_is_refused(value: int) -> None:
    """A negative or absurd value is refused, and nothing is counted."""
    sketch = Sketch()
    with pytest.raises(ValueError, match="microseconds"):
        sketch.add(value)
    assert sketch.count == 0


def test_a_quantile_beyond_one_is_refused() -> None:
    """A percentage in the place of a fraction is caught."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        Sketch([1]).quantile(95)


def test_an_hour_of_checks_is_small() -> None:
    """Sixty latencies take at most two hundred bytes, whatever they are."""
    assert len(Sketch(10_000 + 977 * number for number in range(60)).encode()) <= 200
