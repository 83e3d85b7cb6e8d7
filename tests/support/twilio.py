"""A stateful Twilio: takes text messages and calls, checks their form as Twilio does, and fails with Twilio's codes."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import httpx

from saasobs.alerting.channels.twilio import signature
from saasobs.core.values import Secret
from support.receiver import Double, Reply, Request, main

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
AUTH_TOKEN = "fake-auth-token"
_JSON = {"Content-Type": "application/json"}
_BASE = f"/2010-04-01/Accounts/{ACCOUNT}"


@dataclass(frozen=True, slots=True)
class Text:
    """One text message as the phone shows it."""

    to: str
    sender: str
    body: str
    validity: int
    callback: str = ""
    sid: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was ordered."""

    to: str
    twiml: str
    callback: str
    sid: str


class TwilioDouble(Double):
    """Twilio's Message and Call resources on loopback."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        super().__init__(port, log)
        self.texts: list[Text] = []
        self.calls: list[Call] = []
        self.prices: dict[str, tuple[str | None, str]] = {}
        """By SID: (price, unit), as the resource shows it."""
        self.error: tuple[int, int] | None = None
        """(HTTP status, Twilio's code) to refuse with; 201 for a message that is taken and has failed already."""

    def check(self, request: Request) -> Reply | None:
        login = base64.b64encode(f"{ACCOUNT}:{AUTH_TOKEN}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return _no(401, 20003)
        if request.method == "GET":
            return self._shown(request)
        if request.path not in (f"{_BASE}/Messages.json", f"{_BASE}/Calls.json"):
            return _no(404, 20404)
        if self.error is not None:
            return _no(*self.error)
        form = _form(request)
        code = 0 if re.fullmatch(r"\+[1-9]\d{6,14}", form.get("To", "")) else 21211
        code = code or (_fault_of_call(form) if request.path.endswith("/Calls.json") else _fault_of_text(form))
        return _no(400, code) if code else None

    def accept(self, request: Request) -> Reply:
        form = _form(request)
        callback = form.get("StatusCallback", "")
        if request.path.endswith("/Calls.json"):
            sid = f"CA{len(self.calls) + 1:032x}"
            self.calls.append(Call(form["To"], form["Twiml"], callback, sid))
        else:
            sid = f"SM{len(self.texts) + 1:032x}"
            sender = form.get("From") or form["MessagingServiceSid"]
            self.texts.append(Text(form["To"], sender, form["Body"], int(form["ValidityPeriod"]), callback, sid))
        answer = {"sid": sid, "status": "queued", "num_segments": "1", "error_code": None, "price": None}
        return Reply(201, json.dumps(answer), _JSON)

    def failure(self, status: int) -> Reply:
        return _no(status, 20429 if status == 429 else 20500)

    def _shown(self, request: Request) -> Reply:
        price, unit = self.prices.get(request.path.rpartition("/")[2].removesuffix(".json"), (None, "USD"))
        return Reply(200, json.dumps({"price": price, "price_unit": unit}), _JSON)


def signed(url: str, token: str = AUTH_TOKEN, **fields: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request that Twilio makes."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": signature(Secret(token), url, fields),
    }
    return urlencode(fields).encode(), headers


def call_back(url: str, *, public: str = "", token: str = AUTH_TOKEN, **fields: str) -> httpx.Response:
    """Report as Twilio does. :param public: the address as Twilio was told it, where that is another one."""
    body, headers = signed(public or url, token, **fields)
    return httpx.post(url, content=body, headers=headers, timeout=20)


def _fault_of_text(form: dict[str, str]) -> int:
    if ("From" in form) == ("MessagingServiceSid" in form):
        return 21603
    return 0 if 0 < len(form.get("Body", "")) <= 1600 else 21602


def _fault_of_call(form: dict[str, str]) -> int:
    return 0 if form.get("From") and 0 < len(form.get("Twiml", "")) <= 4000 else 21205


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
