"""Where others report alerts: who may, how much, in which form, and what Alertmanager's clients are answered."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from saasobs import web
from saasobs.core.alert import AlertView, Matcher
from saasobs.core.errors import Refused, StorageError, Unavailable
from saasobs.core.incident import Topic
from saasobs.core.result import Reason
from saasobs.core.views import IncidentView
from saasobs.web import alerts, bodies
from support.fake_reports import AT, SILENCE, TOKEN, an_alert
from support.operator import FakeOperator, a_view, an_incident

BEARER = {"Authorization": f"Bearer {TOKEN}"}
API = "/alertmanager/prometheus/api/v2"
POSTS = (f"{API}/alerts", "/api/v2/alerts", "/alerts/grafana", "/alerts/prometheus")
READS = ("alerts", "alerts/groups", "receivers", "silences", f"silence/{SILENCE}", "status")


@asynccontextmanager
async def client(operator: FakeOperator, *, combined: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    app = web.ingest_app(operator, now=lambda: AT)
    if combined:
        app = web.combined_app(web.operator_app(operator), app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        yield http


# Who may ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", POSTS)
async def test_a_token_is_a_bearer_token_or_a_password(path: str) -> None:
    """With any user name; the combined listener takes them as well."""
    operator = FakeOperator()
    basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    for combined in (False, True):
        async with client(operator, combined=combined) as http:
            for authorization in (f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Basic {basic}"):
                answer = await http.post(path, content=b"[]", headers={"Authorization": authorization})
                assert (answer.status_code, answer.text) == (200, "")
    assert len(operator.reports.received) == 6


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", "Basic !!!", "Basic /w==", f"Digest {TOKEN}", f"Basic {TOKEN}"]
)
async def test_a_stranger_learns_nothing(authorization: str) -> None:
    """The same 401 for a wrong token, a source that does not exist and one of another kind; nothing is read."""
    operator = FakeOperator()
    headers = {"Authorization": authorization} if authorization else {}
    async with client(operator) as http:
        answers = [await http.post(path, content=b"x" * 100, headers=headers) for path in POSTS]
        answers += [await http.get(f"{API}/{path}", headers=headers) for path in READS]
        answers.append(await http.post("/alertmanager/nobody/api/v2/alerts", headers=BEARER))
        answers.append(await http.get("/alertmanager/grafana/api/v2/alerts", headers=BEARER))
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, '"unauthorized"')}
    assert all(answer.headers["WWW-Authenticate"].startswith("Basic ") for answer in answers)
    assert operator.reports.received == []


async def test_a_signature_that_does_not_fit_is_a_stranger() -> None:
    """What the desk refuses for its signature is no different from a wrong token."""
    operator = FakeOperator()
    operator.reports.failure = PermissionError("the signature does not fit")
    async with client(operator) as http:
        answer = await http.post("/alerts/grafana", content=b"{}", headers=BEARER)
    assert (answer.status_code, answer.text) == (401, '"unauthorized"')


async def test_health_is_everybodys() -> None:
    """As Alertmanager's: for probes that know no token."""
    operator = FakeOperator(ready=False)
    async with client(operator, combined=True) as http:
        for prefix in ("", "/alertmanager/prometheus"):
            assert (await http.get(f"{prefix}/-/healthy")).text == "OK"
            assert (await http.get(f"{prefix}/-/ready")).status_code == 503


# How much -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [StorageError("locked"), Unavailable("busy")])
async def test_what_cannot_be_taken_now_is_503_and_never_429(failure: Exception) -> None:
    """Prometheus and Alertmanager drop what a 4xx answers."""
    operator = FakeOperator()
    operator.reports.failure = failure
    async with client(operator) as http:
        for path in POSTS:
            answer = await http.post(path, content=b"[]", headers=BEARER)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert (await http.get(f"{API}/alerts", headers=BEARER)).status_code == 503


