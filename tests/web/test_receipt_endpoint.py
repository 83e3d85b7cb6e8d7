"""Where providers report to: who learns what, and what is answered to whom."""

from __future__ import annotations

import httpx
import pytest

from saasobs.core.errors import NotFound, Refused, StorageError
from saasobs.web import combined_app, ingest_app, operator_app
from support.fake_receipts import RECEIPTS_TOKEN
from support.operator import FakeOperator

PATH = f"/receipts/oncall-sms/{RECEIPTS_TOKEN}"


def client(operator: FakeOperator, *, combined: bool = True) -> httpx.AsyncClient:
    app = combined_app(operator_app(operator), ingest_app(operator)) if combined else ingest_app(operator)
    transport = httpx.ASGITransport(app=app, client=("192.0.2.9", 4711), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://hooks.acme.example")


@pytest.mark.parametrize("combined", [True, False])
async def test_a_report_is_taken(combined: bool) -> None:
    """On a listener of its own and on the shared one: the body as it came, headers by lower-case names."""
    operator = FakeOperator()
    async with client(operator, combined=combined) as http:
        answer = await http.post(PATH, content=b"a=1", headers={"X-Twilio-Signature": "x"})
    assert (answer.status_code, answer.text) == (200, "OK")
    [(channel, posted)] = operator.receipts.posted
    assert (channel, posted.body, posted.headers["x-twilio-signature"], posted.below) == ("oncall-sms", b"a=1", "x", "")


async def test_a_channels_name_may_be_odd() -> None:
    """Blanks and slashes, as they are quoted in the address that was given out."""
    operator = FakeOperator()
    async with client(operator) as http:
        assert (await http.post(f"/receipts/on%20call%2F1/{RECEIPTS_TOKEN}")).status_code == 200
    assert operator.receipts.posted[0][0] == "on call/1"


@pytest.mark.parametrize(
    "path",
    ["/receipts/", "/receipts/oncall-sms", f"/receipts/oncall-sms/{'0' * 32}", f"/receipts/{RECEIPTS_TOKEN}",
     f"/receipts/oncall-sms/{RECEIPTS_TOKEN[:-1]}", f"/receipts/a/{RECEIPTS_TOKEN.upper()}", "/receipts/a/b/c"],
)  # fmt: skip
async def test_strangers_learn_nothing(path: str) -> None:
    """The same 404 for every wrong address, whether its channel exists or not; nothing is read."""
    operator = FakeOperator()
    async with client(operator) as http:
        for method in ("POST", "GET"):
            answer = await http.request(method, path, content=b"x" * 5_000_000 if method == "POST" else None)
            assert answer.status_code == 404
    assert operator.receipts.posted == []


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (PermissionError("no"), 403), (Refused("no"), 400), (NotFound("no"), 404),
        (StorageError("locked", kind="locked"), 503),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken(failure: Exception, status: int) -> None:
    """Each as the provider understands it, without a word of ours; 503 says when to come again."""
    operator = FakeOperator()
    operator.receipts.failure = failure
    async with client(operator) as http:
        answer = await http.post(PATH)
        assert (answer.status_code, "Retry-After" in answer.headers) == (status, status == 503)
        assert "locked" not in answer.text
        assert (await http.post(f"{PATH}/keys/abc")).status_code == status


async def test_a_key_is_answered_with_what_is_said() -> None:
    """In the media type of the provider."""
    operator = FakeOperator()
    async with client(operator) as http:
        answer = await http.post(f"{PATH}/keys/4gXyZ09", content=b"Digits=1")
    assert (answer.text, answer.headers["content-type"]) == ("<Response/>", "application/xml")
    assert operator.receipts.posted[0][1].below == "keys/4gXyZ09"


async def test_a_provider_may_ask_whether_it_is_the_right_address() -> None:
    """GET, where the channel knows the question; nothing below it, and no other method."""
    async with client(FakeOperator()) as http:
        answer = await http.get(PATH, params={"hub.challenge": "1158"})
        assert (answer.status_code, answer.text) == (200, "1158")
        assert (await http.get(PATH)).status_code == 404
        assert (await http.get(f"{PATH}/keys/abc", params={"hub.challenge": "1"})).status_code == 404
        for method in ("PUT", "DELETE", "PATCH"):
            assert (await http.request(method, PATH)).status_code in (404, 405)


async def test_a_long_body_is_refused() -> None:
    """A report is short: 1 MiB and no more."""
    async with client(FakeOperator()) as http:
        assert (await http.post(PATH, content=b"x" * (1024 * 1024 + 1))).status_code == 413


async def test_the_addresses_are_shown_to_the_operator_only() -> None:
    """In the API of the operator's page; not where strangers knock."""
    operator = FakeOperator()
    transport = httpx.ASGITransport(app=operator_app(operator), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        shown = (await http.get("/api/v1/receipts")).json()
    assert shown == {"addresses": {"oncall-sms": f"https://hooks.acme.example{PATH}"}}
    async with client(operator, combined=False) as http:
        assert (await http.get("/api/v1/receipts")).status_code == 404
