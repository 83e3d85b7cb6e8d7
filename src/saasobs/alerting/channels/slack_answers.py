"""What people press in Slack, by Socket Mode (an outgoing WebSocket: no public address is needed) or by signed HTTP.

Slack wants every envelope confirmed within three seconds; the answer is written down after that, and shown by the edit
of the message. Whoever pressed something that cannot be done is told so where only they see it.
https://docs.slack.dev/apis/events-api/using-socket-mode/ and
https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import structlog
from slack_sdk.signature import SignatureVerifier

from saasobs.alerting.channels.faults import FOREIGN, excerpt
from saasobs.alerting.channels.http import post
from saasobs.alerting.channels.press import ListenerTools, Press, read_press, take
from saasobs.alerting.channels.slack_blocks import PREFIX
from saasobs.alerting.hygiene import one_line
from saasobs.alerting.retry import backoff
from saasobs.core.people import Contact
from saasobs.core.values import MINUTE, SECOND, Secret

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_OPEN_SECONDS: Final = 15.0
_HELLO_SECONDS: Final = 30.0
_PING_SECONDS: Final = 20.0
_FRAME: Final = 1024 * 1024
_SEEN: Final = 256
_HOPELESS: Final = 5 * MINUTE
"""So long a token that Slack refuses is left alone: somebody has to mend it."""
_REFUSED: Final = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type",
     "missing_scope", "no_permission", "access_denied", "forbidden_team", "team_access_not_granted"}
)  # fmt: skip

_PAUSE: Final = SECOND
"""Between two connections, also where Slack only asks for a new one: what it does must not make us spin."""

log = structlog.get_logger("saasobs.answers")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a button was pressed."""

    channel: str
    user: str
    stranger: bool
    """They belong to another workspace, which shares the channel."""


class _HungUp(Exception):
    """Slack has closed, or asks for a new connection; `wait` µs before the next."""

    def __init__(self, sentence: str, wait: int = -1) -> None:
        super().__init__(sentence)
        self.wait = wait


def presses(payload: object) -> tuple[tuple[Press, Place], ...]:
    """The buttons of ours in a `block_actions` payload; nothing for any other."""
    if not isinstance(payload, Mapping) or payload.get("type") != "block_actions":
        return ()
    user, team = _object(payload.get("user")), _object(payload.get("team"))
    identity, channel = user.get("id"), _object(payload.get("channel")).get("id", "")
    actions = payload.get("actions")
    if not isinstance(identity, str) or not isinstance(channel, str) or not isinstance(actions, list):
        return ()
    name = next((one_line(value, 60) for key in ("name", "username") if isinstance(value := user.get(key), str)), "")
    home = user.get("team_id")
    place = Place(channel, identity[:40], stranger=home is not None and home != team.get("id"))
    found = []
    for action in actions[:5]:
        said = _object(action)
        action_id = said.get("action_id")
        ours = isinstance(action_id, str) and action_id.startswith(PREFIX)
        read = read_press(action_id.removeprefix(PREFIX), said.get("value")) if ours and action_id else None
        if read is not None:
            found.append((Press(*read, place.user, name), place))
    return tuple(found)


class SlackAnswers:
    """Takes what was pressed, and tells whoever pressed it what could not be done."""

    def __init__(self, token: Secret, base_url: str, tools: ListenerTools) -> None:
        self._token = token
        self._base_url = base_url.rstrip("/")
        self._tools = tools

    async def take(self, payload: object) -> None:
        """Every button of ours in a payload. Never raises."""
        for press, place in presses(payload):
            sentence = await self._answer(press, place)
            if sentence:
                await self._whisper(place, sentence)

    async def _answer(self, press: Press, place: Place) -> str:
        known = self._tools.person_at(Contact.SLACK, press.address)
        if place.stranger and not known:
            self._tools.count("strange")
            return "only members of this workspace, and people of the configuration, can answer here"
        return await take(press, Contact.SLACK, self._tools)

    async def _whisper(self, place: Place, sentence: str) -> None:
        said = {"channel": place.channel, "user": place.user, "text": one_line(sentence, 300)}
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await post(
                    f"{self._base_url}/chat.postEphemeral",
                    content=json.dumps(said).encode("utf-8", "replace"),
                    headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token.reveal()}"},
                )
        except FOREIGN:
            log.warning("answers.not_told", channel=self._tools.channel)


