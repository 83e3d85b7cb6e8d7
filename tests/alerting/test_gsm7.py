"""The alphabet of a text message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.gsm7 import BASIC, EXTENDED, cut, fold, septets

ALPHABET = BASIC | EXTENDED


def test_the_table_is_whole() -> None:
    """127 characters of one septet (the escape is the 128th) and 10 of two."""
    assert (len(BASIC), len(EXTENDED)) == (127, 10)
    assert not BASIC & EXTENDED


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Atenção: não há conexão", "Atencao: nao ha conexao"),
        ("Ñandú, señal, años, ¿qué?, ¡no!", "Ñandu, señal, años, ¿qué?, ¡no!"),
        ("é à ñ Ñ ü Ü É Ç ¿ ¡ ä ö ò ì ù è", "é à ñ Ñ ü Ü É Ç ¿ ¡ ä ö ò ì ù è"),
        ("ã õ â ê ô á í ó ú ç º ª “x” – …", 'a o a e o a i o u c o a "x" - ...'),
        ("e\u0301 n\u0303", "é ñ"),
        ("🔴 api ⚠\ufe0f", "? api ?"),
        ("日本語", "???"),
        ("a\tb\r\nc\x00d\x1be", "a b cde"),
        ("[x] {y} ^ ~ | € \\", "[x] {y} ^ ~ | € \\"),
        ("`code`", "'code'"),
        ("½ ﬁ ① ™", "1/2 fi 1 TM"),
        ("ß Ø ø Å å Æ æ Δ", "ß Ø ø Å å Æ æ Δ"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_only_what_the_alphabet_lacks_is_replaced(text: str, folded: str) -> None:
    """Spanish and Portuguese keep the letters that phones have, and lose marks, never words."""
    assert fold(text) == folded


@given(st.text())
def test_any_text_folds_into_the_alphabet(text: str) -> None:
    """Whatever the language, what comes out is one line of the alphabet, and folding it again changes nothing."""
    folded = fold(text)
    assert set(folded) <= ALPHABET - {"\n", "\r", "\f"}
    assert fold(folded) == folded


@given(st.text(alphabet=sorted(ALPHABET)), st.integers(0, 80))
def test_cutting_keeps_the_budget_and_both_ends(text: str, budget: int) -> None:
    """A text that fits stays; one that does not is cut in the middle to fit."""
    short = cut(text, budget)
    assert septets(short) <= budget
    if septets(text) <= budget:
        assert short == text
    elif budget >= 20:
        assert short.startswith(text[:4])
        assert short.endswith(text[-1:])


def test_two_septets_are_counted() -> None:
    """Brackets, braces and the euro sign cost two; what the alphabet lacks cannot be counted."""
    assert septets("a€[b]") == 8
    assert septets("\f") == 2
    with pytest.raises(ValueError, match="alphabet"):
        septets("ç")
