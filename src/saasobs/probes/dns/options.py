"""What a person may write for a monitor of kind dns. The docstrings are the documentation."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from saasobs.options import Duration, require_driver
from saasobs.probes.dns.names import Type, normal, plain, query_name, reverse_name
from saasobs.probes.http.options import Patterns
from saasobs.probes.net.options import Host, NetworkOptions, Port, show_place
from saasobs.probes.verdict import Timed

Rcode = Literal["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "NOTAUTH"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _asked(text: str) -> str:
    return text if reverse_name(text) else query_name(text)


_ONE: dict[str, object] = {"type": "string", "minLength": 1}
Records = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": _ONE}]}),
]
Count = Annotated[int, Field(ge=0, le=10_000)]


class DnsExpect(Timed):
    """What the name server must answer. Names are compared without regard to case and the dot at their end."""

    rcode: Rcode = "NOERROR"
    """The response code that is well; NXDOMAIN where a name must not exist."""
    records: Records = ()
    """Exactly these records of the type that was asked for, in any order: addresses, names, `10 mail.acme.example`
    for MX, `10 5 5060 sip.acme.example` for SRV, `0 issue "letsencrypt.org"` for CAA, the text for TXT."""
    contains: Records = ()
    """Records that must be there, whatever others there are."""
    matches: Patterns = ()
    """Regular expressions, each of which must match somewhere in at least one record."""
    not_matches: Patterns = ()
    """Regular expressions that must match in no record."""
    min_records: Count | None = None
    """At least so many records. Default: 1 when the rcode is to be NOERROR; 0 allows a name without any."""
    max_records: Count | None = None
    """At most so many records."""
    ttl_min: Duration | None = None
    """No record may have a shorter time to live; a resolver's cache counts it down."""
    ttl_max: Duration | None = None
    """No record may have a longer time to live."""
    serial_min: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    """For type SOA: the zone's serial must not be older than this one (RFC 1982)."""
    authoritative: bool = False
    """The answer must come from a server of the zone itself (the AA flag), not from a resolver's cache."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.rcode != "NOERROR" and (self.records or self.contains or self.matches or self.min_records):
            raise ValueError(f"an answer with {self.rcode} has no records to expect")
        if self.ttl_min is not None and self.ttl_max is not None and self.ttl_min > self.ttl_max:
            raise ValueError("ttl_min must not be longer than ttl_max")
        if None not in (self.min_records, self.max_records) and (self.min_records or 0) > (self.max_records or 0):
            raise ValueError("min_records must not be more than max_records")
        return self

    @property
    def least(self) -> int:
        """The minimum in force."""
        if self.min_records is not None:
            return self.min_records
        return 1 if self.rcode == "NOERROR" else 0


class DnsOptions(NetworkOptions):
    """Asks a name server one question and judges its answer. A lost datagram is sent again once, and that is shown."""

    example: ClassVar[str] = """\
name: mail-exchangers
kind: dns
query: acme.example
type: MX
server: ns1.acme.example
expect: {records: [10 mx1.acme.example, 20 mx2.acme.example], ttl_min: 5m, authoritative: true}
"""

    query: Annotated[str, AfterValidator(_asked)]
    """The name to ask for, as in www.acme.example; for type PTR also an address."""
    type: Type = "A"
    """The type of the records to ask for."""
    server: Host | None = None
    """The name server to ask, a name or an address. Default: those under nameservers, else the daemon's, else the
    system's: they are asked in turn until one answers."""
    port: Port = 53
    """The port of `server`."""
    transport: Literal["udp", "tcp"] = "udp"
    """udp goes on to TCP by itself when an answer was too large (truncated); tcp asks over TCP at once."""
    edns: bool = True
    """Announce room for larger datagrams (EDNS, RFC 6891); a few very old servers refuse it."""
    dnssec: bool = False
    """Ask with DNSSEC, and expect the AD flag: the server, a validating resolver, found the signatures good."""
    expect: DnsExpect = DnsExpect()
    """What the name server must answer."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_driver("dns", "daemon")
        if self.type != "PTR" and reverse_name(self.query):
            raise ValueError(f"query {self.query} is an address: set type: PTR to ask for its name")
        if self.server is None and (self.address is not None or self.port != 53):
            raise ValueError("address and port are those of server: set it as well")
        if self.dnssec and not self.edns:
            raise ValueError("dnssec needs edns")
        if self.expect.serial_min is not None and self.type != "SOA":
            raise ValueError("expect.serial_min is for type SOA")
        for record in (*self.expect.records, *self.expect.contains):
            normal(self.type, record)
        return self

    @cached_property
    def name(self) -> str:
        """The name that is asked for, absolute."""
        return reverse_name(self.query) or self.query

    @cached_property
    def exactly(self) -> frozenset[str]:
        """`expect.records` as they are compared."""
        return frozenset(normal(self.type, record) for record in self.expect.records)

    @cached_property
    def among(self) -> frozenset[str]:
        """`expect.contains` as they are compared."""
        return frozenset(normal(self.type, record) for record in self.expect.contains)

    def target(self) -> str:
        asked = self.query if reverse_name(self.query) else plain(self.query)
        at = "" if self.server is None else f" at {show_place(self.server, self.port)}"
        return f"{self.type} {asked}{at}"

    def host(self) -> str:
        return self.server or ""
