"""One result, drawn for a person: phases as bars, facts, the verdict on each expectation. Pure but for the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from saasobs.cli.expectations import Expectation, met
from saasobs.cli.reading import clock_time
from saasobs.cli.screen import Part, Screen, Tone, Toned
from saasobs.core.monitor import Monitor
from saasobs.core.result import REASONS, Failure, Outcome, Result
from saasobs.core.values import format_duration

TONES: Final[Mapping[str, Tone]] = {
    "up": "good",
    "degraded": "warn",
    "down": "bad",
    "missed": "dim",
    "unknown": "dim",
    "new": "dim",
    "paused": "dim",
}
PHASE_WORDS: Final = {"first_byte": "first byte"}
SOON: Final = 14
"""Days: a certificate that expires within is shown as a warning, whatever the monitor expects."""
MARGIN: Final = 13
"""Where values begin: the longest label is `http version`."""
_SCALE: Final = (20, 60)
"""The narrowest and the widest that all bars together become, in characters."""


def draw_result(screen: Screen, monitor: Monitor, result: Result, expectations: Sequence[Expectation]) -> None:
    """:param expectations: all of the monitor's, so that those that were met are shown too."""
    _draw_verdict(screen, monitor, result)
    if result.phases:
        screen.line()
        _draw_phases(screen, result.phases)
    facts = list(_facts(result.observations))
    if facts:
        screen.line()
    for label, fact in facts:
        screen.line("  ", Toned(label.ljust(MARGIN), "dim"), fact)
    told = [failure for failure in result.failures if failure.seen != result.message]  # no answer: said above already
    _draw_expectations(screen, told, met(expectations, result))
    if result.excerpt:
        screen.line()
        screen.line("  ", Toned("the answer began:", "dim"))
        for line in result.excerpt.splitlines():
            screen.line("    ", line)


def _draw_verdict(screen: Screen, monitor: Monitor, result: Result) -> None:
    word = Toned(result.outcome.value.upper(), TONES[result.outcome])
    took = f"  in {format_duration(result.duration)}" if result.phases else ""
    screen.line(word, "  ", Toned(monitor.target, "strong"), took)
    if result.outcome is not Outcome.UP:
        screen.line("  ", result.message or (REASONS[result.reason] if result.reason else ""))


# Phases --------------------------------------------------------------------------------------------------------


def _draw_phases(screen: Screen, phases: Mapping[str, int]) -> None:
    narrowest, widest = _SCALE
    bars = lay_out(list(phases.values()), max(narrowest, min(widest, screen.width - MARGIN - 12)))
    for (phase, micros), (start, length) in zip(phases.items(), bars, strict=True):
        label = Toned(PHASE_WORDS.get(phase, phase).ljust(MARGIN), "dim")
        bar = Toned(screen.block * length, "accent")
        screen.line("  ", label, format_duration(micros).rjust(7), "  ", " " * start, bar)


def lay_out(durations: Sequence[int], width: int) -> list[tuple[int, int]]:
    """(start, length) in characters of each duration, one after the other over `width`.

    Whatever took any time is at least one character long, so that it can be seen; what took none has no length.
    """
    total = sum(durations) or 1
    ends = list(accumulate(durations))
    bars = []
    for duration, end in zip(durations, ends, strict=True):
        start = min(round((end - duration) * width / total), width - 1)
        bars.append((start, max(1, round(end * width / total) - start) if duration else 0))
    return bars


# Facts ---------------------------------------------------------------------------------------------------------


def _facts(observations: Mapping[str, Any]) -> Iterator[tuple[str, Part]]:
    """Those worth a person's eyes, in the order in which they are read."""
    for name, label in (("status", "status"), ("address", "address"), ("http_version", "http version")):
        if (value := observations.get(name)) not in (None, ""):
            yield label, str(value)
    for name, label in (("last_ping", "last ping"), ("last_fail", "last failure"), ("deadline", "due before")):
        if value := observations.get(name):
            yield label, f"{clock_time(str(value))} UTC"
    if redirects := observations.get("redirects"):
        yield "redirects", " -> ".join(map(str, redirects)) if isinstance(redirects, list | tuple) else str(redirects)
    if isinstance(certificate := observations.get("certificate"), Mapping):
        yield from _certificate_facts(certificate)
    if observations.get("insecure"):
        yield "trust", Toned("no certificate was verified: whoever answered may have been anybody", "warn")
    if timing := observations.get("server_timing"):
        yield "server", str(timing)


def _certificate_facts(certificate: Mapping[str, Any]) -> Iterator[tuple[str, Part]]:
    yield "certificate", str(certificate.get("subject", "?"))
    yield "issuer", str(certificate.get("issuer", "?"))
    days = certificate.get("days_left")
    if days is None:
        return
    tone: Tone = "bad" if days < 0 else "warn" if days < SOON else ""
    when = f"expired {-days:.0f} days ago" if days < 0 else f"{days:.0f} days left"
    first = certificate.get("expires_first", "")
    whose = f" ({first})" if first and first != certificate.get("subject") else ""
    yield "expires", Toned(f"{str(certificate.get('not_after', ''))[:10]}, {when}{whose}", tone)


# Verdicts ------------------------------------------------------------------------------------------------------


def _draw_expectations(screen: Screen, failures: Sequence[Failure], kept: Sequence[Expectation]) -> None:
    if not failures and not kept:
        return
    width = max(map(len, (*(failure.expectation for failure in failures), *(each.name for each in kept))))
    screen.line()
    for failure in failures:
        word = Toned("weak  ", "warn") if failure.degraded else Toned("FAIL  ", "bad")
        seen = f"expected {failure.expected}, seen {failure.seen}"
        screen.line("  ", word, failure.expectation.ljust(width), "  ", seen)
    for each in kept:
        screen.line("  ", Toned("ok    ", "good"), each.name.ljust(width), "  ", each.expected)
