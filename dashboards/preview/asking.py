"""What Grafana asks of Prometheus for a dashboard: variables, targets, exemplars, annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

Json = dict[str, Any]

SCRAPE_SECONDS: Final = 15
POINTS: Final = 400
"""About one for every other pixel of a panel."""
_ALL: Final = "$__all"
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_NAME: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)|\[\[(\w+)\]\]")
_VALUES: Final = re.compile(r"label_values\((?:(?P<metric>.+)\s*,\s*)?(?P<label>\w+)\)\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Range:
    """What a dashboard shows; seconds."""

    start: float
    end: float

    @property
    def step(self) -> int:
        """`$__interval`: no finer than what is scraped."""
        return max(SCRAPE_SECONDS, -(-int(self.end - self.start) // POINTS // SCRAPE_SECONDS) * SCRAPE_SECONDS)

    def before(self, text: str) -> Range:
        """The panel's own `timeFrom`, such as `30d` or `now-30d`."""
        return Range(self.end - seconds(text.removeprefix("now-")), self.end)

    def built_in(self) -> Mapping[str, str]:
        """Grafana's own variables."""
        whole = int(self.end - self.start)
        rate = max(self.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)
        return {
            "__interval": f"{self.step}s",
            "__interval_ms": str(self.step * 1000),
            "__rate_interval": f"{rate}s",
            "__range": f"{whole}s",
            "__range_s": str(whole),
            "__range_ms": str(whole * 1000),
            "__from": str(int(self.start * 1000)),
            "__to": str(int(self.end * 1000)),
        }


def seconds(text: str) -> float:
    """Of `6h` or `30d`. :raises KeyError: no such unit."""
    return float(text[:-1]) * _UNITS[text[-1]]


def range_of(dashboard: Json, now: float) -> Range:
    """As its time picker stands."""
    return Range(now, now).before(dashboard.get("time", {}).get("from", "now-6h"))


@dataclass
class Prometheus:
    """A running one."""

    url: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=120, trust_env=False))

    def ask(self, path: str, **words: Any) -> Any:
        """:raises ValueError: Prometheus refuses; says why."""
        answer = self.client.get(f"{self.url}/api/v1/{path}", params=words).json()
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        return answer["data"]


def filled(text: str, values: Mapping[str, str]) -> str:
    """With the variables in it replaced; unknown ones stay."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[3] or found[4]
        return values.get(name, found[0])

    return _NAME.sub(value, text)


@dataclass
class Variables:
    """The dashboard's, with what they stand for in queries and on the page."""

    values: dict[str, str] = field(default_factory=dict)
    """In a query: a regular expression where the variable takes several."""
    shown: list[Json] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    """In a title."""


def variables(dashboard: Json, prometheus: Prometheus, window: Range, choices: Mapping[str, str]) -> Variables:
    """In their order, since each may ask by those before. :param choices: instead of what is chosen in the file."""
    found = Variables(values=dict(window.built_in()))
    for one in dashboard.get("templating", {}).get("list", ()):
        name = one["name"]
        if one["type"] == "datasource":
            found.shown.append({"label": one.get("label") or name, "value": "Prometheus"})
            continue
        if one["type"] not in {"query", "custom", "constant", "textbox"}:
            continue
        chosen = choices.get(name) or _chosen(one)
        found.words[name], found.values[name] = _meant(one, chosen, prometheus, window, found.values)
        if one.get("hide") not in {2, "hideVariable"}:
            found.shown.append({"label": one.get("label") or name, "value": found.words[name]})
    return found


def _chosen(variable: Json) -> str:
    value = variable.get("current", {}).get("value", "")
    value = value[0] if isinstance(value, list) and value else value
    return str(value or (_ALL if variable.get("includeAll") else ""))


def _meant(
    variable: Json, chosen: str, prometheus: Prometheus, window: Range, values: Mapping[str, str]
) -> tuple[str, str]:
    """What is shown, and what stands in queries."""
    if chosen == _ALL:
        several = options(variable, prometheus, window, values)
        return "All", variable.get("allValue") or "(" + "|".join(map(_escaped, several)) + ")"
    if chosen or variable["type"] in {"textbox", "constant"}:
        plain = chosen or str(variable.get("query", ""))
        return plain, _escaped(plain) if variable.get("multi") or variable.get("includeAll") else plain
    first = next(iter(options(variable, prometheus, window, values)), "")
    return first, first


