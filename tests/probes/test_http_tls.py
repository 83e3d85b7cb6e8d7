"""Certificates: what a good one shows, and every bad one told by its own reason, though verification refused it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from saasobs.core.result import Outcome, Reason
from saasobs.probes.net.certificate import Certificate, is_for, read_chain, what_is_wrong
from support.badhttp import BadServer, bad_server, closed_port
from support.probing import Prober
from support.tls import Certificates, Identity

Pick = Callable[[Certificates], Identity]

BAD: list[tuple[Pick, Reason, str]] = [
    (Certificates.expired, Reason.CERTIFICATE_EXPIRED, "the certificate has expired (O=trustme v"),
    (Certificates.not_yet_valid, Reason.CERTIFICATE_NOT_YET_VALID, "the certificate is not valid yet (O=trustme v"),
    (Certificates.wrong_host, Reason.CERTIFICATE_WRONG_HOST,
     "the certificate is for another host (it names other.example, not 127.0.0.1)"),
    (Certificates.untrusted, Reason.CERTIFICATE_UNTRUSTED, "the certificate's issuer is not trusted (O=trustme v"),
    (Certificates.self_signed, Reason.CERTIFICATE_UNTRUSTED,
     "the certificate's issuer is not trusted (CN=self-signed.example, issued by CN=self-signed.example)"),
]  # fmt: skip


@pytest.mark.parametrize(("pick", "reason", "sentence"), BAD, ids=[case[0].__name__ for case in BAD])
async def test_a_bad_certificate_is_down_and_described(
    probe: Prober, certificates: Certificates, pick: Pick, reason: Reason, sentence: str
) -> None:
    """Refused certificates keep the target down, and are described all the same."""
    identity = pick(certificates)
    async with bad_server(identity.context()) as server:
        result = await probe.get(server.url("/status/200"), ca_file=str(identity.ca_file))
        assert not server.asked, "nothing is asked of a server that is not trusted"
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.startswith(sentence)
    assert "certificate" in result.observations
    assert list(result.phases) == ["dns", "connect", "tls"]


async def test_a_good_certificate_is_described(probe: Prober, certificates: Certificates) -> None:
    """A trusted chain is up, with its names, issuer and days left."""
    identity = certificates.good()
    async with bad_server(identity.context()) as server:
        result = await probe.get(server.url("/status/200"), ca_file=str(identity.ca_file))
    assert result.outcome is Outcome.UP, result.message
    seen = result.observations["certificate"]
    assert 89 < seen["days_left"] <= 90
    assert seen["names"] == ["localhost", "127.0.0.1", "good.test"]
    assert seen["subject"].startswith("O=trustme v")
    assert seen["issuer"].startswith("O=trustme v")
    assert seen["not_after_us"] > seen["days_left"]
    assert list(result.phases) == ["dns", "connect", "tls", "first_byte", "transfer"]
    assert sum(result.phases.values()) == result.duration


async def test_a_certificate_that_expires_soon_is_degraded_then_down(probe: Prober, certificates: Certificates) -> None:
    """Below fourteen days is degraded, below three is down, and both are the file's to say."""
    async with bad_server(certificates.expiring(10).context()) as server:
        url = server.url("/status/200")
        trust: dict[str, Any] = {"ca_file": str(certificates.ca_file)}
        warned = await probe.get(url, **trust)
        down = await probe.get(url, **trust, expect={"certificate_days_down": 11})
        allowed = await probe.get(url, **trust, expect={"certificate_days": 9})
    assert (warned.outcome, warned.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING)
    assert warned.message.endswith("expires in 10.0 days, expected at least 14 days (degraded)")
    assert warned.failures[0].degraded
    assert (down.outcome, down.reason) == (Outcome.DOWN, Reason.CERTIFICATE_EXPIRING)
    assert down.message.endswith("expires in 10.0 days, expected at least 11 days")
    assert allowed.outcome is Outcome.UP


