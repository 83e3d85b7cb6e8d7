"""A stand-in for MongoDB, of which Debian has no server: OP_MSG, hello, SCRAM and a few commands, on loopback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.binary import Binary

from support.dialogue import Peer, Talker, talker

OP_MSG = 2013
USER, PASSWORD = "monitor", "a-word-for-tests"
SALT = b"0123456789abcdef"


def op_msg(document: dict[str, Any] | bytes, answers: int, flags: int = 0) -> bytes:
    body = document if isinstance(document, bytes) else bson.encode(document)
    return struct.pack("<iiiiIB", 21 + len(body), 1, answers, OP_MSG, flags, 0) + body


async def read_op_msg(peer: Peer) -> tuple[int, dict[str, Any]]:
    """The request's number and document."""
    head = await peer.reader.readexactly(16)
    size, number, _, kind = struct.unpack("<iiii", head)
    assert kind == OP_MSG
    body = await peer.reader.readexactly(size - 16)
    assert body[:5] == b"\0" * 5
    (length,) = struct.unpack("<i", body[5:9])  # what follows are the documents of an insert or update
    return number, bson.decode(body[5 : 5 + length])


@dataclass
class Mongo:
    """What it answers, and what it was asked."""

    mechanisms: tuple[str, ...] = ("SCRAM-SHA-256",)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the command's name, over what is known."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    silent_at: str = ""
    """The command that it never answers."""
    locked: bool = True
    rounds: int = 4096

    async def serve(self, peer: Peer) -> None:
        login = _Login(self)
        while True:
            number, command = await read_op_msg(peer)
            self.asked.append(command)
            name = next(iter(command))
            if name == self.silent_at:
                await peer.until_gone()
                return
            await peer.say(op_msg(self._answer(name, command, login), number))

    def _answer(self, name: str, command: dict[str, Any], login: _Login) -> dict[str, Any]:
        if name in self.answers:
            return self.answers[name]
        if name in ("saslStart", "saslContinue"):
            return login.step(command)
        if self.locked and not login.done and name not in ("hello", "buildInfo"):
            return failure(13, "Unauthorized", f"Command {name} requires authentication")
        listed = {"saslSupportedMechs": list(self.mechanisms)} if "saslSupportedMechs" in command else {}
        known: dict[str, dict[str, Any]] = {
            "hello": {"isWritablePrimary": True, "maxWireVersion": 21, "setName": "rs0", "ok": 1.0} | listed,
            "buildInfo": {"version": "7.0.14", "ok": 1.0},
            "ping": {"ok": 1.0},
        }
        return known.get(name, failure(59, "CommandNotFound", f"no such command: '{name}'"))


def failure(code: int, name: str, words: str) -> dict[str, Any]:
    return {"ok": 0.0, "errmsg": words, "code": code, "codeName": name}


class _Login:
    """SCRAM, the server's side (RFC 5802)."""

    def __init__(self, server: Mongo) -> None:
        self._server = server
        self._said = b""
        self._digest = "sha256"
        self.done = False

    def step(self, command: dict[str, Any]) -> dict[str, Any]:
        payload = bytes(command["payload"])
        if "saslStart" in command:
            self._digest = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}[command["mechanism"]]
            first = payload.removeprefix(b"n,,")
            nonce = first.partition(b",r=")[2]
            salt = base64.b64encode(SALT)
            challenge = b"r=" + nonce + b"server,s=" + salt + b",i=%d" % self._server.rounds
            self._said = first + b"," + challenge
            return self._go_on(challenge)
        without, _, proof = payload.rpartition(b",p=")
        salted = hashlib.pbkdf2_hmac(self._digest, self._password(), SALT, self._server.rounds)
        whole = self._said + b"," + without
        key = hmac.digest(salted, b"Client Key", self._digest)
        signature = hmac.digest(hashlib.new(self._digest, key).digest(), whole, self._digest)
        right = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        if base64.b64decode(proof) != right or f"n={USER}".encode() not in self._said:
            return failure(18, "AuthenticationFailed", "Authentication failed.")
        self.done = True
        ours = hmac.digest(hmac.digest(salted, b"Server Key", self._digest), whole, self._digest)
        return self._go_on(b"v=" + base64.b64encode(ours), done=True)

    def _password(self) -> bytes:
        if self._digest == "sha256":
            return PASSWORD.encode()
        return hashlib.md5(f"{USER}:mongo:{PASSWORD}".encode()).hexdigest().encode()

    def _go_on(self, payload: bytes, done: bool = False) -> dict[str, Any]:
        return {"conversationId": 1, "done": done, "payload": Binary(payload), "ok": 1.0}


@asynccontextmanager
async def running_mongo(server: Mongo, context: ssl.SSLContext | None = None) -> AsyncIterator[Talker]:
    """Serve on a port of its own."""
    async with talker(server.serve, context) as running:
        yield running
        await asyncio.sleep(0)
