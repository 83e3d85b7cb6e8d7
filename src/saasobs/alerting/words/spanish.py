"""Spanish, as engineers from Mexico to Argentina write it to each other: `tú`, and the field's own loan words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from saasobs.alerting.words import spanish_names as names
from saasobs.alerting.words import spanish_sentences as sentences
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
    Condition.DOWN: "está caído",
    Condition.DEGRADED: "está degradado",
    Condition.FLAPPING: "está inestable",
    Condition.FIRING: "se disparó",
}
_STILL: Final = {
    Condition.DOWN: "sigue caído",
    Condition.DEGRADED: "sigue degradado",
    Condition.FLAPPING: "sigue inestable",
    Condition.FIRING: "sigue activa",
}
_WAS: Final = {
    Condition.DOWN: "estuvo caído",
    Condition.DEGRADED: "estuvo degradado",
    Condition.FLAPPING: "estuvo inestable",
    Condition.FIRING: "estuvo activa",
}
_CAPITALS: Final = {
    Condition.DOWN: "CAÍDO",
    Condition.DEGRADED: "DEGRADADO",
    Condition.FLAPPING: "INESTABLE",
    Condition.FIRING: "ALERTA",
}
_TOPICS: Final = {
    Topic.CERTIFICATE: "CERTIFICADO",
    Topic.SLO: "PRESUPUESTO",
    Topic.NETWORK: "SIN RED",
    Topic.CHANNEL: "CANAL CON FALLAS",
    Topic.ALERT: "SIN SEÑAL",
}
"""Of what is not itself up or down; an alert stands here when its source has gone silent."""
_NOUNS: Final = {
    Noun.MONITORS: ("monitor", "monitores"),
    Noun.ALERTS: ("alerta", "alertas"),
    Noun.INCIDENTS: ("incidente", "incidentes"),
}
_UNITS: Final = {"day": "día", "hour": "hora", "minute": "minuto", "second": "segundo"}


class Spanish:
    """Decimal points, days before months, 24 hours."""

    code = "es"
    voice = "es-MX"
    template = "es"
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
    somebody = "alguien"
    all_well = "todo está bien"
    own_network = "(nuestra red)"
    spoken_point = "punto"
    spoken_percent = "por ciento"
    spoken_to = "a"
    spoken_units: Mapping[str, tuple[str, str]] = names.SPOKEN_UNITS

    def decimal(self, figure: str) -> str:
        return figure

    def span(self, micros: int) -> str:
        return spaced(micros, self.decimal)

    def clock(self, local: datetime, zone: str, *, dated: bool) -> str:
        return f"{local:%d/%m/%Y %H:%M} {zone}" if dated else f"{local:%H:%M} {zone}"

    def names(self, shown: Sequence[str], left: int) -> str:
        return ", ".join(shown) + (f" y {left} más" if left else "")

    # One incident

    def is_so(self, condition: Condition) -> str:
        return _IS[condition]

    def still_so(self, condition: Condition, round_: int, of: int) -> str:
        return _STILL[condition] + (f" (aviso {round_}{f' de {of}' if of else ''})" if round_ else "")

    def now_down(self) -> str:
        return "ahora está caído (estaba degradado)"

    def now_degraded(self) -> str:
        return "ya no está caído, pero sigue degradado"

    def ended(self, condition: Condition, end: End, by: str, after: str) -> str:
        if end is End.RESOLVED:
            return f"fue {_marked(condition)}{_by(by)} después de {after}"
        return _withdrawn(condition) if end is End.WITHDRAWN else f"{_recovered(condition)} después de {after}"

    def was_so(self, condition: Condition, end: End, by: str, after: str) -> str:
        was = f"{_WAS[condition]} {after} y"
        if end is End.RESOLVED:
            return f"{was} fue {_marked(condition)}{_by(by)}"
        return f"{was} {_withdrawn(condition)}" if end is End.WITHDRAWN else f"{was} ya {_recovered(condition)}"

    def settled(self, topic: Topic, after: str) -> str:
        if topic is Topic.CERTIFICATE:
            return f"su certificado fue renovado después de {after}"
        if topic is Topic.CHANNEL:
            return f"los mensajes vuelven a pasar después de {after}"
        return f"su presupuesto de errores ya no se consume demasiado rápido, después de {after}"

    def channel(self, name: str) -> str:
        return f"el canal {name}"

    def deaf(self, name: str) -> str:
        return f"no pasa ningún mensaje por el canal {name}"

    def several(self, number: int, first: str) -> str:
        return f"{number} alertas" + (f", la primera: {first}" if first else "")

    def blind(self, sentence: str) -> str:
        return f"estamos a ciegas: {sentence}"

    def sees_again(self, after: str) -> str:
        return f"volvemos a ver después de {after}"

    def was_blind(self, after: str) -> str:
        return f"estuvimos a ciegas {after} y ya volvemos a ver"

    def test(self, channel: str) -> str:
        return f"esta es una prueba del canal {channel}: {self.all_well}"

    # What people did

    def taken(self, who: str) -> str:
        return f"{who} se está encargando"

    def untaken(self, *, snoozed: bool) -> str:
        return "terminó la pausa y nadie se está encargando" if snoozed else "ya nadie se está encargando"

    def snoozed(self, who: str, until: str) -> str:
        return f"{who} lo pospuso hasta {_article(until)}"

    def assigned(self, to: str, by: str) -> str:
        return f"asignado a {to}" + (f" por {by}" if by and by != to else "")

    def noted(self, who: str, text: str) -> str:
        return f"{who} anotó: {text}"

    # What stands below the headline

    def told_late(self, by: str, due: str) -> str:
        return f"con {by} de retraso (debía salir {_at(due)})"

    def since(self, clock: str, span: str) -> str:
        return f"{clock}, hace {span}"

    def lasted(self, begin: str, end: str, span: str) -> str:
        return f"{span}, de {begin} a {end}"

    def acknowledged(self, who: str, at: str) -> str:
        return f"{who}, desde {_article(at)}"

    def snoozed_until(self, at: str) -> str:
        return f"hasta {_article(at)}"

    def snooze_for(self, span: str) -> str:
        return f"Posponer {span}"

    def slow(self, phase: str) -> str:
        return f"{phase} (lo más lento)"

    # Many incidents

    def how_many(self, number: int, noun: Noun) -> str:
        return f"{number} {_NOUNS[noun][number != 1]}"

    def every(self, count: str, noun: Noun) -> str:
        return f"{'las' if noun is Noun.ALERTS else 'los'} {count}"

    def ailing(self, number: int, noun: Noun, how: Ailing) -> str:
        return f"{self.how_many(number, noun)} {_are(number, noun, how)}"

    def part_over(self, ended: int, total: int, noun: Noun, over: Over) -> str:
        return f"{ended} de {self.how_many(total, noun)} {_over(ended, over)}"

    def still(self, how: Ailing) -> str:
        many = how.down + how.degraded != 1
        if how.aside:
            return f"todavía {'necesitan' if many else 'necesita'} atención"
        if how.firing:
            return f"{'siguen activas' if many else 'sigue activa'}"
        if how.mixed:
            return f"siguen con fallas ({_counts(how)})"
        word = "caído" if how.down else "degradado"
        return f"siguen {word}s" if many else f"sigue {word}"

    def all_over(self, total: int, noun: Noun, over: Over, *, every: bool) -> str:
        count = self.how_many(total, noun)
        return f"{self.every(count, noun) if every else count} {_over(total, over)}"

    def were(self, total: int, noun: Noun, how: Ailing, over: Over) -> str:
        return f"{self.how_many(total, noun)} {_were(total, noun, how)} y ya {_over(total, over, already=True)}"

    def fresh(self, number: int, how: Ailing, *, more: bool) -> str:
        noun = Noun.ALERTS if how.firing else Noun.MONITORS
        return f"{number}{' más' if more else ''} {_are(number, noun, how)}"

    def over_now(self, number: int, over: Over) -> str:
        return f"{number} {_over(number, over)}"

    def digest(self, total: int, open_: int) -> str:
        one = total == 1
        waited = f"{self.how_many(total, Noun.INCIDENTS)} {'esperó' if one else 'esperaron'} hasta la mañana"
        if not open_:
            return f"{waited} y {'ya terminó' if one else 'todos terminaron'}"
        if open_ == total:
            return f"{waited} y {'sigue abierto' if one else 'todos siguen abiertos'}"
        return f"{waited}, {open_} {'sigue abierto' if open_ == 1 else 'siguen abiertos'}"

    def left_out(self, number: int) -> str:
        return f"… y {number} más: saasobs incidents"

    def taken_by(self, who: str) -> str:
        return f"a cargo de {who}"

    def row_over(self, condition: Condition, end: End, by: str, after: str) -> str:
        if end is End.RESOLVED:
            return f"{_marked(condition)}{_by(by)} después de {after}"
        if end is End.WITHDRAWN:
            known = {Condition.FIRING: "su origen dejó de informarla", Condition.FLAPPING: "ya no está inestable"}
            return known.get(condition, "ya no se monitorea")
        return f"{_recovered(condition)} después de {after}"

    def severity_counts(self, critical: int, warning: int) -> str:
        return f"{critical} crítica{'s' * (critical != 1)}, {warning} advertencia{'s' * (warning != 1)}"

    # Text messages

    def capitals(self, condition: Condition, *, many: bool = False) -> str:
        if many and condition is Condition.FIRING:
            return "ACTIVAS"
        return _CAPITALS[condition] + "S" * many

    def capitals_topic(self, topic: Topic) -> str:
        return _TOPICS.get(topic, "ABIERTO")

    def capitals_settled(self) -> str:
        return "EN ORDEN"

    def capitals_end(self, condition: Condition, end: End) -> str:
        if end is End.RECOVERED:
            return "RESUELTA" if condition is Condition.FIRING else "RECUPERADO"
        if end is End.RESOLVED:
            return "RESUELTA" if condition is Condition.FIRING else "RESUELTO"
        return "CERRADO"

    def capitals_now(self, state: str) -> str:
        return f"AHORA {state}"

    def capitals_was(self, state: str, end: str, *, many: bool = False) -> str:
        return f"{'ESTUVIERON' if many else 'ESTUVO'} {state}, YA {end}"

    def capitals_test(self) -> str:
        return "PRUEBA"

    def capitals_failing(self) -> str:
        return "CON FALLAS"

    def capitals_part(self, ended: int, total: int, over: Over, still: str) -> str:
        return f"{self.capitals_over(over, many=ended != 1)} {ended} de {total}, siguen {still}"

    def capitals_over(self, over: Over, *, many: bool) -> str:
        if over is Over.IN_ORDER:
            return "EN ORDEN"
        if over is Over.RESOLVED:
            return "SE RESOLVIERON" if many else "SE RESOLVIÓ"
        return ("CERRADO" if over is Over.UNWATCHED else "RECUPERADO") + "S" * many

    def capitals_digest(self) -> str:
        return "RESUMEN"

    def text_after(self, span: str) -> str:
        return f"tras {span}"

    def text_late(self, span: str) -> str:
        return f"({span} tarde)"

    # Read aloud

    def spoken_span(self, micros: int) -> str:
        parts = [f"{_one(count, unit)} {_UNITS[unit]}{'s' * (count != 1)}" for count, unit in largest(micros)]
        return " y ".join(parts) or "menos de un segundo"

    def spoken_opening(self, severity: Severity | None) -> str:
        if severity is None:
            return "Aviso de saasobs."
        return f"Aviso de saasobs. {'Alerta crítica' if severity is Severity.CRITICAL else 'Advertencia'}."

    def spoken_for(self, state: str, span: str) -> str:
        return f"{state} desde hace {span}."

    def spoken_reason(self, sentence: str) -> str:
        return f"Motivo: {sentence}."

    def spoken_incident(self, letters: str) -> str:
        return f"El incidente es {letters}."

    def spoken_press(self, digit: str) -> str:
        return f"Presiona {digit} para encargarte."

    def spoken_test(self) -> str:
        return "Esta es una llamada de prueba de saasobs. Todo está bien."


def _by(who: str) -> str:
    return f" por {who}" if who else ""


def _article(clock: str) -> str:
    """``las 14:03``, ``la 01:03``, ``el 21/11/2026 14:03``."""
    if "/" in clock:
        return f"el {clock}"
    return f"la {clock}" if clock.startswith("01:") else f"las {clock}"


def _at(clock: str) -> str:
    return _article(clock) if "/" in clock else f"a {_article(clock)}"


def _one(count: int, unit: str) -> str:
    return ("una" if unit == "hour" else "un") if count == 1 else str(count)


def _marked(condition: Condition) -> str:
    return "marcada como resuelta" if condition is Condition.FIRING else "marcado como resuelto"


def _recovered(condition: Condition) -> str:
    return {Condition.FLAPPING: "se estabilizó", Condition.FIRING: "se resolvió"}.get(condition, "se recuperó")


def _withdrawn(condition: Condition) -> str:
    known = {
        Condition.FLAPPING: "ya no está inestable",
        Condition.FIRING: "su origen dejó de informarla; su incidente quedó cerrado",
    }
    return known.get(condition, "ya no se monitorea; su incidente quedó cerrado")


def _counts(how: Ailing) -> str:
    return f"{how.down} caído{'s' * (how.down != 1)}, {how.degraded} degradado{'s' * (how.degraded != 1)}"


def _are(number: int, noun: Noun, how: Ailing) -> str:
    many = number != 1
    if how.aside:
        return "necesitan atención" if many else "necesita atención"
    if how.firing:
        return "se dispararon" if many else "se disparó"
    if noun is Noun.INCIDENTS:
        return "siguen abiertos" if many else "sigue abierto"
    if how.mixed:
        return f"{'tienen' if many else 'tiene'} fallas ({_counts(how)})"
    return _agreeing("están" if many else "está", how, many=many)


def _were(number: int, noun: Noun, how: Ailing) -> str:
    many = number != 1
    if how.aside:
        return "necesitaron atención" if many else "necesitó atención"
    if how.firing:
        return "estuvieron activas" if many else "estuvo activa"
    if noun is Noun.INCIDENTS:
        return "estuvieron abiertos" if many else "estuvo abierto"
    if how.mixed:
        return f"{'tuvieron' if many else 'tuvo'} fallas ({_counts(how)})"
    return _agreeing("estuvieron" if many else "estuvo", how, many=many)


def _agreeing(verb: str, how: Ailing, *, many: bool) -> str:
    return f"{verb} {'caído' if how.down else 'degradado'}{'s' * many}"


def _over(number: int, over: Over, *, already: bool = False) -> str:
    many = number != 1
    no_longer = "no" if already else "ya no"
    if over is Over.UNWATCHED:
        return f"{no_longer} se {'monitorean' if many else 'monitorea'}"
    if over is Over.EITHER:
        return f"se recuperaron o {no_longer} se monitorean" if many else f"se recuperó o {no_longer} se monitorea"
    if over is Over.IN_ORDER:
        return "están en orden" if many else "está en orden"
    if over is Over.RESOLVED:
        return "se resolvieron" if many else "se resolvió"
    return "se recuperaron" if many else "se recuperó"


SPANISH: Final[Words] = Spanish()