async def test_too_many_bodies_at_a_time_are_503(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before they are read."""
    monkeypatch.setattr(alerts, "READING", 0)
    async with client(FakeOperator()) as http:
        assert (await http.post(POSTS[0], content=b"[]", headers=BEARER)).status_code == 503


async def test_a_body_is_bounded_also_once_it_is_unpacked() -> None:
    """A long one, a gzip bomb, and what is packed in a way that we do not unpack."""
    bomb = gzip.compress(b"[" + b" " * (20 * bodies.BODY_LIMIT), 9)
    assert len(bomb) < bodies.BODY_LIMIT
    operator = FakeOperator()
    async with client(operator) as http:
        packed = {**BEARER, "Content-Encoding": "gzip"}
        assert (await http.post(POSTS[0], content=b" " * (bodies.BODY_LIMIT + 1), headers=BEARER)).status_code == 413
        assert (await http.post(POSTS[0], content=bomb, headers=packed)).status_code == 413
        assert (await http.post(POSTS[0], content=b"no gzip", headers=packed)).status_code == 400
        assert (await http.post(POSTS[0], content=gzip.compress(b"[]")[:-9], headers=packed)).status_code == 400
        assert (await http.post(POSTS[0], content=b"", headers={**BEARER, "Content-Encoding": "br"})).status_code == 415
        assert operator.reports.received == []
        assert (await http.post(POSTS[0], content=gzip.compress(b"[]"), headers=packed)).status_code == 200
    [(_, body, _)] = operator.reports.received
    assert body == b"[]"


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow sender holds nothing up."""
    read_body = bodies.read_body

    async def impatient(request: object) -> bytes:
        return await read_body(request, seconds=0.01)  # type: ignore[arg-type]

    monkeypatch.setattr(alerts, "read_body", impatient)

    async def slow() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.sleep(60)

    async with client(FakeOperator()) as http:
        assert (await http.post(POSTS[0], content=slow(), headers=BEARER)).status_code == 408


async def test_the_bad_alerts_are_named_in_a_400() -> None:
    """In Alertmanager's form: one text as JSON."""
    operator = FakeOperator()
    operator.reports.refused = ("alert 1: at least one label pair required", "alert 2: must be an object")
    async with client(operator) as http:
        answer = await http.post(POSTS[0], content=b"[]", headers=BEARER)
        operator.reports.failure = Refused("the body is not valid JSON")
        second = await http.post(POSTS[0], content=b"{", headers=BEARER)
    assert answer.status_code == 400
    assert answer.json() == "alert 1: at least one label pair required; alert 2: must be an object"
    assert (second.status_code, second.json()) == (400, "the body is not valid JSON")


# What Alertmanager is asked -------------------------------------------------------------------------------------------


async def test_alerts_in_alertmanagers_form() -> None:
    """Every field that its description of the API requires."""
    operator = FakeOperator()
    operator.reports.views.append(AlertView(an_alert("Other"), (SILENCE,), "night"))
    async with client(operator) as http:
        both = (await http.get(f"{API}/alerts", headers=BEARER)).json()
        active = (await http.get(f"{API}/alerts?silenced=false&filter=a%3D%22b%22&receiver=d.*", headers=BEARER)).json()
        silenced = (await http.get(f"{API}/alerts?active=false", headers=BEARER)).json()
        groups = (await http.get(f"{API}/alerts/groups", headers=BEARER)).json()
        wrong = await http.get(f"{API}/alerts?active=perhaps", headers=BEARER)
        nonsense = await http.get(f"{API}/alerts?filter=nonsense", headers=BEARER)
    assert both[0] == {
        "annotations": {"summary": "5 % of requests fail"},
        "endsAt": "2026-11-22T14:07:07.120Z",
        "fingerprint": "8c01c89dbccf2712",
        "receivers": [{"name": "default"}],
        "startsAt": "2026-11-22T13:53:07.120Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2026-11-22T14:02:07.120Z",
        "generatorURL": "http://prometheus.example:9090/graph",
        "labels": {"alertname": "HighErrorRate", "service": "api"},
    }
    assert [one["labels"]["alertname"] for one in active] == ["HighErrorRate"]
    assert operator.reports.asked[1] == (['a="b"'], "d.*")
    assert [one["status"]["silencedBy"] for one in silenced] == [[SILENCE]]
    assert [(one["labels"], one["receiver"]) for one in groups] == [
        ({"alertname": "HighErrorRate"}, {"name": "default"}),
        ({"alertname": "Other"}, {"name": "night"}),
    ]
    assert (wrong.status_code, nonsense.status_code) == (400, 400)


async def test_status_shows_nothing_of_ours() -> None:
    """What Grafana's data source asks to see that it is there."""
    async with client(FakeOperator()) as http:
        status = (await http.get(f"{API}/status", headers=BEARER)).json()
        receivers = (await http.get(f"{API}/receivers", headers=BEARER)).json()
    assert set(status) == {"cluster", "config", "uptime", "versionInfo"}
    assert status["versionInfo"]["version"] == "saasobs-1.2.3"
    assert "receiver: default" in status["config"]["original"]
    assert receivers == [{"name": "default"}, {"name": "night"}]


async def test_silences_in_alertmanagers_form() -> None:
    """Read, made and ended."""
    operator = FakeOperator()
    wanted = {
        "matchers": [{"name": "alertname", "value": "A", "isRegex": False}],
        "startsAt": "2026-11-22T14:00:00Z",
        "endsAt": "2026-11-22T15:00:00.5-05:00",
        "createdBy": "ana\n<b>",
        "comment": "why",
    }
    async with client(operator) as http:
        [shown] = (await http.get(f"{API}/silences", headers=BEARER)).json()
        one = (await http.get(f"{API}/silence/{SILENCE}", headers=BEARER)).json()
        made = await http.post(f"{API}/silences", json=wanted, headers=BEARER)
        ended = await http.delete(f"{API}/silence/{SILENCE}", headers=BEARER)
        missing = await http.delete(f"{API}/silence/11111111-1111-1111-1111-111111111111", headers=BEARER)
    assert one == shown
    assert (shown["id"], shown["status"], shown["createdBy"]) == (SILENCE, {"state": "active"}, "ana")
    assert shown["matchers"] == [{"isEqual": True, "isRegex": True, "name": "alertname", "value": "High.*"}]
    assert made.json() == {"silenceID": SILENCE}
    assert operator.reports.kept[0].matchers == (Matcher("alertname", "A"),)
    assert operator.reports.kept[0].created_by == "ana <b>"
    assert (ended.status_code, missing.status_code) == (200, 404)
    assert operator.reports.expired == [(SILENCE, "somebody with the token of prometheus")]


@pytest.mark.parametrize(
    "body",
    [
        [], None, {"matchers": []}, {"matchers": [1]}, {"matchers": [{"name": 1, "value": "x"}]},
        {"matchers": [{"name": "a", "value": "x", "isRegex": "yes"}]}, {"matchers": [{"name": "a", "value": "x"}]},
        {"matchers": [{"name": "a", "value": "x"}], "startsAt": "soon", "endsAt": 3, "createdBy": 1},
    ],
)  # fmt: skip
async def test_a_silence_that_is_none_is_a_400(body: object) -> None:
    """With what is wrong, and nothing is made."""
    operator = FakeOperator()
    async with client(operator) as http:
        answer = await http.post(f"{API}/silences", content=json.dumps(body), headers=BEARER)
        broken = await http.post(f"{API}/silences", content=b"{", headers=BEARER)
    assert (answer.status_code, broken.status_code) == (400, 400)
    assert isinstance(answer.json(), str)
    assert operator.reports.kept == []


async def test_a_token_that_may_not_silence_is_told_so() -> None:
    """`silences: false` leaves reading and reporting."""
    operator = FakeOperator()
    operator.reports.may_silence = False
    async with client(operator) as http:
        made = await http.post(f"{API}/silences", json={}, headers=BEARER)
        ended = await http.delete(f"{API}/silence/{SILENCE}", headers=BEARER)
        assert (await http.get(f"{API}/silences", headers=BEARER)).status_code == 200
    assert (made.status_code, ended.status_code) == (403, 403)


async def test_pages_do_not_take_an_alert_for_a_monitor() -> None:
    """An alert that is called like a monitor leads nowhere; whether it fires, or nobody speaks of it, is said."""
    reported = an_incident("k3v9m2xa", topic=Topic.ALERT, reason=Reason.REPORTED, message="5 % of requests fail")
    silent = replace(reported, id="s1lent00", monitor="HighErrorRate api", reason=Reason.SOURCE_SILENT)
    flapping = replace(reported, id="f1app1ng", monitor="HighErrorRate api", topic=Topic.FLAPPING)
    views = [IncidentView(one, (), ()) for one in (reported, silent, flapping)]
    operator = FakeOperator(views=[a_view("api")], incident_views=views)
    transport = httpx.ASGITransport(web.operator_app(operator))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        pages = [(await http.get(f"/incidents/{view.incident.id}")).text for view in views]
        listed = (await http.get("/incidents")).text
    assert not any('href="/monitors/' in page for page in pages)
    assert ">firing<" in pages[0]
    assert ">silent<" in pages[1]
    assert (">firing<" in listed, ">silent<" in listed, ">flapping<" in listed) == (True, True, True)


# The operator's API -------------------------------------------------------------------------------------------------


async def test_the_operators_api_lists_alerts_and_silences() -> None:
    """For the command line: the alert with its incident; silences made and ended by name."""
    operator = FakeOperator()
    transport = httpx.ASGITransport(web.operator_app(operator))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1") as http:
        [alert] = (await http.get("/alerts?filter=service=api")).json()["alerts"]
        assert (alert["name"], alert["incident_id"], alert["stale"]) == ("HighErrorRate", "k3v9m2xa", False)
        [silence] = (await http.get("/silences")).json()["silences"]
        assert silence["id"] == SILENCE
        wanted = {key: silence[key] for key in ("matchers", "startsAt", "endsAt", "comment")}
        assert (await http.post("/silences", json={**wanted, "by": "bruno"})).status_code == 201
        assert operator.reports.kept[0].created_by == "bruno"
        assert (await http.post("/silences", json={"by": "bruno"})).status_code == 400
        assert (await http.post("/silences/51c7/expire", json={"by": "bruno"})).status_code == 200
    assert operator.reports.expired == [("51c7", "bruno")]
