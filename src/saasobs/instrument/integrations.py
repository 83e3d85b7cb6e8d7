"""The table of libraries that get a hook of ours, each when the app imports it, and never before.

An integration is one file with `install(process)`; it is called once for each row, after the library has been imported,
and undoes nothing. `SAASOBS_DISABLE=redis,httpx` leaves some alone: NAMES has all that it may hold. One that breaks (a
release of its library that is not as we know it) is counted and one warning line; the app and the others go on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from wrapt.importer import when_imported

from saasobs.instrument import names
from saasobs.instrument.reading import nearest

if TYPE_CHECKING:
    from saasobs.instrument.config import InstrumentConfig
    from saasobs.instrument.process import Instrumentation

# The library's module -> our module with `install(process)`. The name before the first dot is what one disables.
INTEGRATIONS: Final[dict[str, str]] = {
    "sys": "saasobs.instrument.errors.uncaught",
    "sentry_sdk": "saasobs.instrument.errors.neighbour",
    "gunicorn.glogging": "saasobs.instrument.logs.gunicorn",
    "uvicorn.server": "saasobs.instrument.servers.uvicorn",
    "sqlalchemy.engine.default": "saasobs.instrument.queries.drivers.sqlalchemy",
    "django.db": "saasobs.instrument.queries.drivers.django",
    "django.core.cache": "saasobs.instrument.queries.drivers.django_cache",
    "psycopg": "saasobs.instrument.queries.drivers.psycopg",
    "asyncpg": "saasobs.instrument.queries.drivers.asyncpg",
    "pymongo.monitoring": "saasobs.instrument.queries.drivers.pymongo",
    "redis": "saasobs.instrument.queries.drivers.redis",
    **dict.fromkeys(
        ("django.core.handlers.wsgi", "django.core.handlers.asgi", "django.test.client"),
        "saasobs.instrument.servers.django",
    ),
    "django.core.management.base": "saasobs.instrument.tasks.django_commands",
    "httpx": "saasobs.instrument.clients.httpx",
    "httpx2": "saasobs.instrument.clients.httpx",
    "urllib3.connectionpool": "saasobs.instrument.clients.urllib3",  # and with it requests
    "aiohttp": "saasobs.instrument.clients.aiohttp",
    "threading": "saasobs.instrument.threads",
    "concurrent.futures.thread": "saasobs.instrument.threads",
    "concurrent.futures.process": "saasobs.instrument.threads",
    "celery.app": "saasobs.instrument.tasks.celery",
    "rq": "saasobs.instrument.tasks.rq",
    "dramatiq": "saasobs.instrument.tasks.dramatiq",
    "huey": "saasobs.instrument.tasks.huey",
    **dict.fromkeys(
        (f"apscheduler.executors.{name}" for name in ("pool", "asyncio", "debug", "gevent", "tornado", "twisted")),
        "saasobs.instrument.tasks.apscheduler",
    ),
}
_FRAMEWORKS: Final = ("fastapi", "flask", "starlette")
"""Their apps are given to `instrument`, and need no hook."""
NAMES: Final = frozenset({library.partition(".")[0] for library in INTEGRATIONS} | {"django.commands", *_FRAMEWORKS})
"""What `SAASOBS_DISABLE` may hold; `django.commands` is a part of `django`."""


class _Last:
    process: Instrumentation | None = None


def install(process: Instrumentation) -> None:
    """Have every integration installed as soon as its library is there; a second call does nothing."""
    if _Last.process is process:
        return
    _Last.process = process
    for name in sorted({*process.config.disable} - NAMES):
        all_of_them = ", ".join(sorted(NAMES))
        problem = f"disable: there is no integration {name!r}{nearest(name, NAMES)}; there are {all_of_them}"
        process.logs.emit("warning", names.MISCONFIGURED_EVENT, "saasobs.instrument", {"problem": problem})
    broken: set[str] = set()
    for library, ours in INTEGRATIONS.items():
        if library.partition(".")[0] not in process.config.disable:
            _hook(process, library, ours, broken)


def leaves_alone(config: InstrumentConfig, app: object) -> bool:
    """Whether the app is one of a framework that is disabled; a FastAPI app is one of Starlette's, too."""
    return bool(config.disable) and any(
        kind.__module__.partition(".")[0] in config.disable for kind in type(app).__mro__
    )


def _hook(process: Instrumentation, library: str, ours: str, broken: set[str]) -> None:
    """:param broken: our modules that have failed, which are told once and not tried again."""

    @when_imported(library)  # type: ignore[untyped-decorator]
    def _imported(_module: object) -> None:
        if ours in broken:
            return
        try:
            import_module(ours).install(process)
        except Exception as error:  # noqa: BLE001 - a guest keeps quiet
            broken.add(ours)
            _tell(process, library, error)


def _tell(process: Instrumentation, library: str, error: Exception) -> None:
    process.metrics.internal_error("install")
    fields = {"hook": "install", "integration": library, "exc_info": error}
    process.logs.emit_in_context("warning", names.INTERNAL_ERROR_EVENT, "saasobs.instrument", fields)
