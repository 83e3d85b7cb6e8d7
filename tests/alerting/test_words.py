"""The catalogues: whole in every language, and kept in step with the sentences that checks make."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import saasobs
from saasobs.alerting import gsm7
from saasobs.alerting.words import LANGUAGES, Reader, reader
from saasobs.alerting.words.catalogue import Condition, End, Over
from saasobs.alerting.words.sentences import _FIELD
from saasobs.core.incident import Change, Topic
from saasobs.core.monitor import Severity
from saasobs.core.result import REASONS, Reason
from saasobs.core.values import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from support.briefings import NOW
from support.message_scenes import ZONES

OTHERS = ("es", "pt")
ROOT = Path(saasobs.__file__).parent
ENGLISH = re.compile(r"\b(the|expected|which|must|than|answered|answer|says|there|and|of|at|was|were|it|its|not)\b")
"""Words by which a sentence that stayed English is known."""


def speaker(language: str) -> Reader:
    return reader(language, ZONES[language])


# Whole ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", OTHERS)
def test_every_reason_and_change_has_its_words(language: str) -> None:
    """A reason or a change that is added gets its sentence in every language, and each differs from the English one."""
    words = LANGUAGES[language]
    assert words.reasons.keys() == set(Reason)
    assert words.changes.keys() == set(Change)
    assert words.severities.keys() == set(Severity)
    assert [reason for reason in Reason if words.reasons[reason] == REASONS[reason]] == []


def test_languages_know_the_same_forms() -> None:
    """What one language can say of a check all others can; the fields of a form are those of its translation."""
    first, *rest = (LANGUAGES[language] for language in OTHERS)
    for other in rest:
        for table in ("forms", "details", "small", "phases", "links"):
            assert getattr(first, table).keys() == getattr(other, table).keys(), table
    for language in OTHERS:
        words = LANGUAGES[language]
        for source, target in (*words.forms.items(), *words.details.items(), *words.small.items()):
            assert _names(target) == _names(source), source


def _names(form: str) -> set[str]:
    return {found[1] for found in _FIELD.finditer(form)}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_no_plain_text_is_empty_or_too_long(language: str) -> None:
    """Labels, buttons and the texts of the answer page; Discord and Slack bound what stands on a button."""
    words = LANGUAGES[language]
    for group in (words.labels, words.buttons, words.answer_page):
        assert all(getattr(group, field.name) for field in fields(group))
    assert all(len(getattr(words.buttons, field.name)) <= 30 for field in fields(words.buttons))


# In step with the probes ------------------------------------------------------------------------------------------


def _texts(node: ast.AST) -> list[str] | None:
    """The texts that an expression may have, placeholders as ``\\0``; None: it is not written there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        first, other = _texts(node.body), _texts(node.orelse)
        return [*first, *other] if first is not None and other is not None else None
    if not isinstance(node, ast.JoinedStr):
        return None
    texts = [""]
    for part in node.values:
        inner = [str(part.value)] if isinstance(part, ast.Constant) else None
        if isinstance(part, ast.FormattedValue):
            inner = (_texts(part.value) if isinstance(part.value, ast.IfExp) else None) or ["\0"]
        texts = [text + more for text in texts for more in inner or [""]]
    return texts


