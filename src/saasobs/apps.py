"""Django's way in: one line in its settings, `INSTALLED_APPS = ["saasobs", …]`. Nobody else imports this module.

Settings are the environment's (`SAASOBS_*`), or those of a dictionary beside the others, which come first::

    SAASOBS = {"service": "shop", "tenant": "subdomain:acme.example"}
"""

from __future__ import annotations

import os
import sys
from typing import Any

from django.apps import AppConfig


class SaasobsConfig(AppConfig):  # type: ignore[misc] # Django has no types
    """Instruments the process that Django is set up in."""

    name = "saasobs"
    verbose_name = "Observability"

    def ready(self) -> None:
        """Called once, when the settings and all other apps' models are there."""
        if not is_reloader(sys.argv, os.environ):
            instrument_django()


def instrument_django() -> None:
    """Instrument this process with the settings' dictionary. Never raises."""
    from django.conf import settings  # noqa: PLC0415 - there are none before Django is set up

    import saasobs  # noqa: PLC0415 - this module is a part of it

    given: Any = getattr(settings, "SAASOBS", None) or {}
    arguments = {str(name).lower(): value for name, value in dict(given).items()}
    saasobs.instrument(None, **arguments)


def is_reloader(arguments: list[str], environ: Any) -> bool:
    """Whether this is `runserver`'s outer process, which only starts the one that serves, again and again."""
    return "runserver" in arguments[1:2] and "--noreload" not in arguments and environ.get("RUN_MAIN") != "true"
