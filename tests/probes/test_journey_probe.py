"""The journey kind against a real shop and against servers that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes import KINDS, Tools
from saasobs.probes.journey.conversation import ERRORS
from saasobs.probes.net import contact
from support.badhttp import bad_server, closed_port
from support.dns import Zone, dns_server
from support.probing import Asker, Others, Pings, WallClock, asker, check, monitor
from support.serving import port_of, serving
from support.shop import PASSWORD, SESSION, Shop, shop
from support.tls import Certificates

SIGN_IN = {
    "name": "sign in",
    "method": "POST",
    "url": "/login",
    "form": {"user": "probe", "password": "{{ password }}"},
}
ORDER = {"name": "order", "method": "POST", "url": "/orders", "json": {"sku": "tea"}, "extract": {"order": "$.id"},
         "expect": {"status": 201}}  # fmt: skip
PAY = {"name": "pay", "method": "POST", "url": "/orders/{{ order }}/payment", "json": {"order": "{{ order }}"}}
CANCEL = {"name": "cancel", "method": "DELETE", "url": "/orders/{{ order }}"}


@pytest.fixture(scope="module")
def running() -> Iterator[Shop]:
    with shop() as found:
        yield found


@pytest.fixture
def store(running: Shop) -> Shop:
    """The module's shop, as new."""
    for record in (running.orders, running.asked, running.clients, running.broken, running.delays):
        record.clear()
    return running


async def walk(target: Shop, *steps: dict[str, Any], timeout: float = 5.0, **options: Any) -> Result:
    async with asker("journey") as journeys:
        variables = {"password": PASSWORD, **options.pop("variables", {})}
        return await journeys.ask(timeout, base_url=target.url, variables=variables, steps=list(steps), **options)


def outcomes(result: Result) -> dict[str, str]:
    return {step["name"]: step["outcome"] for step in result.observations["steps"]}


def step_of(result: Result, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in result.observations["steps"] if step["name"] == name)
    return found


# What the steps share


async def test_cookies_variables_and_the_connection_are_shared(store: Shop) -> None:
    """A login's session and an order's number serve the later steps, over one connection."""
    result = await walk(store, SIGN_IN, ORDER, PAY, cleanup=[CANCEL])
    assert (result.outcome, result.message) == (Outcome.UP, "")
    assert store.paths() == ["POST /login", "GET /account", "POST /orders", "POST /orders/1000/payment",
                             "DELETE /orders/1000"]  # fmt: skip
    assert store.orders == {1000: "cancelled"}
    assert len(store.clients) == 1


async def test_nothing_is_shared_between_two_journeys(store: Shop) -> None:
    """The next check begins without cookies and on a connection of its own."""
    async with asker("journey") as journeys:
        for _ in range(2):
            options: dict[str, Any] = {"base_url": store.url, "variables": {"password": PASSWORD}}
            assert (await journeys.ask(**options, steps=[SIGN_IN, ORDER])).outcome is Outcome.UP
        result = await journeys.ask(base_url=store.url, steps=[ORDER])
    assert result.message == 'step "order": status 401, expected 201'
    assert len(store.clients) == 3


async def test_each_step_is_a_phase_and_their_sum_is_the_whole(store: Shop) -> None:
    """The result's phases are the steps by name; each step's own phases sum to it."""
    result = await walk(store, SIGN_IN, ORDER, cleanup=[CANCEL])
    assert list(result.phases) == ["sign in", "order", "cancel"]
    assert sum(result.phases.values()) == result.duration
    for step in result.observations["steps"]:
        assert sum(step["phases"].values()) == step["duration"] == result.phases[step["name"]]
    assert list(step_of(result, "sign in")["phases"]) == ["dns", "connect", "first_byte", "transfer"]
    assert list(step_of(result, "order")["phases"]) == ["first_byte", "transfer"]


async def test_an_extracted_value_keeps_its_type(store: Shop) -> None:
    """A number that JSONPath found is sent and expected as a number, not as a text."""
    expected = {**PAY, "expect": {"json": {"$.order": "{{ order }}", "$.state": "paid"}}}
    assert (await walk(store, SIGN_IN, ORDER, expected)).outcome is Outcome.UP
    as_text = {**PAY, "json": {"order": "no. {{ order }}"}, "expect": {"json": {"$.order": "{{ order }}"}}}
    result = await walk(store, SIGN_IN, ORDER, as_text)
    assert result.message == 'step "pay": $.order is "no. 1001", expected 1001'


