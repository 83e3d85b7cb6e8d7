"""Each provider of text messages with its double: what the contract tests run over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from support.phones import TOKEN, InfobipDouble, SnsDouble, VonageDouble, ZenviaDouble
from support.receiver import Double, Reply
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble, _no

ANA = "+51987654321"


@dataclass(frozen=True)
class Case:
    """One provider."""

    double: Callable[[], Double]
    options: Mapping[str, Any]
    bad_number: Reply
    """How it refuses a number."""
    texts: Callable[[Any], list[str]]
    """What the phone shows, of the double."""
    wrong_login: Mapping[str, Any]


def _bodies(double: Any) -> list[str]:
    return [sent.body for sent in double.sent]


CASES: Mapping[str, Case] = {
    "twilio": Case(
        TwilioDouble,
        {"provider": "twilio", "account_sid": ACCOUNT, "auth_token": AUTH_TOKEN, "from": "+15005550006"},
        _no(400, 21211),
        lambda double: [text.body for text in double.texts],
        {"auth_token": "another"},
    ),
    "zenvia": Case(
        ZenviaDouble,
        {"provider": "zenvia", "token": TOKEN, "from": "acme"},
        ZenviaDouble.bad_number(),
        _bodies,
        {"token": "another"},
    ),
    "infobip": Case(
        InfobipDouble,
        {"provider": "infobip", "api_key": TOKEN, "from": "acme"},
        InfobipDouble.bad_number(),
        _bodies,
        {"api_key": "another"},
    ),
    "sns": Case(
        SnsDouble,
        {
            "provider": "sns", "region": "sa-east-1", "access_key_id": "AKIA0123456789ABCDEF",
            "secret_access_key": TOKEN,
        },
        SnsDouble.bad_number(),
        _bodies,
        {"access_key_id": "AKIA0123456789ABCXYZ"},
    ),
    "vonage": Case(
        VonageDouble,
        {"provider": "vonage", "api_key": "abcd1234", "api_secret": TOKEN, "from": "acme"},
        VonageDouble.bad_number(),
        _bodies,
        {"api_secret": "another"},
    ),
}  # fmt: skip


def refuse(double: Double, reply: Reply) -> None:
    """Have the double answer so to whatever is sent."""
    if isinstance(double, TwilioDouble):
        double.error = (reply.status, 21211)
    else:
        double.error = reply  # type: ignore[attr-defined]
