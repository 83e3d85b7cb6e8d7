"""ssh: the real sshd with each of its host keys, and servers that lie, stall or talk nonsense."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason
from saasobs.probes.ssh.exchange import OURS
from saasobs.probes.ssh.host_key import ALGORITHMS, Unproven, fingerprint, prove, type_of
from saasobs.probes.ssh.probe import SshOptions
from saasobs.probes.ssh.wire import Fields, Malformed, mpint, names, packed, string
from support.badhttp import closed_port
from support.dialogue import Peer, Script, closing, garbage, silent, talker
from support.probing import asker
from support.sshd import TYPES, Sshd, host_keys, sshd


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host_keys(tmp_path_factory.mktemp("ssh-keys"))


@pytest.fixture
async def server(keys: Path, tmp_path: Path) -> AsyncIterator[Sshd]:
    async with closed_port() as port:
        pass
    async with sshd(keys, tmp_path, port) as running:
        yield running


@pytest.mark.parametrize("kind", TYPES)
async def test_every_type_of_host_key_is_proven(server: Sshd, kind: str) -> None:
    """The fingerprint is the one of ssh-keygen, and the server signed for it; so does the line of the .pub file."""
    async with asker("ssh") as probe:
        seen = await probe.ask(host="127.0.0.1", port=server.port, key_type=kind)
        known = [server.fingerprint("rsa"), server.public(kind)]
        held = await probe.ask(host="127.0.0.1", port=server.port, key_type=kind, expect={"host_keys": known})
    assert seen.outcome is Outcome.UP, seen.message
    assert seen.observations["host_key"] == server.fingerprint(kind)
    assert kind in seen.observations["host_key_type"].replace("ssh-", "")
    assert list(seen.phases) == ["dns", "connect", "banner", "key_exchange"]
    assert held.outcome is Outcome.UP, held.message


async def test_another_host_key_than_expected(server: Sshd) -> None:
    """Down, with the key that was shown and the ones that were expected."""
    expected = "SHA256:" + "A" * 43
    async with asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port, expect={"host_keys": expected})
    seen = server.fingerprint("ed25519")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.HOST_KEY_MISMATCH)
    assert result.message == f"the host key (ssh-ed25519) is {seen}, expected {expected}"
    assert (result.failures[0].expected, result.failures[0].seen) == (expected, seen)


async def test_the_banner(server: Sshd) -> None:
    """Without a key exchange only the banner is read and held against its pattern."""
    async with asker("ssh") as probe:
        asked: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "key_exchange": False}
        well = await probe.ask(**asked, expect={"banner": r"^SSH-2\.0-OpenSSH_"})
        wrong = await probe.ask(**asked, expect={"banner": "dropbear"})
    assert well.outcome is Outcome.UP, well.message
    assert list(well.phases) == ["dns", "connect", "banner"]
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH)
    assert wrong.message.startswith('the banner is "SSH-2.0-OpenSSH_')
    assert wrong.message.endswith('", expected to match dropbear')
    assert wrong.excerpt.startswith("SSH-2.0-OpenSSH_")


@pytest.mark.parametrize("exchange", ["ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"])
async def test_every_key_exchange(keys: Path, tmp_path: Path, exchange: str) -> None:
    """Servers that are held to the curves of NIST are met as well."""
    async with closed_port() as port:
        pass
    async with sshd(keys, tmp_path, port, f"KexAlgorithms {exchange}", types=("rsa",)) as server, asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=port)
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["key_exchange"] == exchange
    assert result.observations["host_key"] == server.fingerprint("rsa")


@pytest.mark.parametrize("bits", [384, 521])
async def test_the_larger_curves_of_ecdsa(tmp_path: Path, bits: int) -> None:
    """Host keys on P-384 and P-521."""
    host_keys(tmp_path, ("ecdsa",), "-b", str(bits))
    async with closed_port() as port:
        pass
    async with sshd(tmp_path, tmp_path, port, types=("ecdsa",)) as server, asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=port, expect={"host_keys": server.fingerprint("ecdsa")})
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["host_key_type"] == f"ecdsa-sha2-nistp{bits}"


async def test_nothing_in_common(keys: Path, tmp_path: Path) -> None:
    """A server without a key of the type, or without an exchange that we know, says what it has."""
    async with closed_port() as port:
        pass
    lines = ("KexAlgorithms diffie-hellman-group14-sha256",)
    async with sshd(keys, tmp_path, port, *lines, types=("rsa",)), asker("ssh") as probe:
        kex = await probe.ask(host="127.0.0.1", port=port)
    async with sshd(keys, tmp_path, port, types=("rsa",)), asker("ssh") as probe:
        key = await probe.ask(host="127.0.0.1", port=port, key_type="ed25519")
    assert (kex.outcome, kex.reason) == (Outcome.DOWN, Reason.VERSION_MISMATCH)
    assert "no key exchange in common: it offers diffie-hellman-group14-sha256" in kex.message
    assert "no host key in common: it offers rsa-sha2-512" in key.message


async def test_a_stopped_sshd_is_down(server: Sshd) -> None:
    """It still accepts connections; only its silence tells."""
    server.freeze()
    async with asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port, timeout=0.3)
    server.thaw()
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert result.message.startswith(f"no answer in time (127.0.0.1:{server.port}, ")
    assert list(result.phases) == ["dns", "connect", "banner"]


async def test_a_refused_connection() -> None:
    """Nothing listens."""
    async with closed_port() as port, asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=port)
    assert result.reason is Reason.CONNECT_REFUSED


async def test_too_slow(server: Sshd) -> None:
    """The whole check is timed."""
    async with asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port, expect={"degraded_over": "1us"})
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW)


BANNER = b"SSH-2.0-fake\r\n"
OFFER = bytes([20]) + bytes(16) + names(("curve25519-sha256",)) + names(("ssh-ed25519",)) + bytes(4 * 8 + 5)


class Fake:
    """An SSH server in the test's hands: `lie` changes the fields of its reply (key, public half, signature)."""

    def __init__(self, lie: Callable[[list[bytes]], None] = lambda _reply: None, before: bytes = b"") -> None:
        self.key = Ed25519PrivateKey.generate()
        self.lie, self.before = lie, before
        self.blob = string(b"ssh-ed25519") + string(self.key.public_key().public_bytes_raw())

    async def __call__(self, peer: Peer) -> None:
        theirs = await peer.ask(self.before + BANNER)
        assert theirs == OURS
        offered = await _packet(peer)
        await peer.say(packed(bytes([2]) + string(b"ignored")) + packed(OFFER))
        public = Fields((await _packet(peer))[1:]).string()
        private = X25519PrivateKey.generate()
        ours = private.public_key().public_bytes_raw()
        shared = int.from_bytes(private.exchange(X25519PublicKey.from_public_bytes(public)), "big")
        said = b"".join(map(string, (theirs, BANNER.strip(), offered, OFFER, self.blob, public, ours)))
        digest = hashlib.sha256(said + mpint(shared)).digest()
        reply = [self.blob, ours, string(b"ssh-ed25519") + string(self.key.sign(digest))]
        self.lie(reply)
        await peer.say(packed(bytes([31]) + b"".join(map(string, reply))))
        await peer.until_gone()


