"""What a registry says of a domain (RDAP, RFC 9082 and 9083), read from its JSON; and which registry to ask. Pure.

Everything here was written by others: whatever is not of the expected shape is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from saasobs.core.values import from_datetime
from saasobs.probes.verdict import short

_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Registration:
    """One domain's registration. Moments are µs since the epoch; 0: not told."""

    expires_at: int = 0
    registered_at: int = 0
    registrar: str = ""
    statuses: tuple[str, ...] = ()
    """In RDAP's words (RFC 8056), lower case: ``client transfer prohibited``."""
    name_servers: tuple[str, ...] = ()
    """Lower case, without a dot at the end, sorted."""


def read(document: Any) -> Registration:
    """:raises ValueError: it is no answer about a domain."""
    if not isinstance(document, dict) or document.get("objectClassName") != "domain":
        raise ValueError("it is not about a domain")
    events = {
        str(event.get("eventAction")).lower(): _moment(event.get("eventDate")) for event in _each(document, "events")
    }
    statuses = (one.lower() for one in _texts(document.get("status")))
    servers = (str(one.get("ldhName", "")).lower().rstrip(".") for one in _each(document, "nameservers"))
    return Registration(
        events.get("expiration", 0),
        events.get("registration", 0),
        next((name for entity in _each(document, "entities") if (name := _registrar(entity))), ""),
        tuple(dict.fromkeys(_spaced(short(one)) for one in statuses)),
        tuple(sorted({short(one) for one in servers if one})),
    )


def _each(document: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    found = document.get(key)
    for one in (found if isinstance(found, list) else [])[:_MOST]:
        if isinstance(one, dict):
            yield one


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)][:_MOST] if isinstance(value, list) else []


def _spaced(status: str) -> str:
    """Some servers give EPP's word, ``clienthold`` in lower case, for RDAP's ``client hold``."""
    return _EPP.get(status, status)


_EPP: Final = {
    one.replace(" ", ""): one
    for one in ("client hold", "server hold", "redemption period", "pending delete", "pending restore",
                "client transfer prohibited", "server transfer prohibited")
}  # fmt: skip


def _moment(text: object) -> int:
    """RFC 3339; without a zone it is UTC."""
    if not isinstance(text, str) or len(text) > 64:
        return 0
    try:
        when = datetime.fromisoformat(text)
        return from_datetime(when if when.tzinfo else when.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return 0


def _registrar(entity: dict[str, Any]) -> str:
    """The full name in a registrar's jCard (RFC 7095)."""
    card = entity.get("vcardArray")
    if "registrar" not in _texts(entity.get("roles")) or not isinstance(card, list) or len(card) < 2:
        return ""
    fields = card[1] if isinstance(card[1], list) else []
    named = (one[3] for one in fields[:_MOST] if isinstance(one, list) and len(one) > 3 and one[0] == "fn")
    return next((short(name) for name in named if isinstance(name, str)), "")


def server_for(bootstrap: Any, domain: str) -> str:
    """The base URL of the registry of a domain by IANA's list (RFC 9224); empty when it has none.

    The longest entry that the domain ends with counts, and https before http.
    """
    best, url = "", ""
    services = bootstrap.get("services") if isinstance(bootstrap, dict) else None
    for service in services if isinstance(services, list) else []:
        if not isinstance(service, list) or len(service) < 2:
            continue
        for entry in _texts_all(service[0]):
            if len(entry) > len(best) and (domain == entry or domain.endswith(f".{entry}")):
                best, url = entry, _preferred(_texts_all(service[1]))
    return url


def _texts_all(value: object) -> list[str]:
    return (
        [one.lower() if "://" not in one else one for one in value if isinstance(one, str)]
        if isinstance(value, list)
        else []
    )


def _preferred(urls: list[str]) -> str:
    usable = [url for url in urls if url.startswith(("https://", "http://"))]
    return next((url for url in usable if url.startswith("https://")), usable[0] if usable else "")
