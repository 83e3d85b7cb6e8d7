"""The pages, as a person and a hostile target see them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.core.errors import StorageError
from saasobs.core.incident import Status, Suppression, Topic
from saasobs.core.values import SECOND
from saasobs.web import operator_app
from saasobs.web.html import ago, bars, render
from saasobs.web.pages import _worst_first
from support.asgi_server import serving
from support.operator import (
    NOW,
    TOKEN,
    FakeOperator,
    a_busy_operator,
    a_failure,
    a_view,
    a_window,
    an_availability,
    an_incident,
    an_incident_view,
)

PAGES = ["/", "/monitors/checkout", "/monitors/nightly-invoices", "/incidents", "/incidents/k3v9m2xa", "/incidents/b7n"]


def client(operator: FakeOperator) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=operator_app(operator, now=lambda: NOW))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


class Balanced(HTMLParser):
    """Fails on an element that is not closed, and collects what a reader sees and every attribute."""

    VOID = frozenset({"meta", "link", "rect", "br", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_whole_and_self_contained(path: str) -> None:
    """Every page is well formed, needs nothing from elsewhere and no script, and may not be framed."""
    async with client(a_busy_operator()) as http:
        answer = await http.get(path)
        head = await http.head(path)
    assert answer.status_code == head.status_code == 200
    page = Balanced(answer.text)
    assert not page.tags & {"script", "iframe", "img", "object"}
    sources = [value for name, value in page.attributes if name in ("href", "src")]
    assert all(value is not None and value.startswith("/") and not value.startswith("//") for value in sources)
    assert not [name for name, _ in page.attributes if name == "style" or name.startswith("on")]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")


async def test_the_overview_says_what_matters_first() -> None:
    """How bad it is stands first, then open incidents, then the monitors, the worst first."""
    async with client(a_busy_operator()) as http:
        text = Balanced((await http.get("/")).text).text
    places = [text.index(part) for part in ("1 of 5 down", "Open incidents", "expected status 200-299, got 500")]
    assert places == sorted(places)
    shown = text[text.index("Open incidents") :]
    order = [shown.rindex(f" {name} ") for name in ("checkout", "search", "nightly-invoices", "api", "old-shop")]
    assert order == sorted(order)


async def test_what_is_held_back_says_why() -> None:
    """An open window stands on the overview, a flapping monitor is called so, and a held notice names its reason."""
    operator = a_busy_operator()
    operator.windows = [a_window(reason="new disks"), a_window(name="tomorrow", active=False)]
    view = operator.incident_views[0]
    held = replace(view.notices[2], suppression=Suppression.DEPENDENCY, detail="gateway is down")
    flapping = replace(view.incident, topic=Topic.FLAPPING)
    operator.incident_views = [replace(view, incident=flapping, notices=[held])]
    async with client(operator) as http:
        overview = Balanced((await http.get("/")).text)
        incident = Balanced((await http.get("/incidents/k3v9m2xa")).text)
    assert "Maintenance deploy until 2026-11-22 14:28:07 UTC : new disks. Alerts of api wait." in overview.text
    assert "tomorrow" not in overview.text
    assert "flapping" in overview.words
    assert {"held", "dependency", "gateway is down", "flapping"} <= set(incident.words)


async def test_the_verdict() -> None:
    """The heading is true for every mixture of states."""
    verdicts = {}
    for name, views in {
        "one": [a_view()],
        "all": [a_view("a"), a_view("b")],
        "new": [a_view("a", Status.NEW, results=[])],
        "paused": [a_view("a"), a_view("b", paused=True)],
        "degraded": [a_view("a"), a_view("b", Status.DEGRADED)],
    }.items():
        async with client(FakeOperator(views=views)) as http:
            found = re.search(r"<h1[^>]*>\s*(.*?)\s*</h1>", (await http.get("/")).text, re.DOTALL)
        verdicts[name] = found[1] if found else ""
    assert verdicts == {
        "one": "The monitor is up",
        "all": "All 2 monitors are up",
        "new": "Waiting for the first results",
        "paused": "1 of 2 up, none down",
        "degraded": "1 of 2 degraded",
    }


async def test_a_confirming_monitor_is_near_the_top() -> None:
    """A monitor whose last check failed shows that it is being confirmed, before those that are well."""
    suspect = a_view("suspect", results=[a_failure("suspect")])
    assert suspect.state.confirming
    assert min([a_view("a"), suspect], key=_worst_first) is suspect
    async with client(FakeOperator(views=[suspect])) as http:
        assert "confirming" in (await http.get("/")).text


async def test_empty_states_say_what_to_do() -> None:
    """With nothing to show there is a next step in its place."""
    heartbeat = replace(a_view("job", Status.NEW, results=[]), ping_url=f"http://x/ping/{TOKEN}")
    async with client(FakeOperator()) as http:
        overview, incidents = (await http.get("/")).text, (await http.get("/incidents")).text
    assert "Nothing is watched yet" in overview
    assert "config/saasobs.yaml" in overview
    assert "saasobs notify test" in incidents
    operator = FakeOperator(
        views=[heartbeat, a_view("new", Status.NEW, results=[])],
        incident_views=[replace(an_incident_view(), notices=[])],
    )
    async with client(operator) as http:
        assert f"curl -fsS -m 10 --retry 5 http://x/ping/{TOKEN}" in (await http.get("/monitors/job")).text
        assert "The first check is on its way" in (await http.get("/monitors/new")).text
        assert "no policy matched" in (await http.get("/incidents/k3v")).text


async def test_problems_and_a_refused_configuration_stand_on_every_page() -> None:
    """While the daemon is not well, no page can be read without seeing it."""
    operator = a_busy_operator()
    operator.problems = ("the disk is full",)
    operator.configuration_error = "a.yaml:3: monitors[0].url: <wrong>"
    for ready in (True, False):
        operator.ready = ready
        async with client(operator) as http:
            for path in PAGES:
                page = (await http.get(path)).text
                assert "the disk is full" in page
                assert "a.yaml:3: monitors[0].url: &lt;wrong&gt;" in page


async def test_a_broken_store() -> None:
    """The overview stays up and says what is wrong; a page that needs the store is a 503 that says so."""
    operator = FakeOperator(failure=StorageError("the database is locked"), ready=False)
    async with client(operator) as http:
        overview, monitor = await http.get("/"), await http.get("/monitors/api")
    assert overview.status_code == 200
    assert "the database is locked" in overview.text
    assert (monitor.status_code, monitor.headers["retry-after"]) == (503, "5")
    assert "the database is locked" in Balanced(monitor.text).text


async def test_a_page_that_is_not_there() -> None:
    """A wrong address is a page with a way back."""
    async with client(FakeOperator()) as http:
        for path in ("/nope", "/monitors/nope", "/incidents/nope", "/assets/../api.py", "/assets/nope"):
            answer = await http.get(path)
            assert answer.status_code == 404
            assert 'href="/"' in answer.text


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "</pre><b>",
    "javascript:alert(1)",
)
ALLOWED = frozenset(
    re.findall(
        r"\w+",
        "html head meta title link body header a nav main section h1 h2 p pre ul ol li div span time dl dt dd code"
        " strong svg rect details summary table thead tbody tr th td footer form input label select option datalist"
        " button",
    )
)
ATTRIBUTES = frozenset(
    re.findall(
        r"[\w-]+",
        "lang charset name content http-equiv rel href class aria-current role datetime title aria-hidden viewbox"
        " preserveaspectratio x y width height open method action type value list maxlength autocomplete required id"
        " aria-label",
    )
)


@settings(max_examples=30, deadline=None)
@given(st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cc"]), min_size=1)))
def test_hostile_texts_stay_texts(hostile: str) -> None:
    """Whatever a name, a message or an answer contains is shown as it is and never becomes part of the page."""
    failed = replace(a_failure(), message=hostile, excerpt=hostile, observations={hostile: hostile})
    failed = replace(failed, failures=tuple(replace(each, expected=hostile, seen=hostile) for each in failed.failures))
    view = a_view(results=[failed])
    view = replace(view, monitor=replace(view.monitor, name=hostile, target=hostile, runbook=hostile, tags=(hostile,)))
    incident = an_incident(monitor=hostile, message=hostile, acknowledged_by=hostile, acknowledged_at=NOW)
    story = an_incident_view(incident)
    story = replace(story, events=[replace(event, text=hostile, actor=hostile) for event in story.events])
    health = replace(FakeOperator().health(), problems=(hostile,), configuration_error=hostile)
    pages: dict[str, dict[str, Any]] = {
        "overview.html": {
            "monitors": [view],
            "incidents": [incident],
            "counts": Counter(up=1),
            "failure": "",
            "windows": [a_window(name=hostile, reason=hostile, monitors=(hostile,), tags=(hostile,))],
        },
        "monitor.html": {"view": view, "days": 30, "seen": an_availability(hostile)},
        "incident.html": {"view": story, "watched": True, "by": hostile, "people": [hostile]},
        "incidents.html": {"incidents": [incident]},
    }
    for template, values in pages.items():
        page = Balanced(render(template, health=health, now=NOW, **values))
        assert page.tags <= ALLOWED
        assert {name for name, _ in page.attributes} <= ATTRIBUTES
        assert any(hostile in word for word in page.words) or not hostile.isascii()


def test_words() -> None:
    """Relative times are short and never negative; phase bars fill the whole width."""
    assert [ago(NOW - passed, NOW) for passed in (-SECOND, 0, 42 * SECOND + 7, 3700 * SECOND)] == [
        "just now",
        "just now",
        "42s ago",
        "1h01m ago",
    ]
    assert ago(0, NOW) == "never"
    drawn = bars({"dns": 1, "connect": 3})
    assert drawn == [("dns", 1, 0.0, 25.0), ("connect", 3, 25.0, 75.0)]
    assert bars({"dns": 0}) == [("dns", 0, 0.0, 0.0)]


def test_over_a_real_server() -> None:
    """Through uvicorn the page and its style sheet arrive."""
    with serving(operator_app(a_busy_operator())) as url:
        assert "1 of 5 down" in httpx.get(url).text
        sheet = httpx.get(f"{url}/assets/style.css")
    assert sheet.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in sheet.text
