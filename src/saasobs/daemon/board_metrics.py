"""The monitors' series, made at the scrape from the board, so that a check costs nothing for them.

They carry blackbox_exporter's names, and `instance` is the monitor's target, as blackbox_exporter's users relabel it:
scrape with `honor_labels: true` and existing dashboards work.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from saasobs.core.incident import MonitorState, Status
from saasobs.core.monitor import Monitor
from saasobs.core.objective import Burn
from saasobs.core.result import Outcome, Result
from saasobs.core.values import SECOND, format_duration
from saasobs.daemon.board import Board

PHASES = {"dns": "resolve", "connect": "connect", "tls": "tls", "first_byte": "processing", "transfer": "transfer"}
"""Our phases in blackbox_exporter's words (prober/http.go)."""

STATUS_VALUES = {Status.NEW: -1, Status.UP: 0, Status.DEGRADED: 1, Status.DOWN: 2}
_LABELS = ("monitor", "instance")


class BoardCollector(Collector):
    """The monitors' series, made at the scrape from what the board holds."""

    def __init__(
        self,
        board: Board,
        load: Callable[[], tuple[int, int]],
        burning: Callable[[Monitor], Sequence[Burn]] = lambda _: (),
    ) -> None:
        self._board = board
        self._load = load
        self._burning = burning

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Empty: the series are known at the scrape only."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._states()
        yield from self._probes()
        yield self._burns()
        running, queued = self._load()
        yield GaugeMetricFamily("saasobs_checks_running", "Checks under way", value=running)
        yield GaugeMetricFamily("saasobs_checks_queued", "Checks that wait for room", value=queued)

    def _states(self) -> Iterator[GaugeMetricFamily]:
        status = GaugeMetricFamily("saasobs_monitor_status", "-1 new, 0 up, 1 degraded, 2 down", labels=_LABELS)
        paused = GaugeMetricFamily("saasobs_monitor_paused", "1 while a person has paused it", labels=_LABELS)
        incidents: Tally[str] = Tally()
        for name, monitor in list(self._board.monitors.items()):
            state = self._board.states.get(name, MonitorState(name))
            status.add_metric([name, monitor.target], STATUS_VALUES[state.status])
            paused.add_metric([name, monitor.target], int(state.paused))
            if state.incident_id:
                incidents[monitor.severity.value] += 1
        yield status
        yield paused
        opened = GaugeMetricFamily(
            "saasobs_incidents_open", "Open incidents by the monitor's severity", labels=["severity"]
        )
        for severity in ("critical", "warning"):
            opened.add_metric([severity], incidents[severity])
        yield opened

    def _probes(self) -> Iterator[GaugeMetricFamily]:
        monitors = dict(self._board.monitors)  # a scrape runs in a thread, beside a reload
        last = list(self._board.last.items())
        seen = [(monitors[name], result) for name, result in last if name in monitors and result.conclusive]
        for gauge in PROBE_GAUGES:
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=_LABELS)
            for monitor, result in seen:
                number = gauge.value(result)
                if number is not None:
                    family.add_metric([monitor.name, monitor.target], number)
            yield family
        yield self._phases(seen)

    def _burns(self) -> GaugeMetricFamily:
        text = "Burn of the error budget over the long window; 1 spends all of it in time"
        family = GaugeMetricFamily("saasobs_slo_burn_rate", text, labels=[*_LABELS, "window"])
        for name, monitor in list(self._board.monitors.items()):
            for burn in self._burning(monitor) if monitor.slo is not None else ():
                family.add_metric([name, monitor.target, format_duration(burn.long)], burn.long_rate)
        return family

    def _phases(self, seen: list[tuple[Monitor, Result]]) -> GaugeMetricFamily:
        text = "Duration by phase, summed over redirects"
        family = GaugeMetricFamily("probe_http_duration_seconds", text, labels=[*_LABELS, "phase"])
        for monitor, result in seen:
            for phase, micros in result.phases.items() if monitor.kind == "http" else ():
                family.add_metric([monitor.name, monitor.target, PHASES.get(phase, phase)], micros / SECOND)
        return family


def _observed(key: str) -> Callable[[Result], float | None]:
    def value(result: Result) -> float | None:
        seen = result.observations.get(key)
        return float(seen) if isinstance(seen, int | float) else None

    return value


def _http_version(result: Result) -> float | None:
    seen = result.observations.get("http_version")
    try:
        return float(seen) if seen is not None else None
    except (TypeError, ValueError):
        return None


def _expiry(result: Result) -> float | None:
    certificate = result.observations.get("certificate")
    micros = certificate.get("not_after_us") if isinstance(certificate, dict) else None
    return micros / SECOND if isinstance(micros, int) else None


def _dns(result: Result) -> float | None:
    return result.phases["dns"] / SECOND if "dns" in result.phases else None


def _success(result: Result) -> float:
    return float(result.outcome is not Outcome.DOWN)


def _tls(result: Result) -> float | None:
    return float("tls" in result.phases) if "status" in result.observations else None


@dataclass(frozen=True, slots=True)
class ProbeGauge:
    """One series for each monitor, read off its last result; None leaves it out."""

    name: str
    help: str
    value: Callable[[Result], float | None]


PROBE_GAUGES = (
    ProbeGauge("probe_success", "1 if the last check found the target up or degraded", _success),
    ProbeGauge("probe_duration_seconds", "How long the last check took", lambda result: result.duration / SECOND),
    ProbeGauge("probe_dns_lookup_time_seconds", "Name resolution of the last check", _dns),
    ProbeGauge("probe_http_status_code", "Status of the last answer", _observed("status")),
    ProbeGauge("probe_http_version", "HTTP version of the last answer", _http_version),
    ProbeGauge("probe_http_redirects", "Redirects that were followed", _observed("redirects")),
    ProbeGauge("probe_http_ssl", "1 if the last hop was TLS", _tls),
    ProbeGauge("probe_http_uncompressed_body_length", "Bytes of the decoded body", _observed("body_bytes")),
    ProbeGauge("probe_ssl_earliest_cert_expiry", "Unix time when the first certificate of the chain expires", _expiry),
)
