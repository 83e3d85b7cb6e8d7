"""A Django project for tests: routes of every shape, sync and async, one table, one command."""
