"""Alerts of others, read: bounded, whatever a stranger sends; matched, named and followed by plain rules."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.received import matchers, naming
from saasobs.alerting.received.fingerprint import fingerprint
from saasobs.alerting.received.following import follow, identified, is_stale, merged, only_repeated, put_off
from saasobs.alerting.received.mapped import Mapped
from saasobs.alerting.received.reports import (
    MAX_ALERTS,
    MAX_ANNOTATION,
    MAX_LABELS,
    MAX_VALUE,
    Parsed,
    Report,
    epoch,
    read_moment,
    read_url,
)
from saasobs.alerting.received.signature import HEADER, sign, verify
from saasobs.alerting.received.source import Source, read
from saasobs.core.alert import Alert, Matcher, Silence, SourceKind
from saasobs.core.errors import Refused
from saasobs.core.incident import Change
from saasobs.core.monitor import Severity
from saasobs.core.values import HOUR, MINUTE, SECOND, Secret, isoformat
from saasobs.probes.conditions import JsonPath
from support.reporting import a_source

NOW = 1_795_356_187 * SECOND
PROMETHEUS = a_source()
ALERTMANAGER = a_source("am", kind=SourceKind.ALERTMANAGER)
JSON = a_source(
    "cron",
    kind=SourceKind.JSON,
    mapping=Mapped(
        name=JsonPath("$.title"),
        each=JsonPath("$.events[*]"),
        status=JsonPath("$.state"),
        labels={"service": JsonPath("$.tags.service"), "severity": "page"},
        annotations={"summary": JsonPath("$.text")},
        starts_at=JsonPath("$.since"),
        url=JsonPath("$.link"),
    ),
)

# Captured from Debian's Alertmanager 0.25.
WEBHOOK_V4: dict[str, Any] = {
    "receiver": "saasobs",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Flip", "env": "test", "severity": "warn"},
            "annotations": {"summary": "flip 39.08"},
            "startsAt": "2026-11-22T19:49:41.085Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://vm:19090/graph?g0.expr=flip",
            "fingerprint": "c630d68a382abf2f",
        },
        {
            "status": "resolved",
            "labels": {"alertname": "Flop"},
            "annotations": {},
            "startsAt": "2026-11-22T19:49:41.085Z",
            "endsAt": "2026-11-22T19:50:41.085Z",
            "generatorURL": "",
            "fingerprint": "8a1f6a7e3b0c9d11",
        },
    ],
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://vm:9093",
    "version": "4",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
    "notification_reason": "something that a later version adds",
}

# The shape of Grafana's documentation (webhook notifier, version 13).
GRAFANA: dict[str, Any] = {
    "receiver": "saasobs",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1"},
            "annotations": {"description": "The system has high memory usage", "runbook_url": "https://wiki/runbook/1234",
                            "summary": "This alert was triggered for zone us-1"},
            "startsAt": "2026-10-12T09:51:03.157076+02:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://play.grafana.org/alerting/silence/new?alertmanager=grafana",
            "dashboardURL": "https://play.grafana.org/d/abc",
            "panelURL": "https://play.grafana.org/d/abc?viewPanel=1",
            "values": {"B": 44.23943737541908, "C": 1},
        }
    ],
    "groupLabels": {"alertname": "High memory usage"},
    "commonLabels": {"team": "blue"},
    "commonAnnotations": {},
    "externalURL": "https://play.grafana.org/",
    "version": "1",
    "groupKey": '{}:{alertname="High memory usage"}',
    "truncatedAlerts": 0,
    "title": "[FIRING:1] High memory usage",
    "state": "alerting",
    "message": "**Firing**",
}  # fmt: skip


def _read(source: Source, value: object) -> Parsed:
    return read(source, json.dumps(value).encode())


# Fingerprints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"alertname": "A", "service": "api", "severity": "page"}, "8c01c89dbccf2712"),
        ({"alertname": "ñandú", "n": "a\0b", "z": "\ufffdx"}, "7f6324a4c2d98fc8"),
        ({}, "cbf29ce484222325"),
    ],
)
def test_fingerprints_that_alertmanager_made(labels: dict[str, str], expected: str) -> None:
    """Seen at Debian's Alertmanager 0.25; the last is the FNV's own beginning."""
    assert fingerprint(labels) == expected


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=2_000), max_size=5))
def test_a_fingerprint_does_not_depend_on_the_order(labels: dict[str, str]) -> None:
    """Nor on whether it was reckoned before."""
    backwards = dict(reversed(labels.items()))
    assert fingerprint(labels) == fingerprint(backwards) == fingerprint(labels)


# Reading ------------------------------------------------------------------------------------------------------------


def test_alertmanagers_webhook() -> None:
    """Version 4, as it was captured; what later versions add is left alone."""
    parsed = _read(ALERTMANAGER, WEBHOOK_V4)
    firing, resolved = parsed.reports
    assert parsed.refused == ()
    assert (firing.resolved, firing.ends_at, firing.labels["alertname"]) == (False, 0, "Flip")
    assert firing.generator_url == "http://vm:19090/graph?g0.expr=flip"
    assert (resolved.resolved, isoformat(resolved.ends_at)) == (True, "2026-11-22T19:50:41.085Z")


def test_grafanas_webhook() -> None:
    """With its links to dashboard and panel, and the runbook."""
    source = a_source("grafana", kind=SourceKind.GRAFANA)
    [report] = _read(source, GRAFANA).reports
    [(identity, kept)] = identified([report], source).items()
    alert = merged(None, identity, kept, source, NOW)
    assert alert is not None
    assert fingerprint(report.labels) == alert.fingerprint
    assert naming.runbook(alert) == "https://wiki/runbook/1234"
    assert [(link.label, link.url) for link in naming.links(alert)] == [
        ("Dashboard", "https://play.grafana.org/d/abc"),
        ("Panel", "https://play.grafana.org/d/abc?viewPanel=1"),
        ("Source", "https://play.grafana.org/alerting/1afz29v7z/edit"),
    ]
    assert naming.description(alert) == "The system has high memory usage"


def test_any_json_by_paths() -> None:
    """Each event of a list; the status says whether it is over; texts and times where they are found."""
    body = {
        "events": [
            {"title": "Backup failed", "state": "ERROR", "text": "no space", "since": 1_795_356_000, "link": "https://x/1",
             "tags": {"service": "db"}},
            {"title": "Backup failed", "state": "Resolved", "tags": {"service": "web"}, "since": "2026-11-22T14:00Z"},
            {"title": None, "state": "error"},
            "a text",
            {"title": "odd", "since": "yesterday"},
        ]
    }  # fmt: skip
    parsed = _read(JSON, body)
    first, second = parsed.reports
    assert first.labels == {"alertname": "Backup failed", "service": "db", "severity": "page"}
    assert (first.resolved, first.starts_at, first.generator_url) == (False, 1_795_356_000 * SECOND, "https://x/1")
    assert first.annotations == {"summary": "no space"}
    assert (second.resolved, second.labels["service"]) == (True, "web")
    assert len(parsed.refused) == 3


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["labels", "annotations", "alerts", "status", "startsAt", "endsAt", "events", "title", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON, st.sampled_from([PROMETHEUS, ALERTMANAGER, JSON]))
def test_no_json_breaks_the_reading(value: Any, source: Source) -> None:
    """Whatever is sent: reports that hold what they promise, or a refusal in words."""
    try:
        parsed = _read(source, value)
    except Refused:
        return
    for report in parsed.reports:
        assert report.labels
        texts: list[Any] = [*report.labels, *report.labels.values()]
        assert all(isinstance(text, str) for text in texts)
        assert all(texts)
        assert 0 <= report.starts_at < 2**62
        assert len(fingerprint(report.labels)) == 16


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    """Nor do bytes that are no text."""
    for source in (PROMETHEUS, ALERTMANAGER, JSON):
        with suppress(Refused):
            read(source, body)


def test_deep_nesting_is_refused() -> None:
    """A hundred thousand brackets are no reason to fall over."""
    for source in (PROMETHEUS, ALERTMANAGER, JSON):
        with pytest.raises(Refused):
            read(source, b"[" * 100_000)


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"labels": {}},
        {"labels": {"a": ""}},
        {"labels": {"a": 1}},
        {"labels": {"": "x"}},
        {"labels": {"a\nb": "x"}},
        {"labels": {"n" * 201: "x"}},
        {"labels": {"a": "x" * (MAX_VALUE + 1)}},
        {"labels": {f"l{n}": "x" for n in range(MAX_LABELS + 1)}},
        {"labels": {"a": "b"}, "startsAt": "soon"},
        {"labels": {"a": "b"}, "startsAt": "2026-11-22T14:00:00"},
        {"labels": {"a": "b"}, "startsAt": "2026-11-22T14:00:00Z", "endsAt": "2026-11-22T13:00:00Z"},
        [],
        None,
    ],
)
def test_one_that_is_unfit_does_not_cost_the_others(item: object) -> None:
    """It is named by its place in the request."""
    parsed = _read(PROMETHEUS, [{"labels": {"alertname": "good"}}, item])
    assert [report.labels for report in parsed.reports] == [{"alertname": "good"}]
    assert len(parsed.refused) == 1
    assert parsed.refused[0].startswith("alert 1: ")


def test_what_describes_is_cut_and_what_identifies_is_not() -> None:
    """Annotations are as long as they may be; what is no text, or no address, is left out."""
    item = {
        "labels": {"alertname": "A", "gone": ""},
        "annotations": {"summary": "x" * 10_000, "number": 5, "empty": ""},
        "generatorURL": "javascript:alert(1)",
        "endsAt": "9999-12-31T23:59:59Z",
    }
    [report] = _read(PROMETHEUS, [item]).reports
    assert report.annotations == {"summary": "x" * MAX_ANNOTATION}
    assert (report.labels, report.generator_url) == ({"alertname": "A"}, "")
    assert report.ends_at < 2**62


def test_too_many_alerts_are_refused_as_a_whole() -> None:
    """Before each of them is looked at."""
    with pytest.raises(Refused, match="at most"):
        read(PROMETHEUS, b"[" + b",".join([b"1"] * (MAX_ALERTS + 1)) + b"]")


def test_moments_and_addresses() -> None:
    """As Go writes them, with nanoseconds and its zero time; epochs by their size."""
    assert isoformat(read_moment("2026-11-22T19:49:41.085123456+02:00")) == "2026-11-22T17:49:41.085Z"
    assert read_moment("0001-01-01T00:00:00Z") == read_moment(None) == read_moment("") == 0
    assert epoch(1_795_356_187) == epoch(1_795_356_187_000) == 1_795_356_187 * SECOND
    assert epoch(float("nan")) == 0
    assert read_url(" https://x/y ") == "https://x/y"
    assert read_url("ftp://x") == read_url("https://x y") == read_url(5) == read_url("https://" + "x" * 3000) == ""


# Signatures ---------------------------------------------------------------------------------------------------------


def test_grafanas_signature_by_vectors() -> None:
    """HMAC-SHA256 in hexadecimal, of the body or of `timestamp:body`, made with openssl."""
    secret, body = Secret("test-hmac-secret"), b'{"status":"firing"}'
    plain = "c15dccf5f5f9fe856bad1db009b905491433d426d7280ed9db83dd50b5d280be"
    assert sign(secret, body) == plain
    assert verify(secret, {HEADER: plain}, body, "", NOW)
    assert verify(secret, {HEADER: f" {plain.upper()} "}, body, "", NOW)
    assert not verify(secret, {HEADER: plain}, body + b" ", "", NOW)
    assert not verify(secret, {}, body, "", NOW)
    assert not verify(Secret("other"), {HEADER: plain}, body, "", NOW)
    stamp = str(NOW // SECOND)
    signed = "84ae9e49397a31b68194ab507ccf33ddf0b4940ef3c73ed6e01a4971d48e61be"
    assert sign(secret, body, stamp) == signed
    assert verify(secret, {HEADER: signed, "x-time": stamp}, body, "x-time", NOW)
    assert not verify(secret, {HEADER: signed, "x-time": stamp}, body, "x-time", NOW + 301 * SECOND)
    assert not verify(secret, {HEADER: plain, "x-time": ""}, body, "x-time", NOW)
    assert not verify(secret, {HEADER: signed, "x-time": "²"}, body, "x-time", NOW)


# Matchers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ("alertname=A", Matcher("alertname", "A")),
        ('alertname="A b"', Matcher("alertname", "A b")),
        (' a != "x\\"y\\\\z\\n" ', Matcher("a", 'x"y\\z\n', is_equal=False)),
        ("a=~x|y", Matcher("a", "x|y", is_regex=True)),
        ('"odd name"!~"x.*"', Matcher("odd name", "x.*", is_regex=True, is_equal=False)),
        ("a=", Matcher("a", "")),
    ],
)
def test_matchers_as_amtool_writes_them(text: str, matcher: Matcher) -> None:
    """Quoted or not."""
    assert matchers.parse(text) == matcher


@given(
    st.builds(
        Matcher,
        st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.just(False),
        st.booleans(),
    )
)
def test_a_matcher_is_read_as_it_is_written(matcher: Matcher) -> None:
    """Whatever its value is."""
    assert matchers.parse(str(matcher)) == matcher


@pytest.mark.parametrize("text", ["", "foo", "=x", "a=~(", "a=~[", "a" * 5_000 + "=x", 'a b="x"'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    """In words."""
    with pytest.raises(Refused):
        matchers.parse(text)


def test_expressions_match_the_whole_value_and_what_is_missing_is_empty() -> None:
    """As Alertmanager has it."""
    labels = {"service": "api-1", "text": "a\nb"}
    for text, fits in (
        ("service=~api", False), ("service=~api.*", True), ("service!~api", True), ("gone=", True), ("gone!=x", True),
        ("gone=~.+", False), ("gone=~.*", True), ("text=~a.b", True), ("service=~(?i)API-\\d", True),
    ):  # fmt: skip
        assert matchers.matches(matchers.parse(text), labels) is fits, text


def test_no_expression_takes_long() -> None:
    """A hundred thousand letters against what makes a backtracking engine work for ever."""
    evil = Matcher("a", "(a+)+(a|aa)*(a|a?)+b", is_regex=True)
    began = time.process_time()
    assert not matchers.matches(evil, {"a": "a" * 100_000})
    assert time.process_time() - began < 5


def test_a_silence_must_mean_something() -> None:
    """None that covers everything, none without an end after its beginning."""
    good = Silence("", (Matcher("a", "b"),), NOW, NOW + HOUR, "ana", "")
    matchers.check_silence(good)
    for bad in (
        replace(good, matchers=()),
        replace(good, matchers=(Matcher("a", ".*", is_regex=True),)),
        replace(good, matchers=(Matcher("a", "x", is_equal=False),)),
        replace(good, matchers=(Matcher("a", "(", is_regex=True),)),
        replace(good, matchers=(Matcher("", "x"),)),
        replace(good, ends_at=NOW),
        replace(good, matchers=(Matcher("a", "b"),) * 51),
    ):
        with pytest.raises(Refused):
            matchers.check_silence(bad)


# Names and rules ----------------------------------------------------------------------------------------------------


def _alert(**labels: str) -> Alert:
    known = {"alertname": "HighErrorRate", **labels}
    return Alert(fingerprint(known), "prometheus", known, {"summary": "too many"}, NOW, NOW + 4 * MINUTE)


def test_names_are_readable_and_harmless() -> None:
    """The alert's name and the configured labels; what strangers wrote stands on one printable line."""
    source = a_source(name_labels=("service", "instance"))
    assert naming.name(_alert(service="api", instance="i1").labels, source) == "HighErrorRate api i1"
    assert naming.name(_alert(service="a\n\u202eb\0", instance="x" * 500).labels, source).isprintable()
    assert len(naming.name(_alert(service="a", instance="x" * 500).labels, source)) <= 100
    assert naming.name({"severity": "page"}, source) == "alert of prometheus"