async def test_variables_come_from_patterns_and_headers_too(store: Shop) -> None:
    """A hidden field of a page and a header of an answer can be sent back."""
    account = {
        "name": "account",
        "url": "/account",
        "extract": {"csrf": {"regex": 'name="csrf" value="([^"]+)"'}, "number": {"header": "X-Account"},
                    "digit": {"header": "x-account", "regex": "[0-9]$"}},
    }  # fmt: skip
    sent = {"name": "send", "method": "POST", "url": "/echo", "body": "{{ number }}-{{digit}}",
            "headers": {"X-CSRF": "v={{ csrf }}"}, "expect": {"json": {"$.body": "42-2"}}}  # fmt: skip
    assert (await walk(store, SIGN_IN, account, sent)).outcome is Outcome.UP
    assert store.asked[-1][2]["x-csrf"] == "v=c5rf-t0ken-in-a-page"


async def test_a_variable_in_a_url_is_one_part_of_it(store: Shop) -> None:
    """What an answer gave cannot change where a request goes: it is percent-encoded."""
    steps = [
        {"name": "take", "url": "/echo?odd=a/b%3Fc%26d", "extract": {"odd": {"json": "$.query"}}},
        {"name": "use", "url": "/x/{{ odd }}?q={{ odd }}", "expect": {"json": {"$.path": "/x/odd=a/b%3Fc%26d"}}},
    ]
    result = await walk(store, *steps)
    assert result.outcome is Outcome.UP, result.message
    assert store.asked[-1][1] == "/x/odd=a/b%3Fc%26d"


async def test_a_url_may_begin_with_a_variable(store: Shop) -> None:
    """A Location that a step extracted is where the next one goes."""
    order = {**ORDER, "extract": {"where": {"header": "Location"}}}
    shown = {"name": "look", "url": "{{ where }}", "expect": {"json": {"$.state": "open"}}}
    result = await walk(store, SIGN_IN, order, shown)
    assert result.outcome is Outcome.UP, result.message
    assert store.paths()[-1] == "GET /orders/1000"


async def test_a_url_from_an_answer_takes_no_credential_along(store: Shop) -> None:
    """A link to another origin that a target hands out gets no Authorization and no secret header."""
    with shop() as other:
        first = {"name": "first", "url": "/echo", "headers": {"X-Link": f"{other.url}/there"},
                 "extract": {"link": '$.headers["x-link"]'}}  # fmt: skip
        then = {"name": "then", "url": "{{ link }}"}
        headers = {"Authorization": "Bearer abc-123", "X-Api-Key": "k-9876", "X-Plain": "yes"}
        result = await walk(store, first, then, headers=headers)
        assert result.outcome is Outcome.UP, result.message
        [(_, path, sent)] = other.asked
    assert store.asked[0][2]["authorization"] == "Bearer abc-123"
    assert path == "/there"
    assert sent["x-plain"] == "yes"
    assert not {"authorization", "x-api-key"} & sent.keys()


async def test_every_step_is_correlated(store: Shop) -> None:
    """X-Request-ID and a traceparent of one trace go with each step, every request a span of its own."""
    steps: dict[str, Any] = {"variables": {"password": PASSWORD}, "base_url": store.url, "steps": [SIGN_IN, ORDER, PAY]}
    async with asker("journey") as journeys:
        result = await journeys.probe.check(monitor("journey", **steps), check("4f" * 16))
        await journeys.ask(**steps, correlate=False)
    first, second = store.asked[:4], store.asked[4:]
    assert {headers["x-request-id"] for _, _, headers in first} == {"4f" * 16}
    spans = [headers["traceparent"].split("-")[1:3] for _, _, headers in first]
    assert {trace for trace, _ in spans} == {"4f" * 16}
    assert len({span for _, span in spans}) == 4
    assert result.observations["trace_id"] == result.observations["request_id"] == "4f" * 16
    assert result.observations["server_timing"] == "db;dur=3"
    assert not any("x-request-id" in headers for _, _, headers in second)


# Failing


