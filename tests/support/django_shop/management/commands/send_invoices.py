"""A command that cron runs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

import saasobs


class Command(BaseCommand):  # type: ignore[misc] # Django has no types
    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--fail", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        saasobs.get_logger("shop").info("inside")
        if options["fail"]:
            raise RuntimeError("no invoices")
