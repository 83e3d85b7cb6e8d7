"""35 days before the scene began, as blocks of Prometheus: what the services say now, as it would have been then.

1. Every series that a dashboard asks for is taken from the services' own pages: no label can differ.
2. A counter has grown by `past.Past`: usual traffic, failures in outages, seconds in slow afternoons. A gauge was about
   what it is.
3. The last hours are fine (30 s), what was before is coarse, and only of what long windows ask for.
4. promtool makes blocks of it, before Prometheus starts.
"""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from dashboards.scene.measuring import Target
from dashboards.scene.pages import Series, said
from dashboards.scene.past import DAY, HOUR, Kind, Past, Span
from dashboards.scene.processes import ENVIRONMENT, ROOT
from dashboards.scene.recorded import DURATION, recorded
from support.needs import require_binary

_Model = Callable[[float], float]
FINE: Final = 30
COARSE: Final = 600
STATES: Final = 240
"""Of states, for a week: an instant query sees a sample for five minutes."""
_LONG: Final = ("probe_success", "saasobs_monitor_status", "saasobs_build_info")
_SLOWED: Final = re.compile(r"http_server_(request_duration|time_to_first_byte)_seconds_")
_MOVING: Final = re.compile(
    "active|_connection_count$|stat_activity_count|key_size|connected_clients|_running|_queued|locks_count|probe_.*seconds"
)
_RARE: Final = re.compile("saasobs_(notifications_total|answers_total|time_to_acknowledge_)")
_SELDOM: Final = 1 / 60
"""Of what the scene's first minute sees of them: everything there goes wrong at once."""
_FIRED: Final = {
    "alertname": "SaasobsHttp5xxRatioHigh", "alertstate": "firing", "severity": "warning", "service": "shop",
    "environment": ENVIRONMENT, "http_route": "/pay",
}  # fmt: skip
_SHOWN: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_DOWN_THEN: Final = "shop-checkout"
_DOWN_SINCE: Final = {"old-api": 0.8 * HOUR}
"""Seconds ago."""
_SHIFT: Final = 5
"""Buckets: what took 0.1 s takes a second and a half."""


