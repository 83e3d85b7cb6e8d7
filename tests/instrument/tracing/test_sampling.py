"""The decision to record a trace is the one that OpenTelemetry's SDK would make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from saasobs.instrument.reading import SAMPLERS
from saasobs.instrument.state import random_ids
from saasobs.instrument.tracing.sampling import Sampling
from saasobs.instrument.tracing.trace_context import RANDOM, SAMPLED, Parent


@given(st.integers(1, 2**128 - 1), st.floats(0, 1) | st.sampled_from([0.0, 0.1, 0.5, 1.0, 5e-324, 1 - 2**-53]))
def test_agrees_with_the_sdk(trace_id: int, ratio: float) -> None:
    """Services with the same ratio record the same traces, whoever decides."""
    theirs = TraceIdRatioBased(ratio).should_sample(None, trace_id, "").decision is Decision.RECORD_AND_SAMPLE
    assert Sampling.named("traceidratio", ratio).begins(f"{trace_id:032x}") is theirs


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("flags", [0, SAMPLED, RANDOM, SAMPLED | RANDOM])
def test_who_decides(name: str, flags: int) -> None:
    """A parent-based sampler follows the caller; another one does not ask it."""
    sampling = Sampling.named(name, 1.0)
    parent = Parent("f" * 32, "1" * 16, flags)
    begins = name not in ("always_off", "parentbased_always_off")
    assert sampling.begins("f" * 32) is begins
    assert sampling.continues(parent) is (bool(flags & SAMPLED) if name.startswith("parentbased") else begins)


def test_the_share() -> None:
    """Of our own trace IDs a tenth is recorded at a ratio of 0.1."""
    sampling = Sampling.named("parentbased_traceidratio", 0.1)
    recorded = sum(sampling.begins(random_ids()[0]) for _ in range(20_000))
    assert 1_700 < recorded < 2_300
