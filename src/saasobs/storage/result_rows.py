"""Results as rows and back, packed: they are nearly all of the file.

What comes back of a result: everything, with two exceptions. Of an `up` result only those observations are kept that
its last one is asked for (`status`, and the certificate's `not_after_us`, from which `days_left` is reckoned again as
seen from the start of the check). Tuples in observations come back as lists, as JSON knows no other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from saasobs.core.result import Check, Failure, Outcome, Reason, Result
from saasobs.core.values import DAY
from saasobs.storage.rows import known

OUTCOMES: Final = (Outcome.UP, Outcome.DEGRADED, Outcome.DOWN, Outcome.MISSED, Outcome.UNKNOWN)
"""An outcome is stored as its index here: only ever append."""
PHASES: Final = ("dns", "connect", "tls", "first_byte", "transfer")
"""The phases that have columns."""

_CODES: Final = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_PHASES: Final = frozenset(PHASES)


def pack(result: Result, monitor_id: int) -> tuple[Any, ...]:
    """The columns of `results`, in order. :raises TypeError: observations that are not JSON-ready."""
    check, phases, observed = result.check, result.phases, result.observations
    up = result.outcome is Outcome.UP
    standard: Mapping[str, int] = phases if phases.keys() <= _PHASES else {}
    phase = standard.get
    return (
        monitor_id,
        check.started_at,
        check.location,
        check.started_at - check.scheduled_at,
        check.attempt,
        _CODES[result.outcome],
        result.reason.value if result.reason else None,
        result.duration,
        phase("dns"),
        phase("connect"),
        phase("tls"),
        phase("first_byte"),
        phase("transfer"),
        _whole(observed.get("status")) if up and observed else None,
        _certificate_until(observed) if up and observed else None,
        pack_correlation_id(check.correlation_id),
        _detail(result, up=up),
    )


def unpack(monitor: str, row: Sequence[Any]) -> Result:
    """The result of a row as `pack` made it."""
    (_, started_at, location, lag, attempt, code, reason, duration, *columns) = row
    *phase_columns, status, until, correlation_id, stored = columns
    detail = json.loads(stored) if stored else {}
    outcome = OUTCOMES[code] if 0 <= code < len(OUTCOMES) else Outcome.UNKNOWN
    phases = {name: micros for name, micros in zip(PHASES, phase_columns, strict=True) if micros is not None}
    return Result(
        Check(monitor, started_at - lag, started_at, location, attempt, unpack_correlation_id(correlation_id)),
        outcome,
        duration,
        known(Reason, reason) if reason is not None else None,
        detail.get("message", ""),
        detail.get("phases", phases),
        detail["observations"] if "observations" in detail else _seen(status, until, started_at),
        tuple(_failure(item) for item in detail.get("failures", ())),
        detail.get("excerpt", ""),
    )


# What has no column of its own ---------------------------------------------------------------------------------------


def _detail(result: Result, *, up: bool) -> str | None:
    detail: dict[str, Any] = {}
    if result.message:
        detail["message"] = result.message
    if result.observations and not up:
        detail["observations"] = result.observations
    if result.failures:
        detail["failures"] = [
            (failure.expectation, failure.expected, failure.seen, failure.reason.value, failure.degraded)
            for failure in result.failures
        ]
    if result.excerpt:
        detail["excerpt"] = result.excerpt
    if not result.phases.keys() <= _PHASES:
        detail["phases"] = dict(result.phases)
    # Escaped to ASCII: holds what the world sends (lone surrogates, NUL) in every database.
    return json.dumps(detail, separators=(",", ":"), default=_jsonable) if detail else None


def _jsonable(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"an observation must be JSON-ready, not {type(value).__name__}")


def _failure(item: Sequence[Any]) -> Failure:
    expectation, expected, seen, reason, degraded = item
    return Failure(expectation, expected, seen, known(Reason, reason), degraded)


# The observations of an `up` result ----------------------------------------------------------------------------------


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _certificate_until(observed: Mapping[str, Any]) -> int | None:
    certificate = observed.get("certificate")
    return _whole(certificate.get("not_after_us")) if isinstance(certificate, Mapping) else None


def _seen(status: int | None, certificate_until: int | None, at: int) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    if status is not None:
        seen["status"] = status
    if certificate_until is not None:
        seen["certificate"] = {
            "not_after_us": certificate_until,
            "days_left": round((certificate_until - at) / DAY, 3),
        }
    return seen


# Correlation IDs -----------------------------------------------------------------------------------------------------


def pack_correlation_id(text: str) -> bytes | None:
    """Half the size for the 32 hexadecimal digits that we make ourselves: 16 bytes mean those, and nothing else does.

    Any other text is written behind a letter, ``t`` or, where that would make 16 bytes, ``T`` and a NUL.
    """
    if not text:
        return None
    if len(text) == 32 and text.isalnum() and text == text.lower():
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    encoded = text.encode("utf-8", "replace")
    return b"T\0" + encoded if len(encoded) == 15 else b"t" + encoded


def unpack_correlation_id(packed: bytes | None) -> str:
    """The text that `pack_correlation_id` was given."""
    if not packed:
        return ""
    if len(packed) == 16:
        return packed.hex()
    return packed[2 if packed.startswith(b"T") else 1 :].decode("utf-8", "replace")