@dataclass(frozen=True, slots=True)
class History:
    """How much of it."""

    hours: float = 7.3
    """In which it is fine: what a picture shows, and an hour that its first queries look back on."""
    days: float = 35

    def write(self, targets: Sequence[Target], version_before: str, age: float, now: float, data: Path) -> None:
        """Blocks below `data`. :param age: for how many seconds the services have been used."""
        series = list(said(targets, asked_for()))
        past = Past(now, self.days)
        text = data.with_suffix(".openmetrics")
        with text.open("w", encoding="utf-8") as file:
            _Writer(past, age, self.hours, version_before, file).write(series)
        data.mkdir(exist_ok=True)
        command = [
            require_binary("promtool", "prometheus"), "tsdb", "create-blocks-from", "--max-block-duration=4400h",
            "openmetrics", str(text), str(data), "--quiet",
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        text.unlink()


def asked_for() -> frozenset[str]:
    """Every name that occurs in an expression of the dashboards, and what the recording rules stand on."""
    found = {f"{DURATION}_count", f"{DURATION}_bucket"}
    for file in sorted((ROOT / "dashboards").glob("*.json")):
        found.update(_SHOWN.findall(" ".join(_expressions(json.loads(file.read_text(encoding="utf-8"))))))
    return frozenset(found)


def _expressions(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"expr", "definition"} and isinstance(value, str):
                yield value
            yield from _expressions(value)
    elif isinstance(node, list):
        for one in node:
            yield from _expressions(one)


@dataclass(frozen=True, slots=True)
class _Writer:
    past: Past
    age: float
    hours: float
    before: str
    file: TextIO

    def write(self, series: Sequence[Series]) -> None:
        """All lines, series by series."""
        models = {one.selector: self.model(one, shares) for one, shares in _with_shares(series)}
        models |= _sent_as_begun(series, models)
        fine, coarse, states = self.times()
        chance = random.Random(7)
        for one in series:
            long = one.name == f"{DURATION}_count" or _exactly_two(one)
            before = states if one.name in _LONG else coarse if long else ()
            self._lines(one, models[one.selector], [*before, *fine], chance)
        for name, samples in recorded(self.past, series, models, fine):
            self.file.write("".join(f"{name} {value:.9g} {at:.0f}\n" for at, value in samples))
        fired = Series("ALERTS", _FIRED, 1.0, counts=False)
        during = [at for at in (*states, *fine) if any(at - 5 * 60 in outage for outage in self.past.outages)]
        self._lines(fired, lambda _: 1.0, during, chance)
        self.file.write("# EOF\n")

    def times(self) -> tuple[list[float], list[float], list[float]]:
        """Fine ones, coarse ones before them, and those of states."""
        end = self.past.now // FINE * FINE
        begin = end - self.hours * HOUR // FINE * FINE
        coarse = _every(COARSE, self.past.start, begin)
        week = max(self.past.start, self.past.now - 8 * DAY)
        states = [*_every(COARSE, self.past.start, week), *_every(STATES, week, begin)]
        return [*_every(FINE, begin, end), int(self.past.now)], coarse, states

    def model(self, series: Series, shares: tuple[float, float]) -> _Model:
        """Of a counter: what it stood at. :param shares: of a bucket: usually, and when it was slow."""
        rate, mood, kind = series.value / self.age, series.mood, _kind(series)
        rate *= _SELDOM if _RARE.match(series.name) else 1
        grown = self.past.grown
        if not _SLOWED.match(series.name) or series.labels["service"] != "shop" or kind is Kind.FAILED:
            return lambda at: rate * grown(kind, at, mood)
        usual, slow = shares
        if not usual:  # a bucket that nothing has fallen into yet
            return lambda _: 0.0
        whole = rate / usual

        def stood(at: float) -> float:
            dawdled = grown(Kind.SLOW, at)
            return whole * (usual * (grown(kind, at, mood) - dawdled) + slow * dawdled)

        return stood

    def _lines(self, series: Series, model: _Model, times: Iterable[float], chance: random.Random) -> None:
        if series.name == "saasobs_build_info":
            return self._versions(series, times)
        stood = self._counter(series, model) if series.counts else self._gauge(series, chance)
        head = f"{series.selector} "
        self.file.write("".join(f"{head}{stood(at):.11g} {at:.0f}\n" for at in times))
        return None

    def _versions(self, series: Series, times: Iterable[float]) -> None:
        old = Series(series.name, {**series.labels, "version": self.before}, 1.0, counts=False)
        deployed = series.labels.get("service") == "shop"
        for at in times:
            one = old if deployed and at < self.past.deployed else series
            self.file.write(f"{one.selector} 1 {at:.0f}\n")

    def _counter(self, series: Series, model: _Model) -> _Model:
        """Up to what it says now, from far below zero: a counter that began again would leave a dent or a bump."""
        if _RARE.match(series.name):  # one by one
            return lambda at: math.floor(model(at)) + series.value - math.floor(model(self.past.now))
        lift = series.value - model(self.past.now)
        return lambda at: model(at) + lift

    def _gauge(self, series: Series, chance: random.Random) -> _Model:
        name, value = series.name, series.value
        monitor = series.labels.get("monitor", "")
        if name in _LONG and monitor in {_DOWN_THEN, *_DOWN_SINCE}:
            good, bad = (0.0, 2.0) if name == "saasobs_monitor_status" else (1.0, 0.0)
            since = self.past.now - _DOWN_SINCE.get(monitor, 0)
            spans = (Span(since, self.past.now),) if monitor in _DOWN_SINCE else self.past.outages
            return lambda at: bad if any(at in span for span in spans) else good
        if not _MOVING.search(name):
            return lambda _: value
        if value and "seconds" in name:
            return lambda _: value * (0.8 + 0.5 * chance.random())
        return lambda at: round(value * self.past.wave(at) * (0.5 + chance.random()))


def _every(step: float, start: float, end: float) -> list[float]:
    """From the first multiple at or after `start`, before `end`."""
    first = math.ceil(start / step) * step
    return [first + step * i for i in range(max(0, math.ceil((end - first) / step)))]


def _sent_as_begun(series: Sequence[Series], models: Mapping[str, _Model]) -> dict[str, _Model]:
    """Of tasks: what its senders sent then was begun, or their queues would have been full for weeks."""
    begun = {_task(one): models[one.selector] for one in series if one.name == "task_queue_wait_seconds_count"}
    sent: dict[tuple[str, str], list[Series]] = {}
    for one in series:
        if one.name == "tasks_sent_total" and _task(one) in begun:
            sent.setdefault(_task(one), []).append(one)
    return {
        one.selector: _part(begun[task], one.value / sum(each.value for each in senders))
        for task, senders in sent.items()
        for one in senders
    }


def _task(series: Series) -> tuple[str, str]:
    return series.labels["system"], series.labels["task"]


def _part(model: _Model, share: float) -> _Model:
    return lambda at: model(at) * share


def _kind(series: Series) -> Kind:
    labels = series.labels
    failed = (
        labels.get("http_response_status_code", "").startswith("5")
        or labels.get("http_response_status_class") == "5xx"
        or labels.get("outcome") == "failure"
        or series.name == "http_server_exceptions_total"
    )
    return Kind.FAILED if failed else Kind.USUAL


def _exactly_two(series: Series) -> bool:
    return series.name == f"{DURATION}_bucket" and series.labels["le"] == "2.0"


def _with_shares(series: Sequence[Series]) -> Iterator[tuple[Series, tuple[float, float]]]:
    """Each with the share of all that is in it if it is a bucket, usually and when it was slow."""
    buckets: dict[object, list[Series]] = {}
    for one in series:
        if one.name.endswith("_bucket"):
            buckets.setdefault((one.name, one.without("le")), []).append(one)
    for one in series:
        if not one.name.endswith("_bucket"):
            yield one, (1.0, 8.0 if one.name.endswith("_sum") else 1.0)
            continue
        row = sorted(buckets[one.name, one.without("le")], key=lambda each: float(each.labels["le"]))
        i, most = row.index(one), row[-1].value or 1.0
        slow = 1.0 if i == len(row) - 1 else row[i - _SHIFT].value / most if i >= _SHIFT else 0.0
        yield one, (one.value / most, slow)
