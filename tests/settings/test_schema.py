"""The JSON Schema that editors complete with, and the two files that are made from the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saasobs.alerting.channels import CHANNELS
from saasobs.probes import KINDS
from saasobs.settings import load, schema
from saasobs.settings.document import DOCUMENT, SCHEMA, document, main, schema_text
from saasobs.settings.source import read
from support.json_schema import problems

ROOT = Path(__file__).parents[2]
BAD = Path(__file__).parent / "bad"
FILES = sorted(file for file in (ROOT / "config").glob("*.yaml") if file.name != "otel-collector.yaml")


def against(data: Any) -> list[str]:
    whole = schema()
    return list(problems(data, whole, whole))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_our_own_files_are_valid_without_any_variable(file: Path) -> None:
    """The tour and the demo load with an empty environment, and fit the schema."""
    assert load(file, {}).monitors
    assert against(read(file, {}).data) == []


def test_a_variable_fits_everywhere() -> None:
    """An editor does not complain of `${…}` where a number, a duration or a choice stands."""
    assert (
        against(
            {
                "limits": {"concurrency": "${N}"},
                "defaults": {"interval": "${EVERY:-60s}", "severity": "${SEVERITY}"},
                "channels": {"a": {"kind": "console", "max_age": "${AGE}"}},
                "monitors": [
                    {
                        "name": "${NAME}",
                        "kind": "http",
                        "url": "${URL}",
                        "fail_after": "${N}",
                        "follow_redirects": "${FOLLOW:-true}",
                        "expect": {
                            "status": "${STATUS}",
                            "degraded_over": "${SLOW:-1s}",
                            "certificate_days": "${DAYS}",
                        },
                    }
                ],
            }
        )
        == []
    )


@pytest.mark.parametrize(
    "name",
    [
        "unknown_key",
        "unknown_key_of_a_group",
        "unknown_key_at_the_edge",
        "unknown_key_of_another_kind",
        "missing_url",
        "missing_name",
        "missing_kind",
        "unknown_kind",
        "url_without_scheme",
        "duration",
        "duration_without_unit",
        "fail_after_zero",
        "severity",
        "text_that_is_a_number",
        "list_that_is_a_text",
        "monitor_that_is_a_text",
        "channel_kind",
        "channel_missing_key",
        "sms_providers",
        "unquoted_phone_number",
        "policy_match",
        "step_without_notify",
        "step_unless",
        "web_without_port",
        "no_monitors",
    ],
)
def test_an_editor_sees_the_mistake(name: str) -> None:
    """What can be said by a schema is said by ours, while the file is still being written."""
    assert against(read(BAD / f"{name}.yaml", {}).data)


def test_every_kind_is_there() -> None:
    """Each kind of monitor and channel has its own entry, told apart by `kind`."""
    groups = schema()["$defs"]
    for name in KINDS:
        assert groups[f"monitor-{name}"]["properties"]["kind"] == {"const": name}
    for name in CHANNELS:
        assert groups[f"channel-{name}"]["properties"]["kind"] == {"const": name}


def every_key(node: Any, path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    if isinstance(node, dict):
        for name, each in node.get("properties", {}).items():
            found.append((f"{path}.{name}", each))
        for key, each in node.items():
            if key != "properties":
                found += every_key(each, f"{path}/{key}")
        for name, each in node.get("properties", {}).items():
            found += every_key(each, f"{path}.{name}")
    elif isinstance(node, list):
        for each in node:
            found += every_key(each, path)
    return found


def test_every_key_says_what_it_is() -> None:
    """No key without a sentence: it is what an editor shows and what the documentation is made of."""
    operators = {"==", "!=", "<", "<=", ">", ">=", "contains", "matches", "exists"}
    silent = [
        path
        for path, key in every_key(schema())
        if "description" not in key and "const" not in key and path.rpartition(".")[2] not in operators
    ]
    assert silent == []


def test_the_documentation_is_up_to_date() -> None:
    """docs/configuration.md is what `python -m saasobs.settings.document` writes."""
    assert (ROOT / DOCUMENT).read_text(encoding="utf-8") == document()


def test_the_committed_schema_is_up_to_date() -> None:
    """So is config/saasobs.schema.json, which is also what `saasobs schema` prints."""
    assert (ROOT / SCHEMA).read_text(encoding="utf-8") == schema_text()


def test_both_are_written_by_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m saasobs.settings.document` writes them below the working folder."""
    monkeypatch.chdir(tmp_path)
    for file in (DOCUMENT, SCHEMA):
        file.parent.mkdir()
    main()
    assert DOCUMENT.read_text(encoding="utf-8") == document()
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_our_own_files_point_editors_at_the_schema(file: Path) -> None:
    """The first line says where it is."""
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA.name}"
