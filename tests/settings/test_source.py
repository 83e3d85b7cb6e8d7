"""A file or a folder as plain data that knows where everything stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from saasobs.core.errors import ConfigurationError
from saasobs.settings.source import MAX_VALUES, Document, fingerprint, read


def one(folder: Path, text: str, **environ: str) -> Document:
    file = folder / "saasobs.yaml"
    file.write_text(text, encoding="utf-8")
    return read(file, environ)


def faults(document: Document) -> list[str]:
    return [f"{Path(fault.file).name}:{fault.line}: {fault.path}: {fault.message}" for fault in document.faults]


def test_values_and_places(tmp_path: Path) -> None:
    """Every value has the line of its key, or its own where it is a scalar."""
    document = one(tmp_path, "web:\n  bind: 127.0.0.1:1\nmonitors:\n  - name: a\n    tags:\n      - x\n")
    assert document.data == {"web": {"bind": "127.0.0.1:1"}, "monitors": [{"name": "a", "tags": ["x"]}]}
    lines = {path: place.line for path, place in document.places.items()}
    assert lines[("web",)] == 1
    assert lines[("monitors", 0)] == 4
    assert lines[("monitors", 0, "tags")] == 5
    assert lines[("monitors", 0, "tags", 0)] == 6
    assert document.place(("monitors", 0, "missing")).line == 4


def test_merge_keys(tmp_path: Path) -> None:
    """`<<` brings keys from one mapping or from a list of them; the mapping's own come first."""
    text = "base: &b {a: 1, b: 2}\nmore: &m {b: 3, c: 4}\none: {<<: *b, a: 9}\ntwo: {<<: [*m, *b]}\nbad: {<<: 5}\n"
    document = one(tmp_path, text)
    assert document.data["one"] == {"a": 9, "b": 2}
    assert document.data["two"] == {"b": 3, "c": 4, "a": 1}
    assert faults(document) == ["saasobs.yaml:5: bad: `<<` takes a mapping, or a list of mappings"]


def test_repeated_keys(tmp_path: Path) -> None:
    """A key that is there twice is a fault that names both lines."""
    document = one(tmp_path, "a: 1\nb: {x: 1, y: 2, x: 3}\na: 2\n")
    file = tmp_path / "saasobs.yaml"
    assert faults(document) == [
        f"saasobs.yaml:3: a: stands here a second time: it is already at {file}:1",
        f"saasobs.yaml:2: b.x: stands here a second time: it is already at {file}:2",
    ]


def test_odd_keys(tmp_path: Path) -> None:
    """A key is a text: not a list, not empty, not a variable."""
    document = one(tmp_path, "? [a, b]\n: 1\n'': 2\n${X}: 3\n$${X}: 4\n200: 5\non: 6\n")
    assert document.data == {"${X}": 4, "200": 5, "on": 6}
    assert len(document.faults) == 3


def test_a_missing_variable_is_told_with_its_line_and_the_rest_is_read(tmp_path: Path) -> None:
    """One missing variable does not hide what else is wrong."""
    document = one(tmp_path, "a: 1\nb:\n  - ${NOPE}\n  - ${ALSO}\nc: 3\n")
    assert [fault.line for fault in document.faults] == [3, 4]
    assert document.broken == {("b", 0), ("b", 1)}
    assert document.data["c"] == 3


def test_variables_cannot_bring_in_yaml(tmp_path: Path) -> None:
    """A value with colons, brackets and line breaks is one text."""
    document = one(tmp_path, "a: ${X}\nb: '${X}'\n", X="x\nmonitors: [{name: evil}]")
    assert document.data == {"a": "x\nmonitors: [{name: evil}]", "b": "x\nmonitors: [{name: evil}]"}


def test_an_unquoted_variable_may_be_a_number_a_quoted_one_is_a_text(tmp_path: Path) -> None:
    """Substituted text is resolved as if it stood there, by the quotes that stand there."""
    document = one(tmp_path, "a: ${X}\nb: '${X}'\nc: ${Y:-true}\nd: ${X}s\n", X="5")
    assert document.data == {"a": 5, "b": "5", "c": True, "d": "5s"}


def test_billion_laughs(tmp_path: Path) -> None:
    """Aliases that unfold to more than anybody configures are refused in a sentence, and at once."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(ConfigurationError, match=f"unfold to more than {MAX_VALUES} values"):
        one(tmp_path, "\n".join(lines))


def test_a_billion_merges(tmp_path: Path) -> None:
    """Merge keys are held to the same budget."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 12)]
    with pytest.raises(ConfigurationError, match=f"unfold to more than {MAX_VALUES} values"):
        one(tmp_path, "\n".join(lines))


