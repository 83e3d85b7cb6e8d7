"""`saasobs pause NAME` and `saasobs resume NAME`."""

from __future__ import annotations

import os
from argparse import Namespace

from saasobs.cli.client import Client
from saasobs.cli.command import Exit
from saasobs.cli.names import suggesting
from saasobs.cli.people import who
from saasobs.cli.screen import open_screen, print_json


def pause(options: Namespace) -> int:
    """No more checks of it."""
    return _switch(options, "pause", "{name} is paused: `saasobs resume` lets it be checked again.")


def resume(options: Namespace) -> int:
    """Checked again, at once."""
    return _switch(options, "resume", "{name} is checked again.")


def _switch(options: Namespace, action: str, sentence: str) -> int:
    with Client.of(options, os.environ) as client, suggesting(client, options.name):
        state = client.post("monitors", options.name, action, by=who(options, os.environ))
    if options.json:
        print_json(state)
    else:
        open_screen(os.environ).line(sentence.format(name=state["monitor"]))
    return Exit.OK
