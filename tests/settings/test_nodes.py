"""YAML as we take it: the core schema of 1.2, no tags, no bombs, every failure with its line."""

from __future__ import annotations

import math

import pytest

from saasobs.settings.nodes import MAX_BYTES, Alias, Items, Node, Scalar, Table, Unreadable, compose, decode, scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2026-11-22", "2026-11-22"),
        ("true", True),
        ("False", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("0123", 123),
        ("-5", -5),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("5s", "5s"),
        ("1.2.3.4", "1.2.3.4"),
        ("+", "+"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    """A plain scalar is what the core schema of YAML 1.2 says, and what looks like a text is one."""
    read = scalar(text, plain=True)
    assert read == value
    assert type(read) is type(value)


def test_quoted_scalars_stay_texts() -> None:
    """Quotes make a text of anything."""
    assert scalar("5", plain=False) == "5"
    assert scalar("", plain=False) == ""


def test_not_a_number() -> None:
    """``.nan`` is a number by name only."""
    assert math.isnan(scalar(".nan", plain=True))


def test_lines_are_those_of_the_file() -> None:
    """Every node knows the line that it begins on, counted from one."""
    root = compose("# a comment\na:\n  b: 1\nc: [x, y]\n")
    assert isinstance(root, Table)
    assert [(key.line, value.line) for key, value in root.pairs] == [(2, 3), (4, 4)]


def test_aliases_point_at_their_anchor() -> None:
    """An alias is the node of its anchor once more, with a line of its own."""
    root = compose("a: &x [1]\nb: *x\n")
    assert isinstance(root, Table)
    alias = root.pairs[1][1]
    assert isinstance(alias, Alias)
    assert alias.line == 2
    assert isinstance(alias.target, Items)
    assert alias.target.line == 1


def test_an_explicit_text_tag_is_harmless() -> None:
    """``!!str 5`` is the text 5."""
    assert compose("!!str 5") == Scalar("5", 1, plain=False)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n# nothing\n"])
def test_nothing_is_nothing(text: str) -> None:
    """A file without content is no error here."""
    node = compose(text)
    assert node is None or node == Scalar("", node.line, plain=True)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: !!python/object/apply:os.system [ls]", 1, "tag '!!python/object/apply:os.system' is not allowed"),
        ("a: 1\nb: !custom x", 2, "tag '!custom' is not allowed"),
        ("a: !!int 5", 1, "'!!int' is not allowed"),
        ("a: !!map {}", 1, "'!!map' is not allowed"),
        ("a:\n\tb: 1\n", 2, "a tab"),
        ("a: 1\n b: 2\n", 2, "second `:`"),
        ("x: 1\na: 'never closed\n", 2, "never closed"),
        ("a: [1, 2\nb: 3\n", 2, "did not find expected ',' or ']'"),
        ("a: @x", 1, "cannot begin a value"),
        ("a: *nowhere", 1, "`*nowhere` stands for nothing"),
        ("a: &a [*a]", 1, "`*a` would contain itself"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("[" * 100_000, 1, "nested more than 50 levels"),
        ("a: " + "{a: " * 60 + "}" * 60, 1, "nested more than 50 levels"),
    ],
)
def test_what_is_refused_says_where(text: str, line: int, part: str) -> None:
    """Whatever is no plain YAML is refused in one sentence with its line, never by a stack trace."""
    with pytest.raises(Unreadable) as caught:
        compose(text)
    assert caught.value.line == line
    assert part in caught.value.message


@pytest.mark.parametrize(
    ("content", "line", "part"),
    [
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        ("a: 1".encode("utf-16"), 1, "not UTF-8"),
        (b"a: 1\n\nb: \x00\n", 3, "control character"),
        (b"a: \x1b[31m", 1, "control character"),
        (b" " * (MAX_BYTES + 1), 0, "larger than 5 MiB"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, line: int, part: str) -> None:
    """Bytes that are no UTF-8 text, or too many of them, are refused before they are parsed."""
    with pytest.raises(Unreadable) as caught:
        decode(content)
    assert caught.value.line == line
    assert part in caught.value.message


def test_a_byte_order_mark_is_skipped() -> None:
    """Files from Windows editors begin with one."""
    assert decode("a: 1".encode("utf-8-sig")) == "a: 1"


def test_every_node_is_one_of_four() -> None:
    """The tree is made of four shapes and of nothing that a tag could construct."""

    def walk(node: Node) -> None:
        assert isinstance(node, Scalar | Items | Table | Alias)
        if isinstance(node, Items):
            for item in node.items:
                walk(item)
        elif isinstance(node, Table):
            for pair in node.pairs:
                walk(pair[0])
                walk(pair[1])

    root = compose("a: &x {b: [1, two, *y]}\n".replace("*y", "&y 3") + "c: [*x, *y]\n? [complex, key]\n: 1\n")
    assert root is not None
    walk(root)
