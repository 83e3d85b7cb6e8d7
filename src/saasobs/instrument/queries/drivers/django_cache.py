"""Django's caches: what was there and what was not, by the alias in CACHES. What is below counts as itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.queries.log import looked_up
from saasobs.instrument.queries.patching import replace

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_ALIAS: Final = "_saasobs_alias"
_MISSING: Final = object()
_DJANGOS: Final = "django.core.cache."
"""Backends that hand a default back as it is. Others may look at it: they get the app's, and a value that is the very
default counts as a miss."""
_inside = threading.local()


def install(process: Instrumentation | None) -> None:  # noqa: ARG001 - what it counts goes to those who listen
    """Count look-ups in every cache there is or will be."""
    base = import_module("django.core.cache.backends.base").BaseCache
    for backend in _family(base):
        _hook(backend, base)
    cache = import_module("django.core.cache")
    replace(cache.CacheHandler, "create_connection", _creating)
    _name(cache.caches)


@guard.guarded("queries")
def _name(caches: Any) -> None:
    """Tell the caches that this thread has already what they are called."""
    if import_module("django.conf").settings.configured:
        for alias in caches:
            made = getattr(caches._connections, alias, None)  # noqa: SLF001 - asking for it would make it
            if made is not None:
                setattr(made, _ALIAS, alias)


def _family(backend: Any) -> Iterator[type]:
    yield backend
    for child in backend.__subclasses__():
        yield from _family(child)


def _hook(backend: type, base: type) -> None:
    replace(backend, "get", _getting)
    if backend is not base:  # the base's own asks `get` for each
        replace(backend, "get_many", _getting_many)


def _creating(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_connection(handler: Any, alias: str) -> Any:
        cache = original(handler, alias)
        with suppress(Exception):  # a backend with slots; one that is no BaseCache
            setattr(cache, _ALIAS, alias)
            base = import_module("django.core.cache.backends.base").BaseCache
            for backend in type(cache).__mro__:
                if issubclass(backend, base):
                    _hook(backend, base)
        return cache

    return create_connection


def _getting(original: Callable[..., Any]) -> Callable[..., Any]:
    exact = str(getattr(original, "__module__", "")).startswith(_DJANGOS)

    def get(cache: Any, key: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        if getattr(_inside, "cache", False):  # a backend that asks itself
            return original(cache, key, default, *args, **kwargs)
        asked = _MISSING if exact else default
        _inside.cache = True
        try:
            value = original(cache, key, asked, *args, **kwargs)
        finally:
            _inside.cache = False
        if exact or not hasattr(value, "__await__"):
            _looked_up(cache, int(value is not asked), int(value is asked))
        return default if value is _MISSING else value

    return get


def _getting_many(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_many(cache: Any, keys: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(_inside, "cache", False):
            return original(cache, keys, *args, **kwargs)
        asked = list(keys)
        _inside.cache = True
        try:
            found = original(cache, asked, *args, **kwargs)
        finally:
            _inside.cache = False
        if isinstance(found, Mapping):
            _looked_up(cache, len(found), max(0, len(asked) - len(found)))
        return found

    return get_many


@guard.guarded("queries")
def _looked_up(cache: Any, hits: int, misses: int) -> None:
    looked_up(getattr(cache, _ALIAS, None) or type(cache).__name__, hits, misses)
