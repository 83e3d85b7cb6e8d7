"""Benchmarks: what this costs beside its peers, measured in the same run. Ratios count, absolute times do not."""
