"""Slack: one message per incident, edited in place, with its history in the thread; or a plain incoming webhook.

With a bot token:

1. The first message of an incident is posted; its channel and `ts` are the reference for what follows.
2. A later one first edits that message (doing so twice changes nothing), then tells the change in its thread. A reply
   rings nobody's phone, so an escalation is also shown in the channel.
3. When the first message cannot be edited any more (deleted, channel gone), a new one is posted in its place.
4. A group of incidents goes the same way, as one message. Earlier messages of single incidents that it speaks of are
   edited, too; should that fail, the group's own message has told it all the same.

slack_sdk's synchronous clients run in threads (its asynchronous ones need aiohttp), with its own retries switched off:
on by default, they double messages. Its logger is silent, since it would log texts and the webhook's URL.
https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic import Field, model_validator
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient
from slack_sdk.web.slack_response import SlackResponse
from slack_sdk.webhook import WebhookClient

from saasobs.alerting import message
from saasobs.alerting.channels import slack_blocks as blocks
from saasobs.alerting.channels.faults import door, excerpt, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, SecretUrl, Timeout
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.channels.press import Listener, ListenerTools
from saasobs.alerting.channels.slack_answers import SlackAnswers, SlackListener, SocketMode
from saasobs.alerting.channels.threads import Bench
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Change, Receipt
from saasobs.core.people import Contact
from saasobs.core.ports import Channel
from saasobs.core.values import SECOND, Secret
from saasobs.options import ChannelOptions, HttpUrl, SecretText

SEATS: Final = 8
_API: Final = "https://slack.com/api/"

PERMANENT: Final = frozenset(
    {
        "access_denied", "account_inactive", "as_user_not_supported", "cannot_reply_to_message", "channel_not_found",
        "deprecated_endpoint", "duplicate_channel_not_found", "ekm_access_denied", "enterprise_is_restricted",
        "invalid_arg_name", "invalid_arguments", "invalid_array_arg", "invalid_attachments", "invalid_auth",
        "invalid_blocks", "invalid_blocks_format", "invalid_charset", "invalid_form_data", "invalid_metadata_format",
        "invalid_metadata_schema", "invalid_post_type", "is_archived", "messages_tab_disabled",
        "metadata_must_be_sent_from_app", "metadata_too_large", "method_deprecated", "missing_post_type",
        "missing_scope", "msg_too_long", "no_permission", "no_text", "not_allowed_token_type", "not_authed",
        "not_in_channel", "org_login_required", "restricted_action", "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel", "restricted_action_thread_locked",
        "restricted_action_thread_only_channel", "team_access_not_granted", "team_not_found", "token_expired",
        "token_revoked", "too_many_attachments", "two_factor_setup_required", "user_is_restricted",
    }
)  # fmt: skip
"""What Slack says when trying again cannot help. Anything else may: `ratelimited`, `internal_error`, the unknown."""

REPOST: Final = frozenset(
    {
        "message_not_found", "channel_not_found", "is_archived", "cant_update_message", "edit_window_closed",
        "not_in_channel", "is_inactive",
    }
)  # fmt: skip
"""What makes the incident's first message one that can no longer be edited."""

Said = dict[str, Any]
"""A message as Slack takes it: `text`, `blocks`, `metadata`."""
_PLAIN: Final = {"unfurl_links": False, "unfurl_media": False}
_BROADCAST: Final = frozenset({Change.ESCALATED})


