"""For whom a request is, by the configured rule: one answer per request, asked when it begins.

Pure: the host, the path, the peer and the headers come in, a safe text or None goes out, and nothing raises. Whatever
`set_tenant` says later comes before it. By default there is no rule, and no header of a client is believed:

1. `subdomain:acme.example`: the label next to the domain, `globex` in `globex.acme.example`; `www` is nobody.
2. `header:X-Tenant`: from peers in `trusted_proxies` only. A peer on a Unix socket is called `unix` there.
3. `jwt:tenant_id`: a claim of the bearer token. **The token is not verified here**: use it only where something in
   front of the app (a gateway) refuses forged ones. `jwt:org.id` reaches into an object.
4. A function of `Asked`, sync and quick: it runs on the request's path. What it raises is counted, and is no tenant.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, NamedTuple

import orjson

from saasobs.instrument import guard
from saasobs.instrument.config import InstrumentConfig

TENANT_LIMIT: Final = 200
"""Characters of a tenant's name; a longer one is no tenant."""
_TOKEN_LIMIT: Final = 16_384
_HOST_LIMIT: Final = 253
_UNIX: Final = "unix"


class Asked(NamedTuple):
    """What is known of a request when it begins; what a tenant function is given."""

    host: str
    """The `Host` header as it came, a port included."""
    path: str
    peer: str
    """The address that is connected to us, a proxy's where there is one; nothing for a Unix socket."""
    header: Callable[[str], str]
    """The value of a header by its name, whatever its case, or nothing. Not to be trusted by itself."""


TenantRule = Callable[[Asked], str | None]


def tenant_rule(config: InstrumentConfig) -> TenantRule | None:
    """The configured rule; None when there is none, so that a request pays nothing for it."""
    if not config.tenant:
        return None
    if callable(config.tenant):
        return _asking(config.tenant)
    kind, _, argument = config.tenant.partition(":")
    if kind == "subdomain":
        return _subdomain(argument)
    if kind == "header":
        return _header(argument, config.trusted_proxies)
    return _claim(argument)


def safe_tenant(value: Any) -> str | None:
    """The text of a tenant if it can stand in a line and a label as it is; numbers are written out."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64:
        return str(value)
    if not isinstance(value, str) or len(value) > TENANT_LIMIT:
        return None
    text = value.strip()
    return text if text and text.isprintable() else None


def trusts(networks: Iterable[str]) -> Callable[[str], bool]:
    """Whether a peer is one of these addresses, networks or names (`unix`, `*`); remembers the last thousand."""
    names = frozenset(networks)
    parsed = tuple(network for name in names if (network := _network(name)) is not None)

    @lru_cache(maxsize=1024)
    def trusted(peer: str) -> bool:
        if "*" in names or (peer or _UNIX) in names:
            return True
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in parsed)

    return trusted


def _network(name: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(name, strict=False)
    except ValueError:
        return None


def _asking(function: Callable[..., Any]) -> TenantRule:
    @guard.guarded("tenant")
    def ask(asked: Asked) -> str | None:
        return safe_tenant(function(asked))

    return ask


def _subdomain(domain: str) -> TenantRule:
    ending = "." + domain.strip(".").lower()

    def look(asked: Asked) -> str | None:
        host = asked.host[: _HOST_LIMIT + 7].partition(":")[0].rstrip(".").lower()
        if not host.endswith(ending):
            return None
        label = host[: -len(ending)].rpartition(".")[2]
        plain = label.replace("-", "").replace("_", "")
        return label if plain.isalnum() and plain.isascii() and label != "www" else None

    return look


def _header(name: str, proxies: Iterable[str]) -> TenantRule:
    trusted = trusts(proxies)

    def look(asked: Asked) -> str | None:
        return safe_tenant(asked.header(name)) if trusted(asked.peer) else None

    return look


def _claim(claim: str) -> TenantRule:
    def look(asked: Asked) -> str | None:
        kind, _, token = asked.header("authorization").partition(" ")
        if kind.lower() != "bearer" or len(token) > _TOKEN_LIMIT or token.count(".") != 2:
            return None
        return safe_tenant(_reach(_payload(token.split(".")[1]), claim))

    return look


def _payload(segment: str) -> Any:
    try:
        return orjson.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError:  # no base64, no UTF-8, no JSON
        return None


def _reach(claims: Any, claim: str) -> Any:
    """A claim by its whole name (`https://acme.example/tenant`), else step by step at its dots."""
    if isinstance(claims, Mapping) and claim in claims:
        return claims[claim]
    for step in claim.split("."):
        if not isinstance(claims, Mapping):
            return None
        claims = claims.get(step)
    return claims
