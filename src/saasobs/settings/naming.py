"""What the checks of names share: finding them in the plain data, and saying that one leads nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from saasobs.settings.faults import Faults
from saasobs.settings.sentences import suggest
from saasobs.settings.source import KeyPath


def table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def listed(path: KeyPath, value: object) -> Iterator[tuple[KeyPath, object]]:
    """One name, or each of a list, with its place."""
    if isinstance(value, list):
        yield from (((*path, index), each) for index, each in enumerate(value))
    elif value is not None:
        yield path, value


def must_be(faults: Faults, path: KeyPath, name: object, known: Iterable[str], noun: str) -> None:
    """What is no text is not judged here: its own model has found that already."""
    text = faults.document.texts.get(path, name)
    if isinstance(text, str) and text not in set(known):
        hidden = path in faults.document.borrowed
        hint = suggest("" if hidden else text, known)
        faults.add(path, f"there is no {noun} {faults.shown(path, text)}; {hint}")
