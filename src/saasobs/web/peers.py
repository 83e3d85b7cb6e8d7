"""Who is at the other end of a request to the daemon, as `saasobs.core.peers` tells it from a scope."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from saasobs.core.peers import came_through_proxy, is_private_address
from saasobs.web.guard import is_unix_socket


def is_private_peer(scope: Scope) -> bool:
    """Whether a request came straight from loopback or a private network: through a proxy it may be anybody's."""
    if any(came_through_proxy(name.lower()) for name in Headers(scope=scope)):
        return False
    if is_unix_socket(scope):
        return True
    client = scope.get("client")
    return client is not None and is_private_address(client[0])


def peer_of(scope: Scope) -> str:
    """Whom guesses are counted by: the other end's address. Where that is our own reverse proxy, whom it names last,
    which nobody but the proxy can have written."""
    client = scope.get("client")
    address = client[0] if client is not None else ""
    if address and not is_private_address(address):
        return str(address)
    forwarded = Headers(scope=scope).getlist("x-forwarded-for")
    return forwarded[-1].rpartition(",")[2].strip()[:64] or address if forwarded else str(address)
