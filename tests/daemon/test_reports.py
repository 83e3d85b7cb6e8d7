"""Alerts that others report, from their first word to their last: incidents, staleness, holds, flapping, watchdogs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from saasobs.alerting.received.signature import HEADER, sign
from saasobs.alerting.received.source import Watchdog
from saasobs.alerting.steps import Step
from saasobs.alerting.windows import Span, Window
from saasobs.core.alert import Matcher, SourceKind
from saasobs.core.errors import Refused, StorageError, Unavailable
from saasobs.core.incident import Change, Status, Suppression, Topic
from saasobs.core.monitor import Flapping, Severity
from saasobs.core.result import Reason
from saasobs.core.values import HOUR, MINUTE, SECOND, Secret, isoformat
from saasobs.daemon import intake, reports
from saasobs.daemon.reported_holds import PATIENCE
from support.quiet import monitor
from support.reporting import TOKEN, ReportHouse, a_source
from support.stores import BreakableStore

NAME = "HighErrorRate"


async def test_an_alert_is_an_incident_from_its_first_word_to_its_last() -> None:
    """It opens one, repeats change nothing, and what ends it is told to whoever heard of it."""
    house = ReportHouse()
    await house.post(house.firing(service="api", severity="page", tenant="acme"))
    [incident] = house.alert_incidents()
    assert (incident.monitor, incident.severity, incident.status) == (f"{NAME} api", Severity.CRITICAL, Status.DOWN)
    assert (incident.tenant, incident.message, incident.correlation_id) == ("acme", f"{NAME} is too high", "")
    assert (incident.started_at, incident.reason) == (house.clock.now() - MINUTE - 1, Reason.REPORTED)
    for _ in range(3):
        await house.pass_(MINUTE)
        await house.post(house.firing(service="api", severity="page", tenant="acme"))
    assert house.changes(f"{NAME} api") == ["opened"]
    await house.post(house.resolved(service="api", severity="page", tenant="acme"))
    await house.post(house.resolved(service="api", severity="page", tenant="acme"))
    assert house.changes(f"{NAME} api") == ["opened", "recovered"]
    [incident] = house.alert_incidents()
    assert incident.ending is Change.RECOVERED


async def test_what_was_resolved_before_it_was_known_is_no_news() -> None:
    """Prometheus repeats what is over for a quarter of an hour: after a restart of the daemon, too."""
    house = ReportHouse()
    await house.post(house.resolved())
    assert house.alert_incidents() == []
    assert house.alert_rows(firing_only=False) == []


async def test_an_episode_that_is_over_does_not_begin_again() -> None:
    """A report that was on its way for too long has the start of the episode that has ended."""
    house = ReportHouse()
    first = house.firing()
    await house.post(first)
    await house.post({**house.resolved(), "startsAt": first["startsAt"]})
    await house.post(first)
    assert house.changes() == ["opened", "recovered"]
    await house.pass_(MINUTE)
    await house.post(house.firing())
    assert house.changes() == ["opened", "recovered", "opened"]


async def test_a_graver_label_escalates_and_a_milder_one_eases() -> None:
    """Labels say who an alert is, so that a group tells how its severity changes."""
    house = ReportHouse(sources=[a_source(group_by=("alertname",))])
    await house.post(house.firing(instance="a", severity="warning"))
    await house.post(house.firing(instance="b", severity="page"))
    await house.post(house.resolved(instance="b", severity="page"))
    await house.post(house.resolved(instance="a", severity="warning"))
    assert house.changes() == ["opened", "escalated", "eased", "recovered"]
    assert len(house.alert_incidents()) == 1


async def test_a_group_is_one_incident_until_its_last_alert_is_over() -> None:
    """Fifty instances are one message, which says how many."""
    house = ReportHouse(sources=[a_source(group_by=("alertname", "service"), name_labels=("service", "instance"))])
    await house.post(*(house.firing(service="api", instance=f"i{n}") for n in range(50)))
    [incident] = house.alert_incidents()
    assert incident.monitor == f"{NAME} api"
    assert incident.message.startswith("50 alerts, the first: ")
    await house.post(*(house.resolved(service="api", instance=f"i{n}") for n in range(49)))
    assert house.alert_incidents()[0].open
    await house.post(house.resolved(service="api", instance="i49"))
    assert house.changes(f"{NAME} api") == ["opened", "recovered"]


# Nobody speaks ------------------------------------------------------------------------------------------------------


async def test_a_silent_source_is_told_once_and_is_no_recovery() -> None:
    """Its incident says since when there is no word, stays open, and ends when the source says that it is over."""
    house = ReportHouse()
    await house.post(house.firing(lasts=4 * MINUTE))
    heard = house.clock.now()
    for _ in range(60):
        await house.pass_(MINUTE)
    assert house.changes() == ["opened", "reminded"]
    [incident] = house.alert_incidents()
    assert (incident.open, incident.reason) == (True, Reason.SOURCE_SILENT)
    when = isoformat(heard).replace("T", " ")[:16]
    assert incident.message == f"no word from prometheus since {when} UTC; it said last: {NAME} is too high"
    await house.post(house.firing())
    assert house.alert_incidents()[0].reason is Reason.REPORTED
    assert house.changes() == ["opened", "reminded"]
    await house.post(house.resolved())
    assert house.changes() == ["opened", "reminded", "recovered"]


async def test_our_own_absence_makes_nothing_stale() -> None:
    """While the daemon was down nobody could speak to it: alerts get as long again as it was away."""
    house = ReportHouse()
    await house.post(house.firing(lasts=4 * MINUTE))
    left = house.clock.now() + MINUTE
    house.clock.at += HOUR
    house.clock.steady += HOUR
    house.absences.append((left, house.clock.now()))
    house.start()
    await house.pass_(SECOND)
    await house.pass_(2 * MINUTE)
    assert house.changes() == ["opened"]
    await house.pass_(2 * MINUTE)
    assert house.changes() == ["opened", "reminded"]


async def test_an_alert_without_an_end_is_stale_after_what_the_source_is_given() -> None:
    """`amtool alert add`, say: nobody promised to repeat it, and it is not taken for over either."""
    house = ReportHouse()
    alert = house.firing()
    del alert["endsAt"], alert["startsAt"]
    await house.post(alert)
    await house.pass_(4 * MINUTE)
    assert house.changes() == ["opened"]
    await house.pass_(2 * MINUTE)
    assert house.changes() == ["opened", "reminded"]


async def test_a_webhook_is_never_stale_unless_it_is_to_be() -> None:
    """Alertmanager repeats after hours, if at all."""
    house = ReportHouse(sources=[a_source("am", kind=SourceKind.ALERTMANAGER, stale_after=0)])
    body = {"version": "4", "alerts": [{**house.firing(), "status": "firing", "endsAt": "0001-01-01T00:00:00Z"}]}
    await house.post_raw(json.dumps(body).encode(), "am")
    await house.pass_(30 * HOUR)
    assert house.changes() == ["opened"]


async def test_a_source_that_is_removed_takes_its_incidents_with_it() -> None:
    """Nobody could end them any more: they are withdrawn, and that is told."""
    house = ReportHouse()
    await house.post(house.firing())
    house.configure_sources([a_source("other")])
    house.send()
    assert house.changes() == ["opened", "withdrawn"]
    assert house.alert_rows() == []


async def test_a_restart_changes_nothing() -> None:
    """What was known is known: no incident opens twice, none is forgotten."""
    house = ReportHouse()
    await house.post(house.firing())
    house.start()
    await house.post(house.firing())
    house.start()
    await house.post(house.resolved())
    assert house.changes() == ["opened", "recovered"]


async def test_what_a_person_has_resolved_stays_so_until_it_was_over() -> None:
    """An alert that goes on firing does not open the incident that somebody has closed."""
    house = ReportHouse()
    await house.post(house.firing())
    [incident] = house.alert_incidents()
    with house.store.write() as transaction:
        transaction.save_incident(replace(incident, ended_at=house.clock.now(), ending=Change.RESOLVED))
    await house.post(house.firing(lasts=6 * MINUTE))
    assert len(house.alert_incidents()) == 1
    await house.post(house.resolved())
    await house.pass_(MINUTE)
    await house.post(house.firing())
    assert len(house.alert_incidents()) == 2


# What holds it ------------------------------------------------------------------------------------------------------


async def test_a_silenced_alert_is_told_when_the_silence_ends_and_it_still_fires() -> None:
    """Its incident opens all the same; why nobody heard of it stands in its timeline."""
    house = ReportHouse()
    await house.silence(Matcher("alertname", "High.*", is_regex=True), lasts=10 * MINUTE)
    await house.post(house.firing(service="api"))
    name = f"{NAME} api"
    assert house.changes(name) == []
    assert house.suppressions(name) == [Suppression.SILENCED]
    assert next(event.text for event in house.timeline(name) if event.change is Change.HELD).endswith(": deploy")
    for _ in range(9):
        await house.pass_(MINUTE)
        await house.post(house.firing(service="api"))
    assert house.changes(name) == []
    await house.pass_(2 * MINUTE)
    assert house.changes(name) == ["opened"]


async def test_an_alert_that_is_over_before_its_silence_is_never_told() -> None:
    """Neither its beginning nor its end."""
    house = ReportHouse()
    await house.silence(Matcher("alertname", NAME))
    await house.post(house.firing())
    await house.post(house.resolved())
    await house.pass_(2 * HOUR)
    assert house.changes() == []
    assert house.suppressions(NAME) == [Suppression.SILENCED]


async def test_a_silence_that_is_ended_early_tells_at_once() -> None:
    """What it held is looked at again, not only when its time would have come."""
    house = ReportHouse()
    made = await house.silence(Matcher("alertname", NAME))
    await house.post(house.firing())
    await house.desk.expire_silence(made.id[:8], "ana")
    await house.pass_(SECOND)
    assert house.changes() == ["opened"]


async def test_a_group_is_told_as_long_as_one_of_its_alerts_is_not_silenced() -> None:
    """A silence over one instance does not hide the others."""
    house = ReportHouse(sources=[a_source(group_by=("alertname",))])
    await house.silence(Matcher("instance", "a"))
    await house.post(house.firing(instance="a"))
    assert house.changes() == []
    await house.post(house.firing(instance="b"))
    await house.pass_(2 * MINUTE)
    assert house.changes() == ["opened"]


async def test_silences_survive_a_restart() -> None:
    """They are written down before they are answered."""
    house = ReportHouse()
    made = await house.silence(Matcher("alertname", NAME))
    house.start()
    assert house.desk.silence(made.id) == made
    await house.post(house.firing())
    assert house.changes() == []


async def test_an_alert_that_names_a_monitor_of_ours_waits_while_that_is_down() -> None:
    """And then for its source's next word, which may be that it is over."""
    house = ReportHouse(monitors=[monitor("db"), monitor("api", "db")])
    await house.see("db", outcome=False)
    await house.post(house.firing(monitor="db"))
    await house.post(house.firing("Slow", monitor="api"))
    assert (house.changes(), house.changes("Slow")) == ([], [])
    assert house.suppressions(NAME) == [Suppression.DEPENDENCY]
    await house.see("db", outcome=True)
    await house.pass_(SECOND)
    assert (house.changes(), house.changes("Slow")) == ([], [])
    await house.post(house.firing(monitor="db"), house.resolved("Slow", monitor="api"))
    await house.pass_(SECOND)
    assert (house.changes(), house.changes("Slow")) == (["opened"], [])