def _escaped(value: str) -> str:
    """Grafana's `regex` form within a string of PromQL."""
    return re.sub(r"[\\^$*+?.()|{}\[\]/]", lambda found: "\\\\" + found[0], value)


def options(variable: Json, prometheus: Prometheus, window: Range, values: Mapping[str, str]) -> list[str]:
    """What can be chosen, sorted."""
    if variable["type"] == "custom":
        return [part.split(" : ")[-1].strip() for part in str(variable["query"]).split(",")]
    query = variable.get("query")
    text = filled(query["query"] if isinstance(query, dict) else str(query), values)
    found = _VALUES.match(text)
    if not found:
        raise ValueError(f"{variable['name']}: not a question that the preview understands: {text}")
    match = {"match[]": found["metric"].strip()} if found["metric"] else {}
    answer = prometheus.ask(f"label/{found['label']}/values", start=window.start, end=window.end, **match)
    pattern = variable.get("regex", "").strip("/")
    return sorted(value for value in answer if not pattern or re.search(pattern, value))


# Targets ---------------------------------------------------------------------------------------------------------


def answers(panel: Json, prometheus: Prometheus, window: Range, values: Mapping[str, str]) -> list[Json]:
    """One for each target; a refused one carries its `error`."""
    own = window.before(panel["timeFrom"]) if panel.get("timeFrom") else window
    known = {**values, **own.built_in()}
    return [_answer(target, prometheus, own, known) for target in panel.get("targets", ()) if target.get("expr")]


def _answer(target: Json, prometheus: Prometheus, window: Range, values: Mapping[str, str]) -> Json:
    made: Json = {"refId": target["refId"], "series": [], "exemplars": []}
    expression = filled(target["expr"], values)
    instant = bool(target.get("instant")) and not target.get("range")
    made["kind"] = "instant" if instant else "range"
    try:
        if instant:
            made["series"] = prometheus.ask("query", query=expression, time=window.end)["result"]
        else:
            made["series"] = _range(prometheus, expression, window, _step(target, window, values))
            made["exemplars"] = list(_exemplars(prometheus, expression, window)) if target.get("exemplar") else []
    except ValueError as error:
        made["error"] = f"{error}: {expression}"
    return made


def _step(target: Json, window: Range, values: Mapping[str, str]) -> float:
    least = filled(str(target.get("interval") or ""), values)
    return max(window.step, seconds(least) if least else 0)


def _range(prometheus: Prometheus, expression: str, window: Range, step: float) -> list[Json]:
    start, end = window.start // step * step, window.end // step * step
    found: list[Json] = prometheus.ask("query_range", query=expression, start=start, end=end, step=step)["result"]
    return found


def _exemplars(prometheus: Prometheus, expression: str, window: Range) -> Iterator[Json]:
    for series in prometheus.ask("query_exemplars", query=expression, start=window.start, end=window.end):
        for one in series["exemplars"]:
            trace = one["labels"].get("trace_id", "")
            yield {"time": one["timestamp"] * 1000, "value": float(one["value"]), "trace": trace}


# Annotations -----------------------------------------------------------------------------------------------------


def marks(dashboard: Json, prometheus: Prometheus, window: Range, values: Mapping[str, str]) -> list[Json]:
    """Of those that ask Prometheus and are switched on."""
    found: list[Json] = []
    for one in dashboard.get("annotations", {}).get("list", ()):
        expression = one.get("expr") or one.get("target", {}).get("expr")
        if expression and one.get("enable", True):
            found += _marks(one, _range(prometheus, filled(expression, values), window, window.step), window)
    return found


def _marks(annotation: Json, series: list[Json], window: Range) -> Iterator[Json]:
    """Neighbouring samples are one region, as in Grafana."""
    look = {"color": annotation.get("iconColor", "red"), "name": annotation["name"]}
    for one in series:
        times = [float(at) for at, value in one["values"] if float(value) > 0]
        begin = 0
        for i in range(1, len(times) + 1):
            if i == len(times) or times[i] - times[i - 1] > window.step:
                ends = {"timeEnd": times[i - 1] * 1000} if i - 1 > begin else {}
                yield {"time": times[begin] * 1000, "text": str(one["metric"]), **ends, **look}
                begin = i