def _made_by_checks() -> Iterator[str]:
    """Every sentence of an expectation that was not met, as the source code spells it."""
    for file in sorted((ROOT / "probes").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Unmet":
                source = ast.unparse(node.args[1]) if len(node.args) > 1 else ""
                if "REASONS" not in source:
                    yield from (text for text in _texts(node.args[1]) or () if text.strip("\0"))


MADE = sorted(set(_made_by_checks()))
COMPOSED = {
    "\0: \0": ("A acme.example: 192.0.2.1 missing and 192.0.2.2 not expected",),
    "\0: \0\0": ("1 of 3 members is up, 2 of 3 must be: api is down, web is degraded and 2 more",),
    "\0: \0, expected at least \0": (
        "A acme.example: 1 records, expected at least 2",
        "MX acme.example: there is no MX record, expected at least 1",
        "A pay.acme.example: it is an alias of acme.net, for which the server gives no A record, expected at least 1",
    ),
    "\0: the time to live is \0, expected \0 \0": (
        "A acme.example: the time to live is 30s, expected at least 5m",
        "A acme.example: the time to live is 2d, expected at most 1d",
    ),
    "\0 does not answer: \0 lost\0": (
        "acme.example does not answer: the packet was lost",
        "acme.example does not answer: all 3 packets were lost (host unreachable)",
    ),
    "the upgrade was refused with status \0, expected 101\0": (
        "the upgrade was refused with status 403, expected 101",
        "the upgrade was refused with status 302, expected 101; it redirects to https://x.test, which is not followed",
    ),
    "the certificate \0 \0, expected at least \0 days\0": (
        "the certificate CN=acme.example expires in 2.5 days, expected at least 14 days",
        "the certificate CN=acme.example expired 1.5 days ago, expected at least 14 days",
    ),
    "\0 \0, on \0, expected at least \0 days\0": (
        "acme.example expires in 2.5 days, on 2026-11-25, expected at least 30 days (degraded)",
        "acme.example expired 1.5 days ago, on 2026-11-21, expected at least 30 days",
    ),
}
"""Sentences with words of ours where the source has a placeholder, as they are when they are whole."""
FILLINGS = ("7", "7s", "bare", "quoted: 'x y'")
ELSEWHERE = [
    "7 of 10 packets were lost (host unreachable), expected less than 5 %",
    "checkout.acme.example does not answer: all 3 packets were lost",
    "TLS 1.1 was agreed on, expected 1.2 or 1.3",
    "the cipher RC4-SHA was agreed on, expected a match of AES",
    "ALPN agreed on nothing, expected h2",
    "the certificate CN=acme.example has the fingerprint ab12, which is not expected",
    "the certificate was issued by CN=Evil, expected to match Let's Encrypt",
    "the certificate is not for pay.acme.example: it names acme.example",
    'step 2: expected PONG before it closed the connection, got "-ERR"',
    "the server gave up (grpc-status DEADLINE_EXCEEDED)",
    "no ping for 1d6h: the last came at 2026-11-21T08:03:00.000Z, the next was due by 2026-11-22T08:15:00.000Z",
    "no ping ever came in the 3h since this monitor was created; one was due by 2026-11-22T08:15:00.000Z",
    "the job started at 2026-11-22T08:03:00.000Z and has not finished after 2h, allowed are 1h",
    "the job reported a failure with exit code 3 at 2026-11-22T08:03:00.000Z: disk full",
    "the certificate CN=acme.example expires in 2.5 days, expected at least 14 days (degraded)",
    "the certificate CN=acme.example was valid until 2026-11-20T14:03:00.000Z, 2.0 days ago",
    "4 checks failed within 1h: the error budget of 99.9 % over 30 days burns 66.7 times faster than it may",
    "our own network is down: 2 of 2 anchors do not answer (1.1.1.1:53, 8.8.8.8:53); nothing is judged by it",
    "5 outages in 20m",
    "step 1 (login): status 500, expected 200-299",
    "p95 is 2.31s, expected at most 2s (412 requests in the last 5m: between 2s and 2.5s)",
    "error_ratio is 7%, expected at most 1% (7 of 100 requests in the last 5m)",
    "2 of 3 members are up, all must be: api is down",
    "from degraded to down: status 503, expected 200-299",
    "up again after 7m",
    "until 2026-11-22 15:03 UTC, by ana (slack)",
    "nobody has acknowledged it: round 2 of 3",
    "status 500, expected 200-299, after 2 redirects at https://acme.example/login",
    "status 503, expected 200-299 (and 2 more)",
]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("form", MADE, ids=lambda text: text.replace("\0", "_")[:60])
def test_every_sentence_of_a_check_is_translated(language: str, form: str) -> None:
    """A sentence that a probe learns gets its form in words/…_sentences.py, in every language."""
    who = speaker(language)
    if form in COMPOSED:
        for text in COMPOSED[form]:
            said = who.sentence(text, NOW)
            assert said != text
            assert not ENGLISH.search(said.replace("host unreachable", "")), said
        return
    count = form.count("\0")
    tried = []
    for filling in islice(product(FILLINGS, repeat=count), 4_096):
        text = _filled(form, filling)
        said = who.sentence(text, NOW)
        if said != text and not ENGLISH.search(re.sub(r"'x y'|\(.*\)", "", said)):
            return
        tried.append(said)
    pytest.fail(f"no form fits {form!r}: {tried[:3]}")


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("text", ELSEWHERE, ids=lambda text: text[:50])
def test_every_other_sentence_of_ours_is_translated(language: str, text: str) -> None:
    """What is made up of several parts, or by the daemon itself."""
    said = speaker(language).sentence(text, NOW)
    assert said != text
    assert not ENGLISH.search(re.sub(r"Let's Encrypt|host unreachable", "", said)), said


def _filled(form: str, values: tuple[str, ...]) -> str:
    first, *rest = form.split("\0")
    return first + "".join(value + text for value, text in zip(values, rest, strict=True))


def test_the_sources_were_read() -> None:
    """The search for sentences finds them: it would be silent otherwise."""
    assert len(MADE) > 50
    assert "answered in \0, more than \0" in MADE
    assert set(MADE) >= COMPOSED.keys()


@pytest.mark.parametrize(
    ("text", "spanish", "portuguese"),
    [
        ("status 503, expected 200-299", "respondió 503, se esperaba 200-299", "respondeu 503 (esperado: 200-299)"),
        ("answered in 4.2s, more than 2s", "respondió en 4.2 s, más de 2 s", "respondeu em 4,2 s, mais de 2 s"),
        (
            "the host did not accept the connection in time (acme.example:443 at 203.0.113.7, 10s)",
            "el host no aceptó la conexión a tiempo (acme.example:443 en 203.0.113.7, 10 s)",
            "o host não aceitou a conexão a tempo (acme.example:443 em 203.0.113.7, 10 s)",
        ),
        (
            "no ping for 1d6h: the last came at 2026-11-21T08:03:00.000Z, the next was due by 2026-11-22T08:15:00.000Z",
            "sin ping desde hace 1 d 6 h (último: 21/11/2026 03:03 UTC-5; se esperaba otro a más tardar: 03:15 UTC-5)",
            "sem ping há 1 d 6 h (último: 21/11/2026 05:03 UTC-3; outro era esperado até: 05:15 UTC-3)",
        ),
        (
            "the name does not exist: pay.acme.example (Domain name not found)",
            "el nombre no existe: pay.acme.example (Domain name not found)",
            "o nome não existe: pay.acme.example (Domain name not found)",
        ),
        ("what no probe of ours says", "what no probe of ours says", "what no probe of ours says"),
    ],
)
def test_sentences(text: str, spanish: str, portuguese: str) -> None:
    """Our words are translated, figures and times are the reader's, and what the world said stays as it was said."""
    assert speaker("es").sentence(text, NOW) == spanish
    assert speaker("pt").sentence(text, NOW) == portuguese


def test_english_moments_stand_on_the_readers_wall() -> None:
    """An English sentence is shown as it was written, but for the clock of whoever reads it."""
    text = "the certificate CN=acme.example is valid until 2026-12-05T14:03:00.000Z, 13.0 days from now"
    assert reader("en", "America/New_York").sentence(text, NOW) == (
        "the certificate CN=acme.example is valid until 2026-12-05 09:03 EST, 13.0 days from now"
    )


@given(st.sampled_from(OTHERS), st.text(max_size=400), st.sampled_from(MADE))
def test_any_text_is_a_sentence(language: str, text: str, form: str) -> None:
    """Whatever a server answers, a translation neither fails nor loses it."""
    who = speaker(language)
    assert who.sentence(text, NOW) or not text
    hostile = form.replace("\0", text)
    assert isinstance(who.sentence(hostile, NOW), str)


@pytest.mark.parametrize("text", ["the body matches " * 60, ", expected " * 90, "a is b, " * 120, ": " * 400])
def test_no_sentence_takes_long(text: str) -> None:
    """What looks like our own words many times over is given up on, not tried for ever (the time-out is the proof)."""
    for language in OTHERS:
        assert speaker(language).sentence(text, NOW)


# Figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("micros", "english", "spanish", "portuguese"),
    [
        (850 * MILLISECOND, "850ms", "850 ms", "850 ms"),
        (4_200 * MILLISECOND, "4.2s", "4.2 s", "4,2 s"),
        (12 * MINUTE, "12m", "12 min", "12 min"),
        (HOUR + 5 * MINUTE, "1h05m", "1 h 05 min", "1 h 05 min"),
        (3 * DAY + 2 * HOUR, "3d2h", "3 d 2 h", "3 d 2 h"),
        (0, "0ms", "0 ms", "0 ms"),
    ],
)
def test_durations(micros: int, english: str, spanish: str, portuguese: str) -> None:
    """Each language writes them in its own way."""
    assert [LANGUAGES[code].span(micros) for code in ("en", *OTHERS)] == [english, spanish, portuguese]


