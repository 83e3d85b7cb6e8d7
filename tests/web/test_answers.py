"""Answers to incidents by the JSON API and by the forms of the page."""

from __future__ import annotations

import tempfile
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from saasobs.core.answers import Answer, AnswerKind, Via
from saasobs.core.values import HOUR, MINUTE, SECOND
from saasobs.web import operator_app
from support.asgi_server import serving
from support.operator import NOW, FakeOperator, a_busy_operator

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OURS = {"Sec-Fetch-Site": "same-origin", **FORM}


def client(operator: FakeOperator, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=operator_app(operator, now=lambda: NOW))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", **options)


@pytest.mark.parametrize(
    ("kind", "body", "answer"),
    [
        ("acknowledge", {"by": "ana"}, Answer(AnswerKind.ACKNOWLEDGE, "ana", Via.API)),
        ("unacknowledge", {"text": "off"}, Answer(AnswerKind.UNACKNOWLEDGE, "operator", Via.API, text="off")),
        (
            "snooze",
            {"by": "ana", "duration_seconds": 1800},
            Answer(AnswerKind.SNOOZE, "ana", Via.API, lasting=30 * MINUTE),
        ),
        (
            "snooze",
            {"by": "ana", "until": "2026-11-22T15:03:07Z"},
            Answer(AnswerKind.SNOOZE, "ana", Via.API, until=1_795_359_787 * SECOND),
        ),
        ("assign", {"by": "ana", "to": "bruno"}, Answer(AnswerKind.ASSIGN, "ana", Via.API, to="bruno")),
        ("note", {"by": "ana", "text": "hm"}, Answer(AnswerKind.NOTE, "ana", Via.API, text="hm")),
        ("resolve", {"by": "ana"}, Answer(AnswerKind.RESOLVE, "ana", Via.API)),
    ],
)
async def test_every_answer_has_an_endpoint(kind: str, body: dict[str, Any], answer: Answer) -> None:
    """It takes by whom and what belongs to it, and returns the incident as it is now."""
    operator = a_busy_operator()
    async with client(operator) as http:
        if kind == "unacknowledge":
            await http.post("/api/v1/incidents/k3v/acknowledge", json={})
            operator.answers.clear()
        told = await http.post(f"/api/v1/incidents/k3v/{kind}", json=body)
    assert told.status_code == 200, told.text
    assert operator.answers == [answer]
    assert told.json()["id"] == "k3v9m2xa"


async def test_the_incident_says_what_was_answered() -> None:
    """Who has it, since when, until when, and whose it is."""
    operator = a_busy_operator()
    async with client(operator) as http:
        snoozed = await http.post("/api/v1/incidents/k3v/snooze", json={"by": "ana", "duration_seconds": 3600})
        assigned = await http.post("/api/v1/incidents/k3v/assign", json={"by": "ana", "to": "bruno"})
    assert snoozed.json()["acknowledged_by"] == "ana"
    assert snoozed.json()["snoozed_until"] == "2026-11-22T15:03:07.120345Z"
    assert (assigned.json()["assigned_to"], assigned.json()["snoozed_until"]) == ("bruno", None)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("k3v/escalate", {}, 404),
        ("zzz/acknowledge", {}, 404),
        ("b7n2p8qd/note", {"text": "late"}, 409),
        ("k3v/snooze", {}, 409),
        ("k3v/snooze", {"duration_seconds": -1}, 400),
        ("k3v/snooze", {"duration_seconds": True}, 400),
        ("k3v/snooze", {"duration_seconds": 1e30}, 400),
        ("k3v/snooze", {"duration_seconds": "30m"}, 400),
        ("k3v/snooze", {"until": "tomorrow"}, 400),
        ("k3v/snooze", {"until": "2026-11-22T15:03:07"}, 400),
        ("k3v/assign", {"by": "ana"}, 409),
        ("k3v/assign", {"to": "b\nc"}, 400),
        ("k3v/note", {}, 409),
        ("k3v/note", {"text": "x" * 1_001}, 400),
        ("k3v/note", {"text": ["x"]}, 400),
        ("k3v/acknowledge", {"by": ""}, 400),
        ("k3v/acknowledge", {"by": "a\x1b[31m"}, 400),
    ],
)
async def test_what_is_wrong_is_said(path: str, body: dict[str, Any], status: int) -> None:
    """In a sentence, and nothing is answered."""
    operator = a_busy_operator()
    async with client(operator) as http:
        told = await http.post(f"/api/v1/incidents/{path}", json=body)
    assert told.status_code == status
    assert told.json()["error"]["message"]
    assert operator.answers == []


def test_over_the_socket_it_is_the_command_line() -> None:
    """Whoever comes over the Unix socket is at the daemon's own machine."""
    operator = a_busy_operator()
    with tempfile.TemporaryDirectory(prefix="so-") as folder, serving(operator_app(operator), uds=f"{folder}/s") as uds:
        transport = httpx.HTTPTransport(uds=uds)
        with httpx.Client(transport=transport, base_url="http://localhost") as http:
            assert http.post("/api/v1/incidents/k3v/acknowledge", json={"by": "ana"}).status_code == 200
    assert operator.answers[0].via is Via.CLI


