"""Where things are: the configuration that is meant, and the socket of the daemon that runs on it."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from saasobs.cli.command import UsageError
from saasobs.cli.table import DEFAULT_CONFIGURATIONS
from saasobs.core.errors import ConfigurationError
from saasobs.daemon.state_folder import MAX_SOCKET_PATH, SOCKET_NAME
from saasobs.settings import state_dir


def configuration_path(option: Path | None, environ: Mapping[str, str], folder: Path = Path()) -> Path:
    """What --config says, else $SAASOBS_CONFIG, else the first usual place. :raises UsageError: there is none."""
    if option is not None:
        return option
    if named := environ.get("SAASOBS_CONFIG"):
        return Path(named)
    for usual in DEFAULT_CONFIGURATIONS:
        if (folder / usual).exists():
            return folder / usual
    looked = " nor ".join(f"./{usual}" for usual in DEFAULT_CONFIGURATIONS)
    raise UsageError(f"no configuration: there is neither {looked}; pass --config PATH or set SAASOBS_CONFIG")


def socket_of(options: Namespace, environ: Mapping[str, str]) -> tuple[Path, Path | None]:
    """The daemon's socket, and the configuration that led to it (None when --socket named it).

    :raises ConfigurationError: the configuration cannot be read. :raises UsageError: the path cannot be a socket's.
    """
    if options.socket is not None:
        return _short_enough(options.socket), None
    path = configuration_path(options.config, environ)
    try:
        folder = state_dir(path, environ)
    except ConfigurationError as error:
        hint = "With --socket PATH the daemon is reached without reading its configuration."
        raise WithHint(error, hint) from error
    return _short_enough(folder / SOCKET_NAME), path


class WithHint(ConfigurationError):
    """The faults of a configuration, and how to do without it."""

    def __init__(self, error: ConfigurationError, hint: str) -> None:
        super().__init__(error.faults)
        self._hint = hint

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self._hint}"


def _short_enough(path: Path) -> Path:
    """A relative path is a shorter one: it is tried when the absolute one is too long."""
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    raise UsageError(
        f"the path of the socket {path} is too long (over {MAX_SOCKET_PATH} bytes): set a shorter `state_dir`,"
        " or pass --socket with a shorter path"
    )