@pytest.mark.parametrize(
    ("zone", "english", "spanish"),
    [
        ("UTC", "14:03 UTC", "14:03 UTC"),
        ("America/Lima", "09:03 UTC-5", "09:03 UTC-5"),
        ("America/New_York", "09:03 EST", "09:03 EST"),
        ("Asia/Kolkata", "19:33 IST", "19:33 IST"),
        ("Asia/Kathmandu", "19:48 UTC+5:45", "19:48 UTC+5:45"),
        ("Pacific/Auckland", "03:03 NZDT", "03:03 NZDT"),
        ("no/such/zone", "14:03 UTC", "14:03 UTC"),
        ("../../etc/passwd", "14:03 UTC", "14:03 UTC"),
        ("", "14:03 UTC", "14:03 UTC"),
    ],
)
def test_clocks(zone: str, english: str, spanish: str) -> None:
    """The reader's wall, with the zone's letters or its offset; a zone that nobody knows is UTC."""
    assert reader("en", zone).clock(NOW, NOW) == english
    assert reader("es", zone).clock(NOW, NOW) == spanish


def test_another_day_is_the_readers_other_day() -> None:
    """Midnight is where the reader is: the same moment may be yesterday in Lima and today in UTC."""
    after = NOW + 12 * HOUR  # 02:03 UTC of the next day, 21:03 in Lima
    assert reader("en", "UTC").clock(NOW, after) == "2026-11-22 14:03 UTC"
    assert reader("es", "America/Lima").clock(NOW, after) == "09:03 UTC-5"
    assert reader("es", "America/Lima").clock(NOW - 15 * HOUR, NOW) == "21/11/2026 18:03 UTC-5"


