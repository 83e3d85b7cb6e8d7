"""The domain kind against an RDAP server on loopback, on a clock that a test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.core.values import DAY, HOUR, MINUTE, from_datetime, isoformat, parse_duration, to_datetime
from saasobs.probes import KINDS, Tools
from saasobs.probes.domain import DomainProbe
from saasobs.probes.rdap import read, server_for
from support.badhttp import bad_server, closed_port
from support.probing import Others, Pings, SetClock, check, monitor
from support.rdap import Registry, registration, registry

NOW = parse_duration("20000d")


@dataclass
class Watch:
    """One probe, the clock it reads and the registry it asks."""

    probe: DomainProbe
    clock: SetClock
    registry: Registry

    async def ask(self, timeout: float = 5.0, public_only: bool = False, **options: Any) -> Result:
        asked = monitor("domain", timeout, public_only, domain="acme.example", **options)
        return await self.probe.check(asked, check())

    @property
    def questions(self) -> int:
        return sum("/domain/" in path for path in self.registry.asked)


@pytest.fixture
def known() -> Iterator[Registry]:
    with registry() as found:
        found.domains["acme.example"] = registration(NOW)
        yield found


@pytest.fixture
async def watch(known: Registry) -> AsyncIterator[Watch]:
    clock = SetClock(NOW)
    probe = DomainProbe(Tools(clock, Pings(), Others()), known.bootstrap)
    yield Watch(probe, clock, known)
    await probe.close()


async def test_a_registration_in_force_is_up(watch: Watch) -> None:
    """The registry is found by IANA's list, and what it says is kept as facts."""
    result = await watch.ask()
    assert (result.outcome, result.message) == (Outcome.UP, "")
    assert watch.registry.asked == ["/dns.json", "/v1/domain/acme.example"]
    assert watch.registry.accepted[-1] == "application/rdap+json, application/json"
    assert result.observations == {
        "domain": "acme.example",
        "expires_at": isoformat(NOW + 200 * DAY),
        "days_left": 200.0,
        "registered_at": isoformat(NOW - 4000 * DAY),
        "registrar": "Example Registrar Ltd.",
        "statuses": ["active", "client transfer prohibited"],
        "name_servers": ["ns1.acme.example", "ns2.acme.example"],
        "asked_at": isoformat(NOW),
        "registry": f"{watch.registry.url}/",
    }
    assert sum(result.phases.values()) == result.duration > 0


@pytest.mark.parametrize(
    ("days", "outcome", "reason", "said"),
    [
        (30.1, Outcome.UP, None, ""),
        (29.9, Outcome.DEGRADED, Reason.DOMAIN_EXPIRING, "acme.example expires in 29.9 days, on 2024-11-02, expected"),
        (7.1, Outcome.DEGRADED, Reason.DOMAIN_EXPIRING, "acme.example expires in 7.1 days"),
        (6.9, Outcome.DOWN, Reason.DOMAIN_EXPIRING, "acme.example expires in 6.9 days"),
        (-1.5, Outcome.DOWN, Reason.DOMAIN_EXPIRED, "acme.example expired 1.5 days ago, on 2024-10-02"),
    ],
)
async def test_expiry_is_told_in_time(
    watch: Watch, days: float, outcome: Outcome, reason: Reason | None, said: str
) -> None:
    """Degraded within thirty days, down within seven."""
    watch.registry.domains["acme.example"] = registration(NOW, days)
    result = await watch.ask()
    assert (result.outcome, result.reason) == (outcome, reason)
    assert result.message.startswith(said)


async def test_the_days_can_be_set(watch: Watch) -> None:
    """Other limits, or none."""
    watch.registry.domains["acme.example"] = registration(NOW, 40)
    assert (await watch.ask(expect={"expires_days": 60})).outcome is Outcome.DEGRADED
    assert (await watch.ask(expect={"expires_days": 60, "expires_days_down": 45})).outcome is Outcome.DOWN
    assert (await watch.ask(expect={"expires_days": 0, "expires_days_down": 0})).outcome is Outcome.UP


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("client hold", Reason.DOMAIN_HELD, "has the status client hold: the registrar has taken it out of the DNS"),
        ("serverHold", Reason.DOMAIN_HELD, "has the status server hold: the registry has taken it out of the DNS"),
        ("redemption period", Reason.DOMAIN_EXPIRED, "has the status redemption period: it was deleted"),
        ("pending delete", Reason.DOMAIN_EXPIRED, "has the status pending delete: it is about to be free for anyone"),
    ],
)
async def test_a_domain_out_of_service_is_down(watch: Watch, status: str, reason: Reason, said: str) -> None:
    """Whatever its expiry says: the status tells that it does not work, in RDAP's words or EPP's."""
    watch.registry.domains["acme.example"] = registration(NOW, 300, "active", status)
    result = await watch.ask()
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason)
    assert said in result.message


