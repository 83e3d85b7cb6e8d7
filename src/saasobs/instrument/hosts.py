"""Which hosts are our own: those that may see our headers. Pure: names are judged as written, none is resolved.

Own by default are loopback, private and link-local addresses, names of one label (`billing`, which a resolver finds in
its search list) and names under `.internal`, `.local`, `.localhost` and `.svc` (so `.svc.cluster.local` too). What is
in doubt is a third party: a name that is no name, an address in octal.
"""

from __future__ import annotations

import re
import socket
import unicodedata
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from saasobs.instrument import names

Address = IPv4Address | IPv6Address

KNOWN_LIMIT: Final = 1000
"""Hosts whose judgement is remembered."""
OWN_LABELS: Final = 100
"""Own hosts that have a label of their own in the metrics."""
OTHER_LABELS: Final = 50
"""Third parties that have one; a number of their own, since customers' webhooks may go to any number of names."""

_SUFFIXES: Final = (".internal", ".local", ".localhost", ".svc")
_NETWORKS: Final = tuple(
    ip_network(network)
    for network in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "0.0.0.0/32",
        "::1/128", "fc00::/7", "fe80::/10", "::/128",
    )
)  # fmt: skip
_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*")
_OCTAL: Final = re.compile(r"(?:.*\.)?0\d")
# Letters that IDNA 2003 and IDNA 2008 turn into different names: a library may ask for another than we judge.
_DEVIATING: Final = frozenset("ßς\u200c\u200d")
_NAME_LIMIT: Final = 253


class Host:
    """What is known of one host that is called."""

    __slots__ = ("label", "own")

    def __init__(self, label: str, *, own: bool) -> None:
        self.own = own
        """Whether it gets our headers."""
        self.label = label
        """What metrics call it; one of a bounded number."""


class Hosts:
    """The judge of one process, which remembers."""

    def __init__(self, propagate_to: tuple[str, ...] = ()) -> None:
        """:param propagate_to: names, `*.domain`, addresses, networks, `*`; with a `!` before one: never to this."""
        refused = tuple(each[1:] for each in propagate_to if each.startswith("!"))
        self._refused = _Pattern(refused)
        self._named = _Pattern(tuple(each for each in propagate_to if not each.startswith("!")))
        self._known: dict[str, Host] = {}
        self._labels: dict[bool, set[str]] = {True: set(), False: set()}

    def find(self, host: str) -> Host:
        """:param host: as the library has it from its URL: without userinfo, port or path."""
        found = self._known.get(host)
        if found is None:
            found = self._judged(host)
            if len(self._known) >= KNOWN_LIMIT:
                self._known.clear()
            self._known[host] = found
        return found

    def is_own(self, host: str) -> bool:
        """Whether it gets our headers."""
        return self.find(host).own

    def _judged(self, host: str) -> Host:
        name = canonical(host)
        if name is None:
            return Host(names.OTHER, own=self._named.everything)
        own = not self._refused.matches(name) and (self._named.matches(name) or _own_by_default(name))
        return Host(self._label(str(name).removesuffix("."), own=own), own=own)

    def _label(self, name: str, *, own: bool) -> str:
        labels = self._labels[own]
        if name not in labels:
            if len(labels) >= (OWN_LABELS if own else OTHER_LABELS):
                return names.OTHER
            labels.add(name)
        return name


class _Pattern:
    """Some hosts, as configured."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.everything = "*" in patterns
        self._suffixes = tuple(each.removeprefix("*") for each in patterns if each.startswith(("*.", ".")))
        rest = [each for each in patterns if each != "*" and not each.startswith(("*.", "."))]
        self._networks = tuple(network for each in rest if (network := _network(each)) is not None)
        self._names = frozenset(name for each in rest if isinstance(name := canonical(each), str))

    def matches(self, name: Address | str) -> bool:
        if self.everything:
            return True
        if isinstance(name, str):
            plain = name.removesuffix(".")
            return plain in self._names or plain.endswith(self._suffixes)
        return any(name in network for network in self._networks)


def canonical(host: str) -> Address | str | None:
    """The address, in whatever form it is written, or the name in ASCII and lower case; None when it is neither.

    A dot at a name's end stays: it says that no search list is asked.
    """
    text = host if host.isascii() else _ascii(host)
    text = text.lower()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        return _ipv6(text)
    if len(text) > _NAME_LIMIT + 1 or not _NAME.fullmatch(text):
        return None
    plain = text.removesuffix(".")
    if _NUMBER.fullmatch(plain.rpartition(".")[2]):
        return _ipv4(plain)
    return text


def _ascii(host: str) -> str:
    """As IDNA writes it: other scripts as `xn--`, full-width letters and ideographic dots as plain ones."""
    normal = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    if not _DEVIATING.isdisjoint(normal):
        return ""
    try:
        return normal.encode("idna").decode()
    except UnicodeError:
        return ""


def _ipv6(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _ipv4(text: str) -> Address | None:
    """What resolvers make of a name that ends in a number: `2130706433`, `0x7f.1` and `127.1` are 127.0.0.1.

    Octal is refused: some read 010.0.0.1 as 8.0.0.1, others as 10.0.0.1.
    """
    if _OCTAL.match(text):
        return None
    try:
        return IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def _own_by_default(name: Address | str) -> bool:
    if isinstance(name, str):
        return "." not in name or f".{name.removesuffix('.')}".endswith(_SUFFIXES)
    return any(name in network for network in _NETWORKS)


def _network(text: str) -> IPv6Network | None:
    """The network, or the address as one; of either version."""
    try:
        return ip_network(text, strict=False)  # type: ignore[return-value]
    except ValueError:
        return None
