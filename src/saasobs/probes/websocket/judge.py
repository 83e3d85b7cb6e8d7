"""Judging a message against what was expected of it. Pure; called within a budget of CPU time."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from saasobs.core.result import Failure, Reason
from saasobs.probes.conditions import unmet
from saasobs.probes.verdict import Unmet, short
from saasobs.probes.websocket.options import WebsocketExpect


def judge_message(expect: WebsocketExpect, text: str) -> list[Unmet]:
    """What of the content is not as expected."""
    return [*_texts(expect, text), *_patterns(expect, text), *_json(expect, text)]


def _texts(expect: WebsocketExpect, text: str) -> Iterator[Unmet]:
    for wanted in expect.contains:
        if wanted not in text:
            failure = Failure("contains", short(wanted), short(text), Reason.RESPONSE_MISMATCH)
            yield Unmet(failure, f'the message "{short(text)}" does not contain "{short(wanted)}"')
    for banned in expect.not_contains:
        if banned in text:
            failure = Failure("not_contains", short(banned), "in the message", Reason.RESPONSE_MISMATCH)
            yield Unmet(failure, f'the message contains "{short(banned)}", which it must not')


def _patterns(expect: WebsocketExpect, text: str) -> Iterator[Unmet]:
    for pattern in expect.matches:
        if not pattern.search(text):
            failure = Failure("matches", pattern.pattern, short(text), Reason.RESPONSE_MISMATCH)
            yield Unmet(failure, f'the message "{short(text)}" does not match {pattern.pattern}')
    for pattern in expect.not_matches:
        if found := pattern.search(text):
            seen = short(found[0])
            failure = Failure("not_matches", pattern.pattern, seen, Reason.RESPONSE_MISMATCH)
            yield Unmet(failure, f'the message matches {pattern.pattern} with "{seen}", which it must not')


def _json(expect: WebsocketExpect, text: str) -> Iterator[Unmet]:
    if not expect.json_:
        return
    try:
        document = orjson.loads(text)
    except ValueError:
        yield Unmet(Failure("json", "JSON", short(text), Reason.JSON_MISMATCH), "the message is not JSON")
        return
    for path, condition in expect.json_.items():
        if (fault := unmet(condition, path, document)) is not None:
            expected, seen = fault
            failure = Failure(f"json {path}", expected, seen, Reason.JSON_MISMATCH)
            yield Unmet(failure, f"{path} is {seen}, expected {expected}")
