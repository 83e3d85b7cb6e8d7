"""The kinds of channels as the settings and the daemon find them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.alerting.channels import CHANNELS
from saasobs.core.values import SECOND
from saasobs.options import ChannelOptions
from support.briefings import tools

MINIMAL: dict[str, dict[str, Any]] = {
    "console": {},
    "slack": {"token": "xoxb-hidden-value", "channel": "#alerts"},
    "sms": {
        "provider": "twilio",
        "account_sid": "AC0123456789abcdef0123456789abcdef",
        "auth_token": "hidden-value",
        "from": "+15005550006",
        "to": ["+51987654321"],
        "fallback": "team-mail",
    },
    "whatsapp": {"phone_number_id": "106540352242922", "access_token": "hidden-value", "to": "+51987654321"},
    "voice": {
        "account_sid": "AC0123456789abcdef0123456789abcdef",
        "auth_token": "hidden-value",
        "from": "+15005550006",
        "to": ["+51987654321"],
    },
    "email": {
        "host": "mail.acme.example",
        "username": "u",
        "password": "hidden-value",
        "from": "alerts@acme.example",
        "to": "team@acme.example",
    },
    "telegram": {"token": "123456:hidden-value", "chat": "-1001234567890"},
    "pagerduty": {"routing_key": "hidden-value"},
    "teams": {"url": "https://prod-01.westeurope.logic.azure.com/workflows/hidden-value"},
    "discord": {"url": "https://discord.com/api/webhooks/1/hidden-value"},
    "apprise": {"url": "json://user:hidden-value@127.0.0.1/"},
    "webhook": {"url": "https://x.example/hidden-value", "secret": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
}


def test_every_kind_is_in_the_table_under_its_name() -> None:
    """The literal says what there is."""
    assert CHANNELS.keys() == MINIMAL.keys()
    for name, kind in CHANNELS.items():
        assert kind.name == name
        assert kind.summary
        assert issubclass(kind.options, ChannelOptions)


@pytest.mark.parametrize("name", list(MINIMAL))
async def test_every_kind_is_built_from_its_least_options(name: str) -> None:
    """No network is touched in building or closing; somebody can be told; no secret is shown by the options."""
    kind = CHANNELS[name]
    options = kind.options.model_validate(MINIMAL[name])
    channel = kind.build(options, tools())
    assert channel.recipients
    assert "hidden-value" not in repr(channel.recipients)
    await channel.close()
    shown = repr(options) + str(options) + json.dumps(options.model_dump(mode="json", by_alias=True))
    assert "hidden-value" not in shown
    assert "c2VjcmV0" not in shown


@pytest.mark.parametrize("name", list(MINIMAL))
def test_every_key_is_documented(name: str) -> None:
    """The JSON Schema has a sentence for each key and for the kind itself."""
    schema = CHANNELS[name].options.model_json_schema(by_alias=True)
    assert schema["description"]
    for key, field in schema["properties"].items():
        assert field.get("description"), key


@pytest.mark.parametrize("name", list(MINIMAL))
def test_every_kind_groups_storms(name: str) -> None:
    """Five incidents in 30 s have their own messages, unless the channel says otherwise (or has groups of its own)."""
    kind = CHANNELS[name].options
    usual = kind.model_validate(MINIMAL[name])
    assert (usual.group_over, usual.group_window) == (0 if name == "pagerduty" else 5, 30 * SECOND)
    own = kind.model_validate({**MINIMAL[name], "group_over": 0, "group_window": "2m"})
    assert (own.group_over, own.group_window) == (0, 120 * SECOND)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("group_over", -1), ("group_over", 101), ("group_over", True), ("group_over", "many"),
        ("group_window", "0s"), ("group_window", "999ms"), ("group_window", "11m"), ("group_window", 30),
    ],
)  # fmt: skip
def test_what_makes_no_storm_is_refused(key: str, value: object) -> None:
    """A switch is no number, and neither a moment nor a day is a window."""
    with pytest.raises(ValidationError, match=key):
        CHANNELS["console"].options.model_validate({key: value})
