"""Writes docs/instrumentation-reference.md from the code: every setting, metric, log event and field.

`python -m saasobs.instrument.document` (part of `make docs`); a test fails when the page is not what this would write.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from saasobs.instrument import names
from saasobs.instrument.config import SETTINGS, InstrumentConfig, Setting
from saasobs.instrument.integrations import INTEGRATIONS
from saasobs.instrument.metrics.processes import WORKERS
from saasobs.instrument.process import Instrumentation

PAGE = Path("docs/instrumentation-reference.md")

_HEAD = """\
# The instrumentation's reference

<!-- Made from the code by `python -m saasobs.instrument.document`: edit config.py, names.py and the help texts of the
metrics, not this page. -->

What [the guide](instrumentation.md) uses, in full.
"""

_SETTINGS = """\
## Settings

Each can be an argument of `saasobs.instrument(app, …)` (in Django: a key of `SAASOBS = {…}`) or a variable of the
environment. An argument wins over `SAASOBS_…`, that over the field's standard name, that over the default. A value that
is not understood is one `saasobs.misconfigured` line, and the default is used.

| argument | variables | default | what it does | example |
| --- | --- | --- | --- | --- |
"""

_METRICS = """\
## Metrics

Those of requests have OpenTelemetry's names in Prometheus' form. Labels are bounded: unmatched paths share the route
`__unmatched__`, unknown methods `_OTHER`, and what is over a limit `__other__`. Service, environment and version are in
`saasobs_build_info` only: the scrape's own labels tell instances apart.

| metric | type | labels | what it says |
| --- | --- | --- | --- |
"""

_EVENTS = """\
## Log events

Their names are stable.

| event | what it means |
| --- | --- |
"""

_FIELDS = """\
## Log fields

On every line, as far as they are known. A field of the app's own that is called like one of the first seven gets an
underscore at its end.

| field | what it is |
| --- | --- |
"""

_INTEGRATIONS = """\
## Integrations

Each is put in when the app imports the library, and not before. `SAASOBS_DISABLE` takes the names of the first column.

| name | library |
| --- | --- |
"""


def page() -> str:
    """The whole page."""
    parts = (
        (_SETTINGS, (_setting(setting) for setting in SETTINGS)),
        (_METRICS, _metrics()),
        (_EVENTS, (f"| `{event}` | {meaning} |" for event, meaning in sorted(names.EVENTS.items()))),
        (_FIELDS, (f"| `{field}` | {meaning} |" for field, meaning in names.FIELDS.items())),
        (_INTEGRATIONS, _integrations()),
    )
    return "\n".join([_HEAD, *(head + "\n".join(rows) + "\n" for head, rows in parts)])


def _setting(setting: Setting) -> str:
    variables = ", ".join(f"`{name}`" for name in setting.variables) or "argument only"
    example = f"`{setting.example}`" if setting.example else ""
    return f"| `{setting.field}` | {variables} | {_default(setting)} | {setting.help} | {example} |"


def _default(setting: Setting) -> str:
    value = getattr(InstrumentConfig(), setting.field)
    if isinstance(value, bool):
        return f"`{int(value)}`"
    return "none" if value in ("", (), frozenset()) or value == {} else f"`{value}`"


def _metrics() -> Iterable[str]:
    process = Instrumentation.start(InstrumentConfig(), stream=io.StringIO())
    definitions = [WORKERS, *(family.definition for family in process.metrics.families())]
    for known in sorted(definitions, key=lambda each: each.name):
        labels = ", ".join(f"`{label}`" for label in sorted(known.labels)) or "none"
        yield f"| `{known.name}` | {known.kind} | {labels} | {known.help} |"


def _integrations() -> Iterable[str]:
    found: dict[str, list[str]] = {}
    for library in INTEGRATIONS:
        found.setdefault(library.partition(".")[0], []).append(library)
    for name, libraries in sorted(found.items()):
        yield f"| `{name}` | {', '.join(f'`{library}`' for library in libraries)} |"


def main() -> None:
    """Write it."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
