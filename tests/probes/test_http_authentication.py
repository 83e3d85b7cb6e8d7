"""Who asks: basic, bearer, digest, and tokens of OAuth2 that are fetched once and kept."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote

import pytest

from saasobs.core.result import Outcome, Reason
from saasobs.probes.http import tokens
from saasobs.probes.http.exchange import Seen
from support.badhttp import Asked, BadServer, Path, Wire, bad_server, closed_port
from support.dns import Zone, dns_server
from support.probing import Prober, check, monitor, prober
from support.tls import Certificates
from support.tokens import TokenServer

BOB = {"kind": "basic", "user": "bob", "password": "s@fe"}


async def test_basic(probe: Prober, bad: BadServer) -> None:
    """The login goes with the first request; a wrong one is told as refused, not as any odd status."""
    good = await probe.get(bad.url("/basic"), auth=BOB)
    wrong = await probe.get(bad.url("/basic"), auth={**BOB, "password": "other"})
    none = await probe.get(bad.url("/basic"))
    assert (good.outcome, len(bad.asked)) == (Outcome.UP, 3)
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED)
    assert wrong.message == "the login was refused: status 401, expected 200-299"
    assert (none.reason, none.message) == (Reason.STATUS_MISMATCH, "status 401, expected 200-299")
    assert "other" not in repr(wrong)


async def test_a_401_can_be_what_is_expected(probe: Prober, bad: BadServer) -> None:
    """To prove that a wrong login is not let in is a check as good as any."""
    result = await probe.get(bad.url("/basic"), auth={**BOB, "password": "x"}, expect={"status": 401})
    assert result.outcome is Outcome.UP


async def test_bearer(probe: Prober, bad: BadServer) -> None:
    """A fixed token."""
    result = await probe.get(bad.url("/echo"), auth={"kind": "bearer", "token": "abc.def"})
    assert result.outcome is Outcome.UP
    assert bad.asked[0].headers["authorization"] == "Bearer abc.def"
    assert "abc.def" not in repr(result)


class Digest:
    """``/digest`` wants bob, s@fe (RFC 7616 with qop=auth)."""

    def __init__(self, algorithm: str = "SHA-256") -> None:
        self.algorithm = algorithm
        self.challenges = 0

    def paths(self) -> dict[str, Path]:
        return {"/digest": self._answer}

    def _hash(self, text: str) -> str:
        return (hashlib.md5 if self.algorithm == "MD5" else hashlib.sha256)(text.encode()).hexdigest()

    async def _answer(self, wire: Wire, asked: Asked) -> None:
        said = asked.headers.get("authorization", "")
        if said.startswith("Digest "):
            fields = {name: a or b for name, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', said)}
            secret, what = self._hash("bob:here:s@fe"), self._hash(f"{asked.method}:{fields['uri']}")
            parts = (secret, "n0nce", fields["nc"], fields["cnonce"], "auth", what)
            if fields["response"] == self._hash(":".join(parts)):
                await wire.answer(200, b"in: " + asked.body)
                return
        self.challenges += 1
        wanted = f'Digest realm="here", nonce="n0nce", qop="auth", algorithm={self.algorithm}'
        await wire.answer(401, b"out", WWW_Authenticate=wanted)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_digest(probe: Prober, algorithm: str) -> None:
    """Challenged once, let in, and both requests are in the check's time; a wrong password is told."""
    digest = Digest(algorithm)
    auth = {"kind": "digest", "user": "bob", "password": "s@fe"}
    async with bad_server(paths=digest.paths()) as server:
        good = await probe.get(server.url("/digest?a=1"), auth=auth, method="POST", body="payload")
        wrong = await probe.get(server.url("/digest"), auth={**auth, "password": "x"})
    assert good.outcome is Outcome.UP, good.message
    assert good.observations["body_bytes"] == len("in: payload")
    assert good.observations["redirects"] == 0
    assert list(good.phases) == ["dns", "connect", "first_byte", "transfer"]
    assert sum(good.phases.values()) == good.duration
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED)
    assert digest.challenges == 3
    assert not any("s@fe" in str(asked) for asked in server.asked)


