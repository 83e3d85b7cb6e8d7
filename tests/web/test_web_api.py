"""The JSON API over a fake daemon: every path, every refusal."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest

from saasobs.core import errors
from saasobs.core.errors import ConfigurationError, DeliveryError, Fault, SaasobsError, StorageError, Unavailable
from saasobs.core.maintenance import WindowRequest
from saasobs.core.ports import Operator
from saasobs.core.values import SECOND
from saasobs.web import operator_app
from saasobs.web.errors import STATUSES
from saasobs.web.requests import BODY_LIMIT
from support.asgi_server import serving
from support.operator import NOW, FakeOperator, a_busy_operator, a_window

CHANGE = {"X-Saasobs": "1"}


def client(operator: Operator, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=operator_app(operator, now=lambda: NOW), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9110", **options)


async def test_status_counts() -> None:
    """Status has the daemon's health and how many monitors are in which state; a paused one counts as paused only."""
    async with client(a_busy_operator()) as http:
        status = (await http.get("/api/v1/status")).json()
    assert status["ready"] is True
    assert status["monitors"] == {"total": 5, "paused": 1, "up": 1, "degraded": 1, "down": 1, "new": 1}
    assert status["open_incidents"] == 1
    assert status["configuration"]["loaded_at"] == "2026-11-22T13:53:07.120345Z"


async def test_availability() -> None:
    """A monitor's figures over a range: shares as numbers, latencies in seconds, null for what is not known."""
    operator = a_busy_operator()
    async with client(operator) as http:
        found = (await http.get("/api/v1/monitors/api/availability?days=7")).json()
        refused = await http.get("/api/v1/monitors/api/availability?days=400")
    assert operator.calls[0] == ("availability", "api", "7")
    assert found["availability"] == 1439 / 1440
    assert found["latency_seconds"] == {"p50": 0.08, "p95": 0.21, "p99": None}
    assert found["slo"] == {"target": pytest.approx(0.999), "days": 30}
    assert (found["budget_left"], found["burn"][0]["fires"]) == (0.31, False)
    assert refused.status_code == 400


async def test_status_while_the_store_is_broken() -> None:
    """When the store cannot answer, status still does: that is when somebody asks."""
    operator = FakeOperator(failure=StorageError("locked"), ready=False, problems=("the database is locked",))
    async with client(operator) as http:
        answer = await http.get("/api/v1/status")
    assert answer.status_code == 200
    assert answer.json()["monitors"] is None
    assert answer.json()["problems"] == ["the database is locked"]


async def test_reading() -> None:
    """Monitors and incidents, all and one by one, and the configuration that runs."""
    operator = a_busy_operator()
    async with client(operator) as http:
        monitors = (await http.get("/api/v1/monitors")).json()["monitors"]
        one = (await http.get("/api/v1/monitors/checkout")).json()
        everything = (await http.get("/api/v1/incidents")).json()["incidents"]
        still_open = (await http.get("/api/v1/incidents?open=true&limit=5")).json()["incidents"]
        story = (await http.get("/api/v1/incidents/k3v")).json()
        configuration = (await http.get("/api/v1/configuration")).json()
    assert [monitor["name"] for monitor in monitors][:2] == ["api", "checkout"]
    assert "recent" not in monitors[0]
    assert len(one["recent"]) == 30
    assert (len(everything), [incident["id"] for incident in still_open]) == (2, ["k3v9m2xa"])
    assert len(story["notices"]) == 3
    assert configuration["token"] == "***"
    assert ("incidents", "True", "5") in operator.calls


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/monitors/checkout/pause", ("pause", "checkout", "ana")),
        ("/monitors/checkout/resume", ("resume", "checkout", "ana")),
        ("/monitors/checkout/check", ("check", "checkout")),
        ("/incidents/k3v/acknowledge", ("acknowledge", "k3v9m2xa", "ana")),
        ("/channels/team-slack/test", ("notify_test", "team-slack")),
        ("/reload", ("reload",)),
    ],
)
async def test_changing(path: str, call: tuple[str, ...]) -> None:
    """Each POST does its one thing, by whom it says; GET on it does nothing."""
    operator = a_busy_operator()
    async with client(operator) as http:
        answer = await http.post(f"/api/v1{path}", json={"by": "ana"})
        assert answer.status_code == 200, answer.text
        assert call in operator.calls
        operator.calls.clear()
        assert (await http.get(f"/api/v1{path}")).status_code in (404, 405)
    assert call not in operator.calls