async def test_what_else_may_be_expected(watch: Watch) -> None:
    """Registrar, name servers and the transfer lock, each with what was seen."""
    good = {"registrar": "example registrar", "name_servers": ["NS2.acme.example", "ns1.acme.example"]}
    assert (await watch.ask(expect={**good, "transfer_lock": True})).outcome is Outcome.UP
    wrong = await watch.ask(expect={"registrar": "Other Inc"})
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.VALUE_MISMATCH)
    assert wrong.message == "the registrar is Example Registrar Ltd., expected Other Inc"
    moved = await watch.ask(expect={"name_servers": ["ns1.acme.example"]})
    assert moved.message == "it is delegated to ns1.acme.example, ns2.acme.example, expected ns1.acme.example"
    watch.registry.domains["acme.example"] = registration(NOW, 300, "active")
    watch.clock.at += 6 * HOUR
    unlocked = await watch.ask(expect={"transfer_lock": True})
    assert (unlocked.outcome, unlocked.failures[0].seen) == (Outcome.DEGRADED, "no lock")


async def test_a_domain_that_nobody_has_is_down(watch: Watch) -> None:
    """The registry's 404 is an answer."""
    watch.registry.domains.clear()
    result = await watch.ask()
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.DOMAIN_NOT_FOUND)
    assert result.message == "the domain is not registered: its registry knows no acme.example"


async def test_a_known_domain_must_be_missing_twice(watch: Watch) -> None:
    """A registry that stumbles once raises no alarm; ten minutes later it is believed."""
    await watch.ask()
    watch.registry.domains.clear()
    watch.clock.at += 6 * HOUR
    first = await watch.ask()
    assert (first.outcome, first.observations["trouble"]) == (Outcome.UP, "it answers 404")
    watch.clock.at += 10 * MINUTE
    assert (await watch.ask()).reason is Reason.DOMAIN_NOT_FOUND


# Politeness


async def test_one_question_in_six_hours(watch: Watch) -> None:
    """However often it is checked, and by however many monitors; meanwhile the answer is judged by the clock."""
    watch.registry.domains["acme.example"] = registration(NOW, 30.2)
    for _ in range(3):
        assert (await watch.ask()).outcome is Outcome.UP
    watch.clock.at += 6 * HOUR - 1
    late = await watch.ask(expect={"expires_days": 31})
    assert (late.outcome, late.phases, late.duration) == (Outcome.DEGRADED, {}, 0)
    assert (await watch.ask()).outcome is Outcome.DEGRADED
    assert watch.questions == 1
    watch.clock.at += 1
    await watch.ask()
    assert watch.questions == 2
    assert watch.registry.asked.count("/dns.json") == 1


async def test_a_registry_that_is_down_leaves_what_is_known(watch: Watch) -> None:
    """Its failure says nothing about the domain; after a week unconfirmed nothing is known any more."""
    await watch.ask()
    watch.registry.status = 500
    watch.clock.at += 6 * HOUR
    kept = await watch.ask()
    assert (kept.outcome, kept.observations["trouble"]) == (Outcome.UP, "it answers 500")
    watch.clock.at = NOW + 7 * DAY + 1
    forgotten = await watch.ask()
    assert (forgotten.outcome, forgotten.reason) == (Outcome.UNKNOWN, None)
    assert forgotten.message.startswith("the registry could not be asked: it answers 500 (the next try is in ")
    watch.registry.status = 0
    watch.clock.at += 6 * HOUR
    assert (await watch.ask()).outcome is Outcome.UP


async def test_failures_back_off(watch: Watch) -> None:
    """Ten minutes, then twice as long each time, at most six hours."""
    watch.registry.status = 503
    waits = []
    for _ in range(8):
        result = await watch.ask(rdap_url=watch.registry.url)
        assert result.outcome is Outcome.UNKNOWN
        asked, begun = watch.questions, watch.clock.at
        while watch.questions == asked:
            watch.clock.at += 10 * MINUTE
            await watch.ask(rdap_url=watch.registry.url)
        waits.append((watch.clock.at - begun) // MINUTE)
    assert waits == [10, 20, 40, 80, 160, 320, 360, 360]


@pytest.mark.parametrize("said", ["7200", "date"])
async def test_a_registry_says_when_to_come_again(watch: Watch, said: str) -> None:
    """429 with Retry-After, in seconds or as a date, is kept to."""
    when = to_datetime(NOW + 2 * HOUR)
    watch.registry.status, watch.registry.retry_after = 429, said
    if said == "date":
        watch.registry.retry_after = when.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert from_datetime(when) == NOW + 2 * HOUR
    first = await watch.ask(rdap_url=watch.registry.url)
    assert first.message == "the registry could not be asked: it answers 429 (the next try is in 2h)"
    watch.registry.status = 0
    watch.clock.at += 2 * HOUR - 1
    assert (await watch.ask(rdap_url=watch.registry.url)).outcome is Outcome.UNKNOWN
    assert watch.questions == 1
    watch.clock.at += 1
    assert (await watch.ask(rdap_url=watch.registry.url)).outcome is Outcome.UP


# Registries that misbehave


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<html>", "its answer is not JSON"),
        (b"[]", "the answer makes no sense: it is not about a domain"),
        (b'{"objectClassName": "entity"}', "the answer makes no sense: it is not about a domain"),
    ],
)
async def test_nonsense_is_no_answer(watch: Watch, raw: bytes, said: str) -> None:
    """What is not about a domain says nothing about it."""
    watch.registry.raw = raw
    result = await watch.ask()
    assert (result.outcome, said in result.message) == (Outcome.UNKNOWN, True), result.message