def test_an_unknown_language_is_english() -> None:
    """A row that a newer version wrote is still told."""
    assert reader("qu", "UTC").words is LANGUAGES["en"]


@given(st.text(max_size=60), st.integers(0, 4_000_000_000 * SECOND))
def test_any_time_zone_has_a_clock(zone: str, moment: int) -> None:
    """Whatever a zone is called, and whenever it is."""
    for language in LANGUAGES:
        assert re.search(r"\d\d:\d\d \S+$", reader(language, zone).clock(moment, NOW))


def test_articles_agree_with_the_hour() -> None:
    """`a la 01:03`, `a las 14:03`, `el 21/11/2026`: what a Spaniard stumbles over in translated software."""
    es, pt = LANGUAGES["es"], LANGUAGES["pt"]
    assert es.told_late("7 min", "01:03 UTC-5") == "con 7 min de retraso (debía salir a la 01:03 UTC-5)"
    assert es.told_late("7 min", "14:03 UTC-5") == "con 7 min de retraso (debía salir a las 14:03 UTC-5)"
    assert es.told_late("7 min", "21/11/2026 14:03 UTC-5").endswith("(debía salir el 21/11/2026 14:03 UTC-5)")
    assert pt.told_late("7 min", "01:03 UTC-3") == "com 7 min de atraso (era para sair à 01:03 UTC-3)"


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_capitals_fit_a_text_message(language: str) -> None:
    """What a text begins with folds into the alphabet without a question mark, and leaves room for the rest."""
    words: Any = LANGUAGES[language]
    for state in _states(words):
        folded = gsm7.fold(state)
        assert "?" not in folded
        assert gsm7.septets(folded) <= 50, folded


def _states(words: Any) -> Iterator[str]:
    for condition, many in product(Condition, (False, True)):
        yield words.capitals_now(words.capitals(condition, many=many))
        for end in End:
            yield words.capitals_was(words.capitals(condition), words.capitals_end(condition, end))
        for over in Over:
            yield words.capitals_part(2_799, 2_800, over, words.capitals(condition, many=True))
    yield from (words.capitals_topic(topic) for topic in Topic)
    yield from (words.capitals_test(), words.capitals_failing(), words.capitals_digest(), words.capitals_settled())