async def test_the_last_three_days_of_a_certificate_are_down(probe: Prober, certificates: Certificates) -> None:
    """Unless the file says otherwise."""
    async with bad_server(certificates.expiring(2.9).context()) as server:
        result = await probe.get(server.url("/status/200"), ca_file=str(certificates.ca_file))
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CERTIFICATE_EXPIRING)


async def test_the_certificate_of_every_hop_counts(probe: Prober, certificates: Certificates, bad: BadServer) -> None:
    """Of several certificates on the way the one that expires first is watched, wherever the way ends."""
    good, expiring = certificates.good(), certificates.expiring(3)
    async with bad_server(good.context()) as first, bad_server(expiring.context()) as second:
        ways = [second.url(f"/redirect?to={bad.url('/status/200')}")]
        ways += [
            one.url(f"/redirect?to={other.url('/status/200')}") for one, other in ((first, second), (second, first))
        ]
        for way in ways:
            result = await probe.get(way, ca_file=str(good.ca_file))
            assert result.reason is Reason.CERTIFICATE_EXPIRING, result.message


async def test_a_ca_file_that_broke_is_our_fault(probe: Prober, certificates: Certificates, tmp_path: Path) -> None:
    """A CA file without certificates says nothing about the target."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("nothing in here")
    async with bad_server(certificates.good().context()) as server:
        result = await probe.get(server.url("/status/200"), ca_file=str(ca_file))
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL), result.message
    assert result.message.startswith("the check failed inside this daemon (")


async def test_verification_can_be_switched_off(probe: Prober, certificates: Certificates) -> None:
    """`verify: false` takes any certificate, says so loudly, and still judges its end."""
    async with bad_server(certificates.expired().context()) as server:
        result = await probe.get(server.url("/status/200"), verify=False)
        without = {"certificate_days": 0, "certificate_days_down": 0}
        quiet = await probe.get(server.url("/status/200"), verify=False, expect=without)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CERTIFICATE_EXPIRING)
    assert "expired 2.0 days ago" in result.message
    assert quiet.outcome is Outcome.UP
    assert quiet.observations["insecure"] is True


async def test_only_what_was_not_verified_is_marked(probe: Prober, certificates: Certificates, bad: BadServer) -> None:
    """The mark is for connections that anybody could have answered, not for plain HTTP nor for verified TLS."""
    assert "insecure" not in (await probe.get(bad.url("/status/200"), verify=False)).observations
    async with bad_server(certificates.good().context()) as server:
        result = await probe.get(server.url("/status/200"), ca_file=str(certificates.ca_file))
    assert "insecure" not in result.observations


@pytest.mark.parametrize("path", ["/status/500", "/reset", "/silent", "/bad-chunks", "/big", "/garbage"])
async def test_a_certificate_is_described_whatever_failed(probe: Prober, certificates: Certificates, path: str) -> None:
    """A check that fails for another reason still says whose certificate it met, and until when it is good."""
    async with bad_server(certificates.good().context()) as server:
        result = await probe.get(server.url(path), timeout=1.0, ca_file=str(certificates.ca_file))
    assert result.outcome is Outcome.DOWN
    assert 89 < result.observations["certificate"]["days_left"] <= 90
    assert sum(result.phases.values()) == result.duration


async def test_the_certificate_of_a_hop_is_kept_when_a_later_one_fails(
    probe: Prober, certificates: Certificates, bad: BadServer
) -> None:
    """What was seen on the way is told, though the way ended in nothing."""
    async with bad_server(certificates.expiring(10).context()) as server, closed_port() as port:
        for to in (bad.url("/reset"), f"https://127.0.0.1:{port}/"):
            result = await probe.get(server.url(f"/redirect?to={to}"), ca_file=str(certificates.ca_file))
            assert result.reason in (Reason.CONNECTION_RESET, Reason.CONNECT_REFUSED)
            assert 9 < result.observations["certificate"]["days_left"] <= 10


async def test_a_new_ca_file_is_used_from_the_next_check_on(
    probe: Prober, certificates: Certificates, tmp_path: Path
) -> None:
    """The file is looked at every time, and a check that is under way with the old one ends in peace."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(trustme.CA().cert_pem.bytes())
    async with bad_server(certificates.good().context()) as server:
        before = await probe.get(server.url("/status/200"), ca_file=str(ca_file))
        waiting = asyncio.create_task(probe.get(server.url("/slow"), ca_file=str(ca_file), verify=False))
        await asyncio.sleep(0.02)
        ca_file.write_bytes(certificates.ca_file.read_bytes())
        after = await probe.get(server.url("/status/200"), ca_file=str(ca_file))
        meanwhile = await waiting
    assert (before.reason, after.outcome) == (Reason.CERTIFICATE_UNTRUSTED, Outcome.UP)
    assert meanwhile.outcome is Outcome.UP, meanwhile.message
    assert len(probe.probe._fetcher._engines) == 1


