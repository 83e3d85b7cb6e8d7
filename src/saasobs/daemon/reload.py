"""When the configuration file changes, or SIGHUP comes: take the new one whole, or keep the old one and say so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import structlog

from saasobs.core.errors import ConfigurationError
from saasobs.daemon.service import Service
from saasobs.settings import Settings

LOOK_EVERY = 2.0

log = structlog.get_logger("saasobs.daemon")
Stamp = tuple[tuple[str, int, int, int], ...]


class Reloader:
    """Owns the path of the configuration; applies what it finds there to a running service."""

    def __init__(self, path: Path, load: Callable[[], Settings]) -> None:
        self._path = path
        self._load = load
        self._stamp: Stamp = ()
        # Before the first load, so that no edit falls between the two. What cannot be looked at, loading will explain.
        with contextlib.suppress(OSError):
            self._stamp = _stamp(path)
        self._busy = asyncio.Lock()
        self.service: Service | None = None

    def first(self) -> Settings:
        """:raises ConfigurationError: with every fault."""
        return self._load()

    async def reload(self) -> None:
        """:raises ConfigurationError: with every fault; what ran before goes on running."""
        service = self.service
        if service is None:
            return
        async with self._busy:
            self._stamp = await asyncio.to_thread(_stamp, self._path)
            try:
                settings = await asyncio.to_thread(self._load)
            except ConfigurationError as error:
                service.refuse(error)
                raise
            await service.apply(settings)
            service.reload_error = ""
            log.info("config.reloaded", monitors=len(settings.monitors), channels=len(settings.channels))

    async def reload_quietly(self) -> None:
        """For a signal or a changed file: the refusal has been told by log, metric and page."""
        try:
            await self.reload()
        except ConfigurationError:
            return
        except Exception:
            log.exception("config.reload_broken")

    async def watch(self) -> None:
        """Look every two seconds; a change must hold still for one look, so that no half-written file is read."""
        previous = self._stamp
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                stamp = await asyncio.to_thread(_stamp, self._path)
            except OSError as error:
                log.warning("config.unreadable", error=str(error))
                continue
            if stamp == previous and stamp != self._stamp:
                await self.reload_quietly()
            previous = stamp


def _stamp(path: Path) -> Stamp:
    """Name, inode, size and time of every file: changes when an editor or `git pull` replaces one."""
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    stamps = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        stamps.append((str(file), status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(stamps)
