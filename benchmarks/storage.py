"""A year of many monitors in SQLite: the size of the file, and how long the pages' questions take.

Raw results of 7 days, hourly roll-ups of 90, daily ones of 365, as retention leaves them. Rows are written straight
into the tables, in the form that the store gives them; the questions go through the store.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from saasobs.core.result import Check, Outcome, Result
from saasobs.core.sketch import Sketch
from saasobs.core.values import DAY, HOUR, MINUTE
from saasobs.storage import open_store
from saasobs.storage.result_rows import pack

NOW = 20_000 * DAY
RESULT_COLUMNS = 17
PHASES = {"dns": 900, "connect": 21_000, "tls": 43_000, "first_byte": 85_000, "transfer": 300}


def fill(path: Path, monitors: int) -> None:
    """Everything that a year leaves behind."""
    rng = random.Random(1)
    sketches = [_sketch(rng, 60) for _ in range(200)], [_sketch(rng, 1440) for _ in range(50)]
    with closing(sqlite3.connect(path)) as connection:
        names = [(number, f"monitor-{number}", NOW - 365 * DAY) for number in range(1, monitors + 1)]
        connection.executemany("INSERT INTO monitors (id, name, created_at) VALUES (?, ?, ?)", names)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(rollups)")]
        into = f"INSERT INTO rollups ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        for number in range(1, monitors + 1):
            connection.executemany(into, _rollups(number, columns, sketches, rng))
            connection.executemany(f"INSERT INTO results VALUES ({', '.join('?' * RESULT_COLUMNS)})", _raw(number, rng))
            connection.commit()


def _sketch(rng: random.Random, count: int) -> bytes:
    return Sketch(round(rng.lognormvariate(11.5, 0.4)) for _ in range(count)).encode()


def _rollups(
    number: int, columns: list[str], sketches: tuple[list[bytes], list[bytes]], rng: random.Random
) -> Iterator[tuple[object, ...]]:
    hourly, daily = sketches
    for length, count, kept, each in ((HOUR, 90 * 24, hourly, 60), (DAY, 365, daily, 1440)):
        for back in range(1, count + 1):
            row: dict[str, object] = {
                **dict.fromkeys(columns, 0),
                "monitor_id": number,
                "length": length,
                "start": NOW - back * length,
            }
            row |= {"up": each, "sketch": rng.choice(kept)}
            yield tuple(row[column] for column in columns)


def _raw(number: int, rng: random.Random) -> Iterator[tuple[object, ...]]:
    """A result a minute, as an http check of a healthy site leaves it."""
    observed = {"status": 200, "certificate": {"not_after_us": NOW + 60 * DAY}}
    for back in range(7 * 1440):
        at = NOW - back * MINUTE - 1
        check = Check("m", at - 9_000, at, correlation_id=f"{rng.getrandbits(128):032x}")
        result = Result(check, Outcome.UP, 150_000, phases=PHASES, observations=observed)
        yield pack(result, number)


def ask(path: Path, monitors: int) -> list[tuple[str, float]]:
    """The pages' questions, each with its median in milliseconds."""
    store = open_store(f"sqlite:///{path}")
    store.open()
    rng = random.Random(2)

    def one() -> str:
        return f"monitor-{rng.randint(1, monitors)}"

    questions: list[tuple[str, Callable[[], object]]] = []
    with store.read() as transaction:
        questions = [
            ("one monitor's last 100 results", lambda: transaction.results(one(), 100)),
            ("30 days of one monitor (720 hours)", lambda: transaction.history(one(), NOW - 30 * DAY, NOW)),
            ("90 days of one monitor (2 160 hours)", lambda: transaction.history(one(), NOW - 90 * DAY, NOW)),
            ("a year of one monitor", lambda: transaction.history(one(), NOW - 365 * DAY, NOW)),
            ("3 days by five minutes, for burn rates", lambda: transaction.tally(one(), NOW - 3 * DAY)),
            ("the last result of every monitor (start)", transaction.last_results),
        ]
        timed = [(name, _median(question)) for name, question in questions]
    store.close()
    return timed


def _median(question: Callable[[], object]) -> float:
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        question()
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--monitors", type=int, default=100)
    monitors = parser.parse_args(words).monitors
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "year.db"
        store = open_store(f"sqlite:///{path}")
        store.open()
        store.close()
        fill(path, monitors)
        size = path.stat().st_size
        thousand = size / monitors / 1e6
        print(f"\nA year of {monitors} monitors of 60 s: {size / 1e9:.2f} GB; 1 000 would take {thousand:.2f} GB")
        for name, took in ask(path, monitors):
            print(f"  {name:45} {took:8.2f} ms")


if __name__ == "__main__":
    main()
