"""Queries of an operation: how many, how long, too many (over 20), and the same one over and over (N+1).

Two signals, kept apart. Each driver or ORM has one file that calls `queries.log.record`.
"""