async def test_a_login_is_for_its_origin_alone(probe: Prober, bad: BadServer) -> None:
    """No kind of login follows a redirect elsewhere, and none is left on the handle for the next check."""
    digest = Digest()
    for auth in (BOB, {"kind": "bearer", "token": "abc"}, {**BOB, "kind": "digest"}):
        async with bad_server(paths=digest.paths()) as other:
            to = other.url("/digest")
            await probe.get(bad.url(f"/redirect?to={quote(to)}"), auth=auth)
            assert "authorization" not in other.asked[0].headers
            await probe.get(to)
            assert "authorization" not in other.asked[-1].headers


# OAuth2 ------------------------------------------------------------------------------------------------------------


@dataclass
class Realm:
    tokens: TokenServer
    server: BadServer

    def auth(self, **more: Any) -> dict[str, Any]:
        token_url = self.server.url("/token")
        return {"kind": "oauth2", "token_url": token_url, "client_id": "me", "client_secret": "s3cr3t&:%", **more}

    @property
    def url(self) -> str:
        return self.server.url("/guarded")

    def token_requests(self) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.path == "/token"]


@pytest.fixture
async def realm() -> AsyncIterator[Realm]:
    served = TokenServer()
    async with bad_server(paths=served.paths()) as server:
        yield Realm(served, server)


async def test_a_token_is_fetched_once_and_kept(probe: Prober, realm: Realm) -> None:
    """The first check fetches it, the others use it, and monitors that ask alike share it."""
    first = await probe.get(realm.url, auth=realm.auth(scope="a b"))
    second = await probe.get(realm.url, auth=realm.auth(scope="a b"))
    assert (first.outcome, second.outcome) == (Outcome.UP, Outcome.UP), first.message
    assert first.observations["token_us"] > 0
    assert "token_us" not in second.observations
    assert "token" not in first.phases
    assert sum(first.phases.values()) == first.duration
    assert len(realm.tokens.given) == 1
    other = await probe.get(realm.url, auth=realm.auth(scope="c"))
    assert (other.outcome, len(realm.tokens.given)) == (Outcome.UP, 2)


async def test_what_is_sent_to_the_token_endpoint(probe: Prober, realm: Realm) -> None:
    """RFC 6749: the form, and the client's login form-encoded in the header or in the body."""
    more = {"scope": "read write", "audience": "https://api", "parameters": {"resource": "r1"}}
    await probe.get(realm.url, auth=realm.auth(**more), correlation_id="c0rr")
    await probe.get(realm.url, auth=realm.auth(client_authentication="body"))
    first, second = realm.token_requests()
    form = {"grant_type": ["client_credentials"], "scope": ["read write"], "audience": ["https://api"]}
    assert parse_qs(first.body.decode()) == form | {"resource": ["r1"]}
    assert first.headers["authorization"] == "Basic bWU6czNjcjN0JTI2JTNBJTI1"  # me:s3cr3t%26%3A%25
    assert first.headers["content-type"] == "application/x-www-form-urlencoded"
    assert first.method == "POST"
    assert not {"traceparent", "x-request-id"} & first.headers.keys()
    assert parse_qs(second.body.decode()) == {
        "grant_type": ["client_credentials"], "client_id": ["me"], "client_secret": ["s3cr3t&:%"],
    }  # fmt: skip
    assert "authorization" not in second.headers


async def test_one_fetch_at_a_time(probe: Prober, realm: Realm) -> None:
    """Twenty checks that start at once ask for one token."""
    realm.tokens.delay = 0.1
    results = await asyncio.gather(*(probe.get(realm.url, auth=realm.auth()) for _ in range(20)))
    assert {result.outcome for result in results} == {Outcome.UP}
    assert len(realm.tokens.given) == 1


