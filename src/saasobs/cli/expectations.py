"""The expectations of a monitor in the words of its failures, so that those that were met can be shown too. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from saasobs.core.monitor import Monitor
from saasobs.core.redact import redact_text
from saasobs.core.result import Failure, Outcome, Result
from saasobs.core.values import format_duration
from saasobs.probes.http.expect import compression_expected
from saasobs.probes.http.options import HttpExpect, HttpOptions


@dataclass(frozen=True, slots=True)
class Expectation:
    """`name` is what `Failure.expectation` would be; several texts of one kind share it."""

    name: str
    expected: str


def expectations_of(monitor: Monitor) -> tuple[Expectation, ...]:
    """In the order in which they are judged; empty for kinds that expect nothing of an answer."""
    if not isinstance(monitor.options, HttpOptions):
        return ()
    named = _of_http(monitor.options.expect, tls=monitor.target.startswith("https:"))
    return tuple(Expectation(name, redact_text(expected)) for name, expected in named)


def _of_http(expect: HttpExpect, *, tls: bool) -> Iterator[tuple[str, str]]:
    yield "status", str(expect.status)
    for name in ("degraded_over", "down_over"):
        if (limit := getattr(expect, name)) is not None:
            yield name, format_duration(limit)
    if tls and expect.certificate_days:
        yield "certificate_days", f"at least {expect.certificate_days:g} days left"
    if expect.http_version:
        yield "http_version", " or ".join(expect.http_version)
    if expect.compression is not None:
        yield "compression", compression_expected(expect)
    for header, pattern in expect.headers.items():
        yield f"header {header}", pattern.pattern
    for name in ("body_contains", "body_not_contains", "body_matches", "body_not_matches"):
        for text in getattr(expect, name):
            yield name, text if isinstance(text, str) else text.pattern
    for path, condition in expect.json_.items():
        yield f"json {path}", ", ".join(map(str, condition.terms))


def met(expectations: Sequence[Expectation], result: Result) -> list[Expectation]:
    """Those that were judged and hold. An answer that never came was not judged."""
    names = {"json", *(expectation.name for expectation in expectations)}
    if result.outcome is not Outcome.UP and not any(failure.expectation in names for failure in result.failures):
        return []
    return [
        each for each in expectations if not any(_breaks(failure, each, expectations) for failure in result.failures)
    ]


def _breaks(failure: Failure, expectation: Expectation, all_of_them: Sequence[Expectation]) -> bool:
    if failure.expectation == "json":  # no JSON at all: no path into it holds
        return expectation.name.startswith("json ")
    if failure.expectation == "down_over":  # it stands for the milder limit too
        return expectation.name in ("down_over", "degraded_over")
    if failure.expectation != expectation.name:
        return False
    # Of several texts with one name it is that one which the failure quotes; when it quotes none, all are in doubt.
    quoted = {each.expected for each in all_of_them if each.name == expectation.name}
    return failure.expected not in quoted or failure.expected == expectation.expected
