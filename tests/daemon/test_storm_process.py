"""Five hundred monitors fail in one second: what the team sees of it, from a real daemon over fake providers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from saasobs.core.incident import Notice, NoticeState
from saasobs.core.ports import Transaction
from saasobs.storage import open_store
from support.daemon import Daemon, free_port, wait_until
from support.receiver import Receiver, Request
from support.serving import serving
from support.slack import TOKEN, SlackDouble
from support.smtp import MailServer
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

MONITORS = 500
PHONES = ("+51987654321", "+5511987654321")
PEOPLE = ("ana@acme.example", "ben@acme.example")


def configuration(slack: SlackDouble, twilio: TwilioDouble, mail: MailServer, hook: Receiver, port: int) -> str:
    monitors = "\n".join(
        f"  - {{name: m{number:03}, kind: http, url: 'http://127.0.0.1:{port}/{number}', expect: {{status: 200}}}}"
        for number in range(MONITORS)
    )
    return f"""\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 2, recover_after: 1, retry_interval: 100ms}}
limits: {{per_host: 100}}
channels:
  slack: {{kind: slack, token: "{TOKEN}", channel: C123, base_url: "{slack.base_url}", group_window: 10s}}
  sms: {{kind: sms, provider: twilio, account_sid: {ACCOUNT}, auth_token: "{AUTH_TOKEN}", from: "+15005550006",
         to: {list(PHONES)}, api_base: "{twilio.url}", group_window: 10s, per_recipient: 1000}}
  mail: {{kind: email, host: 127.0.0.1, port: {mail.port}, security: none, from: "saasobs@acme.example",
          to: {list(PEOPLE)}, group_window: 10s}}
  hook: {{kind: webhook, url: "{hook.url}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", group_window: 10s}}
policies:
  default: [{{notify: [slack, sms, mail, hook]}}]
monitors:
{monitors}
"""


@asynccontextmanager
async def target(port: int) -> AsyncIterator[None]:
    """Says 200 to everything."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()

    async with serving(answer, port=port, backlog=500):
        yield


class Memory:
    """What a daemon's store says, read beside it."""

    def __init__(self, folder: Path) -> None:
        self._store = open_store(f"sqlite:///{folder}/saasobs.db")

    def notices(self) -> list[Notice]:
        def work(transaction: Transaction) -> list[Notice]:
            found = transaction.incidents(limit=10_000)
            return [notice for incident in found for notice in transaction.notices(incident.id)]

        with self._store.read() as transaction:
            return work(transaction)

    def open(self) -> int:
        with self._store.read() as transaction:
            return len(transaction.incidents(open_only=True, limit=10_000))

    def quiet(self) -> bool:
        with self._store.read() as transaction:
            return not transaction.outbox(2**62)

    def close(self) -> None:
        self._store.close()


async def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Without holding up the mail server, which lives in this loop."""
    await asyncio.to_thread(wait_until, condition, seconds, what)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_five_hundred_failures_are_one_message_and_so_is_their_end(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Over each channel, to each recipient: at most five single messages, one of the storm, and one of its end."""
    port = free_port()
    with SlackDouble() as slack, TwilioDouble() as twilio, Receiver() as hook:
        async with MailServer() as mail:
            daemon = Daemon(tmp_path, configuration(slack, twilio, mail, hook, port))
            began = time.monotonic()
            await asyncio.to_thread(daemon.start)
            memory = Memory(tmp_path)
            try:
                await until(lambda: memory.open() == MONITORS, "every monitor to be down")
                await until(memory.quiet, "every opening to be told")
                record_property("told_after", round(time.monotonic() - began, 1))
                assert_one_storm(memory, slack, twilio, mail)
                async with target(port):
                    await until(lambda: memory.open() == 0, "every monitor to be up")
                    await until(memory.quiet, "every end to be told")
                    assert_one_end(memory, slack, twilio, mail)
                    assert_webhook_adds_up(memory, hook)
            finally:
                memory.close()
                await asyncio.to_thread(daemon.stop)


