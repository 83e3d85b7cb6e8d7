"""Traces: W3C Trace Context in and out, the decision to sample, and one SERVER span of the OpenTelemetry SDK.

The decision comes first: an operation that is not sampled carries its IDs and makes no span.

`trace_context`, `baggage`, `sampling`, `identity` and `attributes` are pure; `tracer` is what everybody else calls;
`ownership` keeps other instrumentations from making a second SERVER span. `recording` speaks OpenTelemetry's API;
`provider`, `pipeline`, `delivery` and `otlp` its SDK: none of these is imported before somebody records spans.
"""
