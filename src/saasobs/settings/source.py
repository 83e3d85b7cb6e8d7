"""A YAML file, or a folder of them, as plain data that remembers the file and line of every value.

1. Read the files of a folder in the order of their names.
2. Compose each into nodes (`nodes`), unfold aliases and merge keys within a budget, fill in variables.
3. Join the files: lists of monitors are concatenated, mappings are merged, whatever is there twice is a fault.

Which keys there are, and what may stand in them, is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from saasobs.core.errors import ConfigurationError, Fault
from saasobs.settings.nodes import (
    MAX_BYTES,
    MAX_DEPTH,
    Items,
    Node,
    Scalar,
    Table,
    Unreadable,
    compose,
    decode,
    scalar,
    solid,
)
from saasobs.settings.variables import Borrowed, substitute

MAX_VALUES: Final = 500_000
"""How many values one file may unfold to: far above any real one, far below what an alias bomb makes."""

SUFFIXES: Final = (".yaml", ".yml")
CONCATENATED: Final = "monitors"

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Document:
    """What was read, and where each piece of it stands; `faults` are those that reading itself found."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    borrowed: dict[KeyPath, tuple[Borrowed, ...]] = field(default_factory=dict)
    texts: dict[KeyPath, str] = field(default_factory=dict)
    """The text behind every unquoted scalar that holds a variable and so may have turned into a number."""
    indexes: list[int] = field(default_factory=list)
    """Of each monitor: its index within its own file."""
    broken: set[KeyPath] = field(default_factory=set)
    """Values that could not be read: whatever is wrong with them later is no news."""
    faults: list[Fault] = field(default_factory=list)
    files: tuple[Path, ...] = ()
    fingerprint: str = ""

    def place(self, path: KeyPath) -> Place:
        """Of a value, or of the nearest thing around it when it is not there."""
        for end in range(len(path), 0, -1):
            if found := self.places.get(path[:end]):
                return found
        return self.places.get((), Place(str(self.files[0]) if self.files else "", 0))

    def add_fault(self, place: Place, path: KeyPath, message: str) -> None:
        self.faults.append(Fault(place.file, place.line, self.shown(path), message))

    def shown(self, path: KeyPath) -> str:
        """``monitors[3].expect.json["$.status"]``, counted within the file that it stands in."""
        if (
            len(path) > 1
            and path[0] == CONCATENATED
            and isinstance(index := path[1], int)
            and index < len(self.indexes)
        ):
            path = (path[0], self.indexes[index], *path[2:])
        return "".join(_step(part) for part in path).removeprefix(".")

    def borrowed_below(self, path: KeyPath) -> tuple[Borrowed, ...]:
        """Every piece of the environment in a value or in anything inside it."""
        return tuple(piece for at, pieces in self.borrowed.items() if at[: len(path)] == path for piece in pieces)


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    if part and all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in part):
        return f".{part}"
    shown = "".join(letter if letter.isprintable() and letter not in '"\\' else repr(letter)[1:-1] for letter in part)
    return f'["{shown[:60]}{"…" if len(shown) > 60 else ""}"]'


def read(path: Path, environ: Mapping[str, str]) -> Document:
    """Read a file or the files of a folder.

    What does not stop the reading (a missing variable, a repeated key) is left in the document's `faults`.

    :raises ConfigurationError: nothing can be said of the rest: no such file, not YAML.
    """
    contents = _contents(path)
    document = Document(files=tuple(file for file, _ in contents), fingerprint=_digest(contents))
    unreadable: list[Fault] = []
    for file, content in contents:
        try:
            _Reader(document, str(file), environ).read(compose(decode(content)))
        except Unreadable as error:
            unreadable.append(error.fault(str(file)))
    if unreadable:
        raise ConfigurationError(tuple(unreadable))
    return document


def fingerprint(path: Path) -> str:
    """A hash of the names and contents of what `read` would read. :raises ConfigurationError: it cannot be read."""
    return _digest(_contents(path))


def _digest(contents: list[tuple[Path, bytes]]) -> str:
    digest = hashlib.sha256()
    for file, content in contents:
        digest.update(hashlib.sha256(str(file.name).encode(errors="surrogateescape")).digest())
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _contents(path: Path) -> list[tuple[Path, bytes]]:
    try:
        return [(file, _bytes(file)) for file in _files(path)]
    except OSError as error:
        file = error.filename if isinstance(error.filename, str) else str(path)
        raise ConfigurationError((Fault(file, 0, "", f"cannot be read: {error.strerror or error}"),)) from error
    except ValueError as error:
        raise ConfigurationError((Fault(repr(path)[1:-1], 0, "", "is not the name of a file"),)) from error


def _bytes(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if _belongs(file))
        if not files:
            raise ConfigurationError((Fault(str(path), 0, "", "no *.yaml or *.yml file in this folder"),))
        return files
    if path.exists() and not path.is_file():
        raise ConfigurationError((Fault(str(path), 0, "", "neither a file nor a folder"),))
    return [path]


def _belongs(file: Path) -> bool:
    """Hidden files are left out: editors keep their unfinished copies there."""
    return file.suffix in SUFFIXES and not file.name.startswith(".") and file.is_file()