async def test_a_word_that_does_not_come_is_not_waited_for() -> None:
    """Once nothing explains the alert any more it is told in a minute and a half at the latest."""
    house = ReportHouse(monitors=[monitor("db")])
    await house.see("db", outcome=False)
    await house.post(house.firing(monitor="db", lasts=HOUR))
    await house.see("db", outcome=True)
    await house.pass_(SECOND)
    assert house.changes() == []
    await house.pass_(PATIENCE)
    assert house.changes() == ["opened"]


@pytest.mark.parametrize(
    "covers",
    [
        {"monitors": frozenset({"db"})},
        {"tags": frozenset({"team=data"})},
        {"tags": frozenset({"prom"})},
        {"all": True},
    ],
)
async def test_maintenance_holds_alerts_by_monitor_label_tag_and_all(covers: dict[str, Any]) -> None:
    """What still fires at its end is told then."""
    house = ReportHouse(monitors=[monitor("db")], sources=[a_source(tags=("prom",))])
    now = house.clock.now()
    house.configure(house.monitors, [Window("w", "upgrade", Span(now, now + 10 * MINUTE), **covers)])
    await house.post(house.firing(monitor="db", team="data"))
    assert house.suppressions(NAME) == [Suppression.MAINTENANCE]
    for _ in range(11):
        await house.pass_(MINUTE)
        await house.post(house.firing(monitor="db", team="data"))
    assert house.changes() == ["opened"]


