"""Twilio's account, whatever is sent through it: the login, one request, its error codes, its signature.

https://www.twilio.com/docs/usage/requests-to-twilio · https://www.twilio.com/docs/api/errors ·
https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field

from saasobs.alerting.channels.faults import excerpt, refused, retry_after
from saasobs.alerting.channels.http import Answer, post
from saasobs.alerting.channels.phone import read_price
from saasobs.alerting.channels.receipts import form_of, same
from saasobs.core.errors import DeliveryError
from saasobs.core.receipts import Posted, Price
from saasobs.core.values import Secret
from saasobs.options import HttpUrl, Options, SecretText

SIGNATURE: Final = "x-twilio-signature"

PASSING: Final = frozenset({20429, 20500, 20503, 21611, 30001, 30500})
"""Too many requests, a fault of theirs, the sender's queue full, queue overflow."""
RECIPIENT: Final = frozenset(
    {
        21211,  # no such number
        21214,  # the number cannot be reached
        21217,  # the number is not valid
        21265,  # the number is a short code
        21610,  # the recipient has answered STOP
        21614,  # not a mobile number
        30003,  # handset unreachable
        30004,  # blocked
        30005,  # unknown handset
        30006,  # landline
    }
)
"""The number is the trouble."""
ACCOUNT: Final = frozenset(
    {
        20003,  # wrong account or token
        21210,  # the caller's number is not verified
        21215,  # calling this country is not switched on
        21219,  # a trial account, and the number called is not verified
        21408,  # sending to this country is not switched on
        21606,  # the sender cannot send texts
        21608,  # a trial account, and the number is not verified
        21612,  # this sender cannot reach that number
        21659,  # the sender is not a number of this account
        21660,  # the same
        30002,  # the account is suspended
        30007,  # filtered by a carrier
        30008,  # unknown, at the carrier
        30034,  # the sender is not registered with the carriers
    }
)
"""The account, the sender or the route is."""

_NOT_TAKEN: Final = frozenset({"failed", "undelivered", "canceled"})
_PORTS: Final = {"https": 443, "http": 80}


class TwilioAccount(Options):
    """Whose account it is."""

    account_sid: str = Field(pattern=r"^AC[0-9A-Za-z]{1,60}$")
    """Twilio's Account SID, `AC…`."""
    auth_token: SecretText
    """Twilio's Auth Token: it also signs what Twilio reports."""
    api_base: HttpUrl = "https://api.twilio.com"
    """Twilio's API; another one for a region or a proxy."""


def url_of(account: TwilioAccount, resource: str) -> str:
    """``…/2010-04-01/Accounts/AC…/Messages.json``."""
    sid = quote(account.account_sid, safe="")
    return f"{account.api_base.rstrip('/')}/2010-04-01/Accounts/{sid}/{resource}.json"


async def create(account: TwilioAccount, resource: str, form: Mapping[str, str]) -> Answer:
    return await post(url_of(account, resource), form=form, auth=(account.account_sid, account.auth_token.reveal()))


def sid_of(answer: Answer, now: int) -> str:
    """The new resource's ID. :raises DeliveryError: unless Twilio has taken the message or call."""
    said = answer.json()
    wait = retry_after(answer.headers.get("retry-after"), now)
    code = _code(said, "error_code" if answer.accepted else "code")
    if code in PASSING or code in RECIPIENT or code in ACCOUNT:
        sentence = f"Twilio: error {code}{_words(said)}"
        if code in PASSING:
            raise DeliveryError(sentence, retry_after=wait)
        raise DeliveryError(sentence, permanent=True, recipient_only=code in RECIPIENT)
    if not answer.accepted:
        about = f"error {code}{_words(said)}" if code else answer.text
        raise refused("Twilio", answer.status, about, wait)
    if said.get("status") in _NOT_TAKEN:
        raise DeliveryError(f"Twilio: {said['status']}, error {code}{_words(said)}")
    if not isinstance(said.get("sid"), str):
        raise DeliveryError(f"Twilio's answer is not Twilio's: {excerpt(answer.text)}")
    return str(said["sid"])


async def price_of(account: TwilioAccount, resource: str, sid: str) -> Price | None:
    """What a message or call cost: Twilio knows some time after it was sent."""
    if not sid.isalnum():
        return None
    login = (account.account_sid, account.auth_token.reveal())
    answer = await post(url_of(account, f"{resource}/{sid}"), method="GET", auth=login)
    said = answer.json() if answer.accepted else {}
    return read_price(said.get("price"), said.get("price_unit"))


def signed_form(posted: Posted, url: str, token: Secret) -> dict[str, str]:
    """The fields of a request that Twilio has signed.

    :param url: the address that it was told to report to, which is part of what is signed.
    :raises PermissionError: it has not. :raises Refused: it is no form.
    """
    form = form_of(posted)
    given = posted.headers.get(SIGNATURE, "")
    # Twilio signs some addresses with their port and some without: its own validator tries both.
    right = [same(given, signature(token, variant, form)) for variant in _with_and_without_port(url)]
    if not any(right):
        raise PermissionError("the signature is not Twilio's")
    return form


def signature(token: Secret, url: str, form: Mapping[str, str]) -> str:
    """The header's value: HMAC-SHA1 over the address and the sorted fields, in base64."""
    signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    digest = hmac.new(token.reveal().encode(), signed.encode("utf-8", "surrogatepass"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _with_and_without_port(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    ports = ("", f":{parts.port or _PORTS.get(parts.scheme, 80)}")
    return (url, *(urlunsplit(parts._replace(netloc=f"{host}{port}")) for port in ports))


def _code(said: dict[str, Any], key: str) -> int:
    code = said.get(key)
    return code if isinstance(code, int) else 0


def _words(said: dict[str, Any]) -> str:
    words = said.get("error_message") or said.get("message")
    return f", {excerpt(words)}" if isinstance(words, str) else ""
