"""What is written comes back: every fact, whatever the world put into its texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saasobs.core.heartbeat import HeartbeatState, Ping
from saasobs.core.incident import Event, Incident, MonitorState, Notice
from saasobs.core.ports import Store
from saasobs.core.result import Check, Outcome, Result
from saasobs.core.values import DAY
from saasobs.storage.result_rows import pack_correlation_id, unpack_correlation_id
from saasobs.storage.tables import storable
from support import storing
from support.storing import NOW, left_behind


@given(storing.results)
def test_a_result_comes_back(shared_store: Store, result: Result) -> None:
    """All of a result that is not up; of one that is up, the observations that its last one is asked for."""
    with left_behind(shared_store) as transaction:
        transaction.add_results([result])
        assert transaction.results("api") == [kept(result)]


def kept(result: Result) -> Result:
    if result.outcome is not Outcome.UP:
        return result
    return replace(result, observations=small(result.observations, result.check.started_at))


def small(observations: Mapping[str, Any], at: int) -> dict[str, Any]:
    left: dict[str, Any] = {}
    if isinstance(status := observations.get("status"), int):
        left["status"] = status
    certificate = observations.get("certificate")
    if isinstance(certificate, Mapping) and isinstance(until := certificate.get("not_after_us"), int):
        left["certificate"] = {"not_after_us": until, "days_left": round((until - at) / DAY, 3)}
    return left


def test_an_up_result_keeps_status_and_certificate(store: Store) -> None:
    """What metrics and pages ask of the last result is there after a restart, and the rest is not."""
    until = NOW + 30 * DAY
    seen = {
        "status": 200,
        "address": "192.0.2.1",
        "certificate": {"issuer": "x", "not_after_us": until, "days_left": 30},
    }
    with store.write() as transaction:
        transaction.add_results([Result(Check("api", NOW, NOW), Outcome.UP, observations=seen)])
    with store.read() as transaction:
        found = transaction.last_results()["api"].observations
    assert found == {"status": 200, "certificate": {"not_after_us": until, "days_left": 30.0}}


def test_observations_that_are_no_json_are_refused(store: Store) -> None:
    """A result that cannot be kept says so at once, and is no StorageError: trying again cannot help."""
    bad = Result(Check("api", NOW, NOW), Outcome.DOWN, observations={"bad": object()})
    with left_behind(store) as transaction, pytest.raises(TypeError, match="JSON-ready"):
        transaction.add_results([bad])


@given(storing.CORRELATION_IDS | st.text(max_size=40).filter(lambda text: text == storable(text)))
@example("a" * 15)
@example("a" * 16)
@example("0123456789abcdef" * 2)
@example("0123456789ABCDEF" * 2)
@example("\N{ARABIC-INDIC DIGIT ONE}" * 32)
def test_a_correlation_id_comes_back(text: str) -> None:
    """The packed form is a pure encoding: no two IDs share one."""
    assert unpack_correlation_id(pack_correlation_id(text)) == text


@given(storing.states)
def test_a_state_comes_back(shared_store: Store, state: MonitorState) -> None:
    """Everything that the judge remembers survives."""
    with left_behind(shared_store) as transaction:
        transaction.save_state(state)
        assert transaction.states() == [state]


@given(storing.incidents)
def test_an_incident_comes_back(shared_store: Store, incident: Incident) -> None:
    """Every field, in the list and by its ID."""
    expected = replace(incident, message=storable(incident.message), acknowledged_by=storable(incident.acknowledged_by))
    with left_behind(shared_store) as transaction:
        transaction.save_incident(incident)
        assert transaction.incident(incident.id) == expected
        assert transaction.incidents() == [expected]


@given(storing.events)
def test_an_event_comes_back(shared_store: Store, event: Event) -> None:
    """Every line of the timeline reads as it was written."""
    with left_behind(shared_store) as transaction:
        transaction.add_event(event)
        expected = replace(event, text=storable(event.text), actor=storable(event.actor))
        assert transaction.events(event.incident_id) == [expected]


@given(storing.notices)
def test_a_notice_comes_back(shared_store: Store, notice: Notice) -> None:
    """Every field of a notice, lease included."""
    with left_behind(shared_store) as transaction:
        transaction.owe([notice])
        assert transaction.notices(notice.incident_id) == [replace(notice, detail=storable(notice.detail))]


@given(storing.heartbeats)
def test_a_heartbeat_comes_back(shared_store: Store, state: HeartbeatState) -> None:
    """The last moments of each signal survive."""
    with left_behind(shared_store) as transaction:
        transaction.save_heartbeat(state)
        assert transaction.heartbeats() == [replace(state, last_body=storable(state.last_body))]


@given(storing.pings)
def test_a_ping_comes_back(shared_store: Store, ping: Ping) -> None:
    """A ping's body and source are kept as far as a database can hold them."""
    with left_behind(shared_store) as transaction:
        transaction.add_ping(ping)
        assert transaction.pings(ping.monitor) == [
            replace(ping, body=storable(ping.body), source=storable(ping.source))
        ]


@given(storing.WORLD)
def test_storable_changes_only_what_cannot_be_stored(text: str) -> None:
    """What comes out can be encoded and holds no NUL, and doing it twice changes nothing."""
    clean = storable(text)
    assert "\0" not in clean
    assert json.loads(json.dumps(clean)) == clean.encode().decode()
    assert storable(clean) == clean
