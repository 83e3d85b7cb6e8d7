"""The context of the operation in progress as text that travels: on HTTP requests, in a queue's message.

Between own parts only: `Propagation` gives a host its headers only where `hosts` says that it is our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.hosts import Hosts
from saasobs.instrument.state import Operation, accept_correlation_id, current
from saasobs.instrument.tracing.tracer import Incoming, traceparent

if TYPE_CHECKING:
    from saasobs.instrument.tracing.recording import Child

CORRELATION_ID: Final = "x-request-id"
TENANT: Final = "saasobs-tenant"
_TENANT_LIMIT: Final = 200


class Propagation:
    """What outgoing HTTP requests of one process take along."""

    def __init__(self, config: InstrumentConfig) -> None:
        self.hosts = Hosts(config.propagate_to)
        self._correlation_header = config.correlation_header

    def inject(self, operation: Operation, host: str) -> dict[str, str]:
        """The headers for this host: none for a third party."""
        return self.headers(operation) if self.hosts.is_own(host) else {}

    def headers(self, operation: Operation, child: Child | None = None) -> dict[str, str]:
        """The headers for an own host. :param child: the span of this very call, if there is one."""
        headers = {self._correlation_header: operation.correlation_id}
        if operation.trace_id:
            headers["traceparent"] = traceparent(operation, child)
            if operation.tracestate:
                headers["tracestate"] = operation.tracestate
        if operation.baggage:
            headers["baggage"] = operation.baggage
        return headers


def carry() -> dict[str, str]:
    """What a message in a queue of the app's own takes along; nothing outside of an operation."""
    operation = current()
    if operation is None:
        return {}
    carried = {CORRELATION_ID: operation.correlation_id}
    if operation.trace_id:
        carried["traceparent"] = traceparent(operation)
        if operation.tracestate:
            carried["tracestate"] = operation.tracestate
    if operation.baggage:
        carried["baggage"] = operation.baggage
    if operation.tenant is not None:
        carried[TENANT] = operation.tenant
    return carried


def continue_from(carrier: Mapping[str, Any]) -> tuple[str, Incoming]:
    """The sender's correlation ID, or nothing, and its trace headers; the carrier may hold anything."""
    offered = carrier.get(CORRELATION_ID)
    found = (carrier.get(name) for name in ("traceparent", "tracestate", "baggage"))
    accepted = accept_correlation_id(offered) if isinstance(offered, str) else None
    return accepted or "", Incoming(*((value,) if isinstance(value, str) else () for value in found))


def carried_tenant(carrier: Mapping[str, Any]) -> str | None:
    """For whom the sender worked. Only of messages that the app itself has written: nothing here proves it."""
    tenant = carrier.get(TENANT)
    return tenant[:_TENANT_LIMIT] if isinstance(tenant, str) and tenant else None
