"""The folder that processes share. Each `_Process` here is one as far as the folder can tell: files and a lock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.metrics import library, shared
from saasobs.instrument.metrics.cells import PrivateMemory
from saasobs.instrument.metrics.gathering import KEPT, Gathered, bounded, exemplar
from saasobs.instrument.metrics.registry import Measured, Metrics
from saasobs.instrument.metrics.shared import Folder, SharedMemory, packed, unpacked

NAME = "http_server_request_duration_seconds"
KEY = ("GET", "/a", "200")


class _Process:
    """One that counts in the folder, until it dies."""

    def __init__(self, folder: Path) -> None:
        self.metrics = Metrics(InstrumentConfig())
        self.memory = SharedMemory(folder)
        self.metrics.store.move(self.memory, keep=True)

    def work(self, times: int = 1, trace: str = "") -> None:
        for _ in range(times):
            self.metrics.finished(Measured("GET", "/a", 200, 0.3, 0.2, 10, 0, None, trace, False, False))

    def die(self) -> None:
        """What the kernel does: the pages go, and with the file the lock on it."""
        self.metrics.store.move(PrivateMemory(), keep=True)
        self.memory.close()


def _read(folder: Path) -> dict[str, Gathered]:
    return Folder(folder, library.fold).others("", lambda _: {})


def _requests(folder: Path) -> float:
    found = _read(folder).get(NAME)
    return sum(found.series[KEY][:-1]) if found is not None else 0.0


def test_the_living_and_the_dead_are_added_up(tmp_path: Path) -> None:
    """Dead processes' files become one, and the total is the same before and after, and the next time too."""
    processes = [_Process(tmp_path) for _ in range(3)]
    for times, process in enumerate(processes, 1):
        process.work(times)
        process.metrics.active("GET").inc()
    assert _requests(tmp_path) == 6
    for process in processes[:2]:
        process.die()
    assert [_requests(tmp_path) for _ in range(3)] == [6, 6, 6]
    assert _read(tmp_path)["http_server_active_requests"].series == {("GET",): [1.0]}
    assert len(list(tmp_path.glob("*.cells"))) == 1
    processes[2].work()
    processes[2].die()
    assert _requests(tmp_path) == 7
    assert list(tmp_path.glob("*.cells")) == []
    assert "http_server_active_requests" not in _read(tmp_path)


def test_a_series_that_comes_later_is_seen(tmp_path: Path) -> None:
    """A reader reads on where it stopped, in files that have grown beyond their first chunk meanwhile."""
    process, folder = _Process(tmp_path), Folder(tmp_path)
    process.work()
    assert len(folder.others("", lambda _: {})[NAME].series) == 1
    for number in range(1_500):
        process.metrics.observe("GET", f"/{number}", 200, 0.1)
    found = folder.others("", lambda _: {})[NAME]
    assert len(found.series) == 1_501
    assert all(sum(cells[:-1]) == 1 for cells in found.series.values())
    process.die()


def test_of_two_exemplars_the_later_one_stays(tmp_path: Path) -> None:
    """Exemplars survive their process, until a bucket has a newer one."""
    first, second = _Process(tmp_path), _Process(tmp_path)
    first.work(trace="a" * 32)
    first.die()
    second.work(trace="0" * 31 + "b")
    cells = _read(tmp_path)[NAME].exemplars[KEY]
    found = exemplar(cells, 7)
    assert found is not None
    assert found.trace_id == "0" * 31 + "b"
    assert found.value == 0.3
    second.die()


def test_an_exemplar_that_is_being_written_is_not_told() -> None:
    """Two times that differ: somebody was writing."""
    assert exemplar([1.0, 0.0, 0.0, 1.0, 0.3, 2.0], 0) is None