async def test_the_step_that_failed_is_named_with_its_exchange(store: Shop) -> None:
    """The sentence names the step; the excerpt has request line, header names, status, answer; later steps rest."""
    store.broken["POST /orders/"] = 503
    after = {"name": "receipt", "url": "/orders/{{ order }}"}
    result = await walk(store, SIGN_IN, ORDER, PAY, after, cleanup=[CANCEL])
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.STATUS_MISMATCH)
    assert result.message == 'step "pay": status 503, expected 200-299'
    assert result.failures[0].expectation == "pay: status"
    assert result.observations["failed_step"] == "pay"
    assert outcomes(result) == {"sign in": "up", "order": "up", "pay": "down", "receipt": "skipped", "cancel": "up"}
    assert step_of(result, "receipt")["message"] == 'the step "pay" failed'
    lines = result.excerpt.splitlines()
    assert lines[0] == f"POST {store.url}/orders/1000/payment"
    assert lines[1].startswith("sent: Host, Content-Type, User-Agent")
    assert lines[2:] == ["answer: 503", "out of order; you sent"]
    assert store.orders == {1000: "cancelled"}


async def test_a_variable_that_is_not_there_fails_its_step(store: Shop) -> None:
    """The step that should have extracted it fails, not a later one that needs it."""
    places = {"$.number": Reason.JSON_MISMATCH, "X-Number": Reason.HEADER_MISMATCH, "no (\\d+)": Reason.BODY_MISMATCH}
    for place, reason in places.items():
        key = {Reason.HEADER_MISMATCH: "header", Reason.BODY_MISMATCH: "regex"}.get(reason, "json")
        result = await walk(store, SIGN_IN, {**ORDER, "extract": {"order": {key: place}}}, PAY)
        assert (result.outcome, result.reason) == (Outcome.DOWN, reason)
        assert result.message.startswith('step "order": nothing for the variable order: ')
        assert place in result.message


async def test_a_clean_up_that_fails_degrades(store: Shop) -> None:
    """What a journey left lying about is told, but the journey itself was well."""
    store.broken["DELETE"] = 500
    result = await walk(store, SIGN_IN, ORDER, cleanup=[CANCEL])
    assert result.outcome is Outcome.DEGRADED
    assert result.message == 'clean-up step "cancel": status 500, expected 200-299'
    assert result.observations["failed_step"] == "cancel"


async def test_a_clean_up_that_fails_hides_nothing(store: Shop) -> None:
    """After a failure the clean-up's own failure is reported as well, and the first one speaks."""
    store.broken |= {"POST /orders/": 503, "DELETE": 500}
    result = await walk(store, SIGN_IN, ORDER, PAY, cleanup=[CANCEL])
    assert result.outcome is Outcome.DOWN
    assert result.message == 'step "pay": status 503, expected 200-299 (and 1 more)'
    assert [failure.expectation for failure in result.failures] == ["pay: status", "cancel: status"]
    assert result.observations["failed_step"] == "pay"
    assert "/payment" in result.excerpt


async def test_a_clean_up_without_its_variable_is_left_out(store: Shop) -> None:
    """Where the journey did not get to an order there is none to cancel; the other clean-up steps run."""
    bye = {"name": "log out", "method": "POST", "url": "/logout"}
    result = await walk(store, {**SIGN_IN, "form": {"password": "wrong"}}, ORDER, cleanup=[CANCEL, bye])
    assert result.message == 'step "sign in": status 403, expected 200-299'
    assert outcomes(result) == {"sign in": "down", "order": "skipped", "cancel": "skipped", "log out": "up"}
    assert step_of(result, "cancel")["message"] == "the journey did not get to the variable order"


async def test_time_is_kept_for_the_clean_up(store: Shop) -> None:
    """A step that takes all the time fails by its name, and the clean-up still runs in the part kept for it."""
    store.delays["POST /orders/"] = 1.0
    result = await walk(store, SIGN_IN, ORDER, PAY, cleanup=[CANCEL], timeout=1.0)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert result.message.startswith('step "pay": no answer in time (127.0.0.1:')
    assert result.message.endswith("; all steps have 800ms)")
    assert outcomes(result)["cancel"] == "up"


async def test_a_step_may_have_a_time_of_its_own(store: Shop) -> None:
    """A step's own time-out ends it, long before the journey's."""
    store.delays["POST /orders/"] = 1.0
    result = await walk(store, SIGN_IN, ORDER, {**PAY, "timeout": "150ms"}, timeout=20)
    assert result.reason is Reason.RESPONSE_TIMEOUT
    assert result.message.startswith('step "pay": no answer in time')
    assert "all steps" not in result.message
    assert result.phases["pay"] < 900_000


