"""The few words before TLS, for protocols that begin in the clear: after `negotiate` the handshake can begin.

smtp RFC 3207, imap RFC 9051, pop3 RFC 2595, ftp RFC 4217, ldap RFC 4511 section 4.14, xmpp RFC 6120, PostgreSQL's
SSLRequest, and MySQL's SSL request packet. Nothing is said after the handshake: that is each kind's own matter.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NoReturn

from saasobs.core.result import Reason
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.replies import Reply, command, read_reply
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import short

Protocol = Literal["smtp", "imap", "pop3", "ftp", "ldap", "postgres", "mysql", "xmpp"]
PORTS: Final[Mapping[Protocol, int]] = MappingProxyType({
    "smtp": 25, "imap": 143, "pop3": 110, "ftp": 21, "ldap": 389, "postgres": 5432, "mysql": 3306, "xmpp": 5222,
})  # fmt: skip
"""Where each listens for connections that begin in the clear."""

_MOST_LINES: Final = 100
_MOST_XML: Final = 16 * 1024
_PACKET: Final = 4096
"""Bytes of a packet that is worth reading before TLS."""


async def negotiate(protocol: Protocol, stream: Stream) -> None:
    """Everything up to the handshake.

    :raises Trouble: TLS_FAILED when TLS is not offered, NOT_SERVING when the server turns everybody away,
        PROTOCOL_ERROR when it speaks something else.
    """
    await _DIALOGUES[protocol](stream)


def hello_name(stream: Stream) -> str:
    """Our own name in EHLO: the address literal (RFC 5321, 4.1.3), which is true wherever the daemon runs."""
    own = str(stream.writer.get_extra_info("sockname", ("127.0.0.1",))[0]).partition("%")[0]
    return f"[IPv6:{own}]" if ":" in own else f"[{own}]"


async def greeting(stream: Stream) -> Reply:
    """The 220 that SMTP and FTP begin with. :raises Trouble: the server turns us away."""
    reply = await read_reply(stream)
    if reply.code != 220:
        reason = Reason.NOT_SERVING if reply.code in (421, 554, 120) else Reason.RESPONSE_MISMATCH
        raise Trouble(reason, f'expected 220, it greets with "{reply}"')
    return reply


async def _smtp(stream: Stream) -> None:
    await greeting(stream)
    hello = await command(stream, f"EHLO {hello_name(stream)}")
    if hello.code != 250 or not any(line.upper() == "STARTTLS" for line in hello.lines[1:]):
        _not_offered(str(hello) if hello.code != 250 else "STARTTLS is not among its extensions")
    reply = await command(stream, "STARTTLS")
    if reply.code != 220:
        _not_offered(str(reply))


async def _ftp(stream: Stream) -> None:
    await greeting(stream)
    reply = await command(stream, "AUTH TLS")
    if reply.code != 234:
        _not_offered(str(reply))


async def _imap(stream: Stream) -> None:
    first = await stream.line()
    if first.upper().startswith(b"* BYE"):
        raise Trouble(Reason.NOT_SERVING, _text(first))
    if not first.upper().startswith((b"* OK", b"* PREAUTH")):
        _foreign("an IMAP greeting", first)
    await stream.send(b"a STARTTLS\r\n")
    for _ in range(_MOST_LINES):
        line = await stream.line()
        if line.startswith(b"a "):
            if not line.upper().startswith(b"A OK"):
                _not_offered(_text(line))
            return
    raise Trouble(Reason.PROTOCOL_ERROR, f"more than {_MOST_LINES} lines without an answer")


async def _pop3(stream: Stream) -> None:
    first = await stream.line()
    if first.startswith(b"-ERR"):
        raise Trouble(Reason.NOT_SERVING, _text(first))
    if not first.startswith(b"+OK"):
        _foreign("a POP3 greeting", first)
    await stream.send(b"STLS\r\n")
    answer = await stream.line()
    if not answer.startswith(b"+OK"):
        _not_offered(_text(answer))


async def _postgres(stream: Stream) -> None:
    await stream.send(struct.pack("!II", 8, 80877103))
    answer = await stream.exactly(1)
    if answer == b"N":
        _not_offered("it answered N to the request for TLS")
    if answer == b"E":
        # An old or overloaded server answers with a message; its text is worth more than its form.
        _foreign("S or N", answer + await stream.some(_PACKET))
    if answer != b"S":
        _foreign("S or N", answer)


async def _mysql(stream: Stream) -> None:
    head = await stream.exactly(4)
    size = int.from_bytes(head[:3], "little")
    if not 1 <= size <= _PACKET or head[3] != 0:
        _foreign("a MySQL greeting", head)
    body = await stream.exactly(size)
    if body[0] == 0xFF:
        raise Trouble(Reason.NOT_SERVING, _text(body[3:]))
    version, _, rest = body[1:].partition(b"\0")
    if body[0] != 10 or len(rest) < 15:
        _foreign("a MySQL greeting", body)
    if not int.from_bytes(rest[13:15], "little") & 0x0800:  # after thread (4), scramble (8), filler (1)
        _not_offered(f"MySQL {_text(version)} without TLS")
    # CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH; 16 MiB; utf8mb4
    request = struct.pack("<IIB23x", 0x0200 | 0x0800 | 0x8000 | 0x80000, 1 << 24, 45)
    await stream.send(len(request).to_bytes(3, "little") + b"\x01" + request)


_LDAP_STARTTLS: Final = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037"


async def _ldap(stream: Stream) -> None:
    await stream.send(_LDAP_STARTTLS)
    head = await stream.exactly(2)
    size = head[1]
    if size in (0x81, 0x82):
        size = int.from_bytes(await stream.exactly(size - 0x80), "big")
    if head[0] != 0x30 or not 7 <= size <= _PACKET:
        _foreign("an LDAP message", head)
    body = await stream.exactly(size)
    operation = body[3:]
    if body[:3] != b"\x02\x01\x01" or operation[:1] != b"\x78":
        _foreign("an extended response", body)
    skipped = 2 + (operation[1] - 0x80 if operation[1] > 0x80 else 0)
    result = operation[skipped : skipped + 3]
    if result[:2] != b"\x0a\x01":
        _foreign("an extended response", body)
    if result[2:] != b"\0":
        _not_offered(f"LDAP result {result[2] if len(result) > 2 else 'unknown'}")


async def _xmpp(stream: Stream) -> None:
    await stream.send(
        f"<?xml version='1.0'?><stream:stream to='{stream.host}' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>".encode()
    )
    features = await _until(stream, b"</stream:features>", b"</stream:stream>")
    if b"urn:ietf:params:xml:ns:xmpp-tls" not in features:
        _not_offered("starttls is not among its features")
    await stream.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    answer = await _until(stream, b">")
    if b"<proceed" not in answer:
        _not_offered(_text(answer))


async def _until(stream: Stream, *ends: bytes) -> bytes:
    read = b""
    while not any(end in read for end in ends):
        if len(read) > _MOST_XML:
            raise Trouble(Reason.PROTOCOL_ERROR, f"more than {_MOST_XML} bytes without an end")
        more = await stream.some(_PACKET)
        if not more:
            raise stream.ended()
        read += more
    return read


_DIALOGUES: Final[Mapping[Protocol, Callable[[Stream], Awaitable[None]]]] = MappingProxyType({
    "smtp": _smtp, "imap": _imap, "pop3": _pop3, "ftp": _ftp, "ldap": _ldap, "postgres": _postgres, "mysql": _mysql,
    "xmpp": _xmpp,
})  # fmt: skip


def _not_offered(said: str) -> NoReturn:
    raise Trouble(Reason.TLS_FAILED, f"the server does not offer it here: {said}")


def _foreign(expected: str, said: bytes) -> NoReturn:
    raise Trouble(Reason.PROTOCOL_ERROR, f'expected {expected}, got "{_text(said)}"')


def _text(said: bytes) -> str:
    return short(said.decode("utf-8", "backslashreplace").strip())
