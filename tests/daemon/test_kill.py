"""`kill -9` at random moments of flapping targets: nothing committed is lost, nothing is invented.

SAASOBS_KILLS sets how often (25 by default; 200 for the long run).
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from saasobs.alerting.judge import judge
from saasobs.core.incident import Change, Incident, MonitorState, Notice, NoticeState, Status
from saasobs.core.monitor import Thresholds
from saasobs.core.ports import Transaction
from saasobs.core.values import MILLISECOND
from saasobs.storage import open_store
from support.daemon import Daemon, wait_until
from support.receiver import Receiver
from support.target import Target

KILLS = int(os.environ.get("SAASOBS_KILLS", "25"))
MONITORS = 12
THRESHOLDS = Thresholds(fail_after=2, recover_after=2, retry_interval=100 * MILLISECOND)


def configuration(target: Target, receiver: Receiver) -> str:
    monitors = "\n".join(
        f"  - {{name: m{number}, kind: http, url: '{target.url}/{number}', expect: {{status: 200}}}}"
        for number in range(MONITORS)
    )
    return f"""\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 2, recover_after: 2, retry_interval: 100ms, flapping: false}}
limits: {{per_host: 50}}
channels:
  hook: {{kind: webhook, url: "{receiver.url}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}
policies:
  default: [{{notify: hook}}]
monitors:
{monitors}
"""


class Flapper:
    """Turns the target's paths good and bad at random until it is told to be good."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            self._target.set(f"/{self._random.randrange(MONITORS)}", self._random.choice([200, 500, 500]))

    def calm(self) -> None:
        self._stop.set()
        self._thread.join()
        for number in range(MONITORS):
            self._target.set(f"/{number}", 200)


@pytest.mark.slow
@pytest.mark.timeout(KILLS * 8 + 120)
def test_nothing_committed_is_lost_and_nothing_is_invented(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """After each kill the next start takes up; at the end every notice was told, under its own ID, and none is new."""
    seed = random.randrange(2**32)
    record_property("seed", seed)
    moments = random.Random(seed)
    with Target() as target, Receiver() as receiver:
        daemon = Daemon(tmp_path, configuration(target, receiver))
        flapper = Flapper(target, seed)
        for _ in range(KILLS):
            daemon.start()
            time.sleep(moments.uniform(0.0, 1.5))
            daemon.kill()
        flapper.calm()
        with daemon:
            wait_until(lambda: all_quiet(daemon), 60, "every monitor to be up and every notice to be settled")
        verdict(tmp_path, receiver)


def all_quiet(daemon: Daemon) -> bool:
    status = daemon.api("/monitors")["monitors"]
    if any(monitor["state"]["status"] != "up" for monitor in status):
        return False
    with open_store(f"sqlite:///{daemon.folder}/saasobs.db").read() as transaction:
        return not transaction.outbox(2**62)


def verdict(folder: Path, receiver: Receiver) -> None:
    store = open_store(f"sqlite:///{folder}/saasobs.db")
    with store.read() as transaction:
        incidents = transaction.incidents(limit=100_000)
        notices = [notice for incident in incidents for notice in transaction.notices(incident.id)]
        assert_told(transaction, incidents, notices, receiver)
        assert_not_invented(transaction, incidents)
        for state in transaction.states():
            assert state.status is Status.UP
            assert state.incident_id == ""
    store.close()


def assert_told(transaction: Transaction, incidents: list[Incident], notices: list[Notice], receiver: Receiver) -> None:
    """Every committed transition was told at least once; repeats carry the same ID; nothing uncommitted was told."""
    assert incidents, "the targets flapped, so there must be incidents"
    owed = Counter((notice.incident_id, notice.change) for notice in notices)
    for incident in incidents:
        for event in transaction.events(incident.id):
            assert owed[incident.id, event.change] == 1, (incident.id, event.change)
    assert {notice.state for notice in notices} == {NoticeState.SENT}

    told: dict[str, set[str]] = {}
    for request in receiver.accepted():
        payload = json.loads(request.body)
        for incident in payload.get("incidents") or [{**payload["incident"], "notice_ids": payload["notice_ids"]}]:
            for identity in incident["notice_ids"]:
                told.setdefault(identity, set()).add(incident["id"])
    by_id = {notice.id: notice for notice in notices}
    assert told.keys() == by_id.keys()
    assert all(about == {by_id[identity].incident_id} for identity, about in told.items())


def assert_not_invented(transaction: Transaction, incidents: list[Incident]) -> None:
    """The stored results, judged again from the first, give exactly the stored incidents."""
    for number in range(MONITORS):
        name = f"m{number}"
        judged, state = [], MonitorState(name)
        for result in reversed(transaction.results(name, 1_000_000)):
            judgement = judge(state, result, THRESHOLDS)
            state = judgement.state
            if judgement.transition is not None:
                judged.append((judgement.transition.at, judgement.transition.change))
        stored = [
            (event.at, event.change)
            for incident in incidents
            if incident.monitor == name
            for event in transaction.events(incident.id)
        ]
        assert sorted(stored) == sorted(judged)
        opened = [change for _, change in judged if change is Change.OPENED]
        ended = [change for _, change in judged if change is Change.RECOVERED]
        assert len(opened) == len(ended)
