"""Names and records as people write them, in one form that can be compared. Pure; standard library only."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

Type = Literal["A", "AAAA", "CNAME", "MX", "NS", "TXT", "SRV", "CAA", "SOA", "PTR"]

_LABEL = re.compile(r"[a-z0-9_*]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)
_QUOTED = re.compile(r'(?:"[^"]*"\s*)+')


def query_name(text: str) -> str:
    """A name to ask for, absolute and ASCII: ``www.acme.example.`` :raises ValueError:"""
    bare = text.strip().removesuffix(".")
    if not bare.isascii():
        try:
            bare = bare.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise ValueError(f"{text!r} is not a name: {error}") from error
    labels = bare.split(".") if bare else []
    if text.strip() == "" or len(bare) > 253 or not all(len(one) <= 63 and _LABEL.fullmatch(one) for one in labels):
        raise ValueError(f"{text[:80]!r} is not a name that can be asked for")
    return bare.lower() + "."


def reverse_name(address: str) -> str | None:
    """The name under which an address has its PTR records; None when it is no address."""
    try:
        return ipaddress.ip_address(address).reverse_pointer + "."
    except ValueError:
        return None


def plain(name: str) -> str:
    """A name as it is compared and shown: lower case, no dot at the end; the root is a dot."""
    return name.lower().removesuffix(".") or "."


def normal(kind: Type, text: str) -> str:
    """A record as it is compared and shown. :raises ValueError: it is no record of this type."""
    try:
        return _FORMS[kind](text.strip())
    except ValueError as error:
        raise ValueError(f"{text!r} is no {kind} record: {_HINTS[kind]}") from error


def _ipv4(text: str) -> str:
    return str(ipaddress.IPv4Address(text))


def _ipv6(text: str) -> str:
    return str(ipaddress.IPv6Address(text))


def _name(text: str) -> str:
    if not text or any(letter.isspace() for letter in text):
        raise ValueError("no name")
    return plain(text)


def _numbers_and_name(count: int) -> Callable[[str], str]:
    def form(text: str) -> str:
        *numbers, name = text.split()
        if len(numbers) != count:
            raise ValueError("wrong number of fields")
        return " ".join((*(str(int(number)) for number in numbers), plain(name)))

    return form


def _text(text: str) -> str:
    if _QUOTED.fullmatch(text):
        return "".join(re.findall(r'"([^"]*)"', text))
    return text


def _caa(text: str) -> str:
    flags, tag, value = text.split(None, 2)
    return f"{int(flags)} {tag.lower()} {_text(value)}"


def _soa(text: str) -> str:
    source, mailbox, *numbers = text.split()
    if len(numbers) != 5:
        raise ValueError("wrong number of fields")
    return " ".join((plain(source), plain(mailbox), *(str(int(number)) for number in numbers)))


_FORMS: Final[Mapping[Type, Callable[[str], str]]] = MappingProxyType({
    "A": _ipv4, "AAAA": _ipv6, "CNAME": _name, "NS": _name, "PTR": _name, "MX": _numbers_and_name(1),
    "SRV": _numbers_and_name(3), "TXT": _text, "CAA": _caa, "SOA": _soa,
})  # fmt: skip
_HINTS: Final[Mapping[Type, str]] = MappingProxyType({
    "A": "write an IPv4 address", "AAAA": "write an IPv6 address", "CNAME": "write a name", "NS": "write a name",
    "PTR": "write a name", "MX": "write preference and host, as in 10 mail.acme.example",
    "SRV": "write priority, weight, port and host, as in 10 5 5060 sip.acme.example", "TXT": "write its text",
    "CAA": 'write flags, tag and value, as in 0 issue "letsencrypt.org"',
    "SOA": "write source, mailbox, serial, refresh, retry, expire and minimum",
})  # fmt: skip
