"""`saasobs serve`: the daemon, in the foreground of this process."""

from __future__ import annotations

import os
from argparse import Namespace

from saasobs.cli.places import configuration_path
from saasobs.daemon import serve as serve_daemon


def serve(options: Namespace) -> int:
    """Until it is told to stop."""
    return serve_daemon(configuration_path(options.config, os.environ))
