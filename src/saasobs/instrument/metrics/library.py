"""prometheus_client among several processes: the app's own metrics, in the same folder as ours.

prometheus_client keeps a file for each kind of metric and each process, for ever. Those of a process that we know to
be dead are folded into one here: counters, histograms and summaries are added up, gauges by their mode; what was only
true of a living process goes, and so do gauges of the default mode, which have a series for each process ever seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_FOLDED: Final = "folded"
"""Stands where the number of the process does."""
_NEW: Final = ".new"
_ADDED: Final = frozenset({"counter", "histogram", "summary", "gauge_sum"})
_GREATEST: Final = frozenset({"gauge_max"})
_LEAST: Final = frozenset({"gauge_min"})
_LATEST: Final = frozenset({"gauge_mostrecent"})
_KEPT: Final = _ADDED | _GREATEST | _LEAST | _LATEST

Entry = tuple[float, float]
"""A value and when it was set, in seconds since the epoch."""


def fold(folder: Path, dead: set[int]) -> tuple[list[tuple[str, str]], list[str]]:
    """Write what dead processes have left into new files; what is to be renamed, and what removed then."""
    by_kind: dict[str, list[str]] = {}
    for path in folder.glob("*.db"):
        kind, _, pid = path.stem.rpartition("_")
        if pid.isdecimal() and int(pid) in dead:
            by_kind.setdefault(kind, []).append(path.name)
    renames = [_fold_kind(folder, kind, files) for kind, files in by_kind.items() if kind in _KEPT]
    return renames, [name for files in by_kind.values() for name in files]


def _fold_kind(folder: Path, kind: str, files: Iterable[str]) -> tuple[str, str]:
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415 - these files are there: so is it

    target = f"{kind}_{_FOLDED}.db"
    entries: dict[str, Entry] = {}
    for name in (target, *files):
        with suppress(FileNotFoundError, RuntimeError):  # not there yet, or never finished
            for key, value, at, _ in MmapedDict.read_all_values_from_file(str(folder / name)):  # type: ignore[no-untyped-call]
                entries[key] = _combined(kind, entries.get(key), (value, at))
    new = folder / (target + _NEW)
    new.unlink(missing_ok=True)
    written: Any = MmapedDict(str(new))  # type: ignore[no-untyped-call]
    for key, (value, at) in entries.items():
        written.write_value(key, value, at)
    written.close()
    return new.name, target


def _combined(kind: str, ours: Entry | None, theirs: Entry) -> Entry:
    if ours is None:
        return theirs
    if kind in _ADDED:
        return ours[0] + theirs[0], 0.0
    if kind in _LATEST:
        return max(ours, theirs, key=lambda entry: entry[1])
    return (max if kind in _GREATEST else min)(ours, theirs)


def shares() -> bool:
    """Whether prometheus_client lets this app's processes share their metrics."""
    from prometheus_client import values  # noqa: PLC0415 - heavy, and only a reader asks

    return bool(getattr(values.ValueClass, "_multiprocess", False))


def app_metrics() -> bool:
    """Whether the app counts something itself, in the default registry."""
    return any(_is_value(each) for each in _registered())


def collectors(*, among_workers: bool) -> list[Any] | None:
    """What the app itself counts, and what the library knows of the process; None: simply the default registry.

    Among workers the library's own collectors of one process are left out, since `processes.py` tells of all. If
    the library shares, counters and gauges come from its folder, and from the default registry only what it cannot
    share but is the same in every process, or the app's own affair: `Info`, and collectors that the app has written.
    """
    if not among_workers and not shares():
        return None
    others = [each for each in _registered() if type(each).__name__ not in ("ProcessCollector", "GCCollector")]
    if not shares():
        return others
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415 - heavy, as above

    found: list[Any] = [each for each in others if not _is_value(each)]
    with suppress(ValueError):  # there is no folder
        found.append(MultiProcessCollector(None))  # type: ignore[no-untyped-call]
    return found


def _registered() -> list[Any]:
    from prometheus_client import REGISTRY  # noqa: PLC0415 - heavy, as above

    return list(getattr(REGISTRY, "_collector_to_names", ()))


def _is_value(collector: object) -> bool:
    from prometheus_client import Info  # noqa: PLC0415 - heavy, as above
    from prometheus_client.metrics import MetricWrapperBase  # noqa: PLC0415

    return isinstance(collector, MetricWrapperBase) and not isinstance(collector, Info)