async def _packet(peer: Peer) -> bytes:
    size = int.from_bytes(await peer.reader.readexactly(4), "big")
    body = await peer.reader.readexactly(size)
    return body[1 : size - body[0]]


async def test_a_server_with_a_preamble() -> None:
    """Lines before the identification are allowed, and shown when something is wrong."""
    fake = Fake(before=b"Welcome to nowhere\r\nStay calm\n")
    async with talker(fake) as server, asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port, expect={"banner": "OpenSSH"})
    assert result.reason is Reason.RESPONSE_MISMATCH
    assert result.observations["host_key"] == fingerprint(fake.blob)
    assert result.excerpt == "Welcome to nowhere\nStay calm\nSSH-2.0-fake"


def _another_key(reply: list[bytes]) -> None:
    reply[0] = string(b"ssh-ed25519") + string(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


def _another_signature(reply: list[bytes]) -> None:
    reply[2] = string(b"ssh-ed25519") + string(bytes(64))


def _another_half(reply: list[bytes]) -> None:
    reply[1] = X25519PrivateKey.generate().public_key().public_bytes_raw()


def _no_half(reply: list[bytes]) -> None:
    reply[1] = bytes(32)


def _short_half(reply: list[bytes]) -> None:
    reply[1] = b"short"


def _another_type(reply: list[bytes]) -> None:
    reply[0] = string(b"ssh-rsa") + reply[0][15:]


UNPROVEN = "the answer breaks the rules of its protocol (the server could not prove that the host key is its own)"
UNREADABLE = "the answer breaks the rules of its protocol (a message of the key exchange cannot be read)"
LIES = [
    (_another_key, UNPROVEN), (_another_signature, UNPROVEN), (_another_half, UNPROVEN), (_another_type, UNPROVEN),
    (_no_half, UNREADABLE), (_short_half, UNREADABLE), (list[bytes].clear, UNREADABLE),
]  # fmt: skip


@pytest.mark.parametrize(("lie", "sentence"), LIES)
async def test_a_host_key_that_is_not_proven(lie: Callable[[list[bytes]], None], sentence: str) -> None:
    """Who shows another's host key cannot sign for it: its fingerprint is not even observed."""
    async with talker(Fake(lie)) as server, asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.PROTOCOL_ERROR)
    assert result.message == sentence
    assert "host_key" not in result.observations