class SlackOptions(ChannelOptions):
    """Slack, as a bot (`token` and `channel`: one message per incident, edited in place) or by an incoming webhook."""

    token: SecretText | None = None
    """The bot's token, `xoxb-…`; it needs the scope `chat:write`, and the bot must be in the channel."""
    channel: str = Field(default="", pattern=r"^(#?[^\s#@<>]+)?$", max_length=81)
    """Where the bot speaks: `#alerts`, or the channel's ID."""
    webhook_url: SecretUrl | None = None
    """An incoming webhook: the simple form, a new message for each change."""
    app_token: SecretText | None = None
    """The app-level token, `xapp-…`, for buttons by Socket Mode: no public address is needed. Its scope is
    `connections:write`."""
    signing_secret: SecretText | None = None
    """The app's signing secret, for buttons by HTTP: Slack's request URL is then `/slack/NAME/actions` on the ingest
    listener, which it must be able to reach."""
    mention: str = Field(default="", pattern=r"^(<!subteam\^[A-Z0-9]+>|<@[UW][A-Z0-9]+>|@here|@channel)?$")
    """Who is called when something critical begins or gets worse: a user group as '<!subteam^S0123>', a member as
    '<@U0123>', '@here' or '@channel'."""
    base_url: HttpUrl = _API
    """Slack's API, for a bot; another one for a proxy."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message, all in all."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.token is None) == (self.webhook_url is None):
            raise ValueError("needs either `token` and `channel` (a bot), or `webhook_url` (an incoming webhook)")
        if (self.token is None) == bool(self.channel):
            raise ValueError(
                "`token` needs a `channel`" if self.token else "`channel` goes with `token`; a webhook has its own"
            )
        if self.token is None and (self.app_token or self.signing_secret):
            raise ValueError("buttons need a bot (`token` and `channel`): a webhook's messages cannot be edited")
        return self

    @property
    def hears(self) -> bool:
        """Whether answers can come back, so that a message has buttons."""
        return bool(self.app_token or self.signing_secret)


@dataclass(frozen=True, slots=True)
class Head:
    """Where an incident's message is: the reference that is kept between two messages."""

    channel: str
    ts: str

    def __str__(self) -> str:
        return json.dumps({"channel": self.channel, "ts": self.ts})

    @classmethod
    def parse(cls, reference: str) -> Self | None:
        """None for no reference, or for one that is not ours."""
        try:
            found = json.loads(reference)
            return cls(str(found["channel"]), str(found["ts"]))
        except (ValueError, KeyError, TypeError):
            return None


class SlackBot:
    """Speaks with a bot token."""

    def __init__(self, token: Secret, options: SlackOptions, tools: Tools) -> None:
        self._options = options
        self._clock = tools.clock
        self._bench = Bench(tools.name, SEATS)
        self._client = WebClient(
            token=token.reveal(),
            base_url=options.base_url.rstrip("/") + "/",
            timeout=math.ceil(options.timeout / SECOND),
            retry_handlers=[],
            logger=_silent_logger(),
        )

    @property
    def recipients(self) -> Sequence[str]:
        return (self._options.channel,)

    @property
    def edits(self) -> bool:
        return True

    async def send(self, briefing: Briefing, reference: str) -> Receipt:
        loud = not _BROADCAST.isdisjoint(briefing.changes) and message.ending(briefing) is None
        calls = self._options.mention if blocks.is_grave(briefing) else ""
        head = blocks.head(briefing, calls=calls, buttons=self._options.hears)
        reply = blocks.reply(briefing, calls=calls)
        async with door("Slack", self._options.timeout):
            return await self._tell(briefing.recipient, Head.parse(reference), head, reply, loud=loud)

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:
        calls = self._options.mention if blocks.is_grave_group(group) else ""
        head = blocks.group_head(group, calls=calls, buttons=self._options.hears)
        reply = blocks.group_reply(group)
        receipt = None
        try:
            async with door("Slack", self._options.timeout):
                known = Head.parse(reference)
                receipt = await self._tell(group.recipient, known, head, reply, loud=group.graver)
                await self._bring_up_to_date(group)
        except DeliveryError:
            if receipt is None:  # otherwise the news are out
                raise
        return receipt

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    async def _tell(self, recipient: str, known: Head | None, head: Said, reply: Said, *, loud: bool) -> Receipt:
        """Edit the message that is there and add to its thread, or post it: in the channel, or to a member."""
        if known is None or not await self._edit(known, head):
            return await self._post(recipient, head)
        return Receipt(await self._reply(known, reply, loud=loud), str(known))

    async def _post(self, recipient: str, said: Said) -> Receipt:
        answer = await self._call("chat.postMessage", channel=recipient, **_PLAIN, **said)
        head = Head(_text(answer, "channel"), _text(answer, "ts"))
        return Receipt(head.ts, str(head))

    async def _edit(self, head: Head, said: Said) -> bool:
        """Whether the message is there and now says this."""
        try:
            await self._call("chat.update", channel=head.channel, ts=head.ts, **said)
        except SlackApiError as error:
            if _code(error) in REPOST:
                return False
            raise self._translated(error) from error
        return True

    async def _reply(self, head: Head, said: Said, *, loud: bool) -> str:
        answer = await self._call(
            "chat.postMessage", channel=head.channel, thread_ts=head.ts, reply_broadcast=loud, **_PLAIN, **said
        )
        return _text(answer, "ts")

    async def _bring_up_to_date(self, group: GroupBriefing) -> None:
        """The earlier messages of its incidents."""
        for member in group.members:
            own = Head.parse(member.reference)
            if own is not None and member.alone is not None:
                await self._edit(own, blocks.head(member.alone, buttons=self._options.hears))

    async def _call(self, method: str, **arguments: Any) -> SlackResponse:
        """:raises DeliveryError: for whatever Slack refuses, except that editing lets the caller look first."""
        try:
            return await self._bench.run(lambda: self._client.api_call(method, json=arguments))
        except SlackApiError as error:
            if method == "chat.update":
                raise
            raise self._translated(error) from error

    def _translated(self, error: SlackApiError) -> DeliveryError:
        answer, code = error.response, _code(error)
        wait = retry_after(_header(answer.headers, "Retry-After"), self._clock.now())
        if code:
            return DeliveryError(f"Slack: {excerpt(code)}", permanent=code in PERMANENT, retry_after=wait)
        if answer.status_code == 200:
            return DeliveryError("Slack's answer is not Slack's: it is neither ok nor an error")
        return refused("Slack", answer.status_code, "", wait)


