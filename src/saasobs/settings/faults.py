"""Collects what is wrong with a document, each fault at its file, line and path; and reads models, all errors kept.

1. pydantic's location is walked along the data: what is not there (the names of a union's branches) is dropped.
2. Of a union's branches only the errors deepest in the data are kept; the rest are of branches nobody meant.
3. Each error becomes a sentence, and whatever came from the environment is taken out of it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from saasobs.core.errors import ConfigurationError, Fault
from saasobs.settings.sentences import mask, sentence, suggest, tidy
from saasobs.settings.source import Document, KeyPath

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Found:
    """One error of pydantic's with its place in the data; `union` is where a union's branches begin, if any."""

    path: KeyPath
    union: KeyPath | None
    error: ErrorDetails


class Faults:
    """Everything found so far about one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._faults = list(document.faults)

    def add(self, path: KeyPath, message: str, *, at_key: bool = False) -> None:
        """A fault at a value (or, `at_key`, at its key); silent where the value itself could not be read."""
        if any(broken[: len(path)] == path for broken in self.document.broken):
            return
        place = (self.document.keys.get(path) if at_key else None) or self.document.place(path)
        self._faults.append(Fault(place.file, place.line, self.document.shown(path), tidy(message)))

    def shown(self, path: KeyPath, value: str) -> str:
        """A value in back-ticks for a message, or the variable that it came from."""
        pieces = self.document.borrowed.get(path)
        return f"`{value}`" if not pieces else f"the value of {_variables(pieces)}"

    def read(self, model: type[M], path: KeyPath, data: object, known: Iterable[str] = ()) -> M | None:
        """Data as a model, or None and the faults that say why.

        :param known: further keys that may stand beside the model's own: they are worth suggesting.
        """
        found = _attempt(model, data)
        if isinstance(found, ValidationError) and (retry := self._as_texts(path, data, found)) is not None:
            found = _attempt(model, retry)
        if not isinstance(found, ValidationError):
            return found
        for fault in _kept(_located(error, data) for error in found.errors(include_url=False)):
            self._add_found(model, path, fault, known)
        return None

    def raise_any(self) -> None:
        """:raises ConfigurationError: with every fault, in the order of the files, if there is one."""
        order = {str(file): i for i, file in enumerate(self.document.files)}
        unique = dict.fromkeys(self._faults)
        if unique:
            raise ConfigurationError(tuple(sorted(unique, key=lambda fault: (order.get(fault.file, -1), fault.line))))

    def _as_texts(self, base: KeyPath, data: object, error: ValidationError) -> object | None:
        """The data once more, with variables as texts that had read as numbers where a text is wanted."""
        paths = [
            found.path
            for found in (_located(each, data) for each in error.errors(include_url=False))
            if found.error["type"] == "string_type" and base + found.path in self.document.texts
        ]
        if not paths:
            return None
        for path in paths:
            data = _replaced(data, path, self.document.texts[base + path])
        return data

    def _add_found(self, model: type[BaseModel], base: KeyPath, found: list[_Found], known: Iterable[str]) -> None:
        path = base + found[0].path
        error = found[0].error
        if error["type"] == "extra_forbidden":
            names = fields_at(model, found[0].path[:-1])
            hint = suggest(str(path[-1]), {*names, *(known if len(found[0].path) == 1 else ())})
            self.add(path, f"unknown key; {hint}", at_key=True)
            return
        pieces = self.document.borrowed.get(path, ())
        secret = any(_wants_secret(each.error) for each in found)
        told = [each.error for each in found if not _wants_secret(each.error)] or [found[0].error]
        sentences = dict.fromkeys(sentence(each, hidden=bool(pieces) or secret) for each in told)
        if None in sentences:
            what = f"what {_variables(pieces)} holds" if pieces else "this"
            self.add(path, f"{what} does not fit here (not shown: it may be a secret)")
        else:
            below = [piece.value.reveal() for piece in self.document.borrowed_below(path)]
            self.add(path, mask(", or ".join(text for text in sentences if text), below))


def _wants_secret(error: ErrorDetails) -> bool:
    """One branch of a secret's type takes a `Secret` only: its error says nothing, but tells that this is one."""
    return error["type"] == "is_instance_of"


def _variables(pieces: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(f"${{{piece.variable}}}" for piece in pieces))


def _attempt(model: type[M], data: object) -> M | ValidationError:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        return error


def _has(data: object, step: str | int) -> bool:
    return step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))


def _located(error: ErrorDetails, data: Any) -> _Found:
    """An error's location without the names of a union's branches, which are nowhere in the file."""
    path: list[str | int] = []
    union: KeyPath | None = None
    for at, step in enumerate(error["loc"]):
        if _has(data, step):
            path.append(step)
            data = data[step]
        elif at == len(error["loc"]) - 1 and error["type"] == "missing":
            path.append(step)
        elif union is None:
            union = tuple(path)
    return _Found(tuple(path), union, error)


def _kept(found: Iterable[_Found]) -> Iterator[list[_Found]]:
    """The errors worth telling, those of one place together."""
    places: dict[KeyPath, list[_Found]] = {}
    everything = list(found)
    deepest: dict[KeyPath | None, int] = {}
    for each in everything:
        deepest[each.union] = max(len(each.path), deepest.get(each.union, 0))
    inside = {each.path[:end] for each in everything for end in range(len(each.path))}
    for each in everything:
        shorter = each.error["type"] == "too_short" and each.path in inside  # for want of the entries that are wrong
        if not shorter and (each.path != each.union or deepest[each.union] == len(each.path)):
            places.setdefault(each.path, []).append(each)
    yield from places.values()


def _replaced(data: Any, path: KeyPath, value: object) -> Any:
    """Data with another value at a path; what was handed in stays as it is."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(data, list):
        return [_replaced(item, rest, value) if i == step else item for i, item in enumerate(data)]
    return {**data, step: _replaced(data[step], rest, value)}


def fields_at(model: type[BaseModel], path: KeyPath) -> set[str]:
    """The keys that a model takes at a path, whichever branch of a union it is."""
    shapes: list[Any] = [model]
    for step in path:
        shapes = [inner for shape in shapes for inner in _inside(shape, step)]
    return {name for shape in shapes for each in _branches(shape) if _is_model(each) for name in _fields(each)}


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    models = (*getattr(model, "in_place", ()), model)
    return {field.alias or name: field.annotation for each in models for name, field in each.model_fields.items()}


def _inside(annotation: Any, step: str | int) -> Iterator[Any]:
    for branch in _branches(annotation):
        arguments = typing.get_args(branch)
        if _is_model(branch):
            yield from (inner for name, inner in _fields(branch).items() if name == step)
        elif arguments:
            yield arguments[-1] if typing.get_origin(branch) is dict else arguments[0]


def _branches(annotation: Any) -> Iterator[Any]:
    """An annotation without its metadata, and a union branch by branch."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _branches(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for branch in typing.get_args(annotation):
            yield from _branches(branch)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