def test_folding_that_was_interrupted_is_finished_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any step after the journal is written, the next reader does the rest, and nothing is counted twice."""
    for process in (_Process(tmp_path), _Process(tmp_path)):
        process.work(2)
        process.die()
    with monkeypatch.context() as patched:  # stops where a kill -9 would: the journal is there, nothing is done yet
        patched.setattr(Folder, "_finish_what_was_begun", lambda _: None)
        Folder(tmp_path)._fold(Folder(tmp_path)._sorted("")[1])
    plan = (tmp_path / "journal.json").read_bytes()
    assert _requests(tmp_path) == 4
    (tmp_path / "journal.json").write_bytes(plan)  # killed just before the journal was removed
    assert _requests(tmp_path) == 4
    assert not list(tmp_path.glob("*.cells")) + list(tmp_path.glob("journal.json"))


def test_a_torn_key_costs_one_series_only(tmp_path: Path) -> None:
    """What a full disk cut short in the middle of a line is skipped."""
    process = _Process(tmp_path)
    process.work()
    with (tmp_path / f"{process.memory.name}.keys").open("ab") as keys:
        keys.write(b'["series",0,["GET","/tor\n["series",99,["x"],5]\nnull\n')
    process.metrics.observe("GET", "/later", 200, 0.1)
    assert set(_read(tmp_path)[NAME].series) == {KEY, ("GET", "/later", "200")}
    process.die()


def test_a_full_disk_never_reaches_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room for more cells the process counts on, in memory of its own."""
    process = _Process(tmp_path)
    process.work()

    def full(*_: object) -> None:  # a disk that is really full would be everybody's
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    for number in range(1_000):
        process.metrics.observe("GET", f"/{number}", 200, 0.1)
    assert b'http_route="/999"' in process.metrics.exposition()[0]
    process.die()


def test_files_that_somebody_removed_are_made_again(tmp_path: Path) -> None:
    """A cleaner of temporary folders costs no numbers: whoever is read from comes back with all it has."""
    process = _Process(tmp_path)
    process.metrics.sharing.folder = Folder(tmp_path)
    process.work(3)
    for path in tmp_path.iterdir():
        path.unlink()
    process.metrics.exposition()
    assert _requests(tmp_path) == 3
    assert isinstance(process.metrics.store.memory, SharedMemory)
    process.metrics.store.memory.close()


def test_an_earlier_runs_numbers_are_forgotten_when_nobody_of_it_lives(tmp_path: Path) -> None:
    """Another root with nobody alive begins anew; the same root, or one beside living processes, goes on."""
    Folder(tmp_path).begin("1-1")
    process = _Process(tmp_path)
    process.work(2)
    Folder(tmp_path).begin("2-2")
    assert _requests(tmp_path) == 2
    process.die()
    Folder(tmp_path).begin("2-2")
    assert _requests(tmp_path) == 2
    Folder(tmp_path).begin("3-3")
    assert _requests(tmp_path) == 0


def test_a_locked_folder_does_not_hold_a_reader_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another holds the lock and does not move, this process tells at least its own."""
    process = _Process(tmp_path)
    process.work()
    process.metrics.sharing.folder = Folder(tmp_path)
    monkeypatch.setattr(shared, "PATIENCE", 0.01)
    with Folder(tmp_path)._locked(1):
        assert f"{NAME}_count" in process.metrics.exposition()[0].decode()
    process.die()


def test_what_the_dead_leave_behind_is_bounded() -> None:
    """Generations of workers with ever new label values end in one series for the rest, whose sum is right."""
    definition = Metrics(InstrumentConfig()).caches.families[0].definition
    series: dict[tuple[str, ...], list[float]] = {(f"cache {number}", "hit"): [1.0] for number in range(KEPT + 500)}
    kept = bounded({"x": Gathered(definition, series, {})})["x"].series
    assert len(kept) == KEPT + 1
    assert sum(cells[0] for cells in kept.values()) == KEPT + 500


def test_what_is_written_comes_back() -> None:
    """The folded file says what was folded."""
    metrics = Metrics(InstrumentConfig())
    metrics.finished(Measured("GET", 'a"\n', 200, 0.3, 0.2, 10, 5, "t", "c" * 32, False, True))
    everything = metrics.gathered()
    back = unpacked(packed(everything))
    assert {name: tuple(each) for name, each in back.items()} == {
        name: tuple(each) for name, each in everything.items()
    }
