"""What has one name, in Spanish: labels, buttons, phases, units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.alerting.words.catalogue import AnswerPhrases, Buttons, Labels
from saasobs.core.monitor import Severity

LABELS: Final = Labels(
    late="Llega",
    since="Desde",
    lasted="Duración",
    reason="Motivo",
    reasons="Motivos",
    phases="Fases",
    target="Objetivo",
    affected="Afecta a",
    about="Acerca de",
    note="Nota",
    tags="Etiquetas",
    severity="Severidad",
    tenant="Cliente",
    correlation_id="ID de correlación",
    incident="Incidente",
    group="Grupo",
    page="Página",
    runbook="Runbook",
    also_told="También avisados",
    assigned="Asignado a",
    snoozed="Pospuesto",
    acknowledged="A cargo",
    acknowledge="Para tomarlo",
    history="Qué pasó",
)

BUTTONS: Final = Buttons(
    acknowledge="Me encargo",
    unacknowledge="Ya no me encargo",
    snooze="Posponer",
    assign="Asignar",
    note="Agregar una nota",
    resolve="Dar por resuelto",
    open_page="Ver la página",
)

ANSWER_PAGE: Final = AnswerPhrases(
    title="Tomar un incidente",
    question="¿Te encargas tú?",
    acknowledge="Me encargo",
    note="Al presionar un botón, no se avisará a nadie más. Abrir esta página no cambia nada.",
    over="Ya terminó: no queda nada por tomar.",
    done="Listo, es tuyo. No se avisará a nadie más.",
    invalid_title="Este enlace no lleva a ninguna parte",
    invalid="Está incompleto. Ábrelo otra vez desde el mensaje, o toma el incidente con: saasobs ack ID",
    expired_title="Este enlace venció",
    expired="Los mensajes más nuevos traen otro; o toma el incidente con: saasobs ack ID",
    later_title="Ahora no",
    wait="Demasiados intentos. Espera un minuto.",
    unavailable="No se pudo guardar. Vuelve a intentarlo en un momento.",
)

PHASES: Final[Mapping[str, str]] = {
    "dns": "DNS",
    "tls": "TLS",
    "starttls": "STARTTLS",
    "ehlo": "EHLO",
    "connect": "conexión",
    "first_byte": "primer byte",
    "transfer": "transferencia",
    "lookup": "consulta",
    "key_exchange": "intercambio de claves",
    "greeting": "saludo",
    "login": "inicio de sesión",
    "auth": "inicio de sesión",
    "query": "consulta",
    "dialogue": "diálogo",
    "message": "mensaje",
    "call": "llamada",
    "refusals": "rechazos",
    "echo": "eco",
}

LINKS: Final[Mapping[str, str]] = {
    "dashboard": "Dashboard",
    "trace": "Traza",
    "logs": "Logs",
    "errors": "Errores",
    "source": "Fuente",
    "panel": "Panel",
}

SEVERITIES: Final[Mapping[Severity, str]] = {Severity.CRITICAL: "crítica", Severity.WARNING: "advertencia"}

SPOKEN_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "ms": ("milisegundo", "milisegundos"),
    "s": ("segundo", "segundos"),
    "min": ("minuto", "minutos"),
    "m": ("minuto", "minutos"),
    "h": ("hora", "horas"),
    "d": ("día", "días"),
}