async def test_an_alert_called_like_a_monitor_is_not_about_it() -> None:
    """Only the label `monitor` is: a name is a stranger's choice."""
    house = ReportHouse(monitors=[monitor("api")])
    now = house.clock.now()
    window = Window("w", "upgrade", Span(now, now + HOUR), monitors=frozenset({"api"}))
    house.configure(house.monitors, [window])
    await house.post(house.firing("api"))
    assert house.changes("api") == ["opened"]


# Flapping -----------------------------------------------------------------------------------------------------------


FLAPPY = Flapping(outages=3, within=30 * MINUTE, stable_after=15 * MINUTE, down_after=5 * MINUTE)


async def _flap(house: ReportHouse, times: int) -> None:
    for _ in range(times):
        await house.post(house.firing())
        await house.pass_(MINUTE)
        await house.post(house.resolved())
        await house.pass_(MINUTE)


async def test_an_alert_that_comes_and_goes_is_told_so_once() -> None:
    """One incident tells of the flapping; those of the single times wait, and are over by then."""
    house = ReportHouse(sources=[a_source(flapping=FLAPPY)])
    await _flap(house, 8)
    flapping = [told for told in house.told if told.topic is Topic.FLAPPING]
    alone = [told for told in house.told if told.topic is Topic.ALERT]
    assert [told.changes for told in flapping] == [(Change.OPENED,)]
    assert len(alone) == 2 * 3
    for _ in range(16):
        await house.pass_(MINUTE)
    assert [told.changes for told in house.told if told.topic is Topic.FLAPPING][-1] == (Change.RECOVERED,)
    await _flap(house, 1)
    assert len([told for told in house.told if told.topic is Topic.ALERT]) == 2 * 3 + 2


