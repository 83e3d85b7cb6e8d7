"""The access line, written by hand, says what the renderer of all other lines would say."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.logs.access import LOGGER, AccessFields, AccessLine, as_dict, whose
from saasobs.instrument.logs.rendering import LINE_LIMIT, Record, render_json
from saasobs.instrument.state import Operation, add_ids

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
CONFIGURATIONS = st.builds(InstrumentConfig, service=TEXT.filter(bool), environment=TEXT, version=TEXT)
MORE = st.fixed_dictionaries(
    {}, optional={"outcome": TEXT, "db_queries": st.integers(0, 10**6), "db_ms": st.floats(0, 9)}
)
STATUS = st.integers(100, 599)
MILLISECONDS = st.integers(0, 10**9).map(lambda micros: micros / 1000)
FIELDS = st.tuples(TEXT, TEXT, TEXT, STATUS, MILLISECONDS, TEXT, MORE)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    operation = Operation("abc-1")
    if draw(st.booleans()):
        operation.trace_id, operation.span_id = "a" * 32, "b" * 16
    operation.tenant = draw(st.none() | TEXT)
    user = draw(st.none() | TEXT)
    operation.user = None if user is None else {"id": user}
    return operation


@given(CONFIGURATIONS, operations(), FIELDS, st.integers(10**15, 4 * 10**15))
def test_it_is_the_line_that_the_renderer_makes(
    config: InstrumentConfig, operation: Operation, line: AccessFields, micros: int
) -> None:
    """The same fields in the same order with the same values; only the moment may differ by a microsecond."""
    when = micros / 1_000_000
    fields: dict[str, Any] = {}
    add_ids(fields, operation)
    fields.update(as_dict(line))
    record = Record(config).build(when=when, level="info", event="http.request", logger=LOGGER, fields=fields)
    generic, ours = render_json(record), AccessLine(config).render(when, "info", "http.request", whose(operation), line)
    expected, found = json.loads(generic), json.loads(ours)
    assert expected.pop("timestamp")[:19] == found.pop("timestamp")[:19] or micros % 1_000_000 > 999_998
    if "truncated" not in expected:
        assert list(found.items()) == list(expected.items())
    assert ours.endswith(b"}\n")
    assert ours.count(b"\n") == 1


def test_it_stays_within_the_limit() -> None:
    """The longest texts that the layer lets through make no line over the limit."""
    operation = Operation("a" * 128)
    operation.tenant, operation.user = "\x01" * 200, {"id": "\x01" * 200}
    line: AccessFields = ("\x01" * 32, "/" + "r" * 300, "\x01" * 1025, 200, 1.0, "c" * 100, {})
    access = AccessLine(InstrumentConfig(service="s" * 200))
    assert len(access.render(1.0, "info", "http.request", whose(operation), line)) < LINE_LIMIT