def saying(data: bytes, *, stay: bool = True) -> Script:
    async def script(peer: Peer) -> None:
        await peer.say(data)
        if stay:
            await peer.until_gone()

    return script


def goodbye(words: bytes) -> bytes:
    return packed(bytes([1, 0, 0, 0, 2]) + string(words) + string(b""))


RULES = "the answer breaks the rules of its protocol "
FAULTS: dict[str, tuple[Script, Reason, str]] = {
    "silent": (silent, Reason.RESPONSE_TIMEOUT, "no answer in time (127.0.0.1:{port}, "),
    "closing": (saying(b"", stay=False), Reason.EMPTY_RESPONSE,
                "the server closed the connection without an answer (127.0.0.1:{port})"),
    "too many": (saying(b"Exceeded MaxStartups\r\n", stay=False), Reason.NOT_SERVING,
                 'the service says that it is not serving ("Exceeded MaxStartups")'),
    "another protocol": (saying(b"220 mail\r\n" * 60), Reason.PROTOCOL_ERROR,
                         RULES + '(no SSH identification but "220 mail")'),
    "a long line": (saying(b"SSH-2.0-" + b"x" * 2000 + b"\n"), Reason.PROTOCOL_ERROR,
                    RULES + "(a line longer than 1024 bytes)"),
    "an old version": (saying(b"SSH-1.5-old\r\n"), Reason.VERSION_MISMATCH,
                       'unexpected version of the protocol (expected SSH 2.0, it introduces itself as "SSH-1.5-old")'),
    "no version": (saying(b"SSH-\r\n"), Reason.VERSION_MISMATCH,
                   'unexpected version of the protocol (expected SSH 2.0, it introduces itself as "SSH-")'),
    "closing late": (saying(BANNER, stay=False), Reason.CONNECTION_RESET,
                     "the connection was broken off (127.0.0.1:{port})"),
    "huge packet": (saying(BANNER + b"\xff\xff\xff\xff"), Reason.PROTOCOL_ERROR,
                    RULES + "(a packet of 4294967295 bytes)"),
    "tiny packet": (saying(BANNER + bytes(4)), Reason.PROTOCOL_ERROR, RULES + "(a packet of 0 bytes)"),
    "padding only": (saying(BANNER + b"\0\0\0\x05\xff1234"), Reason.PROTOCOL_ERROR,
                     RULES + "(a packet of padding only)"),
    "endless nothing": (saying(BANNER + packed(b"\x02") * 30), Reason.PROTOCOL_ERROR,
                        RULES + "(more than 20 packets that say nothing)"),
    "goodbye": (saying(BANNER + goodbye(b"Too many\x1b connections")), Reason.CONNECTION_RESET,
                'the connection was broken off (the server said "Too many\\x1b connections")'),
    "cut goodbye": (saying(BANNER + packed(b"\x01")), Reason.CONNECTION_RESET,
                    'the connection was broken off (the server said "")'),
    "another message": (saying(BANNER + packed(b"\x05")), Reason.PROTOCOL_ERROR, UNREADABLE),
    "cut offer": (saying(BANNER + packed(OFFER[:40])), Reason.PROTOCOL_ERROR, UNREADABLE),
    "empty offer": (saying(BANNER + packed(bytes([20]) + bytes(16 + 4 * 10 + 5))), Reason.VERSION_MISMATCH,
                    "unexpected version of the protocol (no key exchange in common: it offers nothing, expected curve"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
async def test_servers_that_are_wrong(fault: str) -> None:
    """Every way of being wrong has its reason and sentence, and none is waited for longer than the check may take."""
    script, reason, sentence = FAULTS[fault]
    async with talker(script) as server, asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port, timeout=0.5)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.startswith(sentence.format(port=server.port)), result.message


@pytest.mark.parametrize("script", [closing, garbage])
async def test_nonsense(script: Script) -> None:
    """Nothing breaks the check."""
    async with talker(script) as server, asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port, timeout=0.3)
    assert result.outcome is Outcome.DOWN, result.message