@pytest.mark.parametrize("link", ["a{i}: &a{i} [*a{j}]", "a{i}: &a{i} {{<<: *a{j}}}", "a{i}: &a{i} {{<<: [*a{j}]}}"])
def test_a_long_chain_of_aliases(tmp_path: Path, link: str) -> None:
    """Aliases cannot be nested deeper than text can."""
    lines = ["a0: &a0 {x: 1}", *(link.format(i=i, j=i - 1) for i in range(1, 3000))]
    with pytest.raises(ConfigurationError, match="nested more than 50 levels deep"):
        one(tmp_path, "\n".join(lines))


@pytest.mark.parametrize("number", ["9" * 5000, f"0x{'f' * 5000}", "9223372036854775808", "-9223372036854775808"])
def test_a_number_that_is_too_large(tmp_path: Path, number: str) -> None:
    """What no database and no JSON could keep is refused, and its digits are not repeated."""
    document = one(tmp_path, f"a: {number}\n")
    assert faults(document) == ["saasobs.yaml:1: a: too large a number: put it in quotes if it is a text"]


def test_a_file_that_is_no_mapping(tmp_path: Path) -> None:
    """A list or a word at the left edge is no configuration."""
    with pytest.raises(ConfigurationError, match=r"saasobs.yaml:1: the file must be a mapping"):
        one(tmp_path, "- name: a\n")


def test_a_folder_is_joined(tmp_path: Path) -> None:
    """Lists of monitors are concatenated in the order of the files' names, mappings merged, others left alone."""
    (tmp_path / "20.yml").write_text("monitors: [{name: c}]\nchannels: {y: {}}\n")
    (tmp_path / "10.yaml").write_text("monitors:\n  - name: a\n  - name: b\nchannels: {x: {}}\nstore: s\n")
    (tmp_path / ".hidden.yaml").write_text("broken: [")
    (tmp_path / "notes.txt").write_text("broken: [")
    (tmp_path / "folder.yaml").mkdir()
    document = read(tmp_path, {})
    assert [each["name"] for each in document.data["monitors"]] == ["a", "b", "c"]
    assert document.data["channels"] == {"x": {}, "y": {}}
    assert [file.name for file in document.files] == ["10.yaml", "20.yml"]
    assert document.shown(("monitors", 2, "name")) == "monitors[0].name"
    assert document.place(("monitors", 2, "name")).file == str(tmp_path / "20.yml")


def test_what_two_files_say_both_is_a_fault_that_names_both(tmp_path: Path) -> None:
    """Neither file wins silently."""
    (tmp_path / "a.yaml").write_text("store: x\nchannels: {one: {}}\nnameservers: [a]\n")
    (tmp_path / "b.yaml").write_text("channels:\n  one: {}\nnameservers: [b]\nstore: y\n")
    first = tmp_path / "a.yaml"
    assert faults(read(tmp_path, {})) == [
        f"b.yaml:2: channels.one: stands here a second time: it is already at {first}:2",
        f"b.yaml:3: nameservers: stands here a second time: it is already at {first}:3",
        f"b.yaml:4: store: stands here a second time: it is already at {first}:1",
    ]


def test_every_unreadable_file_of_a_folder_is_told(tmp_path: Path) -> None:
    """Two broken files are two faults."""
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text("a: !x 1")
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, {})
    assert [Path(fault.file).name for fault in caught.value.faults] == ["a.yaml", "b.yaml"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """No file, no YAML in the folder and a pipe are faults in words."""
    os.mkfifo(tmp_path / "pipe")
    for path, part in (
        (tmp_path / "nowhere.yaml", "cannot be read: No such file or directory"),
        (tmp_path, r"no \*.yaml or \*.yml file in this folder"),
        (tmp_path / "pipe", "neither a file nor a folder"),
        (Path("nul\0byte"), "is not the name of a file"),
    ):
        with pytest.raises(ConfigurationError, match=part):
            read(path, {})


def test_the_fingerprint_follows_names_and_contents(tmp_path: Path) -> None:
    """It changes with any file's content or name, and with nothing else."""
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    first = fingerprint(tmp_path)
    assert first == fingerprint(file) == read(tmp_path, {}).fingerprint
    os.utime(file, (1, 1))
    assert fingerprint(tmp_path) == first
    file.write_text("a: 2")
    second = fingerprint(tmp_path)
    file.rename(tmp_path / "b.yaml")
    assert len({first, second, fingerprint(tmp_path)}) == 3


def test_paths_are_shown_as_they_would_be_written(tmp_path: Path) -> None:
    """Plain keys with dots, odd ones in quotes, and nothing unprintable."""
    document = one(tmp_path, "a: 1\n")
    assert document.shown(("expect", "json", "$.status", 0)) == 'expect.json["$.status"][0]'
    assert document.shown(("a\nb",)) == '["a\\nb"]'
    assert document.shown(("x" * 100,)) == "x" * 100
    assert document.shown(("é" * 100,)) == f'["{"é" * 60}…"]'