async def test_a_flapping_alert_that_stays_is_told_like_any_other() -> None:
    """What fires without a break is a problem of its own, also across a restart."""
    house = ReportHouse(sources=[a_source(flapping=FLAPPY)])
    await _flap(house, 4)
    told = len(house.told)
    house.start()
    await house.post(house.firing())
    for _ in range(6):
        await house.pass_(MINUTE)
        await house.post(house.firing())
    new = [(one.topic, one.changes) for one in house.told[told:]]
    assert (Topic.FLAPPING, (Change.WITHDRAWN,)) in new
    assert (Topic.ALERT, (Change.OPENED,)) in new


# Watchdogs ----------------------------------------------------------------------------------------------------------

DOG = Watchdog("Watchdog", 5 * MINUTE, "prometheus")


async def test_a_watchdog_opens_no_incident_until_it_stops_coming() -> None:
    """Prometheus is silent: told once; heard of again: it ends."""
    house = ReportHouse(watchdogs=[DOG])
    await house.post(house.firing("Watchdog"))
    await house.pass_(4 * MINUTE)
    assert house.alert_incidents() == []
    for _ in range(10):
        await house.pass_(MINUTE)
    [incident] = house.alert_incidents()
    assert (incident.severity, incident.monitor) == (Severity.CRITICAL, "Watchdog prometheus")
    assert incident.message.startswith("prometheus is silent: Watchdog was last heard of at ")
    await house.post(house.firing("Watchdog"))
    assert house.changes("Watchdog prometheus") == ["opened", "recovered"]
    assert [one.name for one in house.alert_rows()] == ["Watchdog"]


async def test_a_watchdog_that_never_came_is_missed_too() -> None:
    """A Prometheus that was never told where we are is as silent as a dead one; a restart does not count anew."""
    house = ReportHouse(watchdogs=[DOG])
    await house.pass_(3 * MINUTE)
    house.start()
    await house.pass_(3 * MINUTE)
    [incident] = house.alert_incidents()
    assert "has never been heard of" in incident.message


