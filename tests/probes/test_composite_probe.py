"""The composite kind: its rule over every mixture of members, and its probe over known states."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.incident import MonitorState, Status
from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes import KINDS
from saasobs.probes.composite import CompositeOptions, assess, standing
from support.probing import Others, asker

NAMES = ["a", "b", "c", "d"]


def state(name: str, status: Status, **more: Any) -> MonitorState:
    return MonitorState(name, status, **more)


async def verdict(at_least: int | str, *members: MonitorState) -> Result:
    others = Others({one.monitor: one for one in members})
    async with asker("composite", states=others) as composites:
        return await composites.ask(members=NAMES[:3], at_least=at_least)


async def test_all_up_is_up() -> None:
    """And what is known of each is told."""
    result = await verdict("all", *(state(name, Status.UP) for name in "abc"))
    assert (result.outcome, result.message) == (Outcome.UP, "")
    assert result.observations == {"members": {"a": "up", "b": "up", "c": "up"}, "up": 3, "at_least": 3}


async def test_enough_but_not_all_is_degraded() -> None:
    """One of three may be down; who it is stands in the sentence."""
    result = await verdict(2, state("a", Status.UP), state("b", Status.DOWN), state("c", Status.DEGRADED))
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, Reason.MEMBERS_DOWN)
    assert result.message == "2 of 3 members are up, 2 of 3 must be: b is down, c is degraded"


async def test_too_few_is_down() -> None:
    """Every member that is down is named."""
    result = await verdict(2, state("a", Status.UP), state("b", Status.DOWN), state("c", Status.DOWN))
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.MEMBERS_DOWN)
    assert result.message == "1 of 3 members is up, 2 of 3 must be: b is down, c is down"
    assert result.failures[0].expected == "at least 2 of 3 up"
    assert result.failures[0].seen == "1 up; b is down, c is down"


async def test_any_needs_one() -> None:
    """`any` is one of them, `all` every one."""
    one = [state("a", Status.UP), state("b", Status.DOWN), state("c", Status.DOWN)]
    assert (await verdict("any", *one)).outcome is Outcome.DEGRADED
    assert (await verdict("all", *one)).message == "1 of 3 members is up, all must be: b is down, c is down"


async def test_what_hangs_on_the_unknown_is_unknown() -> None:
    """New, paused and unseen members, and those whose last check was ours to blame, count neither way."""
    result = await verdict(2, state("a", Status.UP), state("b", Status.NEW), state("c", Status.DOWN))
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, None)
    assert result.message == "1 of 3 members is up, 2 of 3 must be, and nothing is known of b"
    assert (await verdict(1, state("a", Status.UP), state("b", Status.NEW))).outcome is Outcome.UP
    assert (await verdict(3, state("a", Status.DOWN), state("b", Status.NEW))).outcome is Outcome.DOWN
    assert standing(None) == "unknown"
    assert standing(state("a", Status.UP, paused=True)) == "unknown"
    assert standing(state("a", Status.DOWN, last_outcome=Outcome.UNKNOWN)) == "unknown"
    assert standing(state("a", Status.UP, last_outcome=Outcome.MISSED)) == "up"


MEMBERS = st.lists(st.sampled_from(["up", "degraded", "down", "unknown"]), min_size=1, max_size=4)


@given(MEMBERS, st.integers(1, 4))
def test_the_verdict_never_claims_what_the_unknown_could_change(members: list[str], needed: int) -> None:
    """Whatever an unknown member turned out to be, a verdict of up or down still holds."""
    needed = min(needed, len(members))
    options = CompositeOptions.model_validate({"members": NAMES[: len(members)], "at_least": needed})
    outcome, *_ = assess(options, dict(zip(NAMES, members, strict=False)))
    best = sum(one != "down" for one in members)
    worst = sum(one in ("up", "degraded") for one in members)
    assert (outcome is Outcome.DOWN) == (best < needed)
    assert (outcome in (Outcome.UP, Outcome.DEGRADED)) == (worst >= needed)
    assert (outcome is Outcome.UP) == (worst >= needed and not {"down", "degraded"} & set(members))


@given(st.lists(st.text(min_size=1, max_size=100), min_size=30, max_size=200, unique=True))
def test_a_sentence_stays_short(names: list[str]) -> None:
    """Of hundreds of members down ten are named."""
    options = CompositeOptions.model_validate({"members": names})
    _, _, sentence, _ = assess(options, dict.fromkeys(names, "down"))
    assert sentence.endswith(f" and {len(names) - 10} more")
    assert len(sentence) < 1300


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"members": []}, "at least 1 item"),
        ({"members": ["a", "b", "a"]}, "'a' is named twice"),
        ({"members": ["a", "b"], "at_least": 3}, "at_least is 3, but there are only 2 members"),
        ({"members": ["a"], "at_least": 0}, "greater than or equal to 1"),
        ({"members": ["a"], "at_least": True}, "must be a number, all or any"),
        ({"members": ["a"], "at_least": "most"}, "'all' or 'any'"),
    ],
)
def test_mistakes_are_told_when_the_file_is_read(options: dict[str, Any], said: str) -> None:
    """What cannot be counted."""
    with pytest.raises(ValidationError) as caught:
        KINDS["composite"].options.model_validate(options)
    assert said in str(caught.value)


def test_it_says_what_it_watches() -> None:
    """The target of a composite is its rule."""
    options = CompositeOptions.model_validate({"members": ["a", "b", "c"], "at_least": 2})
    assert (options.target(), options.host()) == ("2 of 3: a, b, c", "")
