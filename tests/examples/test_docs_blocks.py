"""What the pages show as YAML, JSON and Python is what the code reads, sends and runs."""

import json
import re
import time
from pathlib import Path

import pytest

from saasobs.alerting.channels.webhook import group_payload, payload
from saasobs.core.incident import Change
from saasobs.core.values import Secret
from saasobs.core.webhook_signature import signed_headers
from saasobs.settings import load
from support.briefings import briefing, many, member

ROOT = Path(__file__).parents[2]
SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
ENVIRONMENT = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "TWILIO_SID": "AC1",
    "TWILIO_TOKEN": "t",
    "SMTP_PASSWORD": "p",
    "HOOK_URL": "https://hooks.example.com/1",
    "HOOK_SECRET": SECRET,
    "SLACK_APP_TOKEN": "xapp-1",
    "SLACK_SIGNING_SECRET": "s",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/x",
    "TELEGRAM_TOKEN": "123456:abc",
    "PAGERDUTY_KEY": "k",
    "TEAMS_URL": "https://prod-01.westeurope.logic.azure.com/workflows/1",
    "DISCORD_URL": "https://discord.com/api/webhooks/1/x",
    "MATRIX_URL": "json://127.0.0.1",
    "ZENVIA_TOKEN": "z",
    "INFOBIP_KEY": "i",
    "AWS_KEY": "AKIA0123456789ABCDEF",
    "AWS_SECRET": "a",
    "WHATSAPP_TOKEN": "w",
    "WHATSAPP_APP_SECRET": "w",
}
PAGES = (
    "README.md",
    "docs/alerting-policies.md",
    "docs/getting-started.md",
    "docs/heartbeats.md",
    "docs/answering.md",
    "docs/telling-people.md",
    "docs/objectives.md",
    "docs/own-network.md",
    "docs/quiet.md",
    "docs/on-call.md",
    "docs/channels/others.md",
    "docs/channels/phone.md",
    "docs/channels/slack.md",
    "docs/channels/telegram.md",
    "docs/messages.md",
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_configurations_are_valid(page: str, tmp_path: Path) -> None:
    """Each YAML block of a page is a configuration that the daemon takes."""
    found = blocks(page, "yaml")
    assert found
    for number, text in enumerate(found):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text)
        load(file, ENVIRONMENT)


def test_the_payload_has_the_keys_that_are_sent() -> None:
    """The webhook's documented JSON has exactly the keys of real ones, at every level."""
    shown, group = [json.loads(text) for text in blocks("docs/telling-people.md", "json")]
    sent = json.loads(json.dumps(payload(briefing())))
    assert shown.keys() == sent.keys()
    for part in ("incident", "monitor"):
        assert shown[part].keys() == sent[part].keys()
    assert shown["timeline"][0].keys() == sent["timeline"][0].keys()
    many_sent = json.loads(json.dumps(group_payload(many(member(0, Change.OPENED)))))
    assert group.keys() == many_sent.keys()
    assert group["group"].keys() == many_sent["group"].keys()
    assert group["incidents"][0].keys() == many_sent["incidents"][0].keys()


def test_the_signature_check_works() -> None:
    """The function that the page shows takes a signed body and refuses a changed one."""
    [text] = blocks("docs/telling-people.md", "python")
    room: dict[str, object] = {}
    exec(text, room)
    check = room["is_from_saasobs"]
    assert callable(check)
    headers = signed_headers(Secret(SECRET), "id", int(time.time()), b"{}")
    assert check(headers, b"{}", SECRET)
    assert not check(headers, b"{ }", SECRET)
