"""`kill -9` between the steps of an escalation: a real daemon climbs its policy all the same, and tells nothing twice.

SAASOBS_KILLS sets how often (25 by default, of which a third are used here; 200 for the long run).
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from saasobs.core.incident import ENDINGS, Change, Incident, Notice, NoticeState, notice_id
from saasobs.storage import open_store
from support.daemon import Daemon, wait_until
from support.receiver import Receiver
from support.target import Target
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

KILLS = max(3, int(os.environ.get("SAASOBS_KILLS", "25")) // 3)
ANA, BEN = "+51987654321", "+5511987654321"


def configuration(target: Target, hook: Receiver, twilio: TwilioDouble) -> str:
    """ana and ben take turns day by day; chat is a webhook, so that every notice's ID is seen on the wire."""
    return f"""\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 1, recover_after: 1, retry_interval: 100ms}}
channels:
  chat: {{kind: webhook, url: "{hook.url}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}
  sms: {{kind: sms, provider: twilio, account_sid: {ACCOUNT}, auth_token: "{AUTH_TOKEN}", from: "+15005550006",
         api_base: "{twilio.url}", per_recipient: 1000}}
people:
  ana: {{phone: "{ANA}", language: es, timezone: America/Lima, contact: sms}}
  ben: {{phone: "{BEN}", contact: sms}}
oncall:
  primary: {{layers: [{{people: [ana, ben], every: 1d, start: 2026-01-01}}]}}
policies:
  default:
    steps:
      - {{notify: chat}}
      - {{notify: primary, over: sms, after: 1s, unless: acknowledged}}
      - {{notify: [chat, ben], after: 2s, unless: acknowledged}}
      - {{notify: everyone, after: 3s, unless: acknowledged}}
    repeat: {{every: 4s, times: 2}}
monitors:
  - {{name: api, kind: http, url: "{target.url}/api", expect: {{status: 200}}}}
"""


def memory(folder: Path) -> list[tuple[Incident, list[Notice]]]:
    with open_store(f"sqlite:///{folder}/saasobs.db").read() as transaction:
        return [(one, transaction.notices(one.id)) for one in transaction.incidents(limit=1_000)]


def climbed(folder: Path) -> bool:
    """Both rounds have begun, and nothing is left to tell."""
    return any(
        one.rounds == 2 and not [notice for notice in notices if notice.state is NoticeState.PENDING]
        for one, notices in memory(folder)
    )


@pytest.mark.slow
@pytest.mark.timeout(KILLS * 10 + 180)
def test_kills_between_the_steps_lose_nothing(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Every step of every round is told, each notice under its own ID, and all who heard hear of the end."""
    seed = random.randrange(2**32)
    record_property("seed", seed)
    chance = random.Random(seed)
    with Target() as target, Receiver() as hook, TwilioDouble() as twilio:
        target.set("/api", 500)
        daemon = Daemon(tmp_path, configuration(target, hook, twilio))
        for _ in range(KILLS):
            daemon.start()
            time.sleep(chance.uniform(0.0, 1.6))
            daemon.kill()
        with daemon:
            wait_until(lambda: climbed(tmp_path), 90, "both rounds to be gone through")
            target.set("/api", 200)
            wait_until(lambda: told_of_the_end(tmp_path), 60, "everybody to hear of the end")
        [(incident, notices)] = memory(tmp_path)
        assert_told_as_written(notices, hook, twilio)
        assert_whole_ladder(incident, notices)


def told_of_the_end(folder: Path) -> bool:
    [(incident, notices)] = memory(folder)
    return not incident.open and all(one.state is not NoticeState.PENDING for one in notices)


def assert_whole_ladder(incident: Incident, notices: list[Notice]) -> None:
    """Steps 0 to 3 of the opening and of each round, and the end to each that heard.

    A round that began late, after a kill, may still have a step to tell when the next one begins: that one then leaves
    the step to it.
    """
    climbing = [one for one in notices if one.change not in ENDINGS]
    began = {one.occurrence: one.due_at for one in climbing if one.step == 0}
    assert began.keys() >= set(range(3))
    for occurrence, step in itertools.product(range(3), range(4)):
        told = [one for one in climbing if one.step == step and one.occurrence <= occurrence]
        assert any(one.due_at >= began[occurrence] for one in told), (occurrence, step)
    assert {one.state for one in notices} <= {NoticeState.SENT, NoticeState.SUPPRESSED}
    heard = {(one.channel, one.recipient) for one in notices if one.change is Change.OPENED}
    ends = Counter((one.channel, one.recipient) for one in notices if one.change is Change.RECOVERED)
    assert ends == dict.fromkeys(heard, 1)
    for one in notices:
        assert one.id == notice_id(incident.id, one.step, one.occurrence, one.channel, one.recipient)


def assert_told_as_written(notices: list[Notice], hook: Receiver, twilio: TwilioDouble) -> None:
    """What the providers took is what stands in the store as sent, and no more."""
    sent = [one for one in notices if one.state is NoticeState.SENT]
    told = {identity for request in hook.accepted() for identity in request.json()["notice_ids"]}
    assert told == {one.id for one in sent if one.channel == "chat"}
    for phone in (ANA, BEN):
        texts = [text for text in twilio.texts if text.to == phone]
        about = [one for one in sent if one.recipient == phone]
        assert texts
        assert len(texts) <= len(about) + KILLS  # what was being sent when it was killed comes again
    assert {text.to for text in twilio.texts} == {ANA, BEN}


def test_a_real_daemon_speaks_to_each_in_turn(tmp_path: Path) -> None:
    """Chat at once, on call after a second; acknowledged, and nobody else is told; all who heard hear of the end."""
    with Target() as target, Receiver() as hook, TwilioDouble() as twilio:
        target.set("/api", 500)
        quick = configuration(target, hook, twilio).replace("after: 2s", "after: 1h").replace("after: 3s", "after: 2h")
        with Daemon(tmp_path, quick.replace("    repeat: {every: 4s, times: 2}\n", "")) as daemon:
            wait_until(lambda: len(hook.accepted()) == 1, 40, "chat to be told")
            [text] = wait_until(lambda: list(twilio.texts), 40, "whoever is on call to be told")
            [incident] = daemon.api("/incidents")["incidents"]
            daemon.api(f"/incidents/{incident['id']}/acknowledge", json={"by": "ana"})
            target.set("/api", 200)
            wait_until(lambda: len(twilio.texts) == 2, 40, "the end to be told")
            story = daemon.api(f"/incidents/{incident['id']}/explanation")["told"]
        assert incident["id"] in text.body
        fates = {(one["step"], one["fate"], one["why"].split(" at ")[0]) for one in story if one["change"] == "opened"}
        assert fates == {
            (1, "told", "step 1"),
            (2, "told", "step 2: on call for primary"),
            (3, "not told", "ana had acknowledged it"),
            (4, "not told", "ana had acknowledged it"),
        }
        assert {one.to for one in twilio.texts} == {text.to}
        [(_, notices)] = memory(tmp_path)
        assert {one.step for one in notices if one.state is NoticeState.SUPPRESSED} == {2, 3}