async def test_maintenance() -> None:
    """Windows are listed, opened by a request that says what and how long, and ended by their ID."""
    operator = a_busy_operator()
    operator.windows = [a_window()]
    body = {"monitors": ["api"], "tags": ["shop"], "reason": "deploy", "duration_seconds": 1800, "by": "ana"}
    later = {"all": True, "start": "2026-11-22T22:00:00-05:00", "end": "2026-11-23T05:00:00Z"}
    async with client(operator) as http:
        [shown] = (await http.get("/api/v1/maintenance")).json()["windows"]
        opened = await http.post("/api/v1/maintenance", json=body)
        await http.post("/api/v1/maintenance", json=later)
        ended = await http.post("/api/v1/maintenance/w4k/end", json={"by": "ana"})
    assert (shown["id"], shown["monitors"], shown["active"], shown["by"]) == ("w4k2mx", ["api"], True, "ana")
    assert (shown["start"], shown["schedule"]) == ("2026-11-22T13:58:07.120345Z", None)
    assert (opened.status_code, opened.json()["reason"]) == (201, "deploy")
    first, second = operator.wanted
    assert first == WindowRequest(("api",), ("shop",), reason="deploy", duration=1800 * SECOND)
    assert (second.all, second.end - second.start) == (True, 2 * 3600 * SECOND)
    assert ended.json()["active"] is False
    assert ("start_maintenance", "operator") in operator.calls
    assert ("end_maintenance", "w4k", "ana") in operator.calls


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"all": True}, "say when it ends"),
        ({"all": True, "duration_seconds": 60, "end": "2026-11-23T05:00:00Z"}, "one of the two"),
        ({"monitors": "api", "duration_seconds": 60}, "monitors must be a list of names"),
        ({"monitors": [1], "duration_seconds": 60}, "monitors must be a list of names"),
        ({"all": "yes", "duration_seconds": 60}, "all must be true or false"),
        ({"all": True, "duration_seconds": True}, "duration_seconds must be a number"),
        ({"all": True, "duration_seconds": -1}, "duration_seconds must be a number"),
        ({"all": True, "end": "23:00"}, "end must be a moment with its offset"),
        ({"all": True, "end": "2026-11-23T05:00:00"}, "end must be a moment with its offset"),
        ({"all": True, "end": 17}, "end must be a moment with its offset"),
        ({"all": True, "duration_seconds": 60, "reason": "a\nb"}, "reason must be a text"),
        ({"all": True, "duration_seconds": 60, "minutes": 3}, "unknown: minutes; known here: all, by, "),
    ],
)
async def test_a_window_that_is_not_understood(body: dict[str, object], words: str) -> None:
    """A wrong request is refused with what would have been right, and opens nothing."""
    operator = a_busy_operator()
    async with client(operator) as http:
        answer = await http.post("/api/v1/maintenance", json=body)
    assert (answer.status_code, operator.wanted) == (400, [])
    assert words in answer.json()["error"]["message"]


async def test_names_with_slashes_and_spaces() -> None:
    """A monitor's name reaches the daemon as it is, whatever is in it."""
    operator = a_busy_operator()
    async with client(operator) as http:
        answer = await http.post("/api/v1/monitors/eu%2Fshop%20%C3%A9/pause", headers=CHANGE)
    assert answer.status_code == 404
    assert ("pause", "eu/shop é", "operator") in operator.calls


async def test_an_incident_that_is_over() -> None:
    """Acknowledging what has ended is refused, in a sentence."""
    operator = a_busy_operator()
    async with client(operator) as http:
        answer = await http.post("/api/v1/incidents/b7n2p8qd/acknowledge", headers=CHANGE)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "refused"
    assert not [call for call in operator.calls if call[0] == "acknowledge"]


@pytest.mark.parametrize(
    ("failure", "status", "error"),
    [
        (StorageError("locked", kind="locked"), 503, {"code": "storage", "message": "locked", "kind": "locked"}),
        (Unavailable("not yet"), 503, {"code": "unavailable", "message": "not yet"}),
        (
            DeliveryError("revoked", permanent=True, retry_after=1_500_000),
            502,
            {"code": "delivery", "message": "revoked", "permanent": True, "retry_after_seconds": 1.5},
        ),
        (
            ConfigurationError((Fault("a.yaml", 3, "monitors[0].url", "wrong"),)),
            422,
            {
                "code": "configuration",
                "message": "a.yaml:3: monitors[0].url: wrong",
                "faults": [{"file": "a.yaml", "line": 3, "path": "monitors[0].url", "message": "wrong"}],
            },
        ),
    ],
)
async def test_errors_of_the_daemon(failure: Exception, status: int, error: dict[str, Any]) -> None:
    """Each error of the daemon has its status and all that a client can use; 503 says when to come back."""
    async with client(FakeOperator(failure=failure)) as http:
        answer = await http.post("/api/v1/reload", headers=CHANGE)
    assert answer.status_code == status
    assert answer.json() == {"error": error}
    assert ("retry-after" in answer.headers) == (status == 503)