async def test_who_waits_for_anothers_fetch_keeps_its_own_deadline(probe: Prober, realm: Realm) -> None:
    """A short timeout ends while a long one still waits, and says for whom; the token is good for the next."""
    realm.tokens.delay = 0.4
    patient = asyncio.create_task(probe.get(realm.url, auth=realm.auth()))
    await asyncio.sleep(0.05)
    hasty = await probe.get(realm.url, timeout=0.1, auth=realm.auth())
    assert hasty.reason is Reason.AUTHENTICATION_FAILED
    assert "/token: no answer in time (" in hasty.message
    assert list(hasty.phases) == ["token"]
    assert (await patient).outcome is Outcome.UP


async def test_a_token_is_not_used_to_its_last_second(probe: Prober, realm: Realm, monkeypatch: Any) -> None:
    """A minute before its end, or in the last tenth of a short life, another one is fetched."""
    now = 1000.0
    monkeypatch.setattr("saasobs.probes.http.tokens.time", SimpleNamespace(monotonic=lambda: now))
    realm.tokens.lifetime = 3600
    await probe.get(realm.url, auth=realm.auth())
    now += 3539
    await probe.get(realm.url, auth=realm.auth())
    assert len(realm.tokens.given) == 1
    now += 2
    await probe.get(realm.url, auth=realm.auth())
    assert len(realm.tokens.given) == 2


LIVES = [(3600, 3540), (100, 90), ("120", 108), (None, 270), ("soon", 270), (-5, 270), (True, 0.9), (1e300, 86_400),
         (float("nan"), 270), (10**400, 270)]  # fmt: skip


@pytest.mark.parametrize(("said", "kept"), LIVES, ids=[str(case[0])[:8] for case in LIVES])
def test_how_long_a_token_is_kept(said: object, kept: float) -> None:
    """By what the endpoint says, less a margin; five minutes' worth where it says nothing that makes sense."""
    assert tokens._life(said) == pytest.approx(kept)


async def test_a_token_that_was_withdrawn_is_fetched_anew_once(probe: Prober, realm: Realm) -> None:
    """The target's 401 to a kept token leads to a new one in the same check."""
    await probe.get(realm.url, auth=realm.auth())
    realm.tokens.good.clear()
    again = await probe.get(realm.url, auth=realm.auth())
    assert again.outcome is Outcome.UP, again.message
    assert again.observations["token_renewed"] is True
    assert again.observations["redirects"] == 0
    assert len(realm.tokens.given) == 2


async def test_a_new_token_that_is_refused_is_the_end(probe: Prober, realm: Realm) -> None:
    """One renewal, no more: a target that takes no token is not asked for ever."""
    realm.tokens.stubborn = True
    fresh = await probe.get(realm.url, auth=realm.auth())
    assert (fresh.reason, len(realm.tokens.given)) == (Reason.AUTHENTICATION_FAILED, 1)
    kept = await probe.get(realm.url, auth=realm.auth())
    assert (kept.reason, len(realm.tokens.given)) == (Reason.AUTHENTICATION_FAILED, 2)
    assert kept.message == "the login was refused: status 401, expected 200-299"


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"status": 400, "raw": b'{"error": "invalid_scope", "error_description": "no \\u001b[31msuch"}'},
     r"status 400, invalid_scope: no \x1b[31msuch"),
    ({"status": 401, "raw": b'{"error": "invalid_client", "client_secret": "s3cr3t"}'}, "status 401, invalid_client"),
    ({"status": 500, "raw": b"oops"}, "status 500"),
    ({"status": 302}, "status 302"),
    ({"raw": b"[]"}, "its answer holds no access_token"),
    ({"raw": b"\xff\xfe"}, "its answer holds no access_token"),
    ({"answer": {"access_token": None}}, "its answer holds no access_token"),
    ({"answer": {"access_token": 5}}, "its answer holds no access_token"),
    ({"answer": {"access_token": "a\r\nX-Evil: 1"}}, "its access_token cannot be sent in a header"),
    ({"answer": {"token_type": "mac"}}, "its token is of type mac, only Bearer can be used"),
    ({"raw": b"x" * 70_000}, "the answer is larger than allowed (more than 64 KiB)"),
]  # fmt: skip


