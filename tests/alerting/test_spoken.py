"""Messages that are read aloud, those that stand in a provider's template, and the page behind a link."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting import spoken, template
from saasobs.alerting.answer_page import answer_page, no_offer
from saasobs.alerting.words import LANGUAGES, reader
from saasobs.core.answers import RefusedLink, Standing
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Change
from saasobs.core.values import DAY, HOUR, MINUTE, SECOND
from support.briefings import INCIDENT, NOW, briefing, ended
from support.hostile_briefings import briefings
from support.message_scenes import CHECKOUT, SCENES, TAKEN, scene, told

# Read aloud -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "This is saasobs, with a critical alert. checkout is down, for 12 minutes. The reason: unexpected status"
            " code. The incident is k, 3, v, 9, m, 2, x, a.",
        ),
        (
            "es",
            "Aviso de saasobs. Alerta crítica. checkout está caído desde hace 12 minutos. Motivo: código de estado"
            " inesperado. El incidente es k, 3, v, 9, m, 2, x, a.",
        ),
        (
            "pt",
            "Aviso do saasobs. Alerta crítico. checkout está fora do ar há 12 minutos. Motivo: código de status"
            " inesperado. O incidente é k, 3, v, 9, m, 2, x, a.",
        ),
    ],
)
def test_a_call(language: str, said: str) -> None:
    """What is down and for how long, the kind of failure, and the incident's ID letter by letter."""
    assert spoken.voice(scene("down", language)) == said


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("name", list(SCENES))
def test_no_symbol_is_spoken(language: str, name: str) -> None:
    """Letters, digits and punctuation: nothing that a voice would spell out, no address, no ID in one piece."""
    said = spoken.voice(scene(name, language))
    assert re.fullmatch(r"[\w .,:;?!']+", said), said
    assert "http" not in said
    assert "k3v9m2xa" not in said
    assert len(said) <= spoken.LONGEST


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "p95 4.2s > 2s at /pay", "p95 4 point 2 seconds 2 seconds at pay"),
        ("es", "12% de 200-299 en 1 min", "12 por ciento de 200 a 299 en 1 minuto"),
        ("pt", "levou 4,2 s, mais de 1 h", "levou 4 vírgula 2 segundos, mais de 1 hora"),
        ("en", "until 15:03 UTC-5", "until 15:03"),
        ("en", '<Say voice="evil">&amp;</Say>', "Say voice evil amp; Say"),
    ],
)
def test_figures_are_spoken(language: str, text: str, said: str) -> None:
    """Units are words, a range has a word between, and no markup is left of what others wrote."""
    assert spoken.spoken(text, reader(language, "UTC")) == said


