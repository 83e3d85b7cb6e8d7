"""Text messages by Zenvia (Brazil). https://zenvia.github.io/zenvia-openapi-spec/v2/

Reports come from a subscription of kind MESSAGE_STATUS, which is made once in Zenvia's console. They are not signed:
whoever knows their address may report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field

from saasobs.alerting.channels.faults import excerpt
from saasobs.alerting.channels.http import Answer, post
from saasobs.alerting.channels.kind import Tools
from saasobs.alerting.channels.receipts import json_of, moment, objects, part, report
from saasobs.alerting.channels.sms import provider as base
from saasobs.alerting.channels.sms.provider import Sender, Text
from saasobs.core.receipts import DeliveryReport, Fate, Posted, Price
from saasobs.options import HttpUrl, SecretText

_FATES: Final[Mapping[str, Fate]] = {
    "DELIVERED": Fate.DELIVERED, "READ": Fate.DELIVERED, "VERIFIED": Fate.DELIVERED, "REJECTED": Fate.FAILED,
    "NOT_DELIVERED": Fate.FAILED,
}  # fmt: skip


class ZenviaOptions(base.ProviderOptions):
    """Zenvia: https://www.zenvia.com, strong in Brazil."""

    provider: Literal["zenvia"]
    """Who sends them."""
    token: SecretText
    """Zenvia's API token."""
    from_: Sender = Field(alias="from")
    """The sender's ID, as Zenvia's console shows it."""
    api_base: HttpUrl = "https://api.zenvia.com"
    """Zenvia's API."""


class Zenvia:
    """One account."""

    name = "Zenvia"

    def __init__(self, options: ZenviaOptions, tools: Tools) -> None:
        self._options = options
        self._tools = tools
        self.timeout = options.timeout

    async def send(self, text: Text) -> str:
        """A POST; 200 holds the ID."""
        url = f"{self._options.api_base.rstrip('/')}/v2/channels/sms/messages"
        headers = base.json_headers(**{"X-API-TOKEN": self._options.token.reveal()})
        answer = await post(url, content=base.json_body(request(self._options, text)), headers=headers)
        return read(answer, self._tools.clock.now())

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport] | None:
        """One event in JSON."""
        event = json_of(posted)
        if not isinstance(event, dict) or event.get("type") != "MESSAGE_STATUS":
            return None
        status = part(event, "messageStatus")
        code = str(status.get("code", ""))
        why = ", ".join(str(cause.get("reason", "")) for cause in objects(status.get("causes")))
        words = f"Zenvia: {code}, {why or status.get('description', '')}"
        return report(event.get("messageId"), _FATES.get(code), at=moment(status.get("timestamp")), detail=words)

    async def price(self, provider_id: str) -> Price | None:  # noqa: ARG002 - Zenvia does not say
        return None


def request(options: ZenviaOptions, text: Text) -> dict[str, Any]:
    """The body; Zenvia takes numbers without the plus sign. Pure."""
    return {
        "from": options.sender_to(text.to).removeprefix("+"),
        "to": text.to.removeprefix("+"),
        "contents": [{"type": "text", "text": text.body}],
        "externalId": text.reference,
    }


def read(answer: Answer, now: int) -> str:
    """:raises DeliveryError: unless Zenvia has taken the message."""
    said = answer.json()
    if not answer.accepted:
        details = list(objects(said.get("details")))
        paths = {str(detail.get("path", "")) for detail in details}
        words = "; ".join(str(detail.get("message", "")) for detail in details) or said.get("message") or answer.text
        if answer.status in (400, 422) and paths == {"to"}:
            raise base.to_recipient(f"Zenvia answered {answer.status}: {excerpt(str(words))}")
        raise base.by_status("Zenvia", answer, f"{said.get('code') or ''} {words}".strip(), now)
    if not isinstance(said.get("id"), str):
        raise base.not_theirs("Zenvia", answer)
    return str(said["id"])
