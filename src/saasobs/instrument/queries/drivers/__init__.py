"""One file for each library that asks databases or caches. Each has `install(process)`, called after its import.

Where a library sits on top of another (SQLAlchemy on psycopg), the upper one is counted: see `patching.cover`.
"""