async def test_a_cancelled_journey_cleans_up(store: Shop) -> None:
    """When the daemon stops in the middle of a journey, what it made is taken away all the same."""
    store.delays["POST /orders/"] = 3.0
    options: dict[str, Any] = {
        "base_url": store.url,
        "variables": {"password": PASSWORD},
        "steps": [SIGN_IN, ORDER, PAY],
    }
    async with asker("journey") as journeys:
        task = asyncio.create_task(journeys.ask(timeout=20, **options, cleanup=[CANCEL]))
        while "POST /orders/1000/payment" not in store.paths():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert store.orders == {1000: "cancelled"}


async def test_slowness_degrades_and_goes_on(store: Shop) -> None:
    """A slow step degrades the journey without ending it; the whole has its own limits, without the clean-up."""
    store.delays |= {"POST /orders": 0.1}
    slow = {**ORDER, "expect": {"status": 201, "degraded_over": "50ms"}}
    result = await walk(store, SIGN_IN, slow, PAY, cleanup=[CANCEL])
    assert result.outcome is Outcome.DEGRADED
    assert result.message.startswith('step "order": answered in ')
    assert outcomes(result)["pay"] == "up"
    whole = await walk(store, SIGN_IN, ORDER, cleanup=[CANCEL], expect={"down_over": "90ms"})
    assert (whole.outcome, whole.reason) == (Outcome.DOWN, Reason.TOO_SLOW)
    store.delays["DELETE"] = 2.0
    within = await walk(store, SIGN_IN, ORDER, cleanup=[CANCEL], expect={"down_over": "1.9s"}, timeout=12)
    assert within.outcome is Outcome.UP, within.message


# Secrets


async def test_no_secret_is_in_a_result(store: Shop) -> None:
    """Variables, header values, logins, extracted tokens and cookies are nowhere, though the target says them."""
    secrets = {"key": "k3y/with+odd=chars&" + "x" * 200, "pin": "0042"}
    base = store.url.replace("http://", "http://walker:l0gin-pass@")
    taken = {"name": "take", "url": "/account", "extract": {"csrf_token": {"regex": 'value="([^"]+)"'}}}
    told = {
        "name": "told",
        "method": "POST",
        "url": "/echo/{{ key }}?pin={{ pin }}&t={{ csrf_token }}",
        "headers": {"X-Odd": "plain {{ key }}"},
        "form": {"secret": "{{ key }}", "other": "f0rm-value"},
        "expect": {"body_contains": "not there {{ key }}", "body_not_matches": "headers.*",
                   "json": {"$.headers['x-odd']": "{{ pin }}", "$.query": "x"}},
    }  # fmt: skip
    async with asker("journey") as journeys:
        result = await journeys.ask(
            base_url=base, variables={"password": PASSWORD, **secrets}, steps=[SIGN_IN, taken, told]
        )
    assert result.outcome is Outcome.DOWN
    shown = json.dumps([result.message, result.excerpt, dict(result.observations), repr(result.failures)])
    for secret in (PASSWORD, "k3y/with", "k3y%2Fwith", "l0gin-pass", "c5rf-t0ken", "f0rm-value", SESSION, "xxxxxxxxxx"):
        assert secret not in shown, secret
    assert "pin=0042" not in shown
    assert f"POST {store.url}/echo/***?pin=***&t=***" in result.excerpt


async def test_the_configuration_shows_no_secret() -> None:
    """What describes a monitor has the keys of its bodies and headers, never their values."""
    options = KINDS["journey"].options.model_validate({
        "base_url": "https://u:pw-one@shop.example",
        "variables": {"password": "pw-two"},
        "headers": {"X-Key": "pw-three"},
        "steps": [{"name": "a", "method": "POST", "url": "/?token=pw-four", "json": {"p": "pw-five"}},
                  {"name": "b", "method": "POST", "url": "/", "form": {"p": "pw-six"}},
                  {"name": "c", "method": "POST", "url": "/", "body": "pw-seven", "headers": {"A": "pw-eight"}}],
    })  # fmt: skip
    assert "pw-" not in json.dumps(options.model_dump(mode="json", by_alias=True))
    assert "pw-" not in repr(options) + options.target()
    assert options.target() == "3 steps at https://shop.example"


