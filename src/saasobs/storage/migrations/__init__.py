"""Alembic's folder: env.py, and one file for each revision in versions/, named `<revision>_<what it does>.py`.

A new one: `alembic.command.revision` with the next number as `rev_id`; tests hold the tables against the sum of them.
"""
