"""The engine behind the http kind, for every other kind that asks a URL: one exchange, nothing judged."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check
from saasobs.core.values import SECOND
from saasobs.probes.http import content, trouble
from saasobs.probes.http.authorities import system_ca_file
from saasobs.probes.http.chains import Chains
from saasobs.probes.http.curl import Multi
from saasobs.probes.http.exchange import Hop, Seen, Sender, exchange
from saasobs.probes.http.options import HttpOptions
from saasobs.probes.http.request import Request, trace_id
from saasobs.probes.http.tokens import Tokens
from saasobs.probes.kind import Tools

_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class _Engine:
    """The engine of one CA file, as that file was when it was read."""

    stamp: tuple[int, int] | None
    multi: Multi


class Fetcher:
    """Opens nothing before its first request, and belongs to the loop of that request."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._agent = f"User-Agent: {tools.user_agent}".encode()
        self._engines: dict[Path | None, _Engine] = {}
        self._retired: list[Multi] = []
        self._tokens = Tokens()
        self._chains = Chains()

    async def fetch(self, options: HttpOptions, monitor: Monitor, check: Check, seen: Seen) -> None:
        """Ask for a URL within the monitor's timeout; the target's failures are told by ``seen.trouble``.

        At least one hop is there when it returns.
        """
        sender = self._sender(options, monitor, check)
        seen.trace_id = sender.trace_id
        request = options.request
        if options.body_file is not None:
            try:
                request = replace(request, body=content.read(options.body_file))
            except (OSError, ValueError) as error:
                seen.hops.append(Hop(options.where.shown, {}))
                seen.trouble = trouble.of_file(error)
                return
        if options.credentials is None:
            await exchange(options, request, sender, seen)
        else:
            await self._with_token(options, request, sender, seen)

    def close(self) -> None:
        for multi in (*(engine.multi for engine in self._engines.values()), *self._retired):
            multi.close()
        self._engines.clear()
        self._retired.clear()

    async def _with_token(self, options: HttpOptions, request: Request, sender: Sender, seen: Seen) -> None:
        """A token that was kept may have been withdrawn: when the target answers 401 to it, it is fetched anew once."""
        got = await self._token(options, sender, seen)
        if got is None:
            return
        token, fresh = got
        await exchange(options, request.bearing(token), sender, seen)
        if fresh or seen.trouble is not None or seen.hops[-1].status != _UNAUTHORIZED:
            return
        self._tokens.refused(_shared_by(options, sender.monitor), token)
        seen.forget()
        again = await self._token(options, sender, seen)
        if again is not None:
            seen.notes = (seen.notes or {}) | {"token_renewed": True}
            await exchange(options, request.bearing(again[0]), sender, seen)

    async def _token(self, options: HttpOptions, sender: Sender, seen: Seen) -> tuple[str, bool] | None:
        asker = replace(sender, trace_id="", correlation_id="")

        async def fetch(asking: HttpOptions, asked: Seen) -> None:
            await exchange(asking, asking.request, asker, asked)

        key = _shared_by(options, sender.monitor)
        return await self._tokens.get(options, key, fetch, seen, sender.deadline)

    def _sender(self, options: HttpOptions, monitor: Monitor, check: Check) -> Sender:
        loop = asyncio.get_running_loop()
        correlation_id = check.correlation_id if options.correlate else ""
        return Sender(
            self._multi(options, loop),
            monitor,
            self._tools.clock,
            self._chains,
            self._agent,
            self._tools.nameservers,
            correlation_id,
            trace_id(correlation_id) if correlation_id else "",
            loop.time() + monitor.timeout / SECOND,
        )

    def _multi(self, options: HttpOptions, loop: asyncio.AbstractEventLoop) -> Multi:
        """The engine of the CA file; a new one when the file has changed, since libcurl reads it once."""
        path = options.ca_file
        stamp = None if path is None else _stamp(path)
        engine = self._engines.get(path)
        if engine is None or engine.stamp != stamp:
            if engine is not None:
                self._retire(engine.multi)
            ca_file = system_ca_file() if path is None else str(path)
            engine = self._engines[path] = _Engine(stamp, Multi(loop, ca_file))
        return engine.multi

    def _retire(self, multi: Multi) -> None:
        multi.retire()
        self._retired = [one for one in (*self._retired, multi) if not one.closed]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - once a check
    except OSError:
        return None  # libcurl will say so
    return status.st_mtime_ns, status.st_size


def _shared_by(options: HttpOptions, monitor: Monitor) -> object:
    """What must be the same for a token to be shared: the whole token request, by whom and what it is guarded."""
    asking = options.token_request
    trust = (asking.verify, asking.ca_file, asking.client_certificate, asking.client_key)
    way = (asking.ip_version, asking.nameservers, asking.proxy, monitor.public_only)
    return asking.url, asking.request.headers, asking.request.body, trust, way
