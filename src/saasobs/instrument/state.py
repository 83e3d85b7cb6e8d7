"""What is known of the request being served: one mutable object, held in a ContextVar by the outermost layer.

Mutable on purpose: what a sync endpoint in a worker thread or a child task binds is then seen by the access line
too, which a plain ContextVar value would lose. Standard library only.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any

_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")
# A generator of our own, which an app's random.seed() does not touch. os.urandom releases the GIL, and under load
# getting it back took 18 µs a request.
_ids = random.Random()  # noqa: S311 - not a secret
os.register_at_fork(after_in_child=_ids.seed)
_EMPTY: Mapping[str, Any] = MappingProxyType({})


class RequestState:
    """One request passing through, shared by every task and thread that works for it."""

    __slots__ = ("correlation_id", "fields")

    def __init__(self, correlation_id: str) -> None:
        self.correlation_id = correlation_id
        self.fields: dict[str, Any] = {}
        """Bound by the app: on every log line of this request."""


_request: ContextVar[RequestState | None] = ContextVar("saasobs_request", default=None)
_ambient: ContextVar[Mapping[str, Any]] = ContextVar("saasobs_ambient", default=_EMPTY)


def make_correlation_id() -> str:
    """32 hexadecimal digits: a valid trace ID too. Unique, but no secret."""
    return f"{_ids.getrandbits(128):032x}"


def accept_correlation_id(offered: str) -> str | None:
    """The offered ID when it is safe to write into logs and headers: 1–128 of ``A-Za-z0-9._-``."""
    return offered if _ACCEPTED.fullmatch(offered) else None


def current() -> RequestState | None:
    """The request being served here, if any."""
    return _request.get()


def enter(state: RequestState) -> Token[RequestState | None]:
    """Make this the request being served, until `leave` is called with the token."""
    return _request.set(state)


def leave(token: Token[RequestState | None]) -> None:
    """Go back to what was before; harmless when a framework calls it in another context."""
    try:
        _request.reset(token)
    except ValueError:
        _request.set(None)


def bind(**fields: Any) -> None:
    """Put fields on every log line that follows: of this request, or outside of one, of this task or thread."""
    state = _request.get()
    if state is not None:
        state.fields = {**state.fields, **fields}  # replaced whole, so that a reader never sees it change
    else:
        _ambient.set({**_ambient.get(), **fields})


def context_fields() -> dict[str, Any]:
    """All that is bound here, the request's correlation ID first."""
    state = _request.get()
    if state is None:
        return dict(_ambient.get())
    return {"correlation_id": state.correlation_id, **_ambient.get(), **state.fields}
