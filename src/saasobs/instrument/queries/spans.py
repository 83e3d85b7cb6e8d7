"""The span of one query, for sampled operations only, under OpenTelemetry's semantic conventions for databases
(https://opentelemetry.io/docs/specs/semconv/database/database-spans/). It is made when the query is over.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument.queries.log import Known
from saasobs.instrument.state import Operation

if TYPE_CHECKING:
    from saasobs.instrument.tracing.tracer import Tracer

# The table of a simple statement. Cheap and sometimes nothing: an attribute that is wrong is worse than none.
_TABLE: Final = re.compile(r"(?:SELECT .{0,800}? FROM|INSERT INTO|UPDATE|DELETE FROM) ([\w.\"`]{1,128})")


def attributes(known: Known) -> dict[str, Any]:
    """What the span says of a query: never a parameter, never a literal. Pure."""
    text, source = known.fingerprint(), known.source
    said: dict[str, Any] = {"db.system.name": source.system, "db.query.text": text}
    operation, _, rest = text.partition(" ")
    if operation:
        said["db.operation.name"] = operation
    if source.is_sql:
        table = _TABLE.match(text)
        if table is not None and text.count(" FROM ") < 2 and " JOIN " not in text:
            said["db.collection.name"] = table[1].replace('"', "").replace("`", "")
    elif rest and not source.is_cache:
        said["db.collection.name"] = rest.partition(" ")[0]
    return said


def tell(tracer: Tracer, known: Known, seconds: float, operation: Operation, error: BaseException | None) -> None:
    """Make the span of a query that is over, as a child of the operation's."""
    said = attributes(known)
    target = said.get("db.collection.name", known.source.system)
    tracer.past(operation, f"{said.get('db.operation.name', '')} {target}".strip(), seconds, said, error)
