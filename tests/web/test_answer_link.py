"""The page behind a signed link: it shows, and acts only when its button is pressed."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest

from saasobs.alerting.answer_page import answer_page, group_page, no_offer
from saasobs.core.answers import LINK_SNOOZE, Answer, AnswerKind, Offer, RefusedLink, Taken, Via
from saasobs.core.errors import Refused, StorageError
from saasobs.core.incident import Change, Incident
from saasobs.web import combined_app, ingest_app, operator_app
from saasobs.web.peers import peer_of
from support.briefings import INCIDENT, briefing, many, member
from support.capture import captured
from support.operator import FakeOperator, a_busy_operator, an_incident_view

TOKEN = "5HimeE9AsRBub5OneMpvZPzcN3"
PRESSED = {"do": "acknowledge"}
TAKEN = replace(INCIDENT, acknowledged_at=1, acknowledged_by="ben")


def an_operator(incident: Incident = INCIDENT, *, who: str = "ana", language: str = "es") -> FakeOperator:
    operator = FakeOperator(incident_views=[replace(an_incident_view(), incident=incident)])
    page = answer_page(briefing(incident=incident, person=who, language=language, timezone="America/Lima"))
    operator.links[TOKEN] = Offer(incident.id, who, page)
    return operator


def client(operator: FakeOperator, peer: str = "192.0.2.9") -> httpx.AsyncClient:
    app = combined_app(operator_app(operator), ingest_app(operator))
    transport = httpx.ASGITransport(app=app, client=(peer, 4711), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://in.example")


async def test_opening_it_changes_nothing() -> None:
    """A previewer that gets, asks for the head, or follows every link, acknowledges nothing."""
    operator = an_operator()
    async with client(operator) as http:
        for method in ("GET", "HEAD", "GET"):
            answer = await http.request(method, f"/a/{TOKEN}", headers={"User-Agent": "Slackbot-LinkExpanding 1.0"})
            assert answer.status_code == 200
        for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
            assert (await http.request(method, f"/a/{TOKEN}")).status_code == 405
    assert operator.answers == []


@pytest.mark.parametrize("language", ["en", "es", "pt"])
async def test_the_page_is_small_and_whole(language: str) -> None:
    """In the person's language, with one form that leads back here; nothing is loaded, stored, indexed or passed on."""
    async with client(an_operator(language=language)) as http:
        answer = await http.get(f"/a/{TOKEN}", headers={"Accept-Language": "de, fr;q=0.5"})
    assert f'<html lang="{language}">' in answer.text
    assert "api" in answer.text
    assert answer.text.count("<form") == 1
    assert 'method="post"' in answer.text
    assert re.findall(r'name="do" value="(\w+)"', answer.text) == ["acknowledge", "snooze"]
    assert not re.search(r"<script|<img|<link|<a |src=|href=|url\(", answer.text)
    assert len(answer.content) < 10_000
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "set-cookie" not in answer.headers


