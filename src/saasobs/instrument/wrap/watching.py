"""Waits for the import of the modules in the table of `hooks`, and calls what belongs to each.

It stands in every process below `saasobs wrap`, also in those that serve nothing, so it imports nothing (wrapt, which
does the same for the instrumentation itself, takes 70 ms). What goes wrong in it is one line on stderr.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final

TARGETS: Final[dict[str, str]] = {
    "starlette.applications": "starlette_loaded",
    "fastapi.applications": "fastapi_loaded",
    "flask.app": "flask_loaded",
    "django": "django_loaded",
    "uvicorn.config": "uvicorn_loaded",
    "gunicorn.app.base": "gunicorn_loaded",
    "hypercorn.utils": "hypercorn_loaded",
    "werkzeug.serving": "werkzeug_loaded",
    "celery.apps.worker": "celery_worker_loaded",
    "celery.apps.beat": "celery_beat_loaded",
    "rq.worker": "rq_loaded",
    "dramatiq.worker": "dramatiq_loaded",
    "huey.consumer": "huey_loaded",
    "apscheduler.schedulers.blocking": "apscheduler_loaded",
}
"""A module, and the function of `hooks` that is given it when it has been imported."""
BEFORE: Final[dict[str, str]] = {"prometheus_client": "before_prometheus_client"}
"""The same, but before: nothing is loaded yet."""


class Finder:
    """Stands first on `sys.meta_path`, and has the others find what is imported."""

    def __init__(self) -> None:
        self.after = dict(TARGETS)
        self.before = dict(BEFORE)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name in self.before:
            call(self.before.pop(name))
            return None
        if name not in self.after:
            return None
        for finder in sys.meta_path:
            spec: Any = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self)
                return spec
        return None

    def loaded(self, module: Any) -> None:
        """A module has been imported: once for each, however many finders there are."""
        hook = self.after.pop(module.__name__, None)
        if hook is not None:
            call(hook, module)


class _Loader:
    """A module's loader, which tells when it is done, and then leaves the module as if it had never been there."""

    def __init__(self, loader: Any, finder: Finder) -> None:
        self._loader = loader
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._finder.loaded(module)


def watch() -> None:
    """Begin, once in a process; what has been imported already is hooked at once."""
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    finder = Finder()
    sys.meta_path.insert(0, finder)
    for name in [name for name in finder.after if name in sys.modules]:
        finder.loaded(sys.modules[name])


def call(hook: str, *arguments: Any) -> None:
    """Call a function of `hooks`. Never raises."""
    try:
        getattr(import_module("saasobs.instrument.wrap.hooks"), hook)(*arguments)
    except Exception as error:  # noqa: BLE001 - a guest keeps quiet
        tell(hook, error)


def tell(where: str, error: Exception) -> None:
    """Our own failure, while there may be no log of ours."""
    if sys.stderr is not None:
        sys.stderr.write(f"saasobs wrap: {where}: {type(error).__name__}: {error}\n")
