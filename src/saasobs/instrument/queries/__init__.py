"""Queries of an operation: how many, how long, too many (over 20), and the same one over and over (N+1).

Two signals, kept apart. `log` counts while queries happen, `verdict` judges at the operation's end, and each driver
or ORM has one file in `drivers/` that calls `log.note`. Databases (SQL, MongoDB) and caches (Redis) are counted apart:
25 lookups in Redis are no 25 queries.
"""
