"""Matchers: what silences and filters are made of. Pure.

Written as Alertmanager writes them: ``name="value"``, ``!=``, ``=~``, ``!~``. A label that is not there is empty.
Expressions are RE2's, as there, and match the whole value: none, whoever wrote it, takes more than linear time.
https://prometheus.io/docs/alerting/latest/configuration/#matcher
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import re2

from saasobs.core.alert import Alert, Matcher, Silence
from saasobs.core.errors import Refused

MAX_MATCHERS: Final = 50
_MAX_TEXT: Final = 2_000
_WRITTEN: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*+"|[^\s!=~"]++)\s*(=~|!=|!~|=)\s*(.*?)\s*', re.DOTALL)
_ESCAPED: Final = re.compile(r'\\(["\\n])')
_UNESCAPED: Final = {"n": "\n", '"': '"', "\\": "\\"}


def parse(text: str) -> Matcher:
    """One matcher. :raises Refused: it is none."""
    found = _WRITTEN.fullmatch(text) if len(text) <= 2 * _MAX_TEXT else None
    if found is None:
        raise Refused(f"bad matcher format: {text[:100]}")
    sign = found[2]
    return checked(Matcher(_plain(found[1]), _plain(found[3]), sign.endswith("~"), not sign.startswith("!")))


def _plain(text: str) -> str:
    """Without its quotes, if it has any."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return _ESCAPED.sub(lambda found: _UNESCAPED[found[1]], text)


def checked(matcher: Matcher) -> Matcher:
    """The matcher itself. :raises Refused: it cannot match anything."""
    if not matcher.name or len(matcher.name) > 200 or not matcher.name.isprintable():
        raise Refused(f"invalid label name {matcher.name[:40]!r}")
    if len(matcher.value) > _MAX_TEXT:
        raise Refused(f"the value for {matcher.name!r} is longer than {_MAX_TEXT} characters")
    if matcher.is_regex:
        try:
            _compiled(matcher.value)
        except (re2.error, UnicodeError) as error:
            raise Refused(f"invalid regular expression {matcher.value[:100]!r}: {_words(error)}") from error
    return matcher


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


@lru_cache(maxsize=1_024)
def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True  # as Prometheus has it
    options.max_mem = 1 << 20
    return re2.compile(expression, options)


def matches(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    if matcher.is_regex:
        return (_compiled(matcher.value).fullmatch(value) is not None) == matcher.is_equal
    return (value == matcher.value) == matcher.is_equal


def match_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matches(matcher, labels) for matcher in matchers)


def check_silence(silence: Silence) -> None:
    """:raises Refused: such a silence makes no sense, or would cover everything."""
    if not silence.matchers:
        raise Refused("at least one matcher required")
    if len(silence.matchers) > MAX_MATCHERS:
        raise Refused(f"{len(silence.matchers)} matchers: at most {MAX_MATCHERS} are taken")
    for matcher in silence.matchers:
        checked(matcher)
    if all(matches(matcher, {}) for matcher in silence.matchers):
        raise Refused("silence invalid: at least one matcher must not match the empty string")
    if silence.ends_at <= silence.starts_at:
        raise Refused("start time must be before end time")


def covering(silences: Sequence[Silence], labels: Mapping[str, str], now: int) -> tuple[Silence, ...]:
    """Those that cover an alert with these labels now, the one that lasts longest first."""
    found = [one for one in silences if one.active(now) and match_all(one.matchers, labels)]
    return tuple(sorted(found, key=lambda one: (-one.ends_at, one.id)))


def silence_fits(silence: Silence, filters: Iterable[Matcher]) -> bool:
    """Whether a silence is one of those asked for: its own matchers are held against the filters like labels."""
    said = {matcher.name: matcher.value for matcher in silence.matchers}
    return match_all(filters, said)


def alert_fits(alert: Alert, filters: Iterable[Matcher]) -> bool:
    return match_all(filters, alert.labels)
