"""Judging and speaking: what a result means, who is owed a word about it, and in which words it is said.

Everything here is pure (judge, incidents, policy, grouping, retry, message, gsm7, hygiene …) except `channels/`, which
hands messages to providers. What is owed is written down and driven by the daemon's outbox, not here.
"""
