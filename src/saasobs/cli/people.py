"""Who is at the keyboard: what an incident's timeline says of an acknowledgement or a pause."""

from __future__ import annotations

import getpass
from argparse import Namespace
from collections.abc import Mapping


def who(options: Namespace, environ: Mapping[str, str]) -> str:
    """--by, else the person behind sudo, else the user's name."""
    if options.by:
        return str(options.by)
    try:
        return environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user ID without a name, as in many containers
        return "command line"