def test_the_table_of_errors_is_complete() -> None:
    """Every error of core has a row; one that is added without a row fails here."""
    known = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SaasobsError)}
    assert known - {SaasobsError} == set(STATUSES)


async def test_a_bug_of_ours_gives_nothing_away() -> None:
    """An unexpected exception is a plain 500: no type, no text, no trace."""
    async with client(FakeOperator(failure=KeyError("s3cret"))) as http:
        api, page = await http.get("/api/v1/monitors"), await http.get("/")
    for answer in (api, page):
        assert answer.status_code == 500
        assert "s3cret" not in answer.text
        assert "KeyError" not in answer.text
        assert "Traceback" not in answer.text
    assert api.json()["error"]["code"] == "internal"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/incidents?limit=0", 400),
        ("/incidents?limit=1001", 400),
        ("/incidents?limit=²", 400),
        ("/incidents?limit=" + "9" * 5000, 400),
        ("/incidents?open=perhaps", 400),
        ("/incidents/nope", 404),
        ("/monitors/nope", 404),
        ("/nope", 404),
        ("/status/", 404),
    ],
)
async def test_bad_questions(path: str, code: int) -> None:
    """Wrong parameters and addresses are answered in JSON with the right status, never by a redirect."""
    async with client(a_busy_operator()) as http:
        answer = await http.get(f"/api/v1{path}")
    assert answer.status_code == code
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b" {} ", 200),
        (b'{"by": "Ana M"}', 200),
        (b"{", 400),
        (b"[]", 400),
        (b"[" * 60_000, 400),
        (b'{"by": 7}', 400),
        (b'{"by": "a\\nb"}', 400),
        (b'{"by": " "}', 400),
        (b"\xff\xfe", 400),
        (b" " * (BODY_LIMIT + 1), 413),
    ],
)
async def test_bodies(body: bytes, status: int) -> None:
    """A body is a small JSON object or nothing; anything else is refused with words."""
    headers = {"Content-Type": "application/json"}
    async with client(a_busy_operator()) as http:
        answer = await http.post("/api/v1/monitors/api/pause", content=body, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Content-Type": "text/plain"}, 403),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 403),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"X-Saasobs": "1"}, 200),
        ({"X-Saasobs": "1", "Origin": "http://127.0.0.1:9110"}, 200),
        ({"X-Saasobs": "1", "Origin": "http://127.0.0.1:8000"}, 403),
        ({"X-Saasobs": "1", "Origin": "http://evil.example"}, 403),
        ({"X-Saasobs": "1", "Origin": "null"}, 403),
        ({"X-Saasobs": "1", "Origin": "http://[bad"}, 403),
        ({"X-Saasobs": "1", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_changes_from_other_sites(headers: dict[str, str], status: int) -> None:
    """What a form or a script of another site's page could send changes nothing."""
    operator = a_busy_operator()
    async with client(operator) as http:
        answer = await http.post("/api/v1/monitors/api/pause", headers=headers)
    assert answer.status_code == status
    assert bool(operator.calls) == (status == 200)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9110", 200),
        ("127.3.2.1", 200),
        ("localhost", 200),
        ("LOCALHOST.:80", 200),
        ("app.localhost", 200),
        ("[::1]:9110", 200),
        ("status.acme.example:443", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("10.0.0.1", 403),
        ("localhost@evil.example", 403),
        ("evil@localhost", 403),
        ("localhost/", 403),
        ("localhost:99999", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
async def test_dns_rebinding(host: str, status: int) -> None:
    """Only loopback names and the configured ones are answered, so that a rebound name reads nothing."""
    app = operator_app(a_busy_operator(), hosts=["Status.acme.example"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as http:
        for path in ("/", "/api/v1/status", "/assets/style.css"):
            assert (await http.get(path, headers={"Host": host})).status_code == status


def test_over_a_unix_socket(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The CLI's way in: any Host will do, the header for changes is still wanted."""
    path = str(tmp_path_factory.mktemp("s") / "s.sock")
    operator = a_busy_operator()
    with serving(operator_app(operator), uds=path):
        transport = httpx.HTTPTransport(uds=path)
        with httpx.Client(transport=transport, base_url="http://saasobs") as http:
            assert http.get("/api/v1/status").json()["version"] == "1.2.3"
            assert http.post("/api/v1/reload").status_code == 403
            assert http.post("/api/v1/reload", headers=CHANGE).status_code == 200
