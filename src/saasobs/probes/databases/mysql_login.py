"""How a password is proved to MySQL and MariaDB, by the plugin that the account has. Pure.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods.html
"""

from __future__ import annotations

import hashlib
from typing import Final

from saasobs.core.result import Reason
from saasobs.probes.databases.answer import quoted
from saasobs.probes.databases.options import CLEARTEXT, Where
from saasobs.probes.inquiry import Trouble

_NATIVE: Final = "mysql_native_password"
_CACHING: Final = "caching_sha2_password"
_SHA256: Final = "sha256_password"
_CLEAR: Final = "mysql_clear_password"
PLUGINS: Final = (_NATIVE, _CACHING)
"""Those whose first answer can be given unasked."""

_FAST_OK, _FULL = b"\3", b"\4"
_ASK_FOR_KEY: Final = {_CACHING: b"\2", _SHA256: b"\1"}
_NO_KEY: Final = Trouble(Reason.PROTOCOL_ERROR, "it sent a key for the login that is none")
_MOST_KEY: Final = 8192
"""Bits of an RSA key, and bytes of its PEM: more would take long, and no server has it."""


def proof(plugin: str, where: Where, scramble: bytes, *, confided: bool) -> bytes:
    """The first answer. :param confided: whether the password may be sent as it is. :raises Trouble:"""
    secret = where.secret.encode()
    if plugin == _NATIVE:
        return _native(secret, scramble) if secret else b""
    if plugin == _CACHING:
        return _caching(secret, scramble) if secret else b"\0"
    if plugin == _SHA256:
        return secret + b"\0" if confided or not secret else _ASK_FOR_KEY[plugin]
    if plugin == _CLEAR:
        if not confided:
            raise Trouble(Reason.AUTHENTICATION_FAILED, CLEARTEXT)
        return secret + b"\0"
    raise Trouble(
        Reason.AUTHENTICATION_FAILED, f"the account's plugin {quoted(plugin)} is not known here; "
        f"{_NATIVE} and {_CACHING} are",
    )  # fmt: skip


def answer_to_more(plugin: str, data: bytes, where: Where, scramble: bytes, *, private: bool) -> bytes | None:
    """What to say when the first answer was not enough; None to wait for the verdict. :raises Trouble:

    :param private: whether the connection keeps a password to itself; else it goes under the server's RSA key.
    """
    if plugin == _CACHING and data == _FAST_OK:
        return None
    if plugin == _CACHING and data == _FULL:
        return where.secret.encode() + b"\0" if private else _ASK_FOR_KEY[plugin]
    if plugin in _ASK_FOR_KEY and data.startswith(b"-----BEGIN"):
        return _under_key(data, where.secret.encode() + b"\0", scramble)
    raise Trouble(Reason.PROTOCOL_ERROR, f"an answer to the login that {quoted(plugin)} does not know")


def _native(secret: bytes, scramble: bytes) -> bytes:
    once = hashlib.sha1(secret, usedforsecurity=False).digest()
    twice = hashlib.sha1(once, usedforsecurity=False).digest()
    return _xor(once, hashlib.sha1(scramble[:20] + twice, usedforsecurity=False).digest())


def _caching(secret: bytes, scramble: bytes) -> bytes:
    once = hashlib.sha256(secret).digest()
    return _xor(once, hashlib.sha256(hashlib.sha256(once).digest() + scramble[:20]).digest())


def _under_key(pem: bytes, secret: bytes, scramble: bytes) -> bytes:
    """RSA-OAEP over the password, masked with the scramble."""
    # Loading it costs 20 ms, which only those pay whose servers ask for it.
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    try:
        key = serialization.load_pem_public_key(pem[:_MOST_KEY])
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size > _MOST_KEY:
            raise _NO_KEY
        digest = hashes.SHA1()  # noqa: S303 - the protocol's
        masked = bytes(letter ^ scramble[at % len(scramble)] for at, letter in enumerate(secret))
        return key.encrypt(masked, padding.OAEP(padding.MGF1(digest), digest, None))
    except (ValueError, ZeroDivisionError) as error:
        raise _NO_KEY from error


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))
