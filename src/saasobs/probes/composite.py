"""composite: one verdict over several monitors: up when enough of them are. It touches no network.

The rule is pure. A member that is degraded still serves, so it counts as up; one of which nothing is known (new,
paused, or its last check was ours to blame) counts neither way, and when it is what the verdict hangs on, there is
none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import structlog
from pydantic import BeforeValidator, Field, model_validator

from saasobs.core.incident import MonitorState, Status
from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Failure, Outcome, Reason, Result
from saasobs.options import KindOptions
from saasobs.probes.kind import Tools, broken
from saasobs.probes.verdict import Unmet, verdict

log = structlog.get_logger("saasobs.probes.composite")

UNKNOWN: Final = "unknown"
_SHOWN: Final = 10


def _no_switch(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, all or any")  # noqa: TRY004 - pydantic catches this one
    return value


class CompositeOptions(KindOptions):
    """Several monitors together: up when at least so many of them are up, degraded when only just so. It has no targets
    of its own; what its members see is judged at its interval."""

    asks: ClassVar[bool] = False
    thresholds: ClassVar[dict[str, Any]] = {"fail_after": 1, "recover_after": 1}
    example: ClassVar[str] = """\
name: search
kind: composite
members: [search-1, search-2, search-3]
at_least: 2
"""
    observations: ClassVar[Mapping[str, str]] = {
        "members": "What is known of each member: `up`, `degraded`, `down` or `unknown`.",
        "up": "How many members are up or degraded.",
        "at_least": "How many have to be.",
    }

    members: Annotated[tuple[str, ...], Field(min_length=1, max_length=200)]
    """The names of the monitors that it is made of; composites may be among them."""
    at_least: Annotated[Annotated[int, Field(ge=1)] | Literal["all", "any"], BeforeValidator(_no_switch)] = "all"
    """How many members must be up (a degraded one counts): a number, `all` or `any`."""

    @model_validator(mode="after")
    def _countable(self) -> Self:
        twice = [name for name in dict.fromkeys(self.members) if self.members.count(name) > 1]
        if twice:
            raise ValueError(f"members: {twice[0]!r} is named twice")
        if self.needed > len(self.members):
            raise ValueError(f"at_least is {self.needed}, but there are only {len(self.members)} members")
        return self

    @property
    def needed(self) -> int:
        """As a number."""
        if isinstance(self.at_least, int):
            return self.at_least
        return len(self.members) if self.at_least == "all" else 1

    def target(self) -> str:
        return f"{self.needed} of {len(self.members)}: {_listed(self.members)}"


def standing(state: MonitorState | None) -> str:
    """What counts of a member: ``up``, ``degraded``, ``down`` or ``unknown``."""
    if state is None or state.paused or state.status is Status.NEW or state.last_outcome is Outcome.UNKNOWN:
        return UNKNOWN
    return state.status.value


def assess(options: CompositeOptions, members: Mapping[str, str]) -> tuple[Outcome, Reason | None, str, Unmet | None]:
    """The verdict over the members' standings."""
    serving = [name for name, one in members.items() if one in (Status.UP, Status.DEGRADED)]
    unknown = [name for name, one in members.items() if one == UNKNOWN]
    ailing = [name for name, one in members.items() if one in (Status.DOWN, Status.DEGRADED)]
    enough = len(serving) >= options.needed
    if not enough and len(serving) + len(unknown) >= options.needed:
        return Outcome.UNKNOWN, None, f"{_count(options, serving)}, and nothing is known of {_listed(unknown)}", None
    if enough and not ailing:
        return Outcome.UP, None, "", None
    words = ", ".join(f"{name} is {members[name]}" for name in ailing[:_SHOWN])
    more = f" and {len(ailing) - _SHOWN} more" if len(ailing) > _SHOWN else ""
    need = f"at least {options.needed} of {len(members)} up"
    failure = Failure("at_least", need, f"{len(serving)} up; {words}{more}", Reason.MEMBERS_DOWN, degraded=enough)
    unmet = Unmet(failure, f"{_count(options, serving)}: {words}{more}")
    return *verdict([unmet]), unmet


def _count(options: CompositeOptions, serving: list[str]) -> str:
    whole, needed = len(options.members), options.needed
    must = "all" if needed == whole else f"{needed} of {whole}"
    return f"{len(serving)} of {whole} members {'is' if len(serving) == 1 else 'are'} up, {must} must be"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


class CompositeProbe:
    """Implements core.ports.Probe over core.ports.States."""

    def __init__(self, tools: Tools) -> None:
        self._states = tools.states

    async def check(self, monitor: Monitor, check: Check) -> Result:
        try:
            return self._check(monitor.options, check)
        except Exception as error:
            log.exception("check.broken", monitor=monitor.name, kind=monitor.kind)
            return broken(check, error, 0)

    def _check(self, options: CompositeOptions, check: Check) -> Result:
        members = {name: standing(self._states.state(name)) for name in options.members}
        outcome, reason, sentence, unmet = assess(options, members)
        up = sum(one in (Status.UP, Status.DEGRADED) for one in members.values())
        observed = {"members": members, "up": up, "at_least": options.needed}
        failures = (unmet.failure,) if unmet else ()
        return Result(check, outcome, reason=reason, message=sentence, observations=observed, failures=failures)

    async def close(self) -> None:
        """Nothing is held."""
