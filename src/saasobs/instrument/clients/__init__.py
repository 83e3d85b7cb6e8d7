"""Outgoing HTTP calls: our headers for our own hosts only, and a CLIENT span when the trace is sampled."""
