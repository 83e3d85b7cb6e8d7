"""Replies of three digits and text, possibly over several lines: SMTP (RFC 5321, 4.2) and FTP (RFC 959, 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from saasobs.core.result import Reason
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import short

MOST_LINES: Final = 100
"""Lines of one reply."""
_LINE: Final = 2048
"""Bytes of one line; RFC 5321 allows 512."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered to one command."""

    code: int
    lines: tuple[str, ...]
    """The texts without the code."""

    def __str__(self) -> str:
        """For people: ``550 no such user``, bounded and redacted."""
        return short(f"{self.code} {' '.join(self.lines)}".strip())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


async def read_reply(stream: Stream) -> Reply:
    """The next reply, whole. :raises Trouble: it is none, or has no end."""
    first = await stream.line(_LINE)
    code = first[:3]
    if len(code) != 3 or not code.isdigit() or first[3:4] not in (b"", b" ", b"-"):
        raise Trouble(Reason.PROTOCOL_ERROR, f'no reply code but "{short(_text(first))}"')
    lines = [_text(first[4:])]
    if first[3:4] != b"-":
        return Reply(int(code), tuple(lines))
    while len(lines) < MOST_LINES:
        line = await stream.line(_LINE)
        ours = line[:3] == code
        lines.append(_text(line[4:] if ours else line))
        if ours and line[3:4] in (b"", b" "):
            return Reply(int(code), tuple(lines))
    raise Trouble(Reason.PROTOCOL_ERROR, f"a reply of more than {MOST_LINES} lines")


async def command(stream: Stream, line: str) -> Reply:
    """Send one command and read its reply. :raises Trouble:"""
    await stream.send(line.encode() + b"\r\n")
    return await read_reply(stream)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()