@pytest.mark.parametrize(("says", "sentence"), REFUSALS, ids=[case[1][:30] for case in REFUSALS])
async def test_a_token_endpoint_that_gives_none(
    probe: Prober, realm: Realm, says: dict[str, Any], sentence: str
) -> None:
    """The target is not asked; the check says which endpoint, and what it said."""
    for name, value in says.items():
        setattr(realm.tokens, name, value)
    result = await probe.get(realm.url, auth=realm.auth())
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED)
    assert result.message == f"the login was refused (no token from {realm.server.url('/token')}: {sentence})"
    assert list(result.phases) == ["token"]
    assert sum(result.phases.values()) == result.duration
    assert [asked.path for asked in realm.server.asked] == ["/token"]
    assert "s3cr3t" not in repr(result)


async def test_a_token_endpoint_that_is_not_there(probe: Prober, realm: Realm) -> None:
    """Refused connections, silence and unknown names come through in the sentence, secrets do not."""
    async with closed_port() as port:
        gone = await probe.get(realm.url, auth=realm.auth(token_url=f"http://127.0.0.1:{port}/t?api_key=k3y"))
    silent = await probe.get(realm.url, timeout=0.2, auth=realm.auth(token_url=realm.server.url("/silent")))
    assert gone.reason is silent.reason is Reason.AUTHENTICATION_FAILED
    assert "api_key=***: the connection was refused: nothing listens there" in gone.message
    assert "/silent: no answer in time (127.0.0.1:" in silent.message


async def test_a_token_is_asked_for_by_the_monitors_own_way(realm: Realm, certificates: Certificates) -> None:
    """The token endpoint is reached by the same trust and the same name servers."""
    zone = Zone(addresses={"login.test": ("127.0.0.1",)})
    served = TokenServer()
    identity = certificates.good()
    async with (
        dns_server(zone) as address,
        prober() as probe,
        bad_server(identity.context(), paths=served.paths()) as login,
    ):
        auth = realm.auth(token_url=login.url("/token", "localhost"))
        untrusted = await probe.get(realm.url, auth=auth)
        await probe.get(realm.url, auth=auth, ca_file=str(identity.ca_file))
        assert untrusted.reason is Reason.AUTHENTICATION_FAILED
        assert "the certificate's issuer is not trusted" in untrusted.message
        assert len(served.given) == 1
        by_name = realm.auth(token_url=realm.server.url("/token", "login.test"))
        assert (await probe.get(realm.url, auth=by_name, nameservers=[address])).outcome is Outcome.UP


async def test_a_pinned_address_is_not_the_token_endpoints(realm: Realm) -> None:
    """`address` is where the URL's host is; the token endpoint has its own."""
    async with prober() as probe:
        pinned = realm.url.replace("127.0.0.1", "api.test")
        result = await probe.get(pinned, auth=realm.auth(), address="127.0.0.1")
    assert result.outcome is Outcome.UP, result.message


async def test_others_use_the_engine_with_a_token(realm: Realm) -> None:
    """`Fetcher.fetch` logs in for every kind, and always leaves at least one hop."""
    async with prober() as probe:
        fetcher = probe.probe._fetcher
        asking = monitor(url=realm.url, auth=realm.auth())
        seen = Seen()
        await fetcher.fetch(asking.options, asking, check(), seen)
        assert (seen.trouble, seen.body, len(seen.hops)) == (None, b"in", 1)
        realm.tokens.status = 500
        asking = monitor(url=realm.url, auth=realm.auth(scope="other"))
        failed = Seen()
        await fetcher.fetch(asking.options, asking, check(), failed)
        assert failed.trouble is not None
        assert failed.duration() == sum(failed.phases().values()) > 0
