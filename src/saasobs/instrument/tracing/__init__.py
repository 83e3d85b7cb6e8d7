"""Traces: W3C Trace Context in and out, the decision to sample, and one SERVER span of the OpenTelemetry SDK.

The decision comes first: an operation that is not sampled carries its IDs and makes no span.
"""