# Redirects and the guard


async def test_redirects_have_a_cap() -> None:
    """A loop ends with its reason after so many hops."""
    async with bad_server() as server, asker("journey") as journeys:
        step = {"name": "round", "url": server.url("/loop")}
        result = await journeys.ask(steps=[step], max_redirects=3)
        last = await journeys.ask(steps=[{**step, "follow_redirects": False, "expect": {"status": 302}}])
    assert result.reason is Reason.TOO_MANY_REDIRECTS
    assert result.message == 'step "round": too many redirects (more than 3)'
    assert len(server.asked) == 4 + 1
    assert last.outcome is Outcome.UP


async def test_the_guard_holds_at_every_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public address that redirects to a private one is refused before anything is sent there."""
    # Loopback is all that a test may speak to: here its second address plays the private one.
    monkeypatch.setattr(contact, "refusal", lambda address: "a private address" if address == "127.0.0.2" else "")
    async with bad_server() as first, bad_server(host="127.0.0.2") as second, asker("journey") as journeys:
        inside = second.url("/json", host="127.0.0.2")
        steps = [{"name": "go", "url": first.url(f"/redirect?to={inside}")}]
        refused = await journeys.ask(public_only=True, steps=steps)
        taken = [{"name": "take", "url": first.url(f'/json?body="{inside}"'), "extract": {"where": "$"}},
                 {"name": "use", "url": "{{ where }}"}]  # fmt: skip
        also = await journeys.ask(public_only=True, steps=taken)
    assert refused.reason is also.reason is Reason.ADDRESS_REFUSED
    assert refused.message == 'step "go": its address may not be checked (127.0.0.2, a private address)'
    assert second.connections == 0


async def test_loopback_is_refused_to_strangers(store: Shop) -> None:
    """The real rule at work: with public_only a journey does not speak to this machine."""
    async with asker("journey") as journeys:
        result = await journeys.ask(public_only=True, base_url=store.url, steps=[{"name": "a", "url": "/"}])
    assert result.reason is Reason.ADDRESS_REFUSED
    assert store.asked == []


async def test_a_pinned_address_is_for_the_base_only() -> None:
    """`address` stands for the host of base_url, whose name stays in Host; a redirect elsewhere is resolved."""
    async with bad_server() as server, asker("journey") as journeys:
        elsewhere = f"http://localhost:{server.port}/header?x_where=there"
        step = {"name": "a", "url": f"/redirect?to={elsewhere}"}
        base = f"http://shop.acme.example:{server.port}"
        result = await journeys.ask(base_url=base, address="127.0.0.1", ip_version=4, steps=[step])
    assert result.outcome is Outcome.UP, result.message
    assert [one.headers["host"].partition(":")[0] for one in server.asked] == ["shop.acme.example", "localhost"]


# Servers that misbehave


@pytest.mark.parametrize(
    ("path", "reason", "said"),
    [
        ("/reset", Reason.CONNECTION_RESET, "the connection was broken off (127.0.0.1:"),
        ("/reset-body", Reason.CONNECTION_RESET, "the connection was broken off (127.0.0.1:"),
        ("/empty", Reason.EMPTY_RESPONSE, "the server closed the connection without an answer (127.0.0.1:"),
        ("/short", Reason.BODY_TRUNCATED, "the answer ended too early (peer closed connection"),
        ("/cut-chunks", Reason.BODY_TRUNCATED, "the answer ended too early (peer closed connection"),
        ("/bad-chunks", Reason.PROTOCOL_ERROR, "the answer breaks the rules of its protocol (illegal chunk header"),
        ("/garbage", Reason.PROTOCOL_ERROR, "the answer breaks the rules of its protocol (illegal status line"),
        ("/bad-header", Reason.PROTOCOL_ERROR, "the answer breaks the rules of its protocol (illegal header line"),
        ("/endless-header", Reason.PROTOCOL_ERROR, "the answer breaks the rules of its protocol (Receive buffer"),
        ("/bomb", Reason.BODY_TOO_LARGE, "the answer is larger than allowed (more than 1 MiB)"),
        ("/big", Reason.BODY_TOO_LARGE, "the answer is larger than allowed (more than 1 MiB)"),
        ("/bad-gzip", Reason.BODY_ENCODING, "the answer could not be decoded (it is not gzip: "),
        ("/drip", Reason.TRANSFER_TIMEOUT, "the answer did not finish in time (127.0.0.1:"),
        ("/drip-header", Reason.RESPONSE_TIMEOUT, "no answer in time (127.0.0.1:"),
        ("/silent", Reason.RESPONSE_TIMEOUT, "no answer in time (127.0.0.1:"),
        ("/redirect?to=ftp://x.example/", Reason.REDIRECT_REFUSED, "redirected to an address that may not be followed"),
        ("/header?content_encoding=br", Reason.BODY_ENCODING, "the answer could not be decoded (content-encoding br"),
    ],
)  # fmt: skip
async def test_what_a_bad_server_does_is_called_by_its_name(path: str, reason: Reason, said: str) -> None:
    """Every way of misbehaving ends in time, in its own reason, with the step's name before it."""
    timeout = 0.6 if reason in (Reason.TRANSFER_TIMEOUT, Reason.RESPONSE_TIMEOUT) else 20.0
    async with bad_server() as server, asker("journey") as journeys:
        result = await journeys.ask(steps=[{"name": "bad", "url": server.url(path)}], timeout=timeout)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.startswith(f'step "bad": {said}')
    assert [step["outcome"] for step in result.observations["steps"]] == ["down"]


