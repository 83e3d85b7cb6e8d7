"""A statement without what varies: the same question with other values has the same fingerprint.

Pure, and linear in the length of the text whatever is in it: every alternative of the tokenizer takes what it began,
to the end of the text if nothing closes it, and never looks at a character twice.

1. Comments go (sqlcommenter puts trace IDs into them), white space becomes one space, keywords are upper case.
2. Literals and placeholders (`%s`, `%(name)s`, `$1`, `:name`, `@name`, `?`) become `?`, with their casts.
3. Lists of them become one (`IN (?, ?, ?)`, `VALUES (?, ?), (?, ?)`), so that their length says nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

READ_LIMIT: Final = 4096
"""Characters of a statement that are looked at: what follows says little, and literals may be megabytes."""
LENGTH_LIMIT: Final = 1000
"""Characters of a fingerprint."""

# Written in upper case; an opening parenthesis after one is no call, a minus after one belongs to the number.
_KEYWORDS: Final = frozenset(
    "ALL AND ANY AS ASC BEGIN BETWEEN BY CASE COMMIT"  # noqa: SIM905 - it reads better
    " CONFLICT CREATE CROSS DEFAULT DELETE DESC DISTINCT DO DROP ELSE"
    " END EXCEPT EXISTS FETCH FOR FROM FULL GROUP HAVING ILIKE IN INNER INSERT INTERSECT INTO IS JOIN KEY LATERAL LEFT"
    " LIKE LIMIT LOCK LOCKED NOT NOTHING NULL OFFSET ON ONLY OR ORDER OUTER OVER PARTITION RELEASE RETURNING RIGHT"
    " ROLLBACK ROWS SAVEPOINT SELECT SET SHARE SKIP TABLE THEN UNION UPDATE USING VALUES WHEN WHERE WITH".split()
)
_DOLLARS = r"\$(?P<tag>(?:[^\W\d]\w{0,62})?)\$(?:.*?\$(?P=tag)\$|.*)"
_ESCAPED = r"E'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z)"
_PLAIN = r"(?:[NBX]|U&)?'(?:[^']|'')*+(?:'|\Z)"
_CAST = (
    r"::\s*+[\w.\"]++(?:\s++(?:with(?:out)?\s++time\s++zone|precision|varying))?+"
    r"(?:\s*+\([\d,\s]*+\))?+(?:\s*+\[\d*+\])*+"
)
_COMMON = (
    r"(?P<parameter>%[sbt]\b|%\(\w*+\)\w|\$\w++|\?\d*+|[:@]\w++)"
    r"|(?P<number>\.?\d[\w.]*+(?:(?<=[eE])[+-]\d+)?)"
    r"|(?P<word>[^\W\d][\w$]*+)"
    r"|(?P<quoted>\"(?:[^\"]|\"\")*+(?P<end>\"|\Z)|`[^`]*+`|\[[^\W\d]\w*+\])"
    r"|(?P<space>\s++)"
    r"|(?P<sign>->>|->|\#>>|\#>|<=>|<>|<=|>=|!=|\|\||&&|@>|<@|:=|!~\*|~\*|!~|=>|.)"
)
_STANDARD = re.compile(
    r"(?P<comment>--[^\n]*|/\*(?:.*?\*/|.*))"
    + rf"|(?P<value>{_DOLLARS}|{_ESCAPED}|{_PLAIN})|(?P<cast>{_CAST})|{_COMMON}",
    re.DOTALL | re.IGNORECASE,
)
# MySQL and MariaDB: a backslash escapes, double quotes hold text, # begins a comment.
_BACKSLASHES = re.compile(
    r"(?P<comment>(?:--(?=\s|\Z)|\#)[^\n]*|/\*(?:.*?\*/|.*))"
    r"|(?P<value>[NBX]?(?:'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z)|\"(?:[^\"\\]|\\.|\"\")*+(?:\"|\\?\Z)))"
    rf"|{_COMMON}",
    re.DOTALL | re.IGNORECASE,
)
_BACKSLASH_SYSTEMS: Final = frozenset({"mysql", "mariadb"})
_LIST = re.compile(r"\?(?:, \?)++")
_ROWS = re.compile(r"(\([^()]*+\))(?:, \1)++")
_NO_SPACE_AFTER: Final = frozenset("([.")
_NO_SPACE_BEFORE: Final = frozenset(")].,;")
_SIGNS_BEFORE_A_NUMBER: Final = frozenset("(,=<>+-*/%") | {"<=", ">=", "<>", "!="}


@lru_cache(maxsize=1024)
def fingerprint(statement: str, system: str = "") -> str:
    """What stays of a statement when its values go; at most LENGTH_LIMIT characters. Linear, never raises.

    :param system: `mysql` and `mariadb` quote in another way.
    """
    pattern = _BACKSLASHES if system in _BACKSLASH_SYSTEMS else _STANDARD
    text = _ROWS.sub(r"\1", _LIST.sub("?", _spaced(_tokens(statement[:READ_LIMIT], pattern))))
    return text if len(text) <= LENGTH_LIMIT else text[: LENGTH_LIMIT - 1] + "…"


# Comments, text, placeholders with their casts, numbers, and all that stands between the items of a list.
_VALUES = re.compile(
    r"/\*(?:.*?\*/|.*)|--[^\n]*+|E?'[^']*+'?|%\(\w*+\)s|%s|:++\w++|-?\b\d\w*+(?:\.\w++)*+(?:(?<=e)-\d++)?|[\s?$(),;]++",
    re.DOTALL | re.IGNORECASE,
)
_VALUES_IN_QUOTES = re.compile(_VALUES.pattern + r'|"[^"]*+"?', _VALUES.flags)


def skeleton(statement: str, system: str = "") -> str:
    """What tells a statement from others at a tenth of a fingerprint's cost; unreadable.

    Statements that have one fingerprint have one skeleton, but for odd literals. Linear, never raises, never empty.
    """
    pattern = _VALUES_IN_QUOTES if system in _BACKSLASH_SYSTEMS else _VALUES
    return pattern.sub("", statement).upper() or "?"


def _tokens(text: str, pattern: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    for match in pattern.finditer(text):
        kind = match.lastgroup
        if kind in ("value", "parameter", "number"):
            _append_value(found)
        elif kind == "word":
            word = match.group()
            upper = word.upper()
            found.append(upper if upper in _KEYWORDS else word)
        elif kind == "quoted":
            found.append("?" if match["end"] == "" else match.group())
        elif kind == "sign":
            found.append(match.group())
        elif kind == "cast" and found and found[-1] != "?":
            found[-1] += "".join(match.group().split())
    return found


def _append_value(found: list[str]) -> None:
    """A value, without the minus that is its own: `= -5` is `= ?`, `a - 5` stays `a - ?`."""
    if found and found[-1] in ("-", "+"):
        before = found[-2] if len(found) > 1 else "("
        if before in _KEYWORDS or before in _SIGNS_BEFORE_A_NUMBER:
            found.pop()
    found.append("?")


def _spaced(tokens: list[str]) -> str:
    """The tokens as one would write them: `count(*)`, `IN (?)`, `a.b = ?`."""
    written: list[str] = []
    before = "("
    for token in tokens:
        called = token in ("(", "[") and before not in _KEYWORDS and (before[-1].isalnum() or before[-1] in '_"`')
        if before not in _NO_SPACE_AFTER and token not in _NO_SPACE_BEFORE and not called:
            written.append(" ")
        written.append(token)
        before = token
    return "".join(written).rstrip("; ")


_WORTHLESS: Final = frozenset("BEGIN START COMMIT END ROLLBACK SAVEPOINT RELEASE ABORT DISCARD".split())  # noqa: SIM905
_PINGS: Final = frozenset(
    {
        "", ";", "SELECT 1", "SELECT ?", "SELECT 1 FROM DUAL", "SELECT VERSION()", "SELECT @@VERSION",
        # What SQLAlchemy asks each new engine:
        "SELECT PG_CATALOG.VERSION()", "SELECT CURRENT_SCHEMA()", "SHOW STANDARD_CONFORMING_STRINGS",
        "SHOW TRANSACTION ISOLATION LEVEL", "PRAGMA READ_UNCOMMITTED",
    }
)  # fmt: skip
_RESET: Final = "SELECT PG_ADVISORY_UNLOCK_ALL()"  # what asyncpg's pool asks of each connection that comes back
_COMMENTS = re.compile(r"/\*(?:.*?\*/|.*)|--[^\n]*", re.DOTALL)


def is_question(statement: str) -> bool:
    """Whether it asks the database something: transactions, savepoints and pings (`SELECT 1`) do not count. Pure."""
    text = statement[:READ_LIMIT]
    if "/*" in text or "--" in text:
        text = _COMMENTS.sub(" ", text)
    text = text.strip(" \t\r\n;")
    head = text[:40].upper()
    first = head.partition(" ")[0]
    if len(text) > 40:
        return first not in _WORTHLESS and not head.startswith(_RESET)
    return first not in _WORTHLESS and " ".join(head.split()) not in _PINGS
