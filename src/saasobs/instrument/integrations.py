"""The table of libraries that get a hook of ours, each when the app imports it, and never before.

An integration is one file with `install(process)`; it is called once, after the library has been imported, and undoes
nothing. `SAASOBS_DISABLE=redis,httpx` leaves some alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from wrapt.importer import when_imported

from saasobs.instrument import guard

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

# The library's module -> our module with `install(process)`. The name before the first dot is what one disables.
INTEGRATIONS: Final[dict[str, str]] = {
    "sys": "saasobs.instrument.errors.uncaught",
    "sentry_sdk": "saasobs.instrument.errors.neighbour",
    "gunicorn.glogging": "saasobs.instrument.logs.gunicorn",
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


def install(process: Instrumentation) -> None:
    """Have every integration installed as soon as its library is there."""
    for library, ours in INTEGRATIONS.items():
        if library.partition(".")[0] not in process.config.disable:
            _hook(process, library, ours)


def _hook(process: Instrumentation, library: str, ours: str) -> None:
    @when_imported(library)  # type: ignore[untyped-decorator]
    @guard.guarded("install")
    def _imported(_module: object) -> None:
        import_module(ours).install(process)