async def test_two_ca_files_side_by_side(probe: Prober, certificates: Certificates) -> None:
    """Each CA file has its own engine: a trust given to one monitor is no trust for another."""
    identity = certificates.good()
    async with bad_server(identity.context()) as server:
        for _ in range(2):
            trusted = await probe.get(server.url("/status/200"), ca_file=str(identity.ca_file))
            system = await probe.get(server.url("/status/200"))
            assert (trusted.outcome, system.reason) == (Outcome.UP, Reason.CERTIFICATE_UNTRUSTED)


async def test_every_check_shakes_hands_anew(probe: Prober, certificates: Certificates) -> None:
    """No connection and no TLS session is carried from one check to the next."""
    identity = certificates.good()
    context = identity.context()
    async with bad_server(context) as server:
        for _ in range(3):
            result = await probe.get(server.url("/status/200"), ca_file=str(identity.ca_file))
            assert result.phases["tls"] > 0
        assert server.connections == 3
    assert context.session_stats()["hits"] == 0


def test_names_follow_the_rules_for_wildcards() -> None:
    """A wildcard stands for one whole label, addresses compare as addresses (RFC 9525)."""
    held = Certificate("s", "i", 0, 1, ("*.a.example", "b.example", "::1"))
    assert all(is_for(held, host) for host in ("x.a.example", "b.example", "0:0:0:0:0:0:0:1", "b.example."))
    assert not any(is_for(held, host) for host in ("a.example", "x.y.a.example", "c.example", "127.0.0.1"))


def test_what_is_wrong_looks_at_the_certificate_first() -> None:
    """An expired chain is called expired whatever else is wrong; an unknown number is an invalid certificate."""
    fine, old = Certificate("s", "i", 0, 100, ("h",)), Certificate("s", "i", 0, 10, ("h",))
    assert what_is_wrong((fine, old), "h", 20, now=50) is Reason.CERTIFICATE_EXPIRED
    assert what_is_wrong((Certificate("s", "i", 60, 100, ()),), "h", 20, now=50) is Reason.CERTIFICATE_NOT_YET_VALID
    assert what_is_wrong((fine,), "h", 20, now=50) is Reason.CERTIFICATE_UNTRUSTED
    assert what_is_wrong((fine,), "other", 1, now=50) is Reason.CERTIFICATE_WRONG_HOST
    assert what_is_wrong((fine,), "h", 66, now=50) is Reason.CERTIFICATE_INVALID
    assert what_is_wrong((), "h", 10, now=50) is Reason.CERTIFICATE_EXPIRED


def test_a_certificate_without_readable_dates_is_left_out() -> None:
    """What cannot be read is not guessed."""
    assert read_chain([[("Subject", "CN = a")], [("Start date", "never"), ("Expire date", "never")]]) == ()