def assert_one_storm(memory: Memory, slack: SlackDouble, twilio: TwilioDouble, mail: MailServer) -> None:
    notices = memory.notices()
    assert Counter(notice.state for notice in notices) == {NoticeState.SENT: MONITORS * (2 + len(PHONES) + len(PEOPLE))}
    groups = [message for message in slack.seen if "monitors" in message.text]
    assert len(groups) == 1
    assert f"{MONITORS} monitors are down" in groups[0].text
    assert len(slack.seen) <= 6
    for phone in PHONES:
        texts = [text.body for text in twilio.texts if text.to == phone]
        assert len([text for text in texts if "monitors" in text]) == 1
        assert len(texts) <= 6
    for person in PEOPLE:
        subjects = [str(one.message["Subject"]) for one in mail.mails if one.recipients == [person]]
        [whole] = [subject for subject in subjects if "monitors" in subject]
        assert f"{MONITORS} monitors are down" in whole
        assert len(subjects) <= 6


def assert_one_end(memory: Memory, slack: SlackDouble, twilio: TwilioDouble, mail: MailServer) -> None:
    notices = memory.notices()
    each = 2 + len(PHONES) + len(PEOPLE)
    changes = Counter(notice.change.value for notice in notices)
    assert changes == {"opened": MONITORS * each, "recovered": MONITORS * each}
    assert {notice.state for notice in notices} == {NoticeState.SENT}
    [group] = [message for message in slack.seen if "monitors" in message.text]
    assert f"all {MONITORS} monitors are up again" in group.text
    assert all("up again" in message.text for message in slack.seen)
    for phone in PHONES:
        texts = [text.body for text in twilio.texts if text.to == phone and text.body.startswith("UP")]
        assert len(texts) == 1
        assert texts[0].startswith(f"UP all {MONITORS} monitors: ")
    for person in PEOPLE:
        subjects = [str(one.message["Subject"]) for one in mail.mails if one.recipients == [person]]
        [end] = [subject for subject in subjects if "up again" in subject]
        assert f"all {MONITORS} monitors are up again" in end


def assert_webhook_adds_up(memory: Memory, hook: Receiver) -> None:
    """A machine that adds up what it got knows every notice exactly once."""
    told = Counter(identity for request in hook.accepted() for identity in request.json()["notice_ids"])
    assert told == Counter(notice.id for notice in memory.notices() if notice.channel == "hook")


@pytest.mark.slow
def test_a_kill_in_the_midst_of_a_storm_repeats_the_very_same_message(tmp_path: Path) -> None:
    """The receiver has taken the group's message when the daemon dies: it comes again under the same ID, as it was."""
    port = free_port()
    monitors = "\n".join(
        f"  - {{name: m{number:02}, kind: http, url: 'http://127.0.0.1:{port}/{number}'}}" for number in range(30)
    )
    with Receiver() as hook:
        hook.set("hang_after_accept")
        daemon = Daemon(
            tmp_path,
            f"""\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 1}}
limits: {{per_host: 100}}
channels:
  hook: {{kind: webhook, url: "{hook.url}", secret: "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", timeout: 3s}}
monitors:
{monitors}
""",
        )
        with daemon:
            [whole, *_] = wait_until(lambda: groups(hook), 40, "the storm to be told")
            daemon.kill()
            hook.set("ok")
            daemon.start()
            wait_until(lambda: len(same(hook, whole)) > 1, 40, "it to be told again")
            memory = Memory(tmp_path)
            wait_until(memory.quiet, 40, "everything to be told")
            told = {identity for request in hook.accepted() for identity in request.json()["notice_ids"]}
            assert told == {notice.id for notice in memory.notices()}
            memory.close()
        [_, again] = same(hook, whole)
        assert again.json()["notice_ids"] == whole.json()["notice_ids"]
        assert again.json()["group"] == whole.json()["group"]


def same(hook: Receiver, message: Request) -> list[Request]:
    return [request for request in hook.accepted() if request.headers["webhook-id"] == message.headers["webhook-id"]]


def groups(hook: Receiver) -> list[Request]:
    return [request for request in hook.accepted() if "group" in request.json()]
