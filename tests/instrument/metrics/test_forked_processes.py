"""Processes that fork, each scenario in a Python of its own: whoever is asked tells what all of them have counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

_BEGIN = '''
import json, os, signal, sys, time
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.metrics.registry import Metrics

metrics = Metrics(InstrumentConfig(service="forking"))
counter = metrics.counter("done_total", "Done.").labels()
gauge = metrics.gauge("busy", "Busy.").labels()

def value(name):
    found = metrics.gathered().get(name)
    return found.series[()][0] if found else None

def child(work):
    """A child that works and waits; and what ends it."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        work()
        os.write(told, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    return pid

def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
'''


def _run(tmp_path: Path, scenario: str, **environment: str) -> Any:
    """What the scenario prints, as JSON."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMETHEUS_")}
    whole = {**inherited, "TMPDIR": str(tmp_path), **environment}
    command = [sys.executable, "-W", "error", "-c", _BEGIN + textwrap.dedent(scenario)]
    done = subprocess.run(command, env=whole, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_child_begins_at_zero_and_counts_with_its_parent(tmp_path: Path) -> None:
    """What the parent has counted is not counted twice; the child's gauge goes with it, its counter stays."""
    told = _run(
        tmp_path,
        """
        counter.inc(5); gauge.set(1)
        pid = child(lambda: (counter.inc(2), gauge.set(3)))
        told = [value("done_total"), value("busy")]
        kill(pid)
        print(json.dumps([*told, value("done_total"), value("busy")]))
        """,
    )
    assert told == [7.0, 4.0, 7.0, 1.0]


def test_a_process_on_its_own_leaves_no_trace(tmp_path: Path) -> None:
    """Without children there is no folder, no prometheus_client and no setting; with them it is removed at the end."""
    told = _run(
        tmp_path,
        """
        counter.inc()
        value("done_total")
        before = os.listdir(os.environ["TMPDIR"])
        kill(child(counter.inc))
        during = len(os.listdir(os.environ["TMPDIR"]))
        loaded = "prometheus_client" in sys.modules
        print(json.dumps([before, during, loaded, os.environ.get("PROMETHEUS_MULTIPROC_DIR")]))
        """,
    )
    assert told == [[], 1, False, None]
    assert list((tmp_path / f"saasobs-{os.geteuid()}").iterdir()) == []


def test_a_hundred_children_do_not_fill_the_folder(tmp_path: Path) -> None:
    """One process per task (RQ): their files are folded by those who come after, though nobody reads."""
    told = _run(
        tmp_path,
        """
        for _ in range(100):
            pid = os.fork()
            if pid == 0:
                counter.inc()
                os._exit(0)
            os.waitpid(pid, 0)
        folder = metrics.sharing.folder.path
        print(json.dumps([len(list(folder.glob("*.cells"))), value("done_total")]))
        """,
    )
    assert told[0] < 40
    assert told[1] == 100


def test_a_parent_that_dies_is_not_kept_alive_by_its_child(tmp_path: Path) -> None:
    """The child gives back what it has inherited of its parent's files: their lock is the sign of life."""
    told = _run(
        tmp_path,
        """
        gauge.set(1)
        def middle():
            gauge.set(10)
            child(lambda: gauge.set(100))
        pid = child(middle)
        told = [value("busy")]
        kill(pid)
        print(json.dumps([*told, value("busy")]))
        metrics.store.before_fork = None
        for path in metrics.sharing.folder.path.glob("*.cells"):
            other = int(path.name.split("-")[0])
            if other != os.getpid():
                os.kill(other, signal.SIGKILL)
        """,
    )
    assert told == [111.0, 101.0]


def test_a_fork_in_the_midst_of_a_scrape_locks_nobody_out(tmp_path: Path) -> None:
    """A child that was forked while a thread held the folder's lock does not keep it."""
    told = _run(
        tmp_path,
        """
        import threading
        kill(child(counter.inc))
        stop = threading.Event()
        def read():
            while not stop.is_set():
                value("done_total")
        reader = threading.Thread(target=read)
        reader.start()
        children = [child(counter.inc) for _ in range(10)]
        stop.set(); reader.join()
        began = time.monotonic()
        told = value("done_total")
        quick = time.monotonic() - began < 2
        for pid in children:
            kill(pid)
        print(json.dumps([told, quick]))
        """,
    )
    assert told == [11.0, True]


@pytest.mark.parametrize("mode", ["0777", "file"])
def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path, mode: str) -> None:
    """Where others could look in or have been first, each process counts for itself and says so."""
    place = tmp_path / f"saasobs-{os.geteuid()}"
    if mode == "file":
        place.write_text("")
    else:
        place.mkdir()
        place.chmod(0o777)
    told = _run(
        tmp_path,
        """
        counter.inc()
        pid = child(counter.inc)
        print(json.dumps([value("done_total"), metrics.problems()]))
        kill(pid)
        """,
    )
    assert told[0] == 1
    assert "cannot be added up" in told[1][0]


def test_a_spawned_child_is_found(tmp_path: Path) -> None:
    """A child of multiprocessing that starts afresh counts with the process that started it."""
    (tmp_path / "spawned.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing
            from saasobs.instrument.config import InstrumentConfig
            from saasobs.instrument.metrics.registry import Metrics

            def work(done):
                metrics = Metrics(InstrumentConfig())
                metrics.counter("done_total", "Done.").labels().inc(3)
                done.wait(30)

            if __name__ == "__main__":
                import json, time
                metrics = Metrics(InstrumentConfig())
                metrics.counter("done_total", "Done.").labels().inc()
                context = multiprocessing.get_context("spawn")
                done = context.Event()
                process = context.Process(target=work, args=(done,))
                process.start()
                until = time.monotonic() + 30
                while metrics.gathered()["done_total"].series[()][0] != 4 and time.monotonic() < until:
                    time.sleep(0.02)
                print(json.dumps(metrics.gathered()["done_total"].series[()][0]))
                done.set()
                process.join()
            """
        )
    )
    whole = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, str(tmp_path / "spawned.py")]
    done = subprocess.run(command, env=whole, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("4.0\n", "")