# The forms -----------------------------------------------------------------------------------------------------


class Forms(HTMLParser):
    """The forms of a page: where they go, and what their fields hold as they stand."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert values["method"] == "post"
            self.forms.append((values["action"], {}))
        elif tag in ("input", "select") and self.forms:
            self.forms[-1][1][values["name"]] = values.get("value", "")


async def test_the_page_has_a_form_for_every_answer() -> None:
    """Without JavaScript: each form as it stands, its gaps filled in, is an answer; then the page is shown again."""
    operator = a_busy_operator()
    gaps = {"by": "Ana María", "to": "bruno", "text": "looking", "minutes": "120"}
    async with client(operator, headers={"Sec-Fetch-Site": "same-origin"}) as http:
        page = await http.get("/incidents/k3v9m2xa")
        forms = Forms(page.text).forms
        for action, fields in forms:
            filled = {name: value or gaps[name] for name, value in fields.items()}
            answer = await http.post(action, data=filled)
            assert (answer.status_code, answer.headers["location"]) == (303, "/incidents/k3v9m2xa"), answer.text
        again = await http.get("/incidents/k3v9m2xa")
    assert [answer.kind for answer in operator.answers] == [
        AnswerKind.ACKNOWLEDGE, AnswerKind.SNOOZE, AnswerKind.ASSIGN, AnswerKind.NOTE, AnswerKind.RESOLVE
    ]  # fmt: skip
    assert {(answer.by, answer.via) for answer in operator.answers} == {("Ana María", Via.PAGE)}
    assert operator.answers[1].lasting == 2 * HOUR
    assert (operator.answers[2].to, operator.answers[3].text) == ("bruno", "looking")
    assert all(fields["by"] == "Ana María" for _, fields in Forms(again.text).forms)
    assert 'http-equiv="refresh"' not in page.text


async def test_what_is_over_has_no_forms() -> None:
    """There is nothing left to answer."""
    async with client(a_busy_operator()) as http:
        assert Forms((await http.get("/incidents/b7n2p8qd")).text).forms == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
    ],
)
async def test_another_sites_page_cannot_answer(headers: dict[str, str], status: int) -> None:
    """Only a form that the browser says our own page has sent is taken."""
    operator = a_busy_operator()
    body = urlencode({"kind": "acknowledge", "by": "ana"})
    async with client(operator) as http:
        told = await http.post("/incidents/k3v/answer", content=body, headers={**FORM, **headers})
    assert told.status_code == status
    assert len(operator.answers) == (status == 303)


@pytest.mark.parametrize("path", ["/api/v1/incidents/k3v/acknowledge", "/api/v1/reload", "/incidents/k3v", "/"])
async def test_a_form_goes_nowhere_else(path: str) -> None:
    """The exception of the guard is for the incident's forms alone."""
    operator = a_busy_operator()
    async with client(operator) as http:
        assert (await http.post(path, content="kind=acknowledge", headers=OURS)).status_code == 403
    assert operator.answers == []
    assert ("reload",) not in operator.calls


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"kind": "escalate", "by": "ana"}, 404),
        ({"by": "ana"}, 404),
        ({"kind": "snooze", "by": "ana", "minutes": "x"}, 400),
        ({"kind": "snooze", "by": "ana", "minutes": "9999999"}, 400),
        ({"kind": "snooze", "by": "ana"}, 409),
        ({"kind": "note", "by": "ana", "text": " "}, 409),
        ({"kind": "acknowledge", "by": "a\nb"}, 400),
    ],
)
async def test_a_form_that_makes_no_sense(fields: dict[str, str], status: int) -> None:
    """It is refused with a page that says why."""
    operator = a_busy_operator()
    async with client(operator) as http:
        told = await http.post("/incidents/k3v/answer", content=urlencode(fields), headers=OURS)
    assert told.status_code == status
    assert "<h1>" in told.text
    assert operator.answers == []


async def test_the_name_is_remembered_safely() -> None:
    """By a cookie that scripts and other sites do not see; whatever stands in it is shown as a text."""
    operator = a_busy_operator()
    async with client(operator) as http:
        told = await http.post("/incidents/k3v/answer", content="kind=acknowledge&by=%3Cb%3E%22%3B", headers=OURS)
        cookie = told.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        page = await http.get("/incidents/k3v9m2xa")
        assert '<b>"' not in page.text
        assert {fields["by"] for _, fields in Forms(page.text).forms} == {'<b>";'}
        strange = await http.get("/incidents/k3v9m2xa", headers={"Cookie": "saasobs_by=%ff%00%00" + "x" * 3_000})
        assert strange.status_code == 200