@pytest.mark.parametrize("path", ["/gzip?body=plain", "/early-hints", "/trailers", "/latin-header", "/text?body=ok"])
async def test_odd_but_lawful_answers_are_taken(path: str) -> None:
    """Compression, early hints, trailers and Latin letters in headers are no failures."""
    async with bad_server() as server, asker("journey") as journeys:
        result = await journeys.ask(steps=[{"name": "odd", "url": server.url(path)}])
    assert result.outcome is Outcome.UP, result.message


async def test_a_port_where_nobody_listens_and_a_name_that_is_none() -> None:
    """Refusal and unknown names are told with the step, the place and the phase."""
    async with closed_port() as port, dns_server(Zone()) as names, asker("journey", names) as journeys:
        refused = await journeys.ask(steps=[{"name": "a", "url": f"http://127.0.0.1:{port}/"}])
        unknown = await journeys.ask(steps=[{"name": "a", "url": "http://nowhere.acme.example/"}])
    assert refused.reason is Reason.CONNECT_REFUSED
    assert refused.message.startswith(f'step "a": the connection was refused: nothing listens there (127.0.0.1:{port}')
    assert unknown.reason is Reason.DNS_NOT_FOUND
    assert list(step_of(unknown, "a")["phases"]) == ["dns"]


async def test_an_idle_connection_that_was_closed_is_no_failure() -> None:
    """A server that hangs up between two steps is asked again on a new connection, where that is harmless."""
    served = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await reader.readuntil(b"\r\n\r\n")
        served += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.read(1)  # the next request has begun
        writer.transport.abort()

    again = {"name": "again", "url": "/"}
    async with serving(once) as listener, asker("journey") as journeys:
        base = f"http://127.0.0.1:{port_of(listener)}"
        result = await journeys.ask(base_url=base, steps=[{"name": "first", "url": "/"}, again])
        post = await journeys.ask(base_url=base, steps=[{"name": "first", "url": "/"}, {**again, "method": "POST"}])
    assert result.outcome is Outcome.UP, result.message
    assert served == 3
    assert post.reason in (Reason.EMPTY_RESPONSE, Reason.CONNECTION_RESET)


async def test_a_value_too_long_to_be_an_id_is_refused() -> None:
    """A target cannot make the next request as large as it likes."""
    async with bad_server() as server, asker("journey") as journeys:
        steps = [{"name": "a", "url": server.url("/big?bytes=20000"), "extract": {"all": {"regex": ".+"}}}]
        result = await journeys.ask(steps=steps)
    assert result.message == 'step "a": the variable all would have 20000 characters, at most 16384 are taken'


async def test_an_answer_cannot_add_headers() -> None:
    """A line break in an extracted value does not get into the next request."""
    async with bad_server() as server, asker("journey") as journeys:
        steps = [{"name": "take", "url": server.url('/json?body="a%5Cr%5CnX-Evil:yes"'), "extract": {"v": "$"}},
                 {"name": "use", "url": server.url("/json"), "headers": {"X-V": "{{ v }}"}}]  # fmt: skip
        result = await journeys.ask(steps=steps)
    assert result.message == 'step "use": unexpected answer (a variable makes the header X-V invalid)'
    assert len(server.asked) == 1


