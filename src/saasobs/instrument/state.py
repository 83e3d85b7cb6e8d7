"""What is known of the operation in progress: one mutable object, held in a ContextVar by the outermost layer.

Mutable on purpose: what a sync endpoint in a worker thread or a child task binds is then seen by the access line
too, which a plain ContextVar value would lose. Standard library only.
"""

from __future__ import annotations

import os
import random
import re
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from saasobs.instrument.queries.log import QueryLog

_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")
# A generator of our own, which an app's random.seed() does not touch. os.urandom releases the GIL, and under load
# getting it back took 18 µs a request.
_ids = random.Random()  # noqa: S311 - not a secret
os.register_at_fork(after_in_child=_ids.seed)
_EMPTY: Mapping[str, Any] = MappingProxyType({})
_CRUMBS = 20


class RequestFacts(NamedTuple):
    """A request as an error report shows it; made only when there is something to report. Not scrubbed."""

    method: str
    url: str
    """Scheme, host and path, without the query."""
    query: str
    headers: tuple[tuple[str, str], ...]
    client: str
    route: str


class Operation:
    """One unit of work passing through: a request, a websocket, a task run, a job.

    Shared by every task and thread that works for it.
    """

    # What every request reads and writes has a slot: the interpreter takes a tenth of the time for it. The rest stands
    # on the class until somebody sets it: filling it in for each operation would cost more than reading it there.
    __slots__ = (
        "__dict__", "correlation_id", "facts", "kind", "name", "span", "span_id", "started_at", "tenant",
        "trace_flags", "trace_id",
    )  # fmt: skip

    parent_span_id = ""
    sampled = False
    """Whether a span is recorded here. What a caller or a sampler has decided for others is in `trace_flags`."""
    children = 0
    """Spans made below its own."""
    tracestate = ""
    """What goes on to those we call, valid as it stands."""
    baggage = ""
    """What goes on to those we call, valid and bounded as it stands."""
    user: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] = _EMPTY
    """Bound by the app: on every log line of this operation. Replaced whole, never changed."""
    crumbs: deque[dict[str, Any]] | None = None
    """The last log records, as rendered but not yet text; for an error report."""
    queries: QueryLog | None = None
    fault: BaseException | None = None
    """What went wrong though a framework has answered for it (Flask, Django): it is never raised to our layer."""

    def __init__(self, correlation_id: str, kind: str = "request", name: str = "") -> None:
        self.kind = kind
        """`request`, `websocket`, `task` or `job`."""
        self.name = name
        """The route template once it is known (for a request, at its end), the task's or job's name."""
        self.correlation_id = correlation_id
        self.trace_id = ""
        """32 lower-case hexadecimal digits, also when the trace is not sampled; empty until tracing has begun it."""
        self.span_id = ""
        """16 lower-case hexadecimal digits: our own span, the parent of what we call."""
        self.trace_flags = 0
        """For those we call: W3C's `sampled` (1) and `random-trace-id` (2)."""
        self.span: Any = None
        """The OpenTelemetry SDK's span, of sampled operations only."""
        self.tenant: str | None = None
        self.facts: Callable[[], RequestFacts] | None = None
        self.started_at = perf_counter()

    def leave_crumb(self, record: dict[str, Any]) -> None:
        """Keep a log record for an error report that may follow."""
        if self.crumbs is None:
            self.crumbs = deque(maxlen=_CRUMBS)
        self.crumbs.append(record)


_operation: ContextVar[Operation | None] = ContextVar("saasobs_operation", default=None)
_ambient: ContextVar[Mapping[str, Any]] = ContextVar("saasobs_ambient", default=_EMPTY)

current: Callable[[], Operation | None] = _operation.get
"""The operation in progress here, if any."""
enter: Callable[[Operation | None], Token[Operation | None]] = _operation.set
"""Make this the operation in progress, until `leave` is called with the token."""
ambient_fields: Callable[[], Mapping[str, Any]] = _ambient.get
"""What the app has bound outside of any operation."""


def random_id() -> str:
    """32 hexadecimal digits, never all zeros: a valid trace ID too. Unique, but no secret."""
    return f"{_ids.getrandbits(128) or 1:032x}"


def accept_correlation_id(offered: str) -> str | None:
    """The offered ID when it is safe to write into logs and headers: 1–128 of ``A-Za-z0-9._-``."""
    return offered if _ACCEPTED.fullmatch(offered) else None


def random_span_id() -> str:
    """16 hexadecimal digits, never all zeros."""
    return f"{_ids.getrandbits(64) or 1:016x}"


def random_ids() -> tuple[str, str]:
    """A trace ID and a span ID, drawn together in half a microsecond.

    The span ID's last bit is always set, so that it is never all zeros.
    """
    digits = (_ids.getrandbits(192) | 1).to_bytes(24, "big").hex()
    return digits[:32], digits[32:]


def leave(token: Token[Operation | None]) -> None:
    """Go back to what was before; harmless when a framework calls it in another context."""
    try:
        _operation.reset(token)
    except ValueError:
        _operation.set(None)


def bind(**fields: Any) -> None:
    """Put fields on every log line that follows: of this operation, or outside of one, of this task or thread."""
    operation = _operation.get()
    if operation is not None:
        operation.fields = {**operation.fields, **fields}  # replaced whole: a reader never sees it change
    else:
        _ambient.set({**_ambient.get(), **fields})


def correlation_id() -> str:
    """The ID of the request, task or job in progress, to show to whoever asks what went wrong; "" outside of one."""
    operation = _operation.get()
    return "" if operation is None else operation.correlation_id


def set_tenant(tenant: str | None) -> None:
    """Say for whom this operation works: whole in logs, traces and errors, bounded in metrics.

    Call it where the tenant has been authenticated. Outside of an operation it is bound like any field.
    """
    text = None if tenant is None else str(tenant)[:200]
    operation = _operation.get()
    if operation is not None:
        operation.tenant = text
    else:
        bind(tenant=text)


def set_user(user_id: Any, **more: Any) -> None:
    """Say who asks: the ID goes on log lines as `user_id`, the rest (`email`, `username`) into error reports only."""
    user = {**more, "id": str(user_id)[:200]}
    operation = _operation.get()
    if operation is not None:
        operation.user = user
    else:
        bind(user_id=user["id"])


def context_fields() -> dict[str, Any]:
    """All that is bound here, the correlation ID first, then trace, tenant and user."""
    operation = _operation.get()
    if operation is None:
        return dict(_ambient.get())
    fields: dict[str, Any] = {}
    add_ids(fields, operation)
    fields.update(bound_fields(operation))
    return fields


def add_ids(record: dict[str, Any], operation: Operation) -> None:
    """Put what identifies an operation into a record: correlation ID, trace, tenant, user."""
    record["correlation_id"] = operation.correlation_id
    if operation.trace_id:
        record["trace_id"] = operation.trace_id
        record["span_id"] = operation.span_id
    if operation.tenant is not None:
        record["tenant"] = operation.tenant
    if operation.user is not None:
        record["user_id"] = operation.user["id"]


def bound_fields(operation: Operation) -> Mapping[str, Any]:
    """What the app has bound here, as it came."""
    ambient = _ambient.get()
    return {**ambient, **operation.fields} if ambient else operation.fields
