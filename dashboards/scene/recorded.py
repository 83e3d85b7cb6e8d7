"""What the recording rules would have written (alerts/recording.yml), from the counters that we made up ourselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from dashboards.scene.pages import Series
from dashboards.scene.past import DAY, Past

DURATION: Final = "http_server_request_duration_seconds"
_STEP: Final = 300
_LAST: Final = 8 * DAY
"""As far back as the dashboards draw lines, and the same hour last week."""
_WINDOWS: Final = {"5m": 300, "30m": 1_800, "1h": 3_600, "6h": 21_600, "3d": 3 * DAY, "30d": 30 * DAY}
_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_BY_SERVICE: Final = ("service", "environment")
_BY_ROUTE: Final = (*_BY_SERVICE, "http_route")

Model = Callable[[float], float]
Lines = tuple[str, list[tuple[float, float]]]


def recorded(
    past: Past, series: Sequence[Series], models: Mapping[str, Model], fine: Sequence[float]
) -> Iterator[Lines]:
    """Of each recorded series its name with labels and its samples, the newest last."""
    count = int(min(_LAST, past.days * DAY) / _STEP)
    coarse = [int(past.now) - _STEP * (count - 1 - i) for i in range(count)]
    for labels, group in _groups(series, _BY_SERVICE):
        yield from _service(past, labels, group, models, coarse)
    for labels, group in _groups(series, _BY_ROUTE):
        before = [at for at in coarse if at < fine[0]] if fine else coarse
        yield from _rates(labels, group, models, [*before, *fine[::2]])
        yield from _durations(labels, group, models, fine[::2])


def _groups(series: Sequence[Series], by: Sequence[str]) -> Iterator[tuple[str, list[Series]]]:
    found: dict[str, list[Series]] = {}
    for one in series:
        if (one.name.startswith(DURATION) and "le" not in one.labels) or one.name == f"{DURATION}_bucket":
            key = ",".join(f'{name}="{one.labels.get(name, "")}"' for name in by)
            found.setdefault(key, []).append(one)
    yield from found.items()


def _added(group: Sequence[Series], models: Mapping[str, Model], wanted: Callable[[Series], bool]) -> Model:
    parts = [models[one.selector] for one in group if wanted(one)]
    return lambda at: sum(part(at) for part in parts)


def _all(one: Series) -> bool:
    return one.name == f"{DURATION}_count"


def _failed(one: Series) -> bool:
    return _all(one) and one.labels["http_response_status_code"].startswith("5")


def _quick(one: Series) -> bool:
    return one.labels.get("le") == "2.0"


def _service(
    past: Past, labels: str, group: Sequence[Series], models: Mapping[str, Model], times: Sequence[float]
) -> Iterator[Lines]:
    """Each counter is summed up once for the grid, then read at both ends of each window."""
    steps = int(past.days * DAY / _STEP)
    begin = times[-1] - steps * _STEP
    grid = [begin + _STEP * i for i in range(steps + 1)]
    every, failed, quick = (list(map(_added(group, models, wanted), grid)) for wanted in (_all, _failed, _quick))
    count = len(times)

    def grown(sums: Sequence[float], window: int) -> list[float]:
        places = range(len(grid) - count, len(grid))
        return [sums[i] - sums[max(0, i - window // _STEP)] for i in places]

    def line(name: str, values: Sequence[float]) -> Lines:
        return f"service:{name}{{{labels}}}", list(zip(times, values, strict=True))

    for text, window in _WINDOWS.items():
        whole, bad, fast = (grown(sums, window) for sums in (every, failed, quick))
        yield line(f"http_errors:ratio_rate{text}", _ratio(bad, whole))
        yield line(f"http_slow:ratio_rate{text}", [1 - one for one in _ratio(fast, whole)])
        yield line(f"http_errors:increase{text}", bad)
    for text in ("5m", "1h"):
        yield line(f"http_requests:rate{text}", [one / _WINDOWS[text] for one in grown(every, _WINDOWS[text])])


def _ratio(parts: Sequence[float], wholes: Sequence[float]) -> list[float]:
    return [part / (whole or 1) for part, whole in zip(parts, wholes, strict=True)]


def _grown(model: Model, at: float) -> float:
    """In five minutes."""
    return model(at) - model(at - _STEP)


def _rates(
    labels: str, group: Sequence[Series], models: Mapping[str, Model], times: Sequence[float]
) -> Iterator[Lines]:
    """Of one route."""
    every, failed, quick = (_added(group, models, wanted) for wanted in (_all, _failed, _quick))

    def line(name: str, value: Callable[[float], float]) -> Lines:
        return f"route:{name}{{{labels}}}", [(at, value(at)) for at in times]

    yield line("http_requests:rate5m", lambda at: _grown(every, at) / _STEP)
    yield line("http_requests:increase5m", lambda at: _grown(every, at))
    yield line("http_errors:rate5m", lambda at: _grown(failed, at) / _STEP)
    yield line("http_slow:ratio_rate5m", lambda at: 1 - _grown(quick, at) / (_grown(every, at) or 1))


def _durations(
    labels: str, group: Sequence[Series], models: Mapping[str, Model], times: Sequence[float]
) -> Iterator[Lines]:
    """Quantiles of one route."""
    bounds = sorted({one.labels["le"] for one in group if "le" in one.labels}, key=float)
    models_of = [_added(group, models, lambda one, le=bound: one.labels.get("le") == le) for bound in bounds]  # type: ignore[misc]
    for name, share in _QUANTILES.items():
        samples = [(at, _quantile(share, bounds, [_grown(model, at) for model in models_of])) for at in times]
        yield f"route:http_request_duration_seconds:{name}_5m{{{labels}}}", samples


def _quantile(share: float, bounds: Sequence[str], counts: Sequence[float]) -> float:
    """As histogram_quantile has it."""
    edges = [(0.0, 0.0), *zip(map(float, bounds), counts, strict=True)]
    wanted = share * counts[-1]
    for (low, below), (high, above) in pairwise(edges):
        if above >= wanted and above > below:
            return low if high == float("inf") else low + (high - low) * (wanted - below) / (above - below)
    return edges[-2][0]
