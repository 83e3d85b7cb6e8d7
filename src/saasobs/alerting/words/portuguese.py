"""Portuguese, as engineers in Brazil write it to each other: `você`, and the field's own loan words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from saasobs.alerting.words import portuguese_names as names
from saasobs.alerting.words import portuguese_sentences as sentences
from saasobs.alerting.words.catalogue import (
    Ailing,
    Condition,
    End,
    Noun,
    Over,
    Words,
)
from saasobs.alerting.words.spans import largest, spaced
from saasobs.core.incident import Change, Topic
from saasobs.core.monitor import Severity
from saasobs.core.result import Reason

_IS: Final = {
    Condition.DOWN: "está fora do ar",
    Condition.DEGRADED: "está degradado",
    Condition.FLAPPING: "está instável",
    Condition.FIRING: "disparou",
}
_STILL: Final = {
    Condition.DOWN: "continua fora do ar",
    Condition.DEGRADED: "continua degradado",
    Condition.FLAPPING: "continua instável",
    Condition.FIRING: "continua ativo",
}
_WAS: Final = {
    Condition.DOWN: "ficou fora do ar",
    Condition.DEGRADED: "ficou degradado",
    Condition.FLAPPING: "ficou instável",
    Condition.FIRING: "ficou ativo",
}
_CAPITALS: Final = {
    Condition.DOWN: "FORA DO AR",
    Condition.DEGRADED: "DEGRADADO",
    Condition.FLAPPING: "INSTÁVEL",
    Condition.FIRING: "ALERTA",
}
_TOPICS: Final = {
    Topic.CERTIFICATE: "CERTIFICADO",
    Topic.SLO: "ORÇAMENTO",
    Topic.NETWORK: "SEM REDE",
    Topic.CHANNEL: "CANAL COM FALHAS",
    Topic.ALERT: "SEM SINAL",
}
"""Of what is not itself up or down; an alert stands here when its source has gone silent."""
_NOUNS: Final = {
    Noun.MONITORS: ("monitor", "monitores"),
    Noun.ALERTS: ("alerta", "alertas"),
    Noun.INCIDENTS: ("incidente", "incidentes"),
}
_UNITS: Final = {"day": "dia", "hour": "hora", "minute": "minuto", "second": "segundo"}


class Portuguese:
    """Decimal commas, days before months, 24 hours."""

    code = "pt"
    voice = "pt-BR"
    template = "pt_BR"
    labels = names.LABELS
    buttons = names.BUTTONS
    answer_page = names.ANSWER_PAGE
    reasons: Mapping[Reason, str] = sentences.REASONS
    forms: Mapping[str, str] = sentences.FORMS
    details: Mapping[str, str] = sentences.DETAILS
    small: Mapping[str, str] = sentences.SMALL
    phases: Mapping[str, str] = names.PHASES
    links: Mapping[str, str] = names.LINKS
    changes: Mapping[Change, str] = sentences.CHANGES
    severities: Mapping[Severity, str] = names.SEVERITIES
    somebody = "alguém"
    all_well = "está tudo bem"
    own_network = "(nossa rede)"
    spoken_point = "vírgula"
    spoken_percent = "por cento"
    spoken_to = "a"
    spoken_units: Mapping[str, tuple[str, str]] = names.SPOKEN_UNITS

    def decimal(self, figure: str) -> str:
        return figure.replace(".", ",")

    def span(self, micros: int) -> str:
        return spaced(micros, self.decimal)

    def clock(self, local: datetime, zone: str, *, dated: bool) -> str:
        return f"{local:%d/%m/%Y %H:%M} {zone}" if dated else f"{local:%H:%M} {zone}"

    def names(self, shown: Sequence[str], left: int) -> str:
        return ", ".join(shown) + (f" e mais {left}" if left else "")

    # One incident

    def is_so(self, condition: Condition) -> str:
        return _IS[condition]

    def still_so(self, condition: Condition, round_: int, of: int) -> str:
        return _STILL[condition] + (f" (aviso {round_}{f' de {of}' if of else ''})" if round_ else "")

    def now_down(self) -> str:
        return "agora está fora do ar (estava degradado)"

    def now_degraded(self) -> str:
        return "voltou ao ar, mas continua degradado"

    def ended(self, condition: Condition, end: End, by: str, after: str) -> str:
        if end is End.RESOLVED:
            return f"foi marcado como resolvido{_by(by)} após {after}"
        return _withdrawn(condition) if end is End.WITHDRAWN else f"{_recovered(condition)} após {after}"

    def was_so(self, condition: Condition, end: End, by: str, after: str) -> str:
        was = f"{_WAS[condition]} por {after} e"
        if end is End.RESOLVED:
            return f"{was} foi marcado como resolvido{_by(by)}"
        if end is End.WITHDRAWN:
            return f"{was} {_withdrawn(condition)}"
        return f"{was} já {'voltou' if condition is Condition.DOWN else _recovered(condition)}"

    def settled(self, topic: Topic, after: str) -> str:
        if topic is Topic.CERTIFICATE:
            return f"o certificado foi renovado após {after}"
        if topic is Topic.CHANNEL:
            return f"as mensagens voltaram a passar após {after}"
        return f"o orçamento de erros não está mais sendo gasto rápido demais, após {after}"

    def channel(self, name: str) -> str:
        return f"o canal {name}"

    def deaf(self, name: str) -> str:
        return f"nenhuma mensagem passa pelo canal {name}"

    def several(self, number: int, first: str) -> str:
        return f"{number} alertas" + (f", o primeiro: {first}" if first else "")

    def blind(self, sentence: str) -> str:
        return f"estamos às cegas: {sentence}"

    def sees_again(self, after: str) -> str:
        return f"voltamos a enxergar após {after}"

    def was_blind(self, after: str) -> str:
        return f"ficamos às cegas por {after} e já voltamos a enxergar"

    def test(self, channel: str) -> str:
        return f"este é um teste do canal {channel}: {self.all_well}"

    # What people did

    def taken(self, who: str) -> str:
        return f"{who} está cuidando disso"

    def untaken(self, *, snoozed: bool) -> str:
        return "o adiamento acabou e ninguém está cuidando disso" if snoozed else "ninguém mais está cuidando disso"

    def snoozed(self, who: str, until: str) -> str:
        return f"{who} adiou até {until}"

    def assigned(self, to: str, by: str) -> str:
        return f"atribuído a {to}" + (f" por {by}" if by and by != to else "")

    def noted(self, who: str, text: str) -> str:
        return f"{who} anotou: {text}"

    # What stands below the headline

    def told_late(self, by: str, due: str) -> str:
        return f"com {by} de atraso (era para sair {_at(due)})"

    def since(self, clock: str, span: str) -> str:
        return f"{clock}, há {span}"

    def lasted(self, begin: str, end: str, span: str) -> str:
        return f"{span}, de {begin} a {end}"

    def acknowledged(self, who: str, at: str) -> str:
        return f"{who}, desde {at}"

    def snoozed_until(self, at: str) -> str:
        return f"até {at}"

    def snooze_for(self, span: str) -> str:
        return f"Adiar por {span}"

    def slow(self, phase: str) -> str:
        return f"{phase} (o mais lento)"

    # Many incidents

    def how_many(self, number: int, noun: Noun) -> str:
        return f"{number} {_NOUNS[noun][number != 1]}"

    def every(self, count: str, noun: Noun) -> str:  # noqa: ARG002 - all three are masculine
        return f"os {count}"

    def ailing(self, number: int, noun: Noun, how: Ailing) -> str:
        return f"{self.how_many(number, noun)} {_are(number, noun, how)}"

    def part_over(self, ended: int, total: int, noun: Noun, over: Over) -> str:
        return f"{ended} de {self.how_many(total, noun)} {_over(ended, over)}"

    def still(self, how: Ailing) -> str:
        many = how.down + how.degraded != 1
        if how.aside:
            return f"ainda {'precisam' if many else 'precisa'} de atenção"
        if how.firing:
            return "continuam ativos" if many else "continua ativo"
        if how.mixed:
            return f"continuam com falhas ({_counts(how)})"
        verb = "continuam" if many else "continua"
        return f"{verb} fora do ar" if how.down else f"{verb} degradado{'s' * many}"

    def all_over(self, total: int, noun: Noun, over: Over, *, every: bool) -> str:
        count = self.how_many(total, noun)
        return f"{self.every(count, noun) if every else count} {_over(total, over)}"

    def were(self, total: int, noun: Noun, how: Ailing, over: Over) -> str:
        return f"{self.how_many(total, noun)} {_were(total, noun, how)} e já {_over(total, over)}"

    def fresh(self, number: int, how: Ailing, *, more: bool) -> str:
        return f"{'mais ' if more else ''}{number} {_are(number, Noun.MONITORS, how)}"

    def over_now(self, number: int, over: Over) -> str:
        return f"{number} {_over(number, over)}"

    def digest(self, total: int, open_: int) -> str:
        one = total == 1
        waited = f"{self.how_many(total, Noun.INCIDENTS)} {'esperou' if one else 'esperaram'} até a manhã"
        if not open_:
            return f"{waited} e {'já acabou' if one else 'todos já acabaram'}"
        if open_ == total:
            return f"{waited} e {'continua aberto' if one else 'todos continuam abertos'}"
        return f"{waited}, {open_} {'continua aberto' if open_ == 1 else 'continuam abertos'}"

    def left_out(self, number: int) -> str:
        return f"… e mais {number}: saasobs incidents"

    def taken_by(self, who: str) -> str:
        return f"com {who}"

    def row_over(self, condition: Condition, end: End, by: str, after: str) -> str:
        if end is End.RESOLVED:
            return f"marcado como resolvido{_by(by)} após {after}"
        if end is End.WITHDRAWN:
            known = {Condition.FIRING: "a origem não o informa mais", Condition.FLAPPING: "não está mais instável"}
            return known.get(condition, "não é mais monitorado")
        return f"{_recovered(condition)} após {after}"

    def severity_counts(self, critical: int, warning: int) -> str:
        return f"{critical} crítica{'s' * (critical != 1)}, {warning} aviso{'s' * (warning != 1)}"

    # Text messages

    def capitals(self, condition: Condition, *, many: bool = False) -> str:
        plural = {
            Condition.DEGRADED: "DEGRADADOS",
            Condition.FLAPPING: "INSTÁVEIS",
            Condition.FIRING: "ATIVOS",
        }
        return plural.get(condition, _CAPITALS[condition]) if many else _CAPITALS[condition]

    def capitals_topic(self, topic: Topic) -> str:
        return _TOPICS.get(topic, "ABERTO")

    def capitals_settled(self) -> str:
        return "EM ORDEM"

    def capitals_end(self, condition: Condition, end: End) -> str:
        if end is End.RECOVERED:
            known = {Condition.DOWN: "NO AR", Condition.FLAPPING: "ESTÁVEL", Condition.FIRING: "RESOLVIDO"}
            return known.get(condition, "NORMAL")
        return "RESOLVIDO" if end is End.RESOLVED else "ENCERRADO"

    def capitals_now(self, state: str) -> str:
        return f"AGORA {state}"

    def capitals_was(self, state: str, end: str, *, many: bool = False) -> str:
        return f"{'FICARAM' if many else 'FICOU'} {state}, JÁ {end}"

    def capitals_test(self) -> str:
        return "TESTE"

    def capitals_failing(self) -> str:
        return "COM FALHAS"

    def capitals_part(self, ended: int, total: int, over: Over, still: str) -> str:
        return f"{self.capitals_over(over, many=ended != 1)} {ended} de {total}, ainda {still}"

    def capitals_over(self, over: Over, *, many: bool) -> str:
        known = {Over.UNWATCHED: "ENCERRADO", Over.RESOLVED: "RESOLVIDO"}
        if over in known:
            return known[over] + "S" * many
        return "EM ORDEM" if over is Over.IN_ORDER else "NO AR"

    def capitals_digest(self) -> str:
        return "RESUMO"

    def text_after(self, span: str) -> str:
        return f"após {span}"

    def text_late(self, span: str) -> str:
        return f"({span} de atraso)"

    # Read aloud

    def spoken_span(self, micros: int) -> str:
        parts = [f"{_one(count, unit)} {_UNITS[unit]}{'s' * (count != 1)}" for count, unit in largest(micros)]
        return " e ".join(parts) or "menos de um segundo"

    def spoken_opening(self, severity: Severity | None) -> str:
        if severity is None:
            return "Aviso do saasobs."
        return f"Aviso do saasobs. {'Alerta crítico' if severity is Severity.CRITICAL else 'Sem urgência'}."

    def spoken_for(self, state: str, span: str) -> str:
        return f"{state} há {span}."

    def spoken_reason(self, sentence: str) -> str:
        return f"Motivo: {sentence}."

    def spoken_incident(self, letters: str) -> str:
        return f"O incidente é {letters}."

    def spoken_press(self, digit: str) -> str:
        return f"Aperte {digit} para assumir."

    def spoken_test(self) -> str:
        return "Esta é uma chamada de teste do saasobs. Está tudo bem."


def _by(who: str) -> str:
    return f" por {who}" if who else ""


def _at(clock: str) -> str:
    """``às 14:03``, ``à 01:03``, ``em 21/11/2026 14:03``."""
    if "/" in clock:
        return f"em {clock}"
    return f"à {clock}" if clock.startswith("01:") else f"às {clock}"


def _one(count: int, unit: str) -> str:
    return ("uma" if unit == "hour" else "um") if count == 1 else str(count)


def _recovered(condition: Condition) -> str:
    known = {
        Condition.DOWN: "voltou ao ar",
        Condition.FLAPPING: "estabilizou",
        Condition.FIRING: "foi resolvido",
    }
    return known.get(condition, "voltou ao normal")


def _withdrawn(condition: Condition) -> str:
    known = {
        Condition.FLAPPING: "não está mais instável",
        Condition.FIRING: "a origem não o informa mais; o incidente foi encerrado",
    }
    return known.get(condition, "não é mais monitorado; o incidente foi encerrado")


def _counts(how: Ailing) -> str:
    return f"{how.down} fora do ar, {how.degraded} degradado{'s' * (how.degraded != 1)}"


def _are(number: int, noun: Noun, how: Ailing) -> str:
    many = number != 1
    if how.aside:
        return "precisam de atenção" if many else "precisa de atenção"
    if how.firing:
        return "dispararam" if many else "disparou"
    if noun is Noun.INCIDENTS:
        return "continuam abertos" if many else "continua aberto"
    if how.mixed:
        return f"{'estão' if many else 'está'} com falhas ({_counts(how)})"
    return _agreeing("estão" if many else "está", how, many=many)


def _were(number: int, noun: Noun, how: Ailing) -> str:
    many = number != 1
    if how.aside:
        return "precisaram de atenção" if many else "precisou de atenção"
    verb = "ficaram" if many else "ficou"
    if how.firing:
        return f"{verb} ativo{'s' * many}"
    if noun is Noun.INCIDENTS:
        return f"{verb} aberto{'s' * many}"
    if how.mixed:
        return f"{verb} com falhas ({_counts(how)})"
    return _agreeing(verb, how, many=many)


def _agreeing(verb: str, how: Ailing, *, many: bool) -> str:
    return f"{verb} fora do ar" if how.down else f"{verb} degradado{'s' * many}"


def _over(number: int, over: Over) -> str:
    many = number != 1
    if over is Over.UNWATCHED:
        return f"não {'são' if many else 'é'} mais monitorado{'s' * many}"
    if over is Over.EITHER:
        return f"{'voltaram' if many else 'voltou'} ao ar ou não {'são' if many else 'é'} mais monitorado{'s' * many}"
    if over is Over.IN_ORDER:
        return "estão em ordem" if many else "está em ordem"
    if over is Over.RESOLVED:
        return "foram resolvidos" if many else "foi resolvido"
    return "voltaram ao ar" if many else "voltou ao ar"


PORTUGUESE: Final[Words] = Portuguese()
