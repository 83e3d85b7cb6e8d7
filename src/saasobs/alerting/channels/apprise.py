"""Everything else, through Apprise (https://github.com/caronc/apprise): a hundred services more, as plain text.

Apprise says of a message only whether it was sent: no edits, no threads, no receipts, and no word on whether trying
again can help. So every failure is worth another try, until the notice is too old. Needs ``saasobs[apprise]``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final, Self

from pydantic import model_validator

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import door
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout, one_or_more
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.channels.threads import Bench
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Receipt, Status
from saasobs.options import ChannelOptions, SecretText, require_driver

SEATS: Final = 4
_ROWS: Final = 20
_URL: Final = {"type": "string", "minLength": 1, "writeOnly": True}


class AppriseOptions(ChannelOptions):
    """Any service that Apprise knows, by its URL. What has a kind of its own here is better served by that."""

    url: one_or_more(SecretText, _URL)  # type: ignore[valid-type]
    """Apprise URLs, as in 'matrix://user:password@host/#room': one or a list, told together. They hold secrets."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message, all in all."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        require_driver("apprise", "apprise")
        for number, url in enumerate(self.url, 1):
            if not _apprise().add(url.reveal()):
                raise ValueError(f"`url` {number} is none that Apprise knows (it is not shown: it counts as a secret)")
        return self


class AppriseChannel:
    """All of its URLs count as one recipient: Apprise does not say which of them failed."""

    def __init__(self, options: AppriseOptions, tools: Tools) -> None:
        self._options = options
        self._bench = Bench(tools.name, SEATS)

    @property
    def recipients(self) -> Sequence[str]:
        return ("apprise",)

    @property
    def edits(self) -> bool:
        return False

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - no message is edited
        details = [f"{detail.label}: {detail.text}" for detail in message.details(briefing)]
        over = message.ending(briefing) is not None
        return await self._notify(message.headline(briefing), details, _type(briefing.incident.status, over=over))

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - nor a group's
        rows = [f"{row.symbol} {row.incident_id} {row.text}" for row in group_message.rows(group, _ROWS)]
        left = group_message.left_out(group, _ROWS)
        down = any(member.incident.status is Status.DOWN for member in group.open)
        kind = _type(Status.DOWN if down else Status.DEGRADED, over=not group.open)
        return await self._notify(group_message.headline(group), [*rows, *([left] if left else [])], kind)

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    async def _notify(self, title: str, lines: Sequence[str], kind: str) -> Receipt:
        def tell() -> bool:
            apprise = _apprise()
            for url in self._options.url:
                apprise.add(url.reveal())
            return bool(apprise.notify(title=title, body="\n".join(lines), notify_type=kind))

        async with door("Apprise", self._options.timeout):
            if not await self._bench.run(tell):
                raise DeliveryError("Apprise could not send it to every URL, and does not say why")
        return Receipt()


def _type(status: Status, *, over: bool) -> str:
    return "success" if over else "failure" if status is Status.DOWN else "warning"


def _apprise() -> Any:
    """Loaded when it is needed: it brings a hundred plugins. Its logger tells URLs, so it is silent."""
    import apprise  # noqa: PLC0415 - an optional extra

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise.Apprise()


APPRISE: Final = ChannelKind("apprise", AppriseOptions, AppriseChannel, "any other service, through Apprise")