async def test_a_pattern_that_takes_for_ever_is_our_own_fault() -> None:
    """Judging is bounded: the result says nothing about the target, and the clean-up runs."""
    async with bad_server() as server, asker("journey") as journeys:
        slow = {"name": "slow", "url": server.url(f"/text?body={'a' * 40}!"), "extract": {"v": {"regex": "^(a+)+$"}}}
        result = await journeys.ask(steps=[slow], cleanup=[{"name": "tidy", "url": server.url("/json")}])
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
    assert outcomes(result) == {"slow": "unknown", "tidy": "up"}


HEADS = st.sampled_from([
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 302 X\r\nLocation: /again\r\n", b"HTTP/1.1 101 X\r\n", b"HTTP/1.1 100 X\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Max-Age=x; Domain=.\r\nContent-Type: text/html; charset=utf-7\r\n\r\n", b"",
])  # fmt: skip


@given(st.lists(HEADS | st.binary(max_size=40), max_size=6))
@settings(max_examples=150, deadline=None)
def test_whatever_is_answered_ends_in_a_verdict(pieces: list[bytes]) -> None:
    """A stranger's bytes never break a check: it is up or down, and the clean-up has run."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"".join(pieces))
        writer.close()

    async def main() -> Result:
        step = {"name": "a", "url": "/", "expect": {"status": "100-599"}, "extract": {"v": {"regex": "(?s).*"}}}
        async with serving(serve) as listener, asker("journey") as journeys:
            base = f"http://127.0.0.1:{port_of(listener)}"
            return await journeys.ask(base_url=base, steps=[step], cleanup=[{"name": "b", "url": "/"}])

    result = asyncio.run(main())
    assert result.outcome in (Outcome.UP, Outcome.DEGRADED, Outcome.DOWN), result.message
    assert len(result.observations["steps"]) == 2
    json.dumps(dict(result.observations))


def test_every_error_of_httpcore_has_its_reason() -> None:
    """The one door for foreign errors is complete, and an error of a subclass finds its own entry first."""
    exported = {one for name in httpcore.__all__ if isinstance(one := getattr(httpcore, name), type)}
    errors = {one for one in exported if issubclass(one, Exception)}
    assert errors <= ERRORS.keys()
    order = list(ERRORS)
    assert all(order.index(one) < order.index(base) for one in order for base in one.__mro__[1:] if base in ERRORS)


# TLS


async def test_tls_is_verified_by_the_trust_that_is_configured(tmp_path: Path) -> None:
    """With its CA file a shop is trusted over one shared connection; without, the step fails and shows it."""
    identity = Certificates(tmp_path).good()
    with shop(identity.pem) as secure:
        result = await walk(secure, SIGN_IN, ORDER, ca_file=identity.ca_file)
        assert result.outcome is Outcome.UP, result.message
        assert len(secure.clients) == 1
        assert "tls" in step_of(result, "sign in")["phases"]
        assert result.observations["certificate"]["days_left"] > 80
        refused = await walk(secure, SIGN_IN, ORDER)
        trusting = await walk(secure, SIGN_IN, ORDER, verify=False)
    assert refused.reason is Reason.CERTIFICATE_UNTRUSTED
    assert refused.message.startswith('step "sign in": the certificate\'s issuer is not trusted (')
    assert refused.observations["certificate"]["names"]
    assert trusting.outcome is Outcome.UP


async def test_a_certificate_that_expires_soon_is_told_once(tmp_path: Path) -> None:
    """The step that opened the connection says it; those that share it do not say it again."""
    identity = Certificates(tmp_path).expiring(8)
    with shop(identity.pem) as secure:
        result = await walk(secure, SIGN_IN, ORDER, ca_file=identity.ca_file)
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING)
    assert [failure.expectation for failure in result.failures] == ["sign in: certificate_days"]


# The frame


async def test_the_probe_never_raises() -> None:
    """Our own mistake is a result that says nothing about the target."""
    journeys = Asker("journey", KINDS["journey"].probe(Tools(WallClock(), Pings(), Others())))
    asked = monitor("journey", steps=[{"name": "a", "url": "http://127.0.0.1:9/"}])
    object.__setattr__(asked, "options", None)
    result = await journeys.probe.check(asked, check())
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
