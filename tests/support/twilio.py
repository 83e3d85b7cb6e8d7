"""A stateful Twilio: takes text messages, checks their form as Twilio does, and fails with Twilio's codes."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from support.receiver import Double, Reply, Request, main

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
AUTH_TOKEN = "fake-auth-token"
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Text:
    """One text message as the phone shows it."""

    to: str
    sender: str
    body: str
    validity: int


class TwilioDouble(Double):
    """Twilio's Message resource on loopback."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        super().__init__(port, log)
        self.texts: list[Text] = []
        self.error: tuple[int, int] | None = None
        """(HTTP status, Twilio's code) to refuse with; 201 for a message that is taken and has failed already."""

    def check(self, request: Request) -> Reply | None:
        login = base64.b64encode(f"{ACCOUNT}:{AUTH_TOKEN}".encode()).decode()
        if request.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            return _no(404, 20404)
        if request.headers.get("authorization") != f"Basic {login}":
            return _no(401, 20003)
        if self.error is not None:
            return _no(*self.error)
        form = _form(request)
        if not re.fullmatch(r"\+[1-9]\d{6,14}", form.get("To", "")):
            return _no(400, 21211)
        if ("From" in form) == ("MessagingServiceSid" in form):
            return _no(400, 21603)
        return _no(400, 21602) if not 0 < len(form.get("Body", "")) <= 1600 else None

    def accept(self, request: Request) -> Reply:
        form = _form(request)
        sender = form.get("From") or form["MessagingServiceSid"]
        self.texts.append(Text(form["To"], sender, form["Body"], int(form["ValidityPeriod"])))
        answer = {"sid": f"SM{len(self.texts):032x}", "status": "queued", "num_segments": "1", "error_code": None}
        return Reply(201, json.dumps(answer), _JSON)

    def failure(self, status: int) -> Reply:
        return _no(status, 20429 if status == 429 else 20500)


def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def _no(status: int, code: int) -> Reply:
    if status == 201:
        return Reply(
            201, json.dumps({"sid": "SM0", "status": "failed", "error_code": code, "error_message": "no"}), _JSON
        )
    return Reply(status, json.dumps({"code": code, "message": f"Twilio's words for {code}", "status": status}), _JSON)


if __name__ == "__main__":
    main(TwilioDouble)
