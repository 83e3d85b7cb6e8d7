"""Questions and answers of DNS (RFC 1035, EDNS RFC 6891): made, recognised and read. Pure; the wire is dnspython's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from saasobs.probes.budget import TookTooLong
from saasobs.probes.dns.names import Type, plain
from saasobs.probes.dns.options import DnsOptions

if TYPE_CHECKING:
    from dns.message import Message
    from dns.name import Name
    from dns.rdata import Rdata
    from dns.rrset import RRset

MAX_ALIASES: Final = 16
"""Steps of a chain of CNAMEs."""
MAX_RECORDS: Final = 500
"""Records of a whole message."""
_PAYLOAD: Final = 1232
"""Bytes of a datagram that no network fragments (DNS flag day 2020)."""
_HEADER: Final = 12
_EDE: Final = re.compile(r"^EDE \d+ \((.*?)\)")


class Unreadable(ValueError):
    """The answer to our question, which cannot be read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name server answered, as it is judged."""

    rcode: str
    records: tuple[str, ...] = ()
    """Of the type that was asked for, at the end of the chain of aliases, in one form (`names.normal`)."""
    aliases: tuple[str, ...] = ()
    """What the name is an alias of, step by step."""
    ttl: int | None = None
    """The shortest and ..."""
    longest_ttl: int | None = None
    """... the longest of the records and of the aliases that lead to them, seconds."""
    serial: int | None = None
    authoritative: bool = False
    authenticated: bool = False
    """The AD flag: the server found the signatures good."""
    remark: str = ""
    """Why, in the server's own words (RFC 8914)."""
    endless: bool = False
    """The chain of aliases has no end."""


def question(options: DnsOptions) -> Message:
    """The query of a monitor; each has an unpredictable ID."""
    import dns.flags  # noqa: PLC0415 - 100 ms that only this kind needs
    import dns.message  # noqa: PLC0415

    query = dns.message.make_query(
        options.name, options.type, use_edns=0 if options.edns else False, want_dnssec=options.dnssec, payload=_PAYLOAD
    )
    if options.dnssec:
        query.flags |= dns.flags.AD  # RFC 6840, 5.7: we understand it
    return query


def is_answer(query: Message, wire: bytes) -> bool:
    """Whether a datagram answers this very question: its ID, its question. What does not may be anybody's."""
    import dns.exception  # noqa: PLC0415
    import dns.message  # noqa: PLC0415

    if len(wire) < _HEADER or int.from_bytes(wire[:2], "big") != query.id or not wire[2] & 0x80:
        return False
    questions = int.from_bytes(wire[4:6], "big")
    if questions != 1:
        return not questions and wire[3] & 0x0F != 0  # an error may leave the question out
    try:
        asked = dns.message.from_wire(wire, question_only=True, ignore_trailing=True).question
    except (dns.exception.DNSException, ValueError):
        return False
    return bool(asked == query.question)


def is_truncated(wire: bytes) -> bool:
    """The TC flag of a message that `is_answer`."""
    return bool(wire[2] & 0x02)


def read(query: Message, wire: bytes) -> Answer:
    """What a message that `is_answer` says. Compressed names can make a small one take seconds: bound its CPU time.

    :raises Unreadable, TookTooLong:
    """
    import dns.exception  # noqa: PLC0415
    import dns.flags  # noqa: PLC0415
    import dns.message  # noqa: PLC0415
    import dns.rcode  # noqa: PLC0415

    counts = (int.from_bytes(wire[at : at + 2], "big") for at in (6, 8, 10))
    if sum(counts) > MAX_RECORDS:
        raise Unreadable(f"more than {MAX_RECORDS} records")
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
        return Answer(
            rcode=dns.rcode.to_text(message.rcode()),
            authoritative=bool(message.flags & dns.flags.AA),
            authenticated=bool(message.flags & dns.flags.AD),
            remark=_remark(message),
            **_resolved(message, query),
        )
    except (dns.exception.DNSException, ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        if isinstance(error.__cause__, TookTooLong):
            raise error.__cause__ from error  # the library calls whatever happens within a record its form error
        raise Unreadable(str(error) or type(error).__name__) from error


def _remark(message: Message) -> str:
    return ", ".join(_EDE.sub(r"\1", one.to_text()) for one in message.extended_errors())


def _resolved(message: Message, query: Message) -> dict[str, Any]:
    """The records at the end of the chain that begins at the name that was asked for."""
    import dns.rdatatype  # noqa: PLC0415

    name, wanted, internet = query.question[0].name, query.question[0].rdtype, query.question[0].rdclass
    sets = {(one.name, one.rdtype): one for one in message.answer if one.rdclass == internet}
    aliases: list[str] = []
    passed: list[RRset] = []
    while (name, wanted) not in sets and (name, dns.rdatatype.CNAME) in sets:
        passed.append(sets[name, dns.rdatatype.CNAME])
        name = _target(passed[-1])
        aliases.append(plain(name.to_text()))
        if len(aliases) >= MAX_ALIASES:
            return {"aliases": tuple(aliases), "endless": True}
    found = sets.get((name, wanted))
    if found is None:
        return {"aliases": tuple(aliases)}
    ttls = [one.ttl for one in (*passed, found)]
    kind: Any = dns.rdatatype.to_text(wanted)
    records = tuple(sorted(_form(kind, rdata) for rdata in found))
    serial = getattr(found[0], "serial", None)
    return {"records": records, "aliases": tuple(aliases), "ttl": min(ttls), "longest_ttl": max(ttls), "serial": serial}


def _target(alias: RRset) -> Name:
    target: Name = alias[0].target
    return target


def _form(kind: Type, rdata: Rdata) -> str:
    """A record as `names.normal` writes it."""
    return _FORMS[kind](rdata)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _target_name(one: Any) -> str:
    return plain(one.target.to_text())


def _srv(one: Any) -> str:
    return f"{one.priority} {one.weight} {one.port} {_target_name(one)}"


def _txt(one: Any) -> str:
    return _text(b"".join(one.strings))


def _soa(one: Any) -> str:
    numbers = (one.serial, one.refresh, one.retry, one.expire, one.minimum)
    return " ".join((plain(one.mname.to_text()), plain(one.rname.to_text()), *map(str, numbers)))


_FORMS: Final[Mapping[Type, Callable[[Any], str]]] = MappingProxyType({
    "A": lambda one: str(one.address), "AAAA": lambda one: str(one.address), "CNAME": _target_name,
    "NS": _target_name, "PTR": _target_name, "MX": lambda one: f"{one.preference} {plain(one.exchange.to_text())}",
    "SRV": _srv, "TXT": _txt, "CAA": lambda one: f"{one.flags} {_text(one.tag).lower()} {_text(one.value)}",
    "SOA": _soa,
})  # fmt: skip