class SlackListener:
    """Hears by Socket Mode, by signed HTTP, or by both."""

    def __init__(self, answers: SlackAnswers, socket: SocketMode | None, signing_secret: Secret | None) -> None:
        self._answers = answers
        self._socket = socket
        self._signing_secret = signing_secret
        self._working: set[asyncio.Task[None]] = set()

    @property
    def problem(self) -> str:
        return self._socket.problem if self._socket is not None else ""

    async def run(self) -> None:
        """:raises CancelledError: and nothing else."""
        if self._socket is not None:
            await self._socket.run()
        await asyncio.Event().wait()

    async def pressed(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """A request that Slack should have signed; whether it has. What it says is taken in the background."""
        payload = read_signed(self._signing_secret, body, headers) if self._signing_secret is not None else None
        if payload is None:
            return False
        task = asyncio.create_task(self._answers.take(payload), name="slack answer")
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return True


class SocketMode:
    """One connection to Slack at a time, made anew for ever."""

    def __init__(self, app_token: Secret, base_url: str, answers: SlackAnswers, tools: ListenerTools) -> None:
        self._app_token = app_token
        self._base_url = base_url.rstrip("/")
        self._answers = answers
        self._tools = tools
        self._seen: deque[str] = deque(maxlen=_SEEN)
        self._working: set[asyncio.Task[None]] = set()
        self.problem = "not connected yet"

    async def run(self) -> None:
        """:raises CancelledError: and nothing else."""
        failures = 0
        try:
            while True:
                try:
                    await self._listen()
                except _HungUp as error:
                    wait = error.wait
                    sentence = str(error)
                except FOREIGN as error:
                    wait, sentence = -1, f"{type(error).__name__}: {excerpt(str(error))}"
                failures = 0 if not self.problem else failures + 1
                if wait != _PAUSE:
                    self._tell(sentence)
                await asyncio.sleep((wait if wait > 0 else backoff(failures, self._tools.channel, None) // 2) / SECOND)
        finally:
            for task in list(self._working):
                task.cancel()

    def _tell(self, sentence: str) -> None:
        if sentence != self.problem:
            log.warning("answers.disconnected", channel=self._tools.channel, error=sentence)
        self.problem = sentence

    async def _listen(self) -> None:
        """One connection, from its beginning to its end. :raises _HungUp: it is over."""
        from websockets.asyncio.client import connect  # noqa: PLC0415 - 70 ms that only this way of hearing needs
        from websockets.exceptions import WebSocketException  # noqa: PLC0415

        async with asyncio.timeout(_OPEN_SECONDS):
            url = await self._address()
        try:
            async with connect(
                url, open_timeout=_OPEN_SECONDS, ping_interval=_PING_SECONDS, ping_timeout=_PING_SECONDS,
                max_size=_FRAME, close_timeout=2, proxy=None,
            ) as line:  # fmt: skip
                await self._converse(line)
        except WebSocketException as error:
            raise _HungUp(f"{type(error).__name__}: {excerpt(str(error))}") from error
        raise _HungUp("Slack has closed the connection")

    async def _converse(self, line: ClientConnection) -> None:
        async with asyncio.timeout(_HELLO_SECONDS):
            await self._hear(line, await line.recv())
        async for frame in line:
            await self._hear(line, frame)

    async def _address(self) -> str:
        answer = await post(
            f"{self._base_url}/apps.connections.open",
            content=b"",
            headers={"Authorization": f"Bearer {self._app_token.reveal()}"},
        )
        said = answer.json()
        url, error = said.get("url"), said.get("error")
        if answer.accepted and said.get("ok") is True and isinstance(url, str):
            if urlsplit(url).scheme == "wss" or (url.startswith("ws://") and self._base_url.startswith("http://")):
                return url
            raise _HungUp("Slack's answer is not Slack's: it names no wss:// address")
        if isinstance(error, str) and error in _REFUSED:
            raise _HungUp(f"Slack refuses the app-level token: {error}", _HOPELESS)
        detail = excerpt(error) if isinstance(error, str) else f"status {answer.status}"
        raise _HungUp(f"Slack did not open a connection: {detail}")

    async def _hear(self, line: ClientConnection, frame: str | bytes) -> None:
        """One frame; what is not understood is left alone. :raises _HungUp: Slack asks for a new connection."""
        try:
            said = _object(json.loads(frame))
        except (ValueError, RecursionError):
            return
        kind, envelope = said.get("type"), said.get("envelope_id")
        if kind == "hello":
            if self.problem:
                log.info("answers.connected", channel=self._tools.channel)
            self.problem = ""
        elif kind == "disconnect":
            raise _HungUp("Slack asked for a new connection", _PAUSE)
        elif isinstance(envelope, str) and len(envelope) <= 200:
            await line.send(json.dumps({"envelope_id": envelope}))
            if kind == "interactive" and envelope not in self._seen:
                self._seen.append(envelope)
                task = asyncio.create_task(self._answers.take(said.get("payload")), name="slack answer")
                self._working.add(task)
                task.add_done_callback(self._working.discard)


def read_signed(secret: Secret, body: bytes, headers: Mapping[str, str]) -> object:
    """The payload of a request that Slack has signed; None: it has not, or too long ago (five minutes).

    :param headers: names in lower case.
    """
    verifier = SignatureVerifier(secret.reveal())
    timestamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    if not (timestamp.isascii() and timestamp.isdigit()):
        return None
    try:
        text = body.decode()
        if not verifier.is_valid(text, timestamp, signature):
            return None
        return json.loads(parse_qs(text, max_num_fields=10)["payload"][0])
    except (ValueError, KeyError, RecursionError, TypeError):
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
