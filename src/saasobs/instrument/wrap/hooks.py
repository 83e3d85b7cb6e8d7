"""What wrapping does to each framework, server and queue. Each function is given the module, once it is imported.

1. Servers: what they have loaded is handed to `saasobs.instrument` before they serve it. Middleware that the app has
   around it is then inside of our layer, too.
2. Frameworks: their apps instrument themselves with their first request, for all other servers.
3. Workers and schedulers: the instrumentation starts before they do.

An app that several of these (or its own `saasobs.instrument(app)`) have seen is watched once: the layers know it.
Nothing of a framework is imported here, and of the instrumentation nothing until it starts.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, Final

from saasobs.instrument.wrap.watching import tell

_SEEN: Final = "_saasobs_seen"
_DJANGO: Final = "django.core.handlers.base"


def start() -> None:
    """Start the instrumentation, if it is not running. Never raises."""
    instrumented(None)


def instrumented(app: Any) -> Any:
    """The app with our layer; as it was if that cannot be."""
    try:
        from saasobs.instrument.installing import instrument  # noqa: PLC0415 - what takes time, and only now

        if any(kind.__module__ == _DJANGO for kind in type(app).__mro__):  # its own integration has changed the class
            instrument()
            return app
        return instrument(app)
    except Exception as error:  # noqa: BLE001 - a guest keeps quiet
        tell("instrument", error)
        return app


def _replace(owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    original = vars(owner)[name]
    setattr(owner, name, functools.wraps(original)(around(original)))


def _start_before(owner: Any, name: str) -> None:
    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def starting(*args: Any, **kwargs: Any) -> Any:
            start()
            return original(*args, **kwargs)

        return starting

    _replace(owner, name, around)


# Servers.


def uvicorn_loaded(module: Any) -> None:
    """`Config.load` has the app in `loaded_app`, inside of uvicorn's own middleware."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def load(self: Any) -> None:
            original(self)
            holder, name = self, "loaded_app"
            while _is_of_uvicorn(inner := getattr(holder, name)):
                holder, name = inner, "app"
            setattr(holder, name, instrumented(inner))

        return load

    _replace(module.Config, "load", around)


def _is_of_uvicorn(app: Any) -> bool:
    """Whether it is middleware around an app; an ASGI 2 app is no app for us without what is around it."""
    module = type(app).__module__
    return module.startswith("uvicorn.middleware.") and module != "uvicorn.middleware.asgi2" and hasattr(app, "app")


def gunicorn_loaded(module: Any) -> None:
    """`BaseApplication.wsgi` loads the app: in each worker, or with --preload before they are forked."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def wsgi(self: Any) -> Any:
            app = original(self)
            if app is not vars(self).get(_SEEN):
                app = vars(self)[_SEEN] = self.callable = instrumented(app)
            return app

        return wsgi

    _replace(module.BaseApplication, "wsgi", around)


def hypercorn_loaded(module: Any) -> None:
    """`wrap_app` is given each app that has been loaded."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrap_app(app: Any, *args: Any, **kwargs: Any) -> Any:
            return original(instrumented(app), *args, **kwargs)

        return wrap_app

    _replace(module, "wrap_app", around)


def werkzeug_loaded(module: Any) -> None:
    """`run_simple`, the development server, of `flask run` too; its reloader's outer process serves nothing."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def run_simple(hostname: Any, port: Any, application: Any, *args: Any, **kwargs: Any) -> Any:
            use_reloader = args[0] if args else kwargs.get("use_reloader")
            if not use_reloader or module.is_running_from_reloader():
                application = instrumented(application)
            return original(hostname, port, application, *args, **kwargs)

        return run_simple

    _replace(module, "run_simple", around)


# Frameworks.


def starlette_loaded(module: Any) -> None:
    """An app's middleware is put together when it is first called; so is our layer outside of it."""
    _layer_stack(module.Starlette)


def fastapi_loaded(module: Any) -> None:
    """FastAPI puts its middleware together itself."""
    if "build_middleware_stack" in vars(module.FastAPI):
        _layer_stack(module.FastAPI)


def _layer_stack(kind: Any) -> None:
    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def build_middleware_stack(self: Any) -> Any:
            return _layered(self, original(self))

        return build_middleware_stack

    _replace(kind, "build_middleware_stack", around)


def _layered(app: Any, stack: Any) -> Any:
    try:
        from saasobs.instrument.installing import started  # noqa: PLC0415 - as above
        from saasobs.instrument.integrations import leaves_alone  # noqa: PLC0415 - as above
        from saasobs.instrument.tracing.ownership import claim_app  # noqa: PLC0415 - as above

        process = started()
        if leaves_alone(process.config, app):
            return stack
        claim_app(app)
        return process.wrap(stack)
    except Exception as error:  # noqa: BLE001 - a guest keeps quiet
        tell("starlette", error)
        return stack


def flask_loaded(module: Any) -> None:
    """An app that is called for the first time."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def __call__(self: Any, environ: Any, start_response: Any) -> Any:  # noqa: N807 - what it stands for
            if _SEEN not in self.__dict__:
                instrumented(self)
                self.__dict__[_SEEN] = True
            return original(self, environ, start_response)

        return __call__

    _replace(module.Flask, "__call__", around)


def django_loaded(module: Any) -> None:
    """After `django.setup()` the settings can be asked for ours; an app with "saasobs" in INSTALLED_APPS was first."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def setup(*args: Any, **kwargs: Any) -> None:
            original(*args, **kwargs)
            _start_in_django()

        return setup

    _replace(module, "setup", around)


def _start_in_django() -> None:
    try:
        from saasobs.apps import instrument_django, is_reloader  # noqa: PLC0415 - it imports Django

        if not is_reloader(sys.argv, os.environ):
            instrument_django()
    except Exception as error:  # noqa: BLE001 - a guest keeps quiet
        tell("django", error)


# Workers and schedulers.


def celery_worker_loaded(module: Any) -> None:
    """Its app is loaded, its logging not yet set up, its children not yet forked."""
    _start_before(module.Worker, "on_before_init")


def celery_beat_loaded(module: Any) -> None:
    """Its logging is not yet set up."""
    _start_before(module.Beat, "run")


def rq_loaded(module: Any) -> None:
    """`work`, in which the jobs' processes are forked, is in the class that all workers come from."""
    kind = next(each for each in module.Worker.__mro__ if "work" in vars(each))
    _start_before(kind, "work")


def dramatiq_loaded(module: Any) -> None:
    """The worker's broker has been made before: it is observed itself."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def starting(self: Any) -> Any:
            instrumented(self.broker)
            return original(self)

        return starting

    _replace(module.Worker, "start", around)


def huey_loaded(module: Any) -> None:
    """The consumer's threads or processes are made in it."""
    _start_before(module.Consumer, "start")


def apscheduler_loaded(module: Any) -> None:
    """The scheduler that is all that its process does; others belong to an app."""
    _start_before(module.BlockingScheduler, "start")


# Others.


def before_prometheus_client() -> None:
    """The app's own metrics are shared among its workers only if a folder is named before the library is imported."""
    from saasobs.instrument.metrics import group  # noqa: PLC0415 - of workers only

    if group.MULTIPROC_DIR in os.environ:
        return
    root = group.root()
    if root is not None and not group.will_change_user():
        folder = group.folder_for(root)
        group.make_private(folder)
        os.environ[group.MULTIPROC_DIR] = str(folder)