async def test_a_wrong_guess_is_skipped() -> None:
    """A server that guessed our key exchange wrongly sends one packet for nothing (RFC 4253, 7)."""
    guessing = bytearray(bytes([20]) + bytes(16) + names(("other", "curve25519-sha256")) + names(("ssh-ed25519",)))
    guessing += bytes(4 * 8) + b"\x01" + bytes(4)

    async def script(peer: Peer) -> None:
        await peer.ask(BANNER)
        await _packet(peer)
        await peer.say(packed(bytes(guessing)) + packed(b"\x1e guess"))
        await _packet(peer)
        await peer.say(packed(b"\x1f" + string(b"key") + string(b"short") + string(b"")))
        await peer.until_gone()

    async with talker(script) as server, asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port)
    assert result.message == UNREADABLE, "it got as far as the reply"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_hostile_keys_prove_nothing(blob: bytes, signature: bytes) -> None:
    """Any bytes in place of a key and its signature are refused, never more."""
    for algorithm in (name for one in ALGORITHMS.values() for name in one):
        kind = b"ssh-rsa" if algorithm.startswith("rsa") else algorithm.encode()
        for key, form in ((blob, signature), (string(kind) + blob, string(algorithm.encode()) + string(signature))):
            with pytest.raises(Unproven):
                prove(algorithm, key, form, b"signed")
    assert isinstance(type_of(blob), str)


def test_keys_that_are_too_expensive_are_not_checked() -> None:
    """An RSA key of a megabit, or with a huge exponent, costs nothing."""
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    for exponent, modulus in ((65537, 1 << 100_000 | 1), (1 << 1000 | 1, numbers.n)):
        blob = string(b"ssh-rsa") + mpint(exponent) + mpint(modulus)
        with pytest.raises(Unproven):
            prove("rsa-sha2-512", blob, string(b"rsa-sha2-512") + string(bytes(256)), b"")


def test_sha1_signatures_are_not_taken() -> None:
    """ssh-rsa as a signature is SHA-1."""
    with pytest.raises(Unproven):
        prove("ssh-rsa", string(b"ssh-rsa"), string(b"ssh-rsa") + string(b""), b"")


@given(st.integers(min_value=0, max_value=1 << 600))
def test_numbers_survive_the_wire(number: int) -> None:
    """An mpint reads back as what was written (RFC 4251, 5)."""
    assert Fields(mpint(number)).number() == number


@given(st.binary(max_size=300))
def test_packets_are_well_formed(payload: bytes) -> None:
    """A multiple of 8 bytes, at least 4 of padding."""
    whole = packed(payload)
    assert len(whole) % 8 == 0
    assert int.from_bytes(whole[:4], "big") == len(whole) - 4
    assert whole[4] >= 4
    assert whole[5 : 5 + len(payload)] == payload


def test_fields_end_where_they_end() -> None:
    """Reading past the end is said to be malformed."""
    with pytest.raises(Malformed):
        Fields(b"\0\0\0\x05abc").string()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"expect": {"host_keys": "MD5:00:11"}}, "'MD5:00:11' is no host key: write SHA256:… as `ssh-keygen -lf`"),
    ({"expect": {"host_keys": "SHA256:short"}}, "is no host key"),
    ({"expect": {"host_keys": "ssh-ed25519 AAAA!"}}, "is no host key"),
    (
        {"key_exchange": False, "expect": {"host_keys": "SHA256:" + "A" * 43}},
        "expect.host_keys needs key_exchange: true",
    ),
    ({"key_type": "dsa"}, "Input should be 'any', 'ed25519', 'ecdsa' or 'rsa'"),
    ({"host": "bastion:22"}, "write it without scheme and port"),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG)
def test_wrong_options_say_what_is_right(options: dict[str, Any], sentence: str) -> None:
    """Each mistake has its sentence."""
    with pytest.raises(ValidationError, match=sentence):
        SshOptions.model_validate({"host": "a.example"} | options)


def test_the_example() -> None:
    """The documentation's monitor reads as it stands."""
    options = yaml.safe_load(SshOptions.example)
    assert (options.pop("name"), options.pop("kind")) == ("bastion", "ssh")
    read = SshOptions.model_validate(options)
    assert (read.target(), read.host()) == ("bastion.acme.example:22", "bastion.acme.example")
    assert SshOptions.model_json_schema()


def test_fingerprints_are_written_as_ssh_keygen_does(keys: Path) -> None:
    """Without padding, over the key's own bytes."""
    blob = base64.b64decode((keys / "rsa.pub").read_text().split()[1])
    shown = subprocess.run(["ssh-keygen", "-lf", keys / "rsa.pub"], capture_output=True, text=True, check=True)
    assert fingerprint(blob) in shown.stdout