class SlackWebhook:
    """Speaks through an incoming webhook: every message is a new one."""

    def __init__(self, url: Secret, options: SlackOptions, tools: Tools) -> None:
        self._options = options
        self._clock = tools.clock
        self._bench = Bench(tools.name, SEATS)
        self._client = WebhookClient(
            url.reveal(),
            timeout=math.ceil(options.timeout / SECOND),
            retry_handlers=[],
            logger=_silent_logger(),
        )

    @property
    def recipients(self) -> Sequence[str]:
        return ("webhook",)

    @property
    def edits(self) -> bool:
        return False

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - a webhook cannot edit
        return await self._post(blocks.head(briefing))

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - neither
        return await self._post(blocks.group_head(group))

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    async def _post(self, said: Said) -> Receipt:
        body = {"text": said["text"], "blocks": said["blocks"], **_PLAIN}
        async with door("Slack", self._options.timeout):
            answer = await self._bench.run(lambda: self._client.send_dict(body))
        if answer.status_code != 200:
            wait = retry_after(_header(answer.headers, "Retry-After"), self._clock.now())
            raise refused("Slack", answer.status_code, answer.body or "", wait)
        if (answer.body or "").strip() != "ok":
            raise DeliveryError(f"Slack's answer is not Slack's: {excerpt(answer.body or '')}")
        return Receipt()


def _code(error: SlackApiError) -> str:
    """Slack's own word for what is wrong, or nothing where the answer is not Slack's."""
    data = error.response.data
    code = data.get("error") if isinstance(data, dict) else None
    return code if isinstance(code, str) and code.replace("_", "").isalnum() else ""


def _text(answer: SlackResponse, key: str) -> str:
    value = answer.data.get(key) if isinstance(answer.data, dict) else None
    if not isinstance(value, str) or not value:
        raise DeliveryError(f"Slack's answer is not Slack's: it has no {key}")
    return value


def _header(headers: Any, name: str) -> str | None:
    return next((str(value) for key, value in dict(headers).items() if str(key).lower() == name.lower()), None)


def _silent_logger() -> logging.Logger:
    logger = logging.getLogger(f"{__name__}.sdk")
    logger.setLevel(logging.CRITICAL)
    return logger


def _build(options: SlackOptions, tools: Tools) -> Channel:
    if options.webhook_url is not None:
        return SlackWebhook(options.webhook_url, options, tools)
    return SlackBot(options.token or Secret(""), options, tools)  # the options have made sure that there is one


def _listen(options: SlackOptions, tools: ListenerTools) -> Listener | None:
    if not options.hears or options.token is None:
        return None
    answers = SlackAnswers(options.token, options.base_url, tools)
    socket = SocketMode(options.app_token, options.base_url, answers, tools) if options.app_token else None
    return SlackListener(answers, socket, options.signing_secret)


SLACK: Final = ChannelKind(
    "slack", SlackOptions, _build, "Slack, by a bot or an incoming webhook", Contact.SLACK, listen=_listen, is_chat=True
)
