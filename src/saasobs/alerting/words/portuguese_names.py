"""What has one name, in Portuguese: labels, buttons, phases, units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.alerting.words.catalogue import AnswerPhrases, Buttons, Labels
from saasobs.core.monitor import Severity

LABELS: Final = Labels(
    late="Chega",
    since="Desde",
    lasted="Duração",
    reason="Motivo",
    reasons="Motivos",
    phases="Fases",
    target="Alvo",
    affected="Afeta",
    about="Sobre",
    note="Nota",
    tags="Tags",
    severity="Severidade",
    tenant="Cliente",
    correlation_id="ID de correlação",
    incident="Incidente",
    group="Grupo",
    page="Página",
    runbook="Runbook",
    also_told="Também avisados",
    assigned="Atribuído a",
    snoozed="Adiado",
    acknowledged="Responsável",
    acknowledge="Para assumir",
    history="O que aconteceu",
)

BUTTONS: Final = Buttons(
    acknowledge="Eu assumo",
    unacknowledge="Não estou mais cuidando",
    snooze="Adiar",
    assign="Atribuir",
    note="Adicionar uma nota",
    resolve="Marcar como resolvido",
    open_page="Ver a página",
)

ANSWER_PAGE: Final = AnswerPhrases(
    title="Assumir um incidente",
    question="Você assume?",
    acknowledge="Eu assumo",
    note="Ao apertar um botão, ninguém mais será avisado. Abrir esta página não muda nada.",
    over="Já acabou: não há mais nada para assumir.",
    done="Pronto, é seu. Ninguém mais será avisado.",
    invalid_title="Este link não leva a lugar nenhum",
    invalid="Ele está incompleto. Abra-o de novo pela mensagem, ou assuma o incidente com: saasobs ack ID",
    expired_title="Este link expirou",
    expired="As mensagens mais novas trazem outro; ou assuma o incidente com: saasobs ack ID",
    later_title="Agora não",
    wait="Tentativas demais. Espere um minuto.",
    unavailable="Não foi possível gravar. Tente de novo daqui a pouco.",
)

PHASES: Final[Mapping[str, str]] = {
    "dns": "DNS",
    "tls": "TLS",
    "starttls": "STARTTLS",
    "ehlo": "EHLO",
    "connect": "conexão",
    "first_byte": "primeiro byte",
    "transfer": "transferência",
    "lookup": "consulta",
    "key_exchange": "troca de chaves",
    "greeting": "saudação",
    "login": "login",
    "auth": "login",
    "query": "consulta",
    "dialogue": "diálogo",
    "message": "mensagem",
    "call": "chamada",
    "refusals": "recusas",
    "echo": "eco",
}

LINKS: Final[Mapping[str, str]] = {
    "dashboard": "Dashboard",
    "trace": "Trace",
    "logs": "Logs",
    "errors": "Erros",
    "source": "Fonte",
    "panel": "Painel",
}

SEVERITIES: Final[Mapping[Severity, str]] = {Severity.CRITICAL: "crítica", Severity.WARNING: "aviso"}

SPOKEN_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "ms": ("milissegundo", "milissegundos"),
    "s": ("segundo", "segundos"),
    "min": ("minuto", "minutos"),
    "m": ("minuto", "minutos"),
    "h": ("hora", "horas"),
    "d": ("dia", "dias"),
}