async def test_our_own_absence_is_no_silence_of_the_watchdog() -> None:
    """As with heartbeats: it is due again after as long as was left."""
    house = ReportHouse(watchdogs=[DOG])
    await house.post(house.firing("Watchdog"))
    left = house.clock.now() + MINUTE
    house.clock.at += HOUR
    house.clock.steady += HOUR
    house.absences.append((left, house.clock.now()))
    house.start()
    await house.pass_(3 * MINUTE)
    assert house.alert_incidents() == []
    await house.pass_(2 * MINUTE)
    assert len(house.alert_incidents()) == 1


async def test_a_watchdog_of_another_source_is_an_alert_like_any_other() -> None:
    """Only the one that is meant is quiet."""
    house = ReportHouse(sources=[a_source(), a_source("other", token=Secret("y"))], watchdogs=[DOG])
    await house.post(house.firing("Watchdog"), source="other")
    assert house.changes("Watchdog") == ["opened"]


async def test_a_watchdog_that_is_removed_takes_its_incident_with_it() -> None:
    """Nobody waits for it any more."""
    house = ReportHouse(watchdogs=[DOG])
    await house.pass_(6 * MINUTE)
    house.configure_sources(house.sources, [])
    house.send()
    assert house.changes("Watchdog prometheus") == ["opened", "withdrawn"]


# Who may, and how much ----------------------------------------------------------------------------------------------


async def test_tokens_say_who_it_is() -> None:
    """The address names the source, or the token does; a wrong one is nobody."""
    grafana = a_source("grafana", kind=SourceKind.GRAFANA, token=None, secret=Secret("s3cret"))
    house = ReportHouse(sources=[a_source(), a_source("second", token=Secret("another")), grafana])

    def admitted(source: str, token: str) -> str | None:
        found = house.desk.admit(source, token)
        return found.source if found is not None else None

    assert admitted("prometheus", TOKEN) == admitted("", TOKEN) == "prometheus"
    assert admitted("", "another") == "second"
    assert admitted("grafana", "") == "grafana"
    for source, token in (("prometheus", ""), ("prometheus", "another"), ("nobody", TOKEN), ("", ""), ("second", "é")):
        assert admitted(source, token) is None