def test_severity_is_by_the_label() -> None:
    """`critical` and `page` wake somebody, in any case; all else, and nothing, does not."""
    for said, severity in (("critical", "critical"), ("PAGE", "critical"), ("warn", "warning"), ("", "warning")):
        assert naming.severity(_alert(severity=said), PROMETHEUS) is Severity(severity)
    assert naming.severity(_alert(level="p1"), a_source(severity_label="level", critical=frozenset({"p1"})))


def test_tags_are_labels_and_the_sources_own() -> None:
    """For policies and windows."""
    assert naming.tags(_alert(team="data").labels, a_source(tags=("prom",))) == ("prom", "team=data")


def test_a_repeat_lasts_as_long_as_the_longest() -> None:
    """Of a pair of Prometheus the one that looks further ahead; the beginning is the earlier one's."""
    first = Report({"alertname": "A"}, starts_at=NOW - MINUTE, ends_at=NOW + 5 * MINUTE)
    second = Report({"alertname": "A"}, starts_at=NOW - HOUR, ends_at=NOW + MINUTE)
    known = merged(None, "f", first, PROMETHEUS, NOW)
    assert known is not None
    after = merged(known, "f", second, PROMETHEUS, NOW + 1)
    assert after is not None
    assert (after.starts_at, after.ends_at) == (NOW - HOUR, NOW + 5 * MINUTE)
    assert not only_repeated(known, after)
    again = merged(after, "f", second, PROMETHEUS, NOW + 2)
    assert again is not None
    assert only_repeated(after, again)