async def test_pressing_the_button() -> None:
    """It acknowledges in the name of whom the link was sent to, and leads back to the page, however often."""
    operator = an_operator()
    async with client(operator) as http:
        for _ in range(2):
            answer = await http.post(f"/a/{TOKEN}", data=PRESSED)
            assert answer.status_code == 303
            assert str(answer.url.join(answer.headers["location"])) == f"https://in.example/a/{TOKEN}"
            assert answer.headers["referrer-policy"] == "no-referrer"
        await http.post(f"/a/{TOKEN}", data={"do": "snooze"})
    assert operator.answers == [
        Answer(AnswerKind.ACKNOWLEDGE, "ana", Via.LINK),
        Answer(AnswerKind.ACKNOWLEDGE, "ana", Via.LINK),
        Answer(AnswerKind.SNOOZE, "ana", Via.LINK, lasting=LINK_SNOOZE),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"do=resolve", 400),
        (b"do=", 400),
        (b"\xff\xfe=1", 400),
        (b"&".join(b"a=1" for _ in range(100)), 400),
        (b"x" * 100_000, 413),
    ],
)
async def test_what_the_form_did_not_send(body: bytes, status: int) -> None:
    """Nothing but the two buttons does anything."""
    operator = an_operator()
    async with client(operator) as http:
        answer = await http.post(
            f"/a/{TOKEN}", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
    assert answer.status_code == status
    assert operator.answers == []


@pytest.mark.parametrize(
    ("incident", "buttons"),
    [
        (TAKEN, []),
        (replace(TAKEN, snoozed_until=INCIDENT.opened_at), ["acknowledge"]),
        (replace(INCIDENT, ended_at=INCIDENT.opened_at), []),
    ],
    ids=["taken", "snoozed", "over"],
)
async def test_only_what_makes_sense_can_be_pressed(incident: Incident, buttons: list[str]) -> None:
    """What somebody has needs no button, a snooze can be made firm, and what is over is over."""
    async with client(an_operator(incident, language="en")) as http:
        answer = await http.get(f"/a/{TOKEN}")
    assert re.findall(r'name="do" value="(\w+)"', answer.text) == buttons
    assert ("ben" in answer.text) == (not incident.ended_at)


@pytest.mark.parametrize(
    ("why", "status"),
    [
        (RefusedLink.INVALID, 404),
        (RefusedLink.EXPIRED, 410),
        (RefusedLink.WAIT, 429),
        (RefusedLink.UNAVAILABLE, 503),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_that_leads_nowhere(why: RefusedLink, status: int, method: str) -> None:
    """It says why in words, has no button, and changes nothing."""
    operator = an_operator()
    operator.links[TOKEN] = no_offer(why, "pt")
    async with client(operator) as http:
        answer = await http.request(method, f"/a/{TOKEN}", data=PRESSED if method == "POST" else None)
    assert answer.status_code == status
    assert '<html lang="pt">' in answer.text
    assert "<form" not in answer.text
    assert INCIDENT.message not in answer.text
    assert operator.answers == []
    assert ("retry-after" in answer.headers) == (status in (429, 503))


@pytest.mark.parametrize(
    ("asked", "language"),
    [("es-PE,es;q=0.9,en;q=0.8", "es"), ("de-DE, pt-BR;q=0.5", "pt"), ("", "en"), ("fr", "en"), ("E" * 9_000, "en")],
)
async def test_the_browser_says_the_language_of_what_is_nobodys(asked: str, language: str) -> None:
    """A forged link is refused in the language that its opener seems to read."""
    operator = an_operator()
    async with client(operator) as http:
        answer = await http.get("/a/forged", headers={"Accept-Language": asked} if asked else {})
    assert answer.status_code == 404
    assert f'<html lang="{language}">' in answer.text
    assert operator.calls == [("open_link", "forged", "192.0.2.9", language)]


async def test_it_is_over_just_as_it_is_pressed() -> None:
    """The page that follows says so; nothing breaks."""
    operator = an_operator()
    operator.failure = Refused("incident k3v9m2xa is over")
    async with client(_Late(operator)) as http:
        assert (await http.post(f"/a/{TOKEN}", data=PRESSED)).status_code == 303


async def test_it_cannot_be_written_down() -> None:
    """While the store is broken it says so, in the person's language, and asks to try again."""
    operator = an_operator()
    operator.failure = StorageError("locked")
    async with client(_Late(operator)) as http:
        answer = await http.post(f"/a/{TOKEN}", data=PRESSED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert '<html lang="es">' in answer.text
    assert "locked" not in answer.text


class _Late(FakeOperator):
    """Opens links, and fails at everything after."""

    def __init__(self, operator: FakeOperator) -> None:
        super().__init__(incident_views=operator.incident_views, links=operator.links)
        self._failure = operator.failure

    async def answer(self, identity: str, answer: Answer) -> Taken:
        assert self._failure is not None
        raise self._failure


@pytest.mark.parametrize("path", [f"/a/{TOKEN}", f"/a/{TOKEN}/", f"/a/{TOKEN}/more", f"/a//{TOKEN}"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_tokens_are_not_logged(path: str, method: str) -> None:
    """Whatever a mail program makes of the address, its token is in no access line."""
    operator = a_busy_operator()
    with captured() as out:
        app = out.instrumentation.wrap(combined_app(operator_app(operator), ingest_app(operator)))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as http:
            await http.request(method, path)
        assert TOKEN not in out.text()


async def test_a_listener_of_their_own() -> None:
    """Where the ingest app is apart, the operator's listener has the links, too, and nothing else of it."""
    operator = an_operator()
    app = combined_app(operator_app(operator), ingest_app(operator), apart=True)
    transport = httpx.ASGITransport(app=app, client=("192.0.2.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert (await http.get(f"/a/{TOKEN}")).status_code == 200
        assert (await http.get("/healthz")).status_code == 404


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.2", ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        ("10.0.0.2", [" , "], "10.0.0.2"),
        ("10.0.0.2", [], "10.0.0.2"),
    ],
)
def test_whom_guesses_are_counted_by(peer: str, forwarded: list[str], counted: str) -> None:
    """The other end; behind a proxy of ours, whom that names last. What a stranger writes there does not count."""
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    assert peer_of({"type": "http", "client": (peer, 1), "headers": headers}) == counted
    assert peer_of({"type": "http", "client": None, "headers": []}) == ""


async def test_the_page_of_many_has_its_buttons_above_the_list() -> None:
    """A thumb reaches them without passing twenty incidents."""
    operator = an_operator()
    members = tuple(member(number, Change.OPENED) for number in range(30))
    operator.links[TOKEN] = Offer("g7q2m8zd", "ana", group_page(many(*members, person="ana", language="es")))
    async with client(operator) as http:
        page = (await http.get(f"/a/{TOKEN}")).text
    assert "30 monitores están caídos" in page
    assert page.count("<dt>🔴") == 20
    assert page.index("Me encargo") < page.index("<dt>🔴")
