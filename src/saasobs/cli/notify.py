"""`saasobs notify test CHANNEL`: does it reach people? `saasobs notify receipts`: where do providers report to?"""

from __future__ import annotations

import os
from argparse import Namespace

from saasobs.cli.client import PATIENT_TIMEOUT, Client
from saasobs.cli.command import Exit, UsageError
from saasobs.cli.screen import open_screen, print_json


def notify(options: Namespace) -> int:
    """The one or the other."""
    return _receipts(options) if options.action == "receipts" else _test(options)


def _test(options: Namespace) -> int:
    """The daemon sends, so that its own network, secrets and address are what is tested."""
    if not options.channel:
        raise UsageError("name the channel to test: saasobs notify test CHANNEL")
    with Client.of(options, os.environ) as client:
        to = {"to": options.to} if options.to else {}
        answer = client.post("channels", options.channel, "test", timeout=PATIENT_TIMEOUT, **to)
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


def _receipts(options: Namespace) -> int:
    """Addresses, for the consoles of providers that are not told with each message."""
    with Client.of(options, os.environ) as client:
        addresses = client.get("receipts")["addresses"]
    if options.json:
        print_json({"addresses": addresses})
        return Exit.OK
    screen = open_screen(os.environ)
    if not addresses:
        screen.line("No provider can report to this daemon: it needs `ingest.base_url` and a channel with receipts.")
        return Exit.OK
    screen.table(("channel", "reports to"), [[name, url] for name, url in addresses.items()])
    return Exit.OK