class _Reader:
    """Puts one file into the document."""

    def __init__(self, document: Document, file: str, environ: Mapping[str, str]) -> None:
        self._document = document
        self._file = file
        self._environ = environ
        self._values = 0

    def read(self, root: Node | None) -> None:
        self._document.places.setdefault((), Place(self._file, 1))
        if root is None or (isinstance(root, Scalar) and root.plain and root.text in ("", "~", "null")):
            return
        if not isinstance(root, Table):
            raise Unreadable(root.line, "the file must be a mapping: `monitors:` and the like at its left edge")
        for key, line, node in self._entries(root, (), 0):
            self._join(key, line, node)

    def _join(self, key: str, line: int, node: Node) -> None:
        """Put a key of this file beside those of the files before it."""
        present = self._document.data.get(key)
        plain = solid(node)
        if key not in self._document.data:
            self._document.data[key] = self._value(node, (key,), line, 1)
            if key == CONCATENATED and isinstance(plain, Items):
                self._document.indexes.extend(range(len(plain.items)))
        elif key == CONCATENATED and isinstance(present, list) and isinstance(plain, Items):
            self._append(present, plain)
        elif isinstance(present, dict) and isinstance(plain, Table):
            for name, name_line, value in self._entries(plain, (key,), 1):
                if name in present:
                    self._twice((key, name), name_line)
                else:
                    present[name] = self._value(value, (key, name), name_line, 2)
        else:
            self._twice((key,), line)

    def _append(self, present: list[Any], more: Items) -> None:
        for index, item in enumerate(more.items):
            self._document.indexes.append(index)
            present.append(self._value(item, (CONCATENATED, len(present)), item.line, 2))

    def _twice(self, path: KeyPath, line: int) -> None:
        first = self._document.keys[path]
        self._document.add_fault(Place(self._file, line), path, f"stands here a second time: it is already at {first}")

    def _value(self, node: Node, path: KeyPath, line: int, depth: int) -> Any:
        """The plain value of a node; `line` is where a person would look for it: at its key."""
        self._spend(line, depth)
        self._document.keys[path] = Place(self._file, line)
        self._document.places[path] = Place(self._file, node.line if isinstance(node, Scalar) else line)
        plain = solid(node)
        if isinstance(plain, Scalar):
            return self._leaf(plain, path)
        if isinstance(plain, Items):
            return [self._value(item, (*path, i), item.line, depth + 1) for i, item in enumerate(plain.items)]
        return {
            key: self._value(value, (*path, key), key_line, depth + 1)
            for key, key_line, value in self._entries(plain, path, depth)
        }

    def _spend(self, line: int, depth: int) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise Unreadable(line, f"its aliases unfold to more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise Unreadable(line, f"nested more than {MAX_DEPTH} levels deep, its aliases unfolded")

    def _leaf(self, node: Scalar, path: KeyPath) -> Any:
        document, place = self._document, Place(self._file, node.line)
        filled = substitute(node.text, self._environ)
        for problem in filled.problems:
            document.broken.add(path)
            document.add_fault(place, path, problem)
        if filled.borrowed:
            document.borrowed[path] = filled.borrowed
        if node.plain and filled.text != node.text:
            document.texts[path] = filled.text
        try:
            return scalar(filled.text, plain=node.plain)
        except ValueError:
            if path in document.texts:
                return filled.text
            document.broken.add(path)
            document.add_fault(place, path, "too large a number: put it in quotes if it is a text")
            return 0

    def _entries(self, table: Table, path: KeyPath, depth: int) -> list[tuple[str, int, Node]]:
        return [(key, line, node) for key, (line, node) in self._merged(table, path, depth).items()]

    def _merged(self, table: Table, path: KeyPath, depth: int) -> dict[str, tuple[int, Node]]:
        """The keys of a mapping with their lines; its own come before those that a merge key (``<<``) brings."""
        entries: dict[str, tuple[int, Node]] = {}
        brought: list[Node] = []
        for key_node, node in table.pairs:
            self._spend(key_node.line, depth)
            if isinstance(key_node, Scalar) and key_node.plain and key_node.text == "<<":
                brought.append(node)
            elif (key := self._key(key_node, path)) is not None:
                if key in entries:
                    self._repeated((*path, key), entries[key][0], key_node.line)
                else:
                    entries[key] = (key_node.line, node)
        for node in brought:
            for other in self._bases(node, path, depth + 1):
                for key, entry in self._merged(other, path, depth + 1).items():
                    entries.setdefault(key, entry)
        return entries

    def _bases(self, node: Node, path: KeyPath, depth: int) -> Iterator[Table]:
        """The mappings that a merge key names: one, or a list of them."""
        self._spend(node.line, depth)
        plain = solid(node)
        if isinstance(plain, Table):
            yield plain
        elif isinstance(plain, Items):
            for item in plain.items:
                yield from self._bases(item, path, depth + 1)
        else:
            self._document.add_fault(Place(self._file, node.line), path, "`<<` takes a mapping, or a list of mappings")

    def _key(self, node: Node, path: KeyPath) -> str | None:
        plain = solid(node)
        message = "a key must be a plain text"
        if isinstance(plain, Scalar) and plain.text:
            if "${" not in plain.text.replace("$${", ""):
                return plain.text.replace("$${", "${")
            message = "a key cannot hold a variable; for the text itself write `$${`"
        self._document.add_fault(Place(self._file, node.line), path, message)
        return None

    def _repeated(self, path: KeyPath, first: int, line: int) -> None:
        place = Place(self._file, first)
        self._document.add_fault(Place(self._file, line), path, f"stands here a second time: it is already at {place}")
