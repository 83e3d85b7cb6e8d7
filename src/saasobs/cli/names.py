"""A monitor's name that the daemon does not know, with the one that may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager

from saasobs.cli.client import Client
from saasobs.core.errors import NotFound


@contextmanager
def suggesting(client: Client, name: str) -> Iterator[None]:
    """:raises NotFound: what was raised inside, with a suggestion when a name is close."""
    try:
        yield
    except NotFound as error:
        known = [str(monitor["name"]) for monitor in client.get("monitors")["monitors"]]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "`saasobs status` lists them"
        raise NotFound(f"{error}; {hint}") from error
