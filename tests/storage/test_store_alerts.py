"""The contract of core.reporting.Reported: alerts and silences, and many incidents at once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saasobs.core.alert import Alert, Matcher, Silence
from saasobs.core.incident import Change, Event
from saasobs.core.ports import Store
from saasobs.core.values import HOUR, MINUTE
from support.storing import NOW, incident, left_behind, notice


def _alert(fingerprint: str = "f1", **changes: object) -> Alert:
    alert = Alert(
        fingerprint, "prometheus", {"alertname": "A", "odd": "a\0😀'\""}, {"summary": "ñ"}, NOW, NOW + MINUTE,
        "http://x/", NOW, "i1", "g1",
    )  # fmt: skip
    return replace(alert, **changes)  # type: ignore[arg-type]


def test_an_alert_comes_back_as_it_was(store: Store) -> None:
    """Found by fingerprint, group and incident; the same fingerprint of another source is another alert."""
    mine, other = _alert(), _alert(source="other", incident_id="", group_key="g2")
    with store.write() as transaction:
        transaction.save_alerts([mine, other])
        transaction.save_alerts([mine])
    with store.read() as transaction:
        assert transaction.alerts_by("prometheus", ["f1", "f2"]) == {"f1": mine}
        assert transaction.alerts_in("prometheus", ["g1", "g2", "g1"]) == [mine]
        assert transaction.alerts_of("i1") == [mine]
        assert sorted(one.source for one in transaction.alerts()) == ["other", "prometheus"]
        assert transaction.alerts(source="other") == [other]
        assert transaction.count_firing() == {"other": 1, "prometheus": 1}


def test_a_touch_changes_two_moments(store: Store) -> None:
    """And nothing of an alert that is not there."""
    with store.write() as transaction:
        transaction.save_alerts([_alert()])
        touched = _alert(ends_at=NOW + HOUR, updated_at=NOW + MINUTE, labels={"not": "written"})
        transaction.touch_alerts([touched, _alert("gone")])
        transaction.touch_alerts([])
        assert transaction.alerts() == [_alert(ends_at=NOW + HOUR, updated_at=NOW + MINUTE)]


def test_overdue_are_those_that_should_have_been_repeated(store: Store) -> None:
    """Not what is over, known to be stale, not due yet, or never due."""
    kept = [
        _alert("due", ends_at=NOW - 1), _alert("later", ends_at=NOW + 1), _alert("never", ends_at=0),
        _alert("over", ends_at=NOW - 1, resolved_at=NOW - 1), _alert("stale", ends_at=NOW - 1, stale_at=NOW - 1),
    ]  # fmt: skip
    with store.write() as transaction:
        transaction.save_alerts(kept)
        assert [one.fingerprint for one in transaction.overdue_alerts(NOW)] == ["due"]
        assert {one.fingerprint for one in transaction.alerts()} == {"due", "later", "never", "stale"}
        assert len(transaction.alerts(firing_only=False)) == 5
        assert transaction.forget_alerts(NOW, 10) == 1
        assert transaction.forget_alerts(NOW, 10) == 0
        assert len(transaction.alerts(firing_only=False)) == 4


def test_thousands_are_found_together(store: Store) -> None:
    """More than one list of values holds."""
    with store.write() as transaction:
        transaction.save_alerts([_alert(f"f{n}", group_key=f"g{n}") for n in range(1_200)])
        assert len(transaction.alerts_by("prometheus", (f"f{n}" for n in range(1_200)))) == 1_200
        assert len(transaction.alerts_in("prometheus", (f"g{n}" for n in range(1_200)))) == 1_200


def test_silences_are_kept_until_they_are_forgotten(store: Store) -> None:
    """In the order in which they begin, with their matchers as they were."""
    matchers = (Matcher("a", 'x"\n', is_regex=True), Matcher("b", "", is_equal=False))
    first = Silence("s1", matchers, NOW, NOW + HOUR, "ana", "why", NOW)
    second = Silence("s2", matchers[:1], NOW - HOUR, NOW - 1, "bruno", "")
    with store.write() as transaction:
        transaction.save_silence(first)
        transaction.save_silence(second)
        assert transaction.silences() == [second, first]
        transaction.save_silence(replace(first, comment="longer"))
        assert transaction.forget_silences(NOW) == 1
        assert transaction.silences() == [replace(first, comment="longer")]


def test_many_incidents_at_once(store: Store) -> None:
    """The same as one by one: what is there already is overwritten, or stays, as for one."""
    events = [Event("i1", NOW, Change.OPENED, "down"), Event("i1", NOW, Change.OPENED, "again")]
    with store.write() as transaction:
        transaction.save_incidents([replace(incident(), id="i1"), replace(incident(), id="i2")])
        transaction.save_incidents([replace(incident(), id="i1", message="newer")])
        transaction.add_events(events)
        transaction.add_events([])
        transaction.owe([replace(notice(), id="n1", incident_id="i1"), replace(notice(), id="n2", incident_id="i2")])
        transaction.owe([replace(notice(), id="n1", incident_id="i1", channel="other")])
        found = transaction.notices_of(["i1", "i2", "i3"])
        assert {key: [one.id for one in value] for key, value in found.items()} == {
            "i1": ["n1"],
            "i2": ["n2"],
            "i3": [],
        }
        assert found["i1"] == transaction.notices("i1")
        assert transaction.events("i1") == events[:1]
        assert transaction.incidents_of(["i1"])["i1"].message == "newer"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4))
def test_whatever_stands_in_labels_comes_back(shared_store: Store, labels: dict[str, str]) -> None:
    """Half a surrogate pair, a NUL, quotes."""
    alert = _alert(labels=labels, annotations=labels)
    with left_behind(shared_store) as transaction:
        transaction.save_alerts([alert])
        assert transaction.alerts() == [alert]
