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
