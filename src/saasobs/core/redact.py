"""One scrubber for everything that is shown but was not written by us: answers, headers, URLs, job output.

It masks what looks like a credential or a person: passwords and tokens by the name beside them, bearer and basic
credentials, cookies, JWTs, keys with a known prefix, private keys, card numbers (Luhn), e-mail addresses, and those
national numbers that have check digits and a form of their own: CPF and CNPJ (Brazil), CURP (Mexico). It errs on the
side of masking; it is no proof that a text is harmless. Every pattern is linear: repeats are possessive or bounded,
and each begins where a token begins, so that no text makes it slow. Each is tried only where a mark that it cannot
match without is there, which is what makes an ordinary text cheap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

MASK: Final = "***"

_SECRET_PARTS: Final = (
    "password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "signingkey",
    "credential", "authorization", "authentication", "session", "cookie", "signature", "webhookurl", "connectionstring",
)  # fmt: skip
_SECRET_NAMES: Final = frozenset({"pwd", "pass", "auth", "xauth", "sid", "jwt", "otp", "pin", "cvv", "cvc", "dsn"})
_SECRET_IN_URL: Final = frozenset({"key", "sig", "code", "state", "hash", "hmac"})
_WHOLE_LINE: Final = frozenset({"authorization", "proxyauthorization", "cookie", "setcookie"})


def secret_name(name: str) -> bool:
    """Whether a field, header or parameter of this name holds a secret, by what such things are called."""
    plain = _plain(name)
    return plain in _SECRET_NAMES or any(part in plain for part in _SECRET_PARTS)


def _plain(name: str) -> str:
    return name.lower().translate(_SEPARATORS)


_SEPARATORS: Final = str.maketrans("", "", "-_. ")

# Each pattern begins at the first character of a token (a look-behind says so) and takes it whole.
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*+(?:-----END [A-Z ]{0,40}-----)?")
_URL_LOGIN = re.compile(r"(?<=://)[^\s/@?#\"'<>]++@")
_SCHEME = re.compile(r"(?i)(?<![A-Za-z])(bearer|basic|digest|token|apikey|negotiate)([ \t]{1,4})([\w.~+/=-]++)")
_JWT = re.compile(r"(?<![\w.-])eyJ[\w-]{4,}+\.[\w-]++(?:\.[\w-]*+)?")
_KNOWN_KEY = re.compile(
    r"(?<![A-Za-z0-9_])(?:(?:sk|pk|rk)_(?:live|test)_|sk-|xox[abeprs]-|xapp-|gh[opsur]_|github_pat_|glpat-|whsec_|"
    r"SG\.|AKIA|ASIA|AIza|ya29\.|npm_|pypi-|dop_v1_|hooks\.slack\.com/services/)[\w./-]{8,}+"
)
_CARD = re.compile(
    r"(?<![\d.])(?<!\d[ -])"
    r"(?:3\d{3}[ -]?\d{6}[ -]?\d{5}|[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,4}(?:[ -]?\d{3})?)(?!\d)"
)
_IDENTIFIER = re.compile(
    r"(?<![\w-])(?=[\d-]*[a-f])(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?![\w-])"
)
"""Of traces, spans, errors; a UUID."""
_EMAIL = re.compile(r"(?<![\w.%+'-])[\w.%+'-]++@((?:[A-Za-z0-9-]++\.)+[A-Za-z]{2,24})(?![\w-])")
_FIELD = re.compile(r"(?<![\w.-])([\w.-]++)(\\?[\"']?[ \t]{0,8}(?:=>|[:=])[ \t]{0,8})")
_VALUE = re.compile(
    r"""\\"(?:[^"\\]|\\[^"])*+(?:\\")?|"(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?|[^\s"'&;,<>{}\[\]()]++""", re.DOTALL
)
_LINE = re.compile(r"[^\r\n]++")
# Receita Federal: 123.456.789-09; 12.345.678/0001-95, with letters too since July 2026.
_BRAZILIAN = re.compile(
    r"(?<![\w.-])(?:\d{3}\.\d{3}\.\d{3}-\d{2}|[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2})(?![\w-])",
    re.ASCII,
)
_CURP = re.compile(r"(?<![A-Za-z0-9])[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d(?![A-Za-z0-9])", re.ASCII)
_PARAMETERS = re.compile(r"\[parameters: [^\n]++")
_ROW = re.compile(r"(DETAIL: {1,4}Failing row contains \()(?:[^)]++|\)(?!\.(?:\n|\Z)))*+(?:\)\.)?+")
_KEY_VALUES = re.compile(
    r"(DETAIL: {1,4}Key \([^)\n]{1,400}\)=)"
    r"\((?:[^)\n]++|\)(?! (?:already exists|conflicts with|is (?:not|still|dup))))*+\)?+"
)
_CARD_MARK = re.compile(r"[2-6]\d{3}[ -]?\d{4}")
_ERROR_NAMES: Final = ("Error", "Exception", "Warning", "Expired", "Invalid")


def redact_text(text: str) -> str:
    """The text with what looks secret or personal replaced by ``***``. Safe to apply twice."""
    if len(text) < _SHORTEST:
        return text
    if "[parameters: " in text or "DETAIL: " in text:
        text = _database_values(text)
    if "@" in text or "eyJ" in text or "PRIVATE KEY" in text:
        text = _marked(text)
    text = _KNOWN_KEY.sub(MASK, text)
    if " " in text or "\t" in text or ":" in text or "=" in text:
        text = _named(text)
    return _numbers(text)