async def test_a_registry_out_of_reach(watch: Watch) -> None:
    """Refused, silent, too large: unknown, each with its words, and within the time-out."""
    async with closed_port() as port, bad_server() as server:
        refused = await watch.ask(rdap_url=f"http://127.0.0.1:{port}")
        silent = await watch.ask(rdap_url=server.url("/silent"), timeout=0.3)
        large = await watch.ask(rdap_url=server.url("/big?bytes=3000000&"))
    assert {result.outcome for result in (refused, silent, large)} == {Outcome.UNKNOWN}
    assert "the connection was refused" in refused.message
    assert "no answer in time" in silent.message
    assert "larger than allowed" in large.message


async def test_a_registry_that_does_not_tell_the_expiry(watch: Watch) -> None:
    """Some publish none: that is said, until it is no longer expected."""
    watch.registry.domains["acme.example"] = registration(NOW, events=[])
    result = await watch.ask()
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.UNSUPPORTED)
    assert "set expires_days and expires_days_down to 0" in result.message
    assert (await watch.ask(expect={"expires_days": 0, "expires_days_down": 0})).outcome is Outcome.UP


async def test_a_top_level_domain_without_a_registry(watch: Watch) -> None:
    """IANA lists none: the way out is named; an unreadable list is told as such."""
    watch.registry.tops = ["else"]
    result = await watch.ask()
    assert "IANA lists no RDAP server for .example: if there is one, set rdap_url" in result.message
    assert (await watch.ask(rdap_url=watch.registry.url)).outcome is Outcome.UP


async def test_an_unreadable_list_of_registries(watch: Watch) -> None:
    """Without IANA's list nothing can be asked; it is told, and it is nobody's outage."""
    watch.registry.status = 500
    result = await watch.ask()
    assert result.outcome is Outcome.UNKNOWN
    assert "IANA's list of registries cannot be read: it answers 500" in result.message


# Options and reading


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("ACME.Example.", "acme.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え.example", "xn--r8jz45g.example"),
    ],
)
def test_domains_in_any_alphabet(written: str, asked: str) -> None:
    """IDNA 2008: the name that a registry has, not an old spelling of it."""
    assert KINDS["domain"].options.model_validate({"domain": written}).target() == asked


@pytest.mark.parametrize(
    "options",
    [
        {"domain": "localhost"},
        {"domain": "10.0.0.1"},
        {"domain": "-a.example"},
        {"domain": "☃☃.example", "expect": {"expires_days": 5}},
        {"domain": "acme.example", "address": "10.0.0.1"},
        {"domain": "acme.example", "expect": {"expires_days": 5, "expires_days_down": 6}},
        {"domain": "acme.example", "rdap_url": "ftp://x"},
    ],
)
def test_mistakes_are_told_when_the_file_is_read(options: dict[str, Any]) -> None:
    """What cannot be a registered domain, or cannot be asked for."""
    with pytest.raises(ValidationError):
        KINDS["domain"].options.model_validate(options)


def test_the_longest_entry_of_the_list_counts() -> None:
    """By labels, and https before http."""
    listed = {
        "services": [[["uk"], ["http://a/", "https://b/"]], [["co.uk"], ["https://c/"]], [["o.uk"], ["https://d/"]]]
    }
    assert server_for(listed, "acme.co.uk") == "https://c/"
    assert server_for(listed, "acme.uk") == "https://b/"
    assert server_for(listed, "uk") == "https://b/"
    assert server_for(listed, "acme.foouk") == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["domain", "registrar", "fn"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)
KEYS = ("status", "events", "entities", "nameservers", "services")


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5), JSON)
def test_any_json_is_read_or_refused(document: dict[str, Any], other: Any) -> None:
    """A registry may answer anything: nothing but ValueError comes of it."""
    read({"objectClassName": "domain", **document, "entities": [{"roles": ["registrar"], "vcardArray": other}]})
    read({"objectClassName": "domain", **document})
    server_for(document, "acme.example")
    server_for(other, "acme.example")
    server_for({"services": [other, [other, other]]}, "acme.example")
