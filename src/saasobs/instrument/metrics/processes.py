"""What the operating system knows of an app's processes together, under prometheus_client's names for one.

Read from /proc; where there is none, nothing is told. CPU seconds of a process that has died since it was last seen
stay in the sum, which never goes backwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from saasobs.instrument import names
from saasobs.instrument.metrics.families import Definition
from saasobs.instrument.metrics.gathering import Everything, Gathered
from saasobs.instrument.metrics.group import Identity

SEEN: Final = "processes.json"
_DEAD: Final = "dead"
_UTIME, _STIME, _START, _VSIZE, _RSS = 11, 12, 19, 20, 21
"""Places in /proc/PID/stat after the process's name (proc(5) counts from 3)."""

WORKERS: Final = Definition(names.WORKERS, "gauge", "Processes of this app that are alive, if it has several.", ())
CPU: Final = Definition(
    "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds, by all processes.", ()
)
_GAUGES: Final = {
    "process_resident_memory_bytes": "Resident memory size in bytes, of all processes.",
    "process_virtual_memory_bytes": "Virtual memory size in bytes, of all processes.",
    "process_start_time_seconds": "Start time of the oldest process since unix epoch in seconds.",
    "process_open_fds": "Number of open file descriptors, of the process that has most.",
    "process_max_fds": "Maximum number of open file descriptors of one process.",
}


class Seen(NamedTuple):
    """One process at one moment."""

    cpu: float
    resident: float
    virtual: float
    started: float
    """Seconds since the epoch."""
    open_files: float


def look(identity: Identity, proc: Path = Path("/proc")) -> Seen | None:
    """This process, or None if it is gone (or another has its number)."""
    try:
        fields = (proc / str(identity.pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        if int(fields[_START]) != identity.started:
            return None
        ticks = os.sysconf("SC_CLK_TCK")
        return Seen(
            (int(fields[_UTIME]) + int(fields[_STIME])) / ticks,
            float(fields[_RSS]) * os.sysconf("SC_PAGE_SIZE"),
            float(fields[_VSIZE]),
            _booted(proc) + identity.started / ticks,
            _open_files(proc / str(identity.pid)),
        )
    except (OSError, ValueError, IndexError):
        return None


def together(living: Iterable[Identity], folder: Path) -> Everything:
    """The sums of all; what was last seen of each process's CPU time is kept in the folder, whose lock is held."""
    seen = {str(each): found for each in living if (found := look(each)) is not None}
    if not seen:
        return {}
    spent = remembered(_read(folder / SEEN), {name: each.cpu for name, each in seen.items()})
    new = folder / (SEEN + ".new")
    new.write_bytes(orjson.dumps(spent))
    new.rename(folder / SEEN)
    figures: dict[str, float] = dict(
        zip(
            _GAUGES,
            (
                sum(each.resident for each in seen.values()),
                sum(each.virtual for each in seen.values()),
                min(each.started for each in seen.values()),
                max(each.open_files for each in seen.values()),
                _most_files(),
            ),
            strict=True,
        )
    )
    gauges = [Definition(name, "gauge", text, ()) for name, text in _GAUGES.items()]
    told = {each.name: Gathered(each, {(): [figures[each.name]]}, {}) for each in gauges if figures[each.name]}
    return {**told, CPU.name: Gathered(CPU, {(): [sum(spent.values())]}, {})}


def remembered(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    """CPU seconds by process, those of all dead ones as one: each only grows."""
    spent = {name: max(seconds, before.get(name, 0.0)) for name, seconds in now.items()}
    spent[_DEAD] = before.get(_DEAD, 0.0) + sum(
        seconds for name, seconds in before.items() if name not in now and name != _DEAD
    )
    return spent


def _read(path: Path) -> dict[str, float]:
    with suppress(OSError, ValueError):
        return {str(name): float(seconds) for name, seconds in orjson.loads(path.read_bytes()).items()}
    return {}


def _booted(proc: Path) -> float:
    for line in (proc / "stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def _open_files(process: Path) -> float:
    try:
        return float(len(os.listdir(process / "fd")))  # noqa: PTH208 - only their number
    except OSError:
        return 0.0


def _most_files() -> float:
    import resource  # noqa: PLC0415 - not on every system

    return float(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