_SHORTEST: Final = len("a@b.co")
# A part of every scheme and of every name of a secret, as `_plain` leaves them.
_NAME_MARK = re.compile(
    r"pass|secret|token|key|credential|auth|session|cookie|signature|webhookurl|connectionstring|pwd|sid|jwt|otp|pin|"
    r"cvv|cvc|dsn|bearer|basic|digest|negotiate"
)


def redact_shapes(text: str) -> str:
    """Only what is a credential by its shape, whatever name stands beside it: for lines of source code."""
    if "@" in text or "eyJ" in text or "PRIVATE KEY" in text:
        text = _marked(text)
    return _KNOWN_KEY.sub(MASK, text)


def _database_values(text: str) -> str:
    """The rows and parameters that SQLAlchemy and PostgreSQL put into the text of an error."""
    text = _PARAMETERS.sub(f"[parameters: {MASK}]", text)
    text = _ROW.sub(rf"\1{MASK}).", text)
    return _KEY_VALUES.sub(rf"\1({MASK})", text)


def _named(text: str) -> str:
    """Credentials that a word before them gives away."""
    plain = text.lower().replace("-", "").replace("_", "").replace(".", "").replace(" ", "")
    if _NAME_MARK.search(plain):
        text = _SCHEME.sub(_scheme, text)
        if ":" in text or "=" in text:
            text = _fields(text)
    return text


def _marked(text: str) -> str:
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _URL_LOGIN.sub(MASK + "@", text)
    text = _JWT.sub(MASK, text)
    return _EMAIL.sub(MASK + r"@\1", text)


def _numbers(text: str) -> str:
    if _CARD_MARK.search(text):
        text = _CARD.sub(_card, text)
    if "-" in text and "." in text:
        text = _BRAZILIAN.sub(_brazilian, text)
    return _CURP.sub(_curp, text) if len(text) >= 18 else text


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be shown: whole values of secret ones masked, the others scrubbed."""
    return {name: MASK if secret_name(name) else redact_text(value) for name, value in headers.items()}


def redact_url(url: str) -> str:
    """A URL as it may be shown: no credentials, secret query values masked, no fragment. Never raises."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return redact_text(url)
    query = "&".join(_parameter(pair) for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, host, redact_text(parts.path), query, ""))


def _parameter(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if value and (secret_name(name) or _plain(name) in _SECRET_IN_URL):
        return f"{name}={MASK}"
    return f"{name}{equals}{redact_text(value)}"


def _scheme(found: re.Match[str]) -> str:
    scheme, gap, credential = found.groups()
    return f"{scheme}{gap}{MASK}" if _random_looking(credential) else found[0]


def _random_looking(word: str) -> bool:
    """Tells a credential from the next word of a sentence, as in "basic information"."""
    letters = word.rstrip(".")
    return len(letters) >= 6 and not (letters.isalpha() and (letters.islower() or letters.istitle()))


def _fields(text: str) -> str:
    """Mask what follows a secret name and ``:`` or ``=``, quoted or not; one pass, left to right."""
    done: list[str] = []
    kept = at = 0
    while field := _FIELD.search(text, at):
        at = field.end()
        if field[1].endswith(_ERROR_NAMES) or not secret_name(field[1]):
            continue  # "InvalidTokenError: Signature has expired" names no secret
        whole_line = _plain(field[1]) in _WHOLE_LINE and text[at : at + 1] not in ('"', "'")
        value = (_LINE if whole_line else _VALUE).match(text, at)
        if value is None:
            continue
        done += text[kept:at], _masked(value[0])
        kept = at = value.end()
    return "".join((*done, text[kept:]))


def _masked(value: str) -> str:
    """The mask, in the quotes that the value had."""
    opening = next((quote for quote in ('\\"', '"', "'") if value.startswith(quote)), "")
    closing = opening if opening and len(value) > len(opening) and value.endswith(opening) else ""
    return f"{opening}{MASK}{closing}"


def _card(found: re.Match[str]) -> str:
    digits = [int(letter) for letter in found[0] if letter.isdigit()]
    if not 13 <= len(digits) <= 19:
        return found[0]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    checks = (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    return MASK if checks and not _in_identifier(found) else found[0]


def _in_identifier(found: re.Match[str]) -> bool:
    """One in some hundred random IDs has a run of digits that checks as a card's number does."""
    around = found.string[max(0, found.start() - 36) : found.end() + 36]
    return any(found[0] in token for token in _IDENTIFIER.findall(around))


def _brazilian(found: re.Match[str]) -> str:
    """CPF and CNPJ: the last two are check digits modulo 11, with weights from the right, 2 to 9 for a CNPJ."""
    values = [ord(letter) - 48 for letter in found[0] if letter.isalnum()]
    company = len(values) == 14
    for at in (len(values) - 2, len(values) - 1):
        weighted = sum(value * (2 + place % (8 if company else 11)) for place, value in enumerate(values[at - 1 :: -1]))
        rest = weighted % 11
        if values[at] != (0 if rest < 2 else 11 - rest):
            return found[0]
    return MASK


_CURP_LETTERS: Final = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"


def _curp(found: re.Match[str]) -> str:
    """The last digit checks the seventeen before it (RENAPO)."""
    total = sum(_CURP_LETTERS.index(letter) * (18 - place) for place, letter in enumerate(found[0][:17]))
    return MASK if (10 - total % 10) % 10 == int(found[0][17]) else found[0]
