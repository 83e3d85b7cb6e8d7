"""`saasobs notify test CHANNEL`: does it reach people?"""

from __future__ import annotations

import os
from argparse import Namespace

from saasobs.cli.client import PATIENT_TIMEOUT, Client
from saasobs.cli.command import Exit
from saasobs.cli.screen import open_screen, print_json


def notify(options: Namespace) -> int:
    """The daemon sends, so that its own network, secrets and address are what is tested."""
    with Client.of(options, os.environ) as client:
        answer = client.post("channels", options.channel, "test", timeout=PATIENT_TIMEOUT)
    if options.json:
        print_json(answer)
        return Exit.OK
    screen = open_screen(os.environ)
    receipts = answer["receipts"]
    count = f"{len(receipts)} test message{'' if len(receipts) == 1 else 's'}"
    screen.line(f"{options.channel}: the provider took {count}. Look whether it arrived.")
    for provider_id in filter(None, (receipt["provider_id"] for receipt in receipts)):
        screen.line(f"  the provider's ID: {provider_id}")
    return Exit.OK
