"""One step under way and what came of it, and how that is told: as an observation, as a redacted exchange. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from saasobs.core.result import Outcome
from saasobs.probes.excerpt import decode
from saasobs.probes.inquiry import Inquiry, Trouble
from saasobs.probes.journey.conversation import Reply
from saasobs.probes.journey.options import Step
from saasobs.probes.journey.variables import Veil
from saasobs.probes.verdict import Unmet, short, verdict

_ORDER: Final = ("dns", "connect", "tls", "first_byte", "transfer")
_BODY: Final = 16 * 1024
"""Bytes of an answer from which an excerpt is made."""


@dataclass(slots=True)
class Passage:
    """One step."""

    step: Step
    inquiry: Inquiry
    cleanup: bool = False
    own_limit: bool = False
    """Whether the step's own time-out ends it, and not the journey's."""
    reply: Reply = field(default_factory=Reply)
    shown: str = ""
    """Its request line, without secrets."""
    unmet: list[Unmet] = field(default_factory=list)
    ours: Trouble | None = None
    """Our own fault: it says nothing about the target."""
    skipped: str = ""
    """Why it did not run."""

    @property
    def title(self) -> str:
        return f'{"clean-up step" if self.cleanup else "step"} "{self.step.name}"'

    @property
    def outcome(self) -> Outcome:
        """Of a step that ran."""
        return Outcome.UNKNOWN if self.ours else verdict(self.unmet)[0]

    @property
    def passed(self) -> bool:
        """Whether the journey may go on."""
        return self.outcome in (Outcome.UP, Outcome.DEGRADED)

    def header(self, name: str) -> str:
        """The first value of a header of the answer (lower-case name)."""
        return next((value for given, value in self.reply.headers if given.lower() == name), "")


def named(passage: Passage, unmet: Unmet) -> Unmet:
    """A failure with its step's name. One of the clean-up degrades, and no more."""
    failure = unmet.failure
    expectation = f"{passage.step.name}: {failure.expectation}"
    failure = replace(failure, expectation=expectation, degraded=failure.degraded or passage.cleanup)
    return Unmet(failure, f"{passage.title}: {unmet.sentence}")


def exchange(passage: Passage, veil: Veil) -> str:
    """The request line, the names of the headers sent, the status, and the beginning of the answer."""
    reply = passage.reply
    lines = [passage.shown or passage.step.method]
    if reply.hops > 1:
        lines.append(f"redirected to {short(veil(reply.url), 160)}")
    if reply.sent:
        lines.append(f"sent: {short(', '.join(reply.sent))}")
    if reply.status:
        body = veil(decode(reply.body[:_BODY], passage.header("content-type")))
        lines += [f"answer: {reply.status}", *([body] if body else [])]
    return "\n".join(lines)


def described(passage: Passage, veil: Veil) -> dict[str, Any]:
    """JSON-ready, for the observations."""
    inquiry, reply = passage.inquiry, passage.reply
    told: dict[str, Any] = {
        "name": passage.step.name,
        "outcome": "skipped" if passage.skipped else passage.outcome.value,
    }
    if passage.cleanup:
        told["cleanup"] = True
    if passage.skipped:
        return told | {"message": passage.skipped}
    told |= {"request": passage.shown, "duration": inquiry.duration()}
    told["phases"] = {name: inquiry.phases[name] for name in _ORDER if name in inquiry.phases}
    if reply.status:
        told["status"] = reply.status
    if reply.hops > 1:
        told |= {"redirects": reply.hops - 1, "url": short(veil(reply.url), 200)}
    if "address" in inquiry.observations:
        told["address"] = inquiry.observations["address"]
    if message := passage.ours.sentence if passage.ours else verdict(passage.unmet)[2]:
        told["message"] = message
    return told
