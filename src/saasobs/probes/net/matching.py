"""The user's regular expressions over what a stranger said: bounded in time, and what took too long is our fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from saasobs.core.result import Reason
from saasobs.probes.budget import TookTooLong, within_budget
from saasobs.probes.inquiry import Trouble

P = ParamSpec("P")
T = TypeVar("T")


def bounded(judge: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a pure function that runs patterns. :raises Trouble: INTERNAL, so that the target is not blamed."""
    try:
        return within_budget(judge, *args, **kwargs)
    except TookTooLong as error:
        raise Trouble(Reason.INTERNAL, "the patterns under expect take too long on this answer") from error


def found(pattern: re.Pattern[str], text: str) -> bool:
    """Whether a pattern matches somewhere. :raises Trouble:"""
    return bounded(pattern.search, text) is not None
