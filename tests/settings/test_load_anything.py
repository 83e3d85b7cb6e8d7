"""Whatever a file holds: settings, or a ConfigurationError."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from saasobs.alerting.channels import CHANNELS
from saasobs.core.errors import ConfigurationError
from saasobs.probes import KINDS
from saasobs.settings import describe, load
from saasobs.settings.model import Root
from saasobs.settings.schema import keys_of

PIECES = [
    *(f"{key}:" for key in Root.model_fields),
    *("\n", "  ", "- ", "name: ", "a", "kind: http", "url: ", "https://x", "interval: 5s", "expect:", "json:", "$.a"),
    *("${A}", "${", "}", "{", "[", "]", ": ", "&a ", "*a", "<<: ", "!!python/object:os.system ", "!", "'", '"', "\t"),
    *("|", ">", "? ", "---\n", "...", "#", "%YAML 1.1\n", "\x00", "1e999", ".nan", "0x", "~", "null", "true"),
    *("9" * 30, "9" * 5000, "\u2028", "\x85", "\r", "@", "`", "\ufeff"),
]  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(
        ["5s", "default", "https://x", "https://[", "https://x:99999", "sqlite:///x", "127.0.0.1:1", "${A}"]
    ),
    st.sampled_from(
        [f"{'9' * 400}w", "(", "a{99999999999999999999}", "*/5 * * * *", "0 0 30 2 *", "$.a[", "2xx", "America"]
    ),
)
OPTIONS: list[type[BaseModel]] = [
    *(kind.options for kind in KINDS.values()),
    *(kind.options for kind in CHANNELS.values()),
]
KEYS = sorted({"name", "kind", *Root.model_fields, *(key for model in OPTIONS for key in keys_of(model)["properties"])})
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


def of_kind(kinds: Any) -> st.SearchStrategy[Any]:
    """A mapping with the keys of a real kind, and anything for their values."""
    choices = []
    for name, kind in kinds.items():
        keys = dict.fromkeys(keys_of(kind.options)["properties"], ANYTHING)
        choices.append(st.fixed_dictionaries({"kind": st.just(name)}, optional={**keys, "name": SCALARS}))
    return st.one_of(ANYTHING, *choices)


FILES = st.fixed_dictionaries(
    {"monitors": st.lists(of_kind(KINDS), max_size=3)},
    optional={
        **{key: ANYTHING for key in Root.model_fields if key not in ("monitors", "channels")},
        "channels": st.dictionaries(st.sampled_from(["a", "b", "c"]), of_kind(CHANNELS), max_size=3),
    },
)


PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def loads(content: bytes) -> None:
    """Nothing but a ConfigurationError may come out of this."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "saasobs.yaml"
        file.write_bytes(content)
        try:
            shown = json.dumps(describe(load(file, {"A": "a secret"})))
        except ConfigurationError as error:
            shown = str(error.faults[0].message)
    assert "\n" not in shown


@PATIENT
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    """Bytes that are no YAML, no UTF-8, no text."""
    loads(content)


@PATIENT
@given(st.lists(st.sampled_from(PIECES), max_size=50).map("".join))
def test_any_yaml(text: str) -> None:
    """Pieces of YAML in any order."""
    loads(text.encode("utf-8", "surrogatepass"))


@PATIENT
@given(FILES)
def test_any_values(data: dict[str, Any]) -> None:
    """Well-formed files with any value at any key."""
    loads(json.dumps(data).encode())
