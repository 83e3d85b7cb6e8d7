"""Every error that crosses a room's door.

SaasobsError
├── ConfigurationError      the file is wrong; carries every fault
├── StorageError            our own database cannot be read or written now
├── DeliveryError           a provider did not take a message; permanent or worth another try
├── NotFound                no such monitor, incident or channel
├── Refused                 what was asked makes no sense as things are; says why
└── Unavailable             the daemon is not there, or not ready to answer
"""

from __future__ import annotations

from dataclasses import dataclass


class SaasobsError(Exception):
    """The root: its text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a configuration: ``file:line: path: message``."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigurationError(SaasobsError):
    """Everything that is wrong with a configuration, at once."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class StorageError(SaasobsError):
    """Our own database is locked, full, read-only or broken. Never a monitor's fault.

    `kind` is bounded (it labels a metric): locked, full, read_only, corrupt, other.
    """

    def __init__(self, message: str, *, kind: str = "other") -> None:
        super().__init__(message)
        self.kind = kind


class DeliveryError(SaasobsError):
    """A provider did not take a message.

    :param permanent: trying again cannot help (revoked token, unknown number): go to the fallback.
    :param retry_after: the provider's own word for how long to wait, microseconds.
    :param cap: our own spending cap said no: the notice counts as suppressed, and the fallback takes over.
    :param recipient_only: only this recipient is concerned (a wrong number, they have had enough): it says nothing
        of the channel, and `retry_after` holds for nobody else.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: int | None = None,
        cap: bool = False,
        recipient_only: bool = False,
    ) -> None:
        super().__init__(message)
        self.recipient_only = recipient_only
        self.permanent = permanent or cap
        self.retry_after = retry_after
        self.cap = cap


class NotFound(SaasobsError):
    """No such monitor, incident or channel."""


class Refused(SaasobsError):
    """What was asked makes no sense as things are."""


class Unavailable(SaasobsError):
    """The daemon is not running, or cannot answer now."""
