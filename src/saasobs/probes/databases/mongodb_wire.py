"""MongoDB's OP_MSG (https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/) with one document each way.

Loaded when a monitor of kind mongodb is checked: it needs BSON, which comes with pymongo.
"""

from __future__ import annotations

import hashlib
import json
import platform
import struct
from typing import Any, Final

import bson
import orjson
from bson import json_util
from bson.binary import Binary
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from saasobs._version import __version__
from saasobs.core.result import Reason
from saasobs.probes.databases.answer import quoted
from saasobs.probes.databases.options import Where
from saasobs.probes.databases.packet import Meter, Packet
from saasobs.probes.databases.scram import SaltedPasswords, Scram, prepared
from saasobs.probes.inquiry import Trouble

_OP_MSG: Final = 2013
_HEADER: Final = 16
_MOST_MESSAGE: Final = 48_000_000
"""What a MongoDB accepts itself; a longer one is something else."""
_CHECKSUM: Final = 1
_CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    document_class=dict, datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
_BROKEN: Final = (BSONError, ValueError, TypeError, OverflowError, RecursionError, struct.error)

_NOT_NOW: Final = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})
"""Shutting down, stepped down, not the primary, neither primary nor secondary."""
_LOGIN: Final = frozenset({11, 18, 334})
"""No such user, authentication failed, mechanism not available."""
_UNAUTHORIZED: Final = 13


class Session:
    """One connection to one server; servers that it tells of are never asked."""

    def __init__(self, meter: Meter, where: Where) -> None:
        self._meter = meter
        self._where = where
        self._requests = 0

    async def run(self, command: dict[str, Any], database: str) -> dict[str, Any]:
        """The answer to a command. :raises Trouble: also for one that says that the command failed."""
        answer = await self.tried(command, database)
        if answer.get("ok") != 1:
            raise self._failed(answer)
        return answer

    async def tried(self, command: dict[str, Any], database: str) -> dict[str, Any]:
        """The same, where a failure is an answer too. :raises Trouble: there is none."""
        self._requests += 1
        try:
            body = bson.encode(command | {"$db": database})
        except _BROKEN as error:
            raise Trouble(Reason.INTERNAL, f"the command cannot be sent: {type(error).__name__}") from error
        size = _HEADER + 5 + len(body)
        await self._meter.stream.send(struct.pack("<iiiiIB", size, self._requests, 0, _OP_MSG, 0, 0) + body)
        return await self._receive()

    async def _receive(self) -> dict[str, Any]:
        head = await self._meter.exactly(_HEADER)
        size, _, answers, kind = struct.unpack("<iiii", head)
        if kind != _OP_MSG or answers != self._requests or not _HEADER + 10 <= size <= _MOST_MESSAGE:
            said = quoted(head.decode("utf-8", "backslashreplace"))
            raise Trouble(Reason.PROTOCOL_ERROR, f'no MongoDB, but "{said}"')
        packet = Packet(await self._meter.exactly(size - _HEADER), "little")
        flags, section = packet.number(4), packet.number(1)
        body = packet.take(packet.left - (4 if flags & _CHECKSUM else 0))
        if section != 0:
            raise Trouble(Reason.PROTOCOL_ERROR, f"a message that begins with section {section}")
        try:
            return bson.decode(body, _CODEC)
        except _BROKEN as error:
            raise Trouble(Reason.PROTOCOL_ERROR, f"no BSON: {quoted(str(error))}") from error

    def _failed(self, answer: dict[str, Any]) -> Trouble:
        code = answer.get("code") if isinstance(answer.get("code"), int) else None
        words = quoted(str(answer.get("errmsg", "")), self._where.password)
        reason = Reason.QUERY_FAILED
        if code in _NOT_NOW:
            reason = Reason.NOT_SERVING
        elif code in _LOGIN or (code == _UNAUTHORIZED and not self._where.user):
            reason = Reason.AUTHENTICATION_FAILED
        named = quoted(str(answer.get("codeName", code or "no code")))
        return Trouble(reason, f"{words}, {named}")


def hello(where: Where, source: str) -> dict[str, Any]:
    """The first command: who we are, and a question for the user's ways to log in."""
    client = {
        "application": {"name": "saasobs"},
        "driver": {"name": "saasobs", "version": __version__},
        "os": {"type": platform.system()},
    }
    return {"hello": 1, "client": client} | ({"saslSupportedMechs": f"{source}.{where.user}"} if where.user else {})


async def log_in(session: Session, where: Where, source: str, offered: dict[str, Any], salted: SaltedPasswords) -> None:
    """SCRAM-SHA-256, or SCRAM-SHA-1 for users who have nothing else. :raises Trouble:"""
    listed = offered.get("saslSupportedMechs")
    if isinstance(listed, list) and "SCRAM-SHA-256" not in listed and "SCRAM-SHA-1" in listed:
        mechanism = "SCRAM-SHA-1"
        digest = hashlib.md5(f"{where.user}:mongo:{where.secret}".encode(), usedforsecurity=False).hexdigest()
        scram = Scram("sha1", where.user, digest, salted)
    else:
        mechanism = "SCRAM-SHA-256"
        scram = Scram("sha256", where.user, prepared(where.secret), salted)
    first: dict[str, Any] = {"saslStart": 1, "mechanism": mechanism, "payload": Binary(scram.first())}
    challenge = await session.run(first | {"options": {"skipEmptyExchange": True}}, source)
    final = await session.run(_continued(challenge, scram.answer(_payload(challenge))), source)
    scram.verify(_payload(final))
    if not final.get("done"):
        await session.run(_continued(final, b""), source)


def _continued(answer: dict[str, Any], payload: bytes) -> dict[str, Any]:
    return {"saslContinue": 1, "conversationId": answer.get("conversationId", 1), "payload": Binary(payload)}


def _payload(answer: dict[str, Any]) -> bytes:
    payload = answer.get("payload")
    if not isinstance(payload, bytes):
        raise Trouble(Reason.PROTOCOL_ERROR, "what it answered to the login is no SCRAM")
    return payload


def in_bson(command: dict[str, Any]) -> dict[str, Any]:
    """A command of the file's, where Extended JSON stands for what YAML has not: {"$date": …}, {"$oid": …}."""
    found: dict[str, Any] = json_util.loads(json_util.dumps(command))
    return found


def in_json(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer in Extended JSON, relaxed: plain numbers, {"$date": …}, {"$oid": …}. :raises Trouble:"""
    try:
        found: dict[str, Any] = json.loads(json_util.dumps(answer, json_options=json_util.RELAXED_JSON_OPTIONS))
        orjson.dumps(found)  # it may be nested deeper than can be shown
    except _BROKEN as error:
        raise Trouble(Reason.PROTOCOL_ERROR, f"no JSON can be made of it: {quoted(str(error))}") from error
    return found
