"""A team (`support.team`) whose people answer, by the daemon's own rules, to the minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from saasobs.alerting.directory import Directory
from saasobs.alerting.steps import Policy, Repeat, Step
from saasobs.core.answers import Answer, AnswerKind, Taken, Via
from saasobs.core.incident import Incident
from saasobs.core.people import Contact, Person
from saasobs.core.ports import Transaction
from saasobs.core.values import DAY, MINUTE
from saasobs.daemon.answering import Answers
from support.quiet import AtOnce
from support.team import Team

ANA = Person("ana", phone="+51987654321", email="ana@acme.example", language="es", timezone="America/Lima")
BEN = Person("ben", phone="+5511987654321", email="ben@acme.example", contact=("mail",))
PEOPLE = (ANA, BEN)
CHAT = ("chat", "#alerts")
ANA_SMS, ANA_MAIL = ("sms", ANA.phone), ("mail", ANA.email)
BEN_SMS, BEN_MAIL = ("sms", BEN.phone), ("mail", BEN.email)
LADDER = (
    Step(("chat",), 0, unless_acknowledged=False),
    Step(("ana",), 5 * MINUTE, unless_acknowledged=True, over=("sms",)),
    Step(("ben",), 10 * MINUTE, unless_acknowledged=True),
    Step(("everyone",), 20 * MINUTE, unless_acknowledged=True, over=("sms",)),
)


def directory(*steps: Step, repeat: Repeat | None = None) -> Directory:
    """A chat that listens, text messages and e-mail for two people."""
    return Directory(
        policies={"default": Policy("default", steps or LADDER, repeat=repeat)},
        recipients={"chat": ("#alerts",), "sms": (), "mail": ()},
        max_age=dict.fromkeys(("chat", "sms", "mail"), DAY),
        contacts={"sms": Contact.PHONE, "mail": Contact.EMAIL},
        people={one.name: one for one in PEOPLE},
        listening=frozenset({"chat"}),
    )


class Readable(AtOnce):
    """It can be read from, too."""

    async def read(self, work: Callable[[Transaction], Any]) -> Any:
        with self._store.read() as transaction:
            return work(transaction)


@dataclass
class Counted:
    """What was counted: (kind, via, µs waited)."""

    taken: list[tuple[str, str, int | None]] = field(default_factory=list)

    def answer_taken(self, kind: str, via: str, waited: int | None) -> None:
        self.taken.append((kind, via, waited))


@dataclass
class AnsweringTeam(Team):
    """Says what a person answers."""

    counted: Counted = field(default_factory=Counted)

    def start(self) -> None:
        super().start()
        ledger: Any = Readable(self.store)
        self.answers = Answers(
            self.clock, ledger, lambda: self.pipeline.directory, self.pipeline.owe, lambda: None, self.counted
        )
        with self.store.read() as transaction:
            self.answers.load(transaction)

    kill = start

    def say(self, kind: AnswerKind, identity: str, by: str = "ana", **more: Any) -> Incident:
        return self.say_to(identity, Answer(kind, by, Via.API, **more)).incident

    def say_to(self, identity: str, answer: Answer) -> Taken:
        return asyncio.run(self.answers.answer(identity, answer))

    def acknowledge(self, identity: str, by: str = "ana") -> None:
        self.say(AnswerKind.ACKNOWLEDGE, identity, by)

    def unacknowledge(self, identity: str, by: str = "ana") -> None:
        self.say(AnswerKind.UNACKNOWLEDGE, identity, by)

    def snooze(self, identity: str, lasting: int, by: str = "ana") -> None:
        self.say(AnswerKind.SNOOZE, identity, by, lasting=lasting)

    def work(self) -> None:
        asyncio.run(self.answers.look())
        super().work()

    def _next_due(self) -> int:
        with self.store.read() as transaction:
            snoozes = [one.snoozed_until for one in transaction.incidents(open_only=True) if one.snoozed_until]
        return min([super()._next_due(), *snoozes])
