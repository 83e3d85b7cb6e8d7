"""The access line in JSON, written by hand: the one record of every request, whose fields are known beforehand.

It is what `Record` and `render_json` would make of the same fields (a test holds the two against each other), at a
third of the cost: no dictionary is built, and what repeats (the service's own fields, routes, clients) is kept as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from time import gmtime, strftime
from typing import Any, Final

import orjson

from saasobs.instrument import names
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.plain import tame
from saasobs.instrument.state import Operation

LOGGER: Final = "saasobs.http"
_CLIENT: Final = 200
"""Characters of a client's address: behind a proxy that is believed, a stranger may write anything there."""
Whose = tuple[str, str, str, str | None, str | None]
"""Correlation ID, trace ID, span ID, tenant and user ID."""
AccessFields = tuple[str, str, str, int, float, str, Mapping[str, Any]]
"""What an access line says beside whose it is: method, route, path, status, milliseconds, client, and what is seldom
there to be said: `outcome`, `error_type`, `db_queries` … Made for each request, so a plain tuple."""


def whose(operation: Operation) -> Whose:
    """Whose line it is. The line may wait long for a stream that takes nothing, and the operation holds the request."""
    user = operation.user
    return (
        operation.correlation_id,
        operation.trace_id,
        operation.span_id,
        operation.tenant,
        None if user is None else user["id"],
    )


def as_dict(line: AccessFields) -> dict[str, Any]:
    """What an access line says, by name and in its order."""
    method, route, path, status, milliseconds, client, more = line
    return {
        "method": method,
        "route": route,
        "path": path,
        "status": status,
        "duration_ms": round(milliseconds, 3),
        "client": client,
        **more,
    }


class AccessLine:
    """Renders the access lines of one process."""

    def __init__(self, config: InstrumentConfig) -> None:
        known = {
            names.LOGGER: LOGGER,
            names.SERVICE: config.service,
            names.ENVIRONMENT: config.environment,
            names.VERSION: config.version,
        }
        self._static = "".join(f"{_json(name)}:{_json(value)}," for name, value in known.items() if value)
        self._second = (0, "")

    def render(self, when: float, level: str, event: str, whose: Whose, line: AccessFields) -> bytes:
        """One line, its newline included.

        :param when: seconds since the epoch.
        """
        second = int(when)
        known, moment = self._second
        if second != known:
            moment = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
            self._second = (second, moment)  # one object, so that another thread never sees half of it
        method, route, path, status, milliseconds, client, more = line
        correlation_id, trace_id, span_id, tenant, user_id = whose
        ids = f'"trace_id":"{trace_id}","span_id":"{span_id}",' if trace_id else ""
        tenant = "" if tenant is None else f'"tenant":{_json(tenant)},'
        user = "" if user_id is None else f'"user_id":{_json(user_id)},'
        known_route = _json(route)
        text = (
            f'{{"timestamp":"{moment}.{int((when - second) * 1_000_000):06d}Z","level":"{level}","event":"{event}",'
            f'{self._static}"correlation_id":"{correlation_id}",{ids}{tenant}{user}'
            f'"method":{_json(method)},"route":{known_route},'
            f'"path":{known_route if path == route else _dumped(path)},"status":{status},'
            f'"duration_ms":{milliseconds:.3f},"client":{_json(client if len(client) <= _CLIENT else client[:_CLIENT])}'
        )
        if more:
            return f"{text},{_dumped(more)[1:]}\n".encode()
        return f"{text}}}\n".encode()


@lru_cache(maxsize=4096)
def _json(text: str) -> str:
    return _dumped(text)


def _dumped(value: Any) -> str:
    """As JSON, half surrogates shown as such: a stranger's text must not make the line of his request vanish."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return orjson.dumps(tame(value)).decode()
