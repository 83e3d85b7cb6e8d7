"""What others report, as the web room sees it: a desk that holds what a test puts into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from saasobs.core.alert import Admission, Alert, AlertView, Matcher, Silence, SourceKind, Taken
from saasobs.core.errors import NotFound, Refused
from saasobs.core.values import HOUR, MINUTE

AT = 1_795_356_187_120_345
TOKEN = "open-sesame-42"
SILENCE = "51c79d83-cfa7-41dd-a1d9-ffd6fe699715"


def an_alert(name: str = "HighErrorRate", **labels: str) -> Alert:
    return Alert(
        fingerprint="8c01c89dbccf2712",
        source="prometheus",
        labels={"alertname": name, "service": "api", **labels},
        annotations={"summary": "5 % of requests fail"},
        starts_at=AT - 10 * MINUTE,
        ends_at=AT + 4 * MINUTE,
        generator_url="http://prometheus.example:9090/graph",
        updated_at=AT - MINUTE,
        incident_id="k3v9m2xa",
    )


def a_silence(**changes: object) -> Silence:
    matchers = (Matcher("alertname", "High.*", is_regex=True),)
    return replace(Silence(SILENCE, matchers, AT - HOUR, AT + HOUR, "ana", "deploy", AT - HOUR), **changes)  # type: ignore[arg-type]


@dataclass
class FakeReports:
    """Answers from its fields; `failure`, when set, is raised by everything that takes something in."""

    views: list[AlertView] = field(default_factory=lambda: [AlertView(an_alert(), (), "default")])
    book: list[Silence] = field(default_factory=lambda: [a_silence()])
    refused: tuple[str, ...] = ()
    failure: Exception | None = None
    may_silence: bool = True
    received: list[tuple[Admission, bytes, Mapping[str, str]]] = field(default_factory=list)
    asked: list[tuple[Sequence[str], str]] = field(default_factory=list)
    kept: list[Silence] = field(default_factory=list)
    expired: list[tuple[str, str]] = field(default_factory=list)

    def admit(self, source: str, token: str) -> Admission | None:
        kinds = {"": SourceKind.PROMETHEUS, "prometheus": SourceKind.PROMETHEUS, "grafana": SourceKind.GRAFANA}
        if token != TOKEN or source not in kinds:
            return None
        return Admission(source or "prometheus", kinds[source], self.may_silence)

    async def receive(self, admission: Admission, body: bytes, headers: Mapping[str, str]) -> Taken:
        if self.failure is not None:
            raise self.failure
        self.received.append((admission, body, headers))
        return Taken(1, self.refused)

    async def alerts(self, filters: Sequence[str] = (), receiver: str = "") -> Sequence[AlertView]:
        if self.failure is not None:
            raise self.failure
        self.asked.append((filters, receiver))
        if "nonsense" in filters:
            raise Refused("bad matcher format: nonsense")
        return self.views

    def receivers(self) -> Sequence[str]:
        return ["default", "night"]

    def silences(self, filters: Sequence[str] = ()) -> Sequence[Silence]:
        return self.book

    def silence(self, silence_id: str) -> Silence:
        for one in self.book:
            if one.id.startswith(silence_id):
                return one
        raise NotFound("silence not found")

    async def keep_silence(self, wanted: Silence) -> Silence:
        if self.failure is not None:
            raise self.failure
        self.kept.append(wanted)
        return replace(wanted, id=SILENCE)

    async def expire_silence(self, silence_id: str, by: str) -> Silence:
        self.expired.append((silence_id, by))
        return replace(self.silence(silence_id), ends_at=AT)