async def test_what_is_not_signed_is_not_taken() -> None:
    """Grafana's signature is checked where a secret is set, with its timestamp if there is one."""
    source = a_source(
        "grafana", kind=SourceKind.GRAFANA, token=None, secret=Secret("s3cret"), timestamp_header="x-grafana-time"
    )
    house = ReportHouse(sources=[source])
    body = json.dumps({"version": "1", "alerts": [{**house.firing(), "status": "firing"}]}).encode()
    now = str(house.clock.now() // SECOND)
    old = str(house.clock.now() // SECOND - 600)
    for headers in (
        {},
        {HEADER: sign(Secret("s3cret"), body)},
        {HEADER: sign(Secret("other"), body, now), "x-grafana-time": now},
        {HEADER: sign(Secret("s3cret"), body, old), "x-grafana-time": old},
        {HEADER: sign(Secret("s3cret"), body + b" ", now), "x-grafana-time": now},
    ):
        with pytest.raises(PermissionError):
            await house.post_raw(body, "grafana", headers)
    await house.post_raw(body, "grafana", {HEADER: sign(Secret("s3cret"), body, now), "x-grafana-time": now})
    assert house.changes() == ["opened"]


async def test_the_good_alerts_are_taken_and_the_bad_ones_named() -> None:
    """As Alertmanager does: one bad alert does not cost the others."""
    house = ReportHouse()
    taken = await house.post(house.firing(), {"labels": {}}, {"labels": {"a": 1}}, {"annotations": {}})
    assert (taken.accepted, len(taken.refused)) == (1, 3)
    assert "alert 1: at least one label pair required" in taken.refused
    assert house.changes() == ["opened"]
    with pytest.raises(Refused):
        await house.post_raw(b"{")


async def test_the_same_alert_twice_is_one_alert() -> None:
    """A pair of Prometheus, without the label that tells them apart."""
    house = ReportHouse(sources=[a_source(drop_labels=frozenset({"replica"}))])
    await house.post(house.firing(replica="a"), house.firing(replica="b", lasts=6 * MINUTE))
    [alert] = house.alert_rows()
    assert "replica" not in alert.labels
    assert house.changes() == ["opened"]


async def test_a_repeat_costs_one_write() -> None:
    """Nothing but the moment is written: neither the incident nor its notices are touched."""
    house = ReportHouse()
    await house.post(house.firing())
    before = (house.alert_incidents(), house.notices(NAME), house.timeline(NAME))
    await house.pass_(MINUTE)
    await house.post(house.firing() | {"startsAt": isoformat(house.alert_rows()[0].starts_at)})
    assert (house.alert_incidents(), house.notices(NAME), house.timeline(NAME)) == before
    assert house.alert_rows()[0].updated_at == house.clock.now()


async def test_a_flood_of_labels_does_not_fill_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound new alerts are not taken, which their sender hears; those that are known go on."""
    monkeypatch.setattr(intake, "MAX_FIRING", 3)
    house = ReportHouse()
    with pytest.raises(Unavailable):
        await house.post(*(house.firing(instance=f"i{n}") for n in range(5)))
    assert len(house.alert_rows()) == 3
    await house.post(house.resolved(instance="i0"), house.firing(instance="i1"))
    await house.post(house.firing(instance="i9"))
    assert len(house.alert_rows()) == 3


async def test_too_many_requests_at_a_time_hear_that_we_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 503, which Prometheus and Alertmanager survive."""
    monkeypatch.setattr(reports, "TOGETHER", 0)
    house = ReportHouse()
    with pytest.raises(Unavailable):
        await house.post(house.firing())


async def test_a_storm_is_one_transaction() -> None:
    """Five thousand alerts of one request: all of them, or none, with an incident and its notices for each."""
    house = ReportHouse(store=BreakableStore(), steps=(Step(("chat",), 0, False), Step(("chat",), MINUTE, False)))
    store = cast("BreakableStore", house.store)
    body = json.dumps([house.firing(instance=f"i{n}") for n in range(5_000)]).encode()
    commits = store.commits
    admission = house.desk.admit("prometheus", TOKEN)
    assert admission is not None
    taken = await house.desk.receive(admission, body, {})
    assert (taken.accepted, store.commits - commits) == (5_000, 1)
    incidents = house.alert_incidents()
    assert len({one.id for one in incidents}) == 5_000
    with store.read() as transaction:
        owed = transaction.notices_of(one.id for one in incidents)
    assert {len(notices) for notices in owed.values()} == {2}
    assert all(one.policy == "default" for one in incidents)


async def test_a_store_that_cannot_be_written_takes_nothing_and_forgets_nothing() -> None:
    """The sender hears so and says it again; what was taken in before is as it was."""
    house = ReportHouse(store=BreakableStore())
    store = cast("BreakableStore", house.store)
    await house.post(house.firing("First"))
    store.broken = "locked"
    with pytest.raises(StorageError):
        await house.post(house.firing("First"), house.firing("Second"))
    store.broken = ""
    await house.post(house.firing("First"), house.firing("Second"))
    assert (house.changes("First"), house.changes("Second")) == (["opened"], ["opened"])


async def test_what_is_long_over_is_forgotten() -> None:
    """After a week, in bites."""
    house = ReportHouse()
    await house.post(house.firing("One"), house.firing("Two"))
    await house.post(house.resolved("One"))
    house.clock.at += reports.KEPT + HOUR
    await house.desk.prune()
    assert [one.name for one in house.alert_rows(firing_only=False)] == ["Two"]


async def test_views_show_what_is_silenced_and_who_is_told() -> None:
    """What amtool and Grafana ask for."""
    house = ReportHouse()
    made = await house.silence(Matcher("service", "api"))
    await house.post(house.firing(service="api"), house.firing("Other"))
    views = {view.alert.name: view for view in await house.desk.alerts()}
    assert views[NAME].silenced_by == (made.id,)
    assert views["Other"].silenced_by == ()
    assert [view.alert.name for view in await house.desk.alerts(["service=~a.i"])] == [NAME]
    assert [view.alert.name for view in await house.desk.alerts(receiver="def.*")] != []
    assert await house.desk.alerts(receiver="other") == []
    with pytest.raises(Refused):
        await house.desk.alerts(["nonsense"])
