"""`notify test`: a sample over one channel, to whom it is asked for, in their words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saasobs.core.errors import NotFound, Refused
from saasobs.daemon.switchboard import Switchboard
from saasobs.settings import Settings, load
from saasobs.storage import open_store
from support.answering_team import Readable
from support.briefings import HandClock
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

FILE = """\
people:
  ana: {{phone: "+51987654321", language: es, timezone: America/Lima}}
  ben: {{email: ben@acme.example}}
channels:
  phones: {{kind: sms, provider: twilio, account_sid: {account}, auth_token: "{token}", from: "+15005550006",
            api_base: "{url}"}}
  shared: {{kind: sms, provider: twilio, account_sid: {account}, auth_token: "{token}", from: "+15005550006",
            api_base: "{url}", to: ["+5511987654321"], language: pt}}
  wall: {{kind: console}}
monitors: []
"""


def settings(folder: Path, twilio: TwilioDouble) -> Settings:
    file = folder / "saasobs.yaml"
    file.write_text(FILE.format(account=ACCOUNT, token=AUTH_TOKEN, url=twilio.url))
    return load(file, {})


def a_ledger() -> Readable:
    store = open_store("sqlite://")
    store.open()
    return Readable(store)


async def test_a_sample_is_in_its_readers_words(tmp_path: Path) -> None:
    """Ana's is Spanish; the shared phone's is what its channel says."""
    ledger: Any = a_ledger()
    with TwilioDouble() as twilio:
        board, loaded = Switchboard(HandClock(), ledger), settings(tmp_path, twilio)
        await board.test(loaded, "phones", "ana")
        await board.test(loaded, "shared")
        texts = [(text.to, text.body) for text in twilio.texts]
    assert [to for to, _ in texts] == ["+51987654321", "+5511987654321"]
    assert texts[0][1].startswith("PRUEBA phones: todo esta bien 09:03 UTC-5")
    assert texts[1][1].startswith("TESTE shared: ")


@pytest.mark.parametrize(
    ("channel", "person", "error", "said"),
    [
        ("phones", "", Refused, "name one of the people with --to: ana"),
        ("phones", "ben", Refused, "phones does not reach ben; it reaches ana"),
        ("phones", "zoe", NotFound, "none of the people is called 'zoe'; there are: ana, ben"),
        ("wall", "ana", Refused, "wall does not reach ana"),
        ("fax", "", NotFound, "no channel is called 'fax'; there are: phones, shared, wall"),
    ],
)
async def test_whom_it_cannot_reach(
    tmp_path: Path, channel: str, person: str, error: type[Exception], said: str
) -> None:
    """It says whom the channel reaches, and sends nothing."""
    ledger: Any = a_ledger()
    with TwilioDouble() as twilio:
        with pytest.raises(error, match=said):
            await Switchboard(HandClock(), ledger).test(settings(tmp_path, twilio), channel, person)
        assert twilio.texts == []