def test_absences_put_deadlines_off() -> None:
    """Only by what of them lies after the last word; one that begins after the deadline is none of its business."""
    assert put_off(100, 200, []) == 200
    assert put_off(100, 200, [(50, 90)]) == 200
    assert put_off(100, 200, [(50, 130)]) == 230
    assert put_off(100, 200, [(150, 300)]) == 350
    assert put_off(100, 200, [(150, 300), (340, 400)]) == 410
    assert put_off(100, 200, [(250, 300)]) == 200


def test_a_future_end_fires_and_a_past_one_is_over() -> None:
    """An alert whose end is now is over; one that nobody promised to repeat is never stale."""
    for ends_at, fires in ((NOW + 1, True), (NOW, False), (NOW - HOUR, False), (0, True)):
        known = merged(None, "f", Report({"a": "b"}, ends_at=NOW + HOUR), PROMETHEUS, NOW - HOUR)
        after = merged(known, "f", Report({"a": "b"}, ends_at=ends_at), PROMETHEUS, NOW)
        assert after is not None
        assert after.fires is fires
    assert not is_stale(replace(_alert(), ends_at=0), (), NOW + 100 * HOUR)


def test_an_incident_is_what_its_alerts_make_it() -> None:
    """Opened by the first, as grave as the gravest, ended by the last; with nothing new nothing is said."""
    source = a_source(group_by=("alertname",))
    mild, grave = _alert(instance="a"), _alert(instance="b", severity="page")
    opening = follow(None, [mild], source, NOW)
    assert opening is not None
    assert (opening.change, opening.incident.severity) == (Change.OPENED, Severity.WARNING)
    assert follow(opening.incident, [mild], source, NOW) is None
    worse = follow(opening.incident, [mild, grave], source, NOW)
    assert worse is not None
    assert (worse.change, worse.incident.occurrence) == (Change.ESCALATED, 1)
    over = [replace(one, resolved_at=NOW) for one in (mild, grave)]
    ended = follow(worse.incident, over, source, NOW + MINUTE)
    assert ended is not None
    assert (ended.change, ended.incident.open, ended.text) == (Change.RECOVERED, False, "resolved after 1m")
    assert follow(None, over, source, NOW) is None
    assert follow(ended.incident, [mild], source, NOW) is None
