"""`saasobs serve`: from a path on the command line to a daemon that ends cleanly on SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

from saasobs._version import __version__
from saasobs.core.errors import ConfigurationError, SaasobsError
from saasobs.daemon.reload import Reloader
from saasobs.daemon.service import Service
from saasobs.instrument.config import read_config
from saasobs.instrument.process import Instrumentation
from saasobs.settings import Settings, load

# The daemon serves its own /metrics, and tells nobody's tenants apart.
_OURS = {"service": "saasobs", "version": __version__, "metrics": "off"}


def run(path: Path) -> int:
    """Run the daemon until it is told to stop. Exit codes: 0 stopped, 1 could not start, 2 bad configuration."""
    reloader = Reloader(path, lambda: load(path, os.environ))
    try:
        settings = reloader.first()
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - before logging is set up, faults go to the person
        return 2
    _raise_open_files()
    config, warnings = read_config(os.environ, _OURS, terminal=sys.stderr.isatty())
    instrumentation = Instrumentation.start(config, warnings=warnings, stream=sys.stderr)
    try:
        return _runner().run(_serve(reloader, settings, instrumentation))
    except SaasobsError as error:
        print(f"saasobs: {error}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        instrumentation.close()


def _raise_open_files() -> None:
    """As many open files as we may have: each check under way needs one, and the usual 1024 are soon used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS names a hard limit that it does not grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _runner() -> asyncio.Runner:
    """On uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415 - optional, and only the daemon wants it
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _serve(reloader: Reloader, settings: Settings, instrumentation: Instrumentation) -> int:
    service = Service(settings, instrumentation, reloader.reload)
    stop = asyncio.Event()
    jobs: set[asyncio.Task[None]] = set()

    def hang_up() -> None:
        job = asyncio.create_task(reloader.reload_quietly())
        jobs.add(job)
        job.add_done_callback(jobs.discard)

    # Before anything starts: none of these signals may end a daemon that is coming up half-way.
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        await service.start()
        reloader.service = service
        jobs.add(asyncio.create_task(reloader.watch()))
        await stop.wait()
        for job in list(jobs):
            job.cancel()
    finally:
        await service.stop()
    return 0
