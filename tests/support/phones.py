"""Doubles of the other providers that reach telephones: each checks login and form as the real one does, and refuses in
its words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from support.receiver import Double, Reply, Request

_JSON = {"Content-Type": "application/json"}
_XML = {"Content-Type": "text/xml"}
TOKEN = "fake-token-of-a-provider"
APP_SECRET = "fake-app-secret"
_DIGITS = re.compile(r"[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as the phone shows it; numbers without a plus sign."""

    to: str
    sender: str
    body: str
    identity: str
    callback: str = ""


class PhoneDouble(Double):
    """What all of them have."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        super().__init__(port, log)
        self.sent: list[Sent] = []
        self.error: Reply | None = None
        """To refuse with."""

    def check(self, request: Request) -> Reply | None:
        return self.refuse_login(request) or self.error or self.refuse_form(request)

    def refuse_login(self, request: Request) -> Reply | None:
        return None

    def refuse_form(self, request: Request) -> Reply | None:
        return None

    def number(self) -> int:
        return len(self.sent) + 1


class ZenviaDouble(PhoneDouble):
    """POST /v2/channels/sms/messages."""

    def refuse_login(self, request: Request) -> Reply | None:
        right = request.headers.get("x-api-token") == TOKEN
        return None if right else said(401, {"code": "AUTHENTICATION_ERROR", "message": "Authentication failed"})

    def refuse_form(self, request: Request) -> Reply | None:
        body = request.json()
        if request.path != "/v2/channels/sms/messages" or body["contents"][0]["type"] != "text":
            return said(404, {"code": "NOT_FOUND"})
        return None if _DIGITS.fullmatch(body["to"]) else self.bad_number()

    def accept(self, request: Request) -> Reply:
        body = request.json()
        identity = f"b1e5a6e0-0000-4000-8000-{self.number():012d}"
        self.sent.append(Sent(body["to"], body["from"], body["contents"][0]["text"], identity))
        return said(200, {"id": identity, "direction": "OUT", "channel": "sms", **body})

    def failure(self, status: int) -> Reply:
        return said(status, {"code": "INTERNAL_ERROR", "message": f"Zenvia's words for {status}"})

    @staticmethod
    def bad_number() -> Reply:
        details = [{"code": "INVALID", "path": "to", "message": "not a valid number"}]
        return said(400, {"code": "VALIDATION_ERROR", "message": "Validation error", "details": details})


class InfobipDouble(PhoneDouble):
    """POST /sms/3/messages."""

    status: tuple[int, str] = (1, "PENDING_ACCEPTED")

    def refuse_login(self, request: Request) -> Reply | None:
        right = request.headers.get("authorization") == f"App {TOKEN}"
        return None if right else said(401, {"errorCode": "E401", "description": "Unauthorized"})

    def refuse_form(self, request: Request) -> Reply | None:
        [message] = request.json()["messages"]
        return None if _DIGITS.fullmatch(message["destinations"][0]["to"]) else self.bad_number()

    def accept(self, request: Request) -> Reply:
        [message] = request.json()["messages"]
        identity = f"infobip-{self.number()}"
        group, name = self.status
        if group == 1:
            callback = message.get("webhooks", {}).get("delivery", {}).get("url", "")
            to = message["destinations"][0]["to"]
            self.sent.append(Sent(to, message["sender"], message["content"]["text"], identity, callback))
        status = {"groupId": group, "groupName": "…", "id": 26, "name": name, "description": f"words for {name}"}
        return said(200, {"bulkId": "b", "messages": [{"messageId": identity, "status": status}]})

    def failure(self, status: int) -> Reply:
        return said(status, {"errorCode": f"E{status}", "description": f"Infobip's words for {status}"})

    @staticmethod
    def bad_number() -> Reply:
        violations = [{"property": "messages[0].destinations[0].to", "violation": "must be a number"}]
        return said(400, {"errorCode": "E400", "description": "Bad request", "violations": violations})


class VonageDouble(PhoneDouble):
    """POST /v1/messages."""

    def refuse_login(self, request: Request) -> Reply | None:
        login = base64.b64encode(f"abcd1234:{TOKEN}".encode()).decode()
        return None if request.headers.get("authorization") == f"Basic {login}" else self.problem(401, "unauthorized")

    def refuse_form(self, request: Request) -> Reply | None:
        body = request.json()
        return None if _DIGITS.fullmatch(body["to"]) and body["channel"] == "sms" else self.bad_number()

    def accept(self, request: Request) -> Reply:
        body = request.json()
        identity = f"aaaaaaaa-bbbb-4ccc-8ddd-{self.number():012d}"
        self.sent.append(Sent(body["to"], body["from"], body["text"], identity, body.get("webhook_url", "")))
        return said(202, {"message_uuid": identity})

    def failure(self, status: int) -> Reply:
        return self.problem(status, "throttled" if status == 429 else "internal-error")

    @staticmethod
    def problem(status: int, code: str, **more: Any) -> Reply:
        kind = f"https://developer.vonage.com/api-errors#{code}"
        return said(status, {"type": kind, "title": code, "detail": f"Vonage's words for {code}", **more})

    @classmethod
    def bad_number(cls) -> Reply:
        return cls.problem(422, "1020", invalid_parameters=[{"name": "to", "reason": "not a number"}])


class SnsDouble(PhoneDouble):
    """POST / of Amazon SNS; the signature's form only: botocore and moto hold its value."""

    def refuse_login(self, request: Request) -> Reply | None:
        signed = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=AKIA0123456789ABCDEF/\d{8}/sa-east-1/sns/aws4_request, "
            r"SignedHeaders=content-type;host;x-amz-date(;x-amz-security-token)?, Signature=[0-9a-f]{64}",
            request.headers.get("authorization", ""),
        )
        return None if signed else self.error_of(403, "SignatureDoesNotMatch", "it does not match")

    def refuse_form(self, request: Request) -> Reply | None:
        form = _form(request)
        return None if re.fullmatch(r"\+[1-9]\d{6,14}", form["PhoneNumber"]) else self.bad_number()

    def accept(self, request: Request) -> Reply:
        form = _form(request)
        identity = f"94f20ce6-13c5-43a0-9a9e-{self.number():012d}"
        sender = form.get("MessageAttributes.entry.2.Value.StringValue", "")
        self.sent.append(Sent(form["PhoneNumber"].removeprefix("+"), sender, form["Message"], identity))
        return Reply(
            200,
            '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
            f"<MessageId>{identity}</MessageId></PublishResult></PublishResponse>",
            _XML,
        )

    def failure(self, status: int) -> Reply:
        return self.error_of(status, "Throttled" if status == 429 else "InternalError", f"words for {status}")

    @staticmethod
    def error_of(status: int, code: str, words: str) -> Reply:
        return Reply(
            status,
            '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
            f"<Code>{code}</Code><Message>{words}</Message></Error><RequestId>r</RequestId></ErrorResponse>",
            _XML,
        )

    @classmethod
    def bad_number(cls) -> Reply:
        return cls.error_of(400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: not valid to publish to")


class WhatsAppDouble(PhoneDouble):
    """POST /v23.0/{phone number ID}/messages of Meta's Graph API."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        super().__init__(port, log)
        self.templates: list[dict[str, Any]] = []

    def refuse_login(self, request: Request) -> Reply | None:
        right = request.headers.get("authorization") == f"Bearer {TOKEN}"
        return None if right else self.error_of(401, 190, "Error validating access token")

    def refuse_form(self, request: Request) -> Reply | None:
        body = request.json()
        template = body.get("template", {})
        parameters = [one["text"] for part in template.get("components", []) for one in part["parameters"]]
        if request.path != "/v23.0/106540352242922/messages" or body.get("type") != "template":
            return self.error_of(400, 100, "Invalid parameter")
        if len(parameters) != 4 or any("\n" in one or not one for one in parameters):
            return self.error_of(400, 132000, "Number of parameters does not match")
        return None

    def accept(self, request: Request) -> Reply:
        body = request.json()
        identity = f"wamid.{self.number():020d}"
        self.templates.append(body["template"])
        [component] = body["template"]["components"]
        text = " | ".join(one["text"] for one in component["parameters"])
        self.sent.append(Sent(body["to"], "", text, identity))
        contacts = [{"input": body["to"], "wa_id": body["to"]}]
        messages = [{"id": identity, "message_status": "accepted"}]
        return said(200, {"messaging_product": "whatsapp", "contacts": contacts, "messages": messages})

    def failure(self, status: int) -> Reply:
        return self.error_of(status, 130429 if status == 429 else 131000, f"Meta's words for {status}")

    @staticmethod
    def error_of(status: int, code: int, words: str) -> Reply:
        error = {"message": f"(#{code}) {words}", "type": "OAuthException", "code": code, "fbtrace_id": "x"}
        return said(status, {"error": error})

    @staticmethod
    def statuses(*statuses: Mapping[str, Any], secret: str = APP_SECRET) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a webhook of Meta's."""
        value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "1"}, "statuses": list(statuses)}
        entry = [{"id": "0", "changes": [{"value": value, "field": "messages"}]}]
        body = json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return body, {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}


def said(status: int, body: Mapping[str, Any]) -> Reply:
    return Reply(status, json.dumps(body), _JSON)


def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