def test_durations_are_spoken() -> None:
    """The two largest units, with one and several as each language has them."""
    long = DAY + HOUR + MINUTE
    assert [LANGUAGES[code].spoken_span(HOUR + 5 * MINUTE) for code in ("en", "es", "pt")] == [
        "1 hour and 5 minutes", "una hora y 5 minutos", "uma hora e 5 minutos",
    ]  # fmt: skip
    assert LANGUAGES["en"].spoken_span(long) == "1 day and 1 hour"
    assert LANGUAGES["es"].spoken_span(SECOND // 2) == "menos de un segundo"
    assert LANGUAGES["pt"].spoken_span(MINUTE) == "um minuto"


def test_names_are_spoken() -> None:
    """`billing-api.v2` is said as three words."""
    one = briefing(incident=replace(INCIDENT, monitor="billing-api.v2"))
    assert "billing api v2 is down" in spoken.voice(one)


def test_a_key_and_a_voice() -> None:
    """What takes it on, and who reads it."""
    assert spoken.press(scene("down", "es"), "1") == "Presiona 1 para encargarte."
    assert spoken.locale(scene("down", "pt")) == "pt-BR"


# In a template ----------------------------------------------------------------------------------------------------


def test_the_parameters_of_a_template() -> None:
    """Always four: what, since when, which incident, and how to take it on."""
    assert template.template_parameters(scene("down", "pt")) == (
        "🔴 checkout está fora do ar: respondeu 503 (esperado: 200-299)",
        "10:51 UTC-3, há 12 min",
        "#k3v9m2xa",
        "https://alerts.acme.example/a/k3v9m2xa.QmFzZTY0dG9rZW4",
    )
    assert template.language(scene("down", "pt")) == "pt_BR"


def test_every_language_has_a_template() -> None:
    """Its text names every parameter, and does not begin or end with one of them alone: providers refuse that."""
    assert template.TEXTS.keys() == LANGUAGES.keys()
    for text in template.TEXTS.values():
        assert [f"{{{{{number}}}}}" in text for number in range(1, template.COUNT + 2)] == [True] * template.COUNT + [
            False
        ]
        assert not text.endswith("}}")
        assert not text.startswith("{{")


@given(briefings())
def test_any_message_is_spoken_and_fits_a_template(one: Briefing) -> None:
    """Whatever the names are: no symbol, no line break, nothing empty, and all parameters fit a message."""
    assert re.fullmatch(r"[\w .,:;?!'…]+", spoken.voice(one))
    parameters = template.template_parameters(one)
    assert len(parameters) == template.COUNT
    for text in parameters:
        assert text.strip()
        assert not re.search(r"[\n\t]| {5}", text)
    assert sum(map(len, parameters)) + max(map(len, template.TEXTS.values())) <= 1024


# Behind a link ----------------------------------------------------------------------------------------------------


def test_the_page_says_what_is_the_matter_and_asks() -> None:
    """In the words of whoever holds the link; who has it already is said, and that it is over."""
    one = scene("down", "es")
    assert isinstance(one, Briefing)
    page = answer_page(one)
    assert (page.language, page.standing, page.said) == ("es", Standing.OPEN, "")
    assert page.headline == "🔴 checkout está caído: respondió 503, se esperaba 200-299"
    assert (page.question, page.acknowledge, page.snooze) == ("¿Te encargas tú?", "Me encargo", "Posponer 30 min")
    assert ("Desde", "08:51 UTC-5, hace 12 min") in page.facts
    assert not [text for _, text in page.facts if "http" in text and "/a/" in text]


@pytest.mark.parametrize(
    ("changed", "standing", "said"),
    [
        (TAKEN, Standing.TAKEN, "ana está cuidando disso"),
        (replace(TAKEN, snoozed_until=NOW + HOUR), Standing.SNOOZED, "ana adiou até 12:03 UTC-3"),
        (ended(Change.RECOVERED, incident=CHECKOUT), Standing.OVER, "Já acabou: não há mais nada para assumir."),
    ],
)
def test_the_page_says_who_has_it(changed: object, standing: Standing, said: str) -> None:
    """So that nobody takes on what somebody else is doing."""
    one = told(incident=changed, language="pt", timezone="America/Sao_Paulo")  # type: ignore[arg-type]
    page = answer_page(one)
    assert (page.standing, page.said) == (standing, said)


@pytest.mark.parametrize("language", [*sorted(LANGUAGES), "qu"])
@pytest.mark.parametrize("why", list(RefusedLink))
def test_a_refused_link_says_what_to_do(language: str, why: RefusedLink) -> None:
    """In the language that is known of its reader, and without a word of the incident."""
    page = no_offer(why, language)
    assert page.why is why
    assert page.title
    assert page.sentence
    assert page.language == (language if language in LANGUAGES else "en")


@given(st.sampled_from(sorted(LANGUAGES)), st.sampled_from(list(SCENES)))
def test_a_group_is_spoken(language: str, name: str) -> None:
    """One sentence about all of them."""
    one = scene(name, language)
    if isinstance(one, GroupBriefing):
        assert spoken.voice(one).endswith("g, 7, q, 2, m, 8, z, d.")
