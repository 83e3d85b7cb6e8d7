"""Gives an operation its place in a trace: the IDs, the flags, and whether it is recorded. No OpenTelemetry here."""

from __future__ import annotations

from saasobs.instrument.state import Operation, random_ids, random_span_id
from saasobs.instrument.tracing.sampling import DIGITS, Sampling
from saasobs.instrument.tracing.trace_context import RANDOM, SAMPLED, Parent


def identify(operation: Operation, parent: Parent | None, sampling: Sampling) -> bool:
    """Fill the IDs in; returns whether the trace is to be recorded. Less than a microsecond.

    :param parent: the caller's place when its trace goes on here; None: a trace begins.
    """
    if parent is None:
        operation.trace_id, operation.span_id = trace_id, _ = random_ids()
        wanted = trace_id[DIGITS:] < sampling.bound  # as `begins` says, without the call
        operation.trace_flags = RANDOM | SAMPLED if wanted else RANDOM
    else:
        operation.trace_id = parent.trace_id
        operation.span_id = random_span_id()
        operation.parent_span_id = parent.span_id
        operation.tracestate = parent.tracestate
        wanted = sampling.continues(parent)
        operation.trace_flags = parent.flags & RANDOM | (SAMPLED if wanted else 0)
    if not operation.correlation_id:
        operation.correlation_id = operation.trace_id
    return wanted
