"""One request that does all a request can do: logs, calls another service, sends a task, and fails."""

from __future__ import annotations

import os
from pathlib import Path

import celery
import urllib3

import saasobs

_folder = Path(os.environ.get("SHOP_MESSAGES", "/nonexistent"))
queue = celery.Celery("shop", broker="filesystem://")
queue.conf.broker_transport_options = {
    "data_folder_in": str(_folder),
    "data_folder_out": str(_folder),
    "control_folder": str(_folder / "control"),
}


@queue.task(name="send_invoice")
def send_invoice(number: int) -> None:
    """Nobody works on it: the test reads the message."""


def do_everything(number: int) -> None:
    """:raises ValueError: always, in the end."""
    saasobs.get_logger("shop").info("inside")
    urllib3.PoolManager().request("GET", os.environ["SHOP_ECHO"])
    send_invoice.delay(number)
    raise ValueError("in the end")
