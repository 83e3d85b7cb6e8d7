"""The links by which one tap of a text message or an e-mail answers, and the page behind them.

1. A link is for one incident, or one message about many, and one person (or recipient), and for some hours. It is
   signed, not remembered: it holds after every restart, and dies with the instance's secret.
2. Opening it changes nothing, for mail scanners and previewers of messages open every link that they see.
3. Whoever has no valid one learns nothing: what was cut, made up or is of an incident that is not there looks the same.
   Guessing is slowed down for each peer.

The words are alerting/answer_page.py's, in the language of whom the link was sent to.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.alerting.answer_page import answer_page, group_page, no_offer
from saasobs.alerting.directory import Directory
from saasobs.core.answers import NoOffer, Offer, RefusedLink
from saasobs.core.errors import StorageError
from saasobs.core.groups import Group, GroupBriefing, Member
from saasobs.core.incident import Briefing, Change, Event, Incident
from saasobs.core.people import Person
from saasobs.core.ports import Clock, Transaction
from saasobs.core.signing import AnswerToken, answer_token, read_answer_token
from saasobs.core.values import HOUR
from saasobs.daemon.ledger import Ledger

GUESSES: Final = 20
"""So many wrong links a peer may open at once, and then one in GUESS_SECONDS."""
GUESS_SECONDS: Final = 3.0
PEERS: Final = 2_048


class Guessing:
    """Counts wrong links by who opened them: a bucket that fills by time. Pure but for what it keeps."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def may_try(self, peer: str, mono: float) -> bool:
        """Whether another link may be looked at. :param mono: monotonic seconds."""
        return self._tries(peer, mono) >= 1

    def failed(self, peer: str, mono: float) -> None:
        """That was none."""
        self._left[peer] = (self._tries(peer, mono) - 1, mono)
        self._left.move_to_end(peer)
        if len(self._left) > PEERS:
            self._left.popitem(last=False)

    def _tries(self, peer: str, mono: float) -> float:
        left, at = self._left.get(peer, (float(GUESSES), mono))
        return min(float(GUESSES), left + (mono - at) / GUESS_SECONDS)


class AnswerLinks:
    """Makes links, and says what is behind one. Any thread may make them; the event loop's opens them."""

    def __init__(self, clock: Clock, ledger: Ledger, directory: Callable[[], Directory]) -> None:
        self._clock = clock
        self._ledger = ledger
        self._directory = directory
        self._guessing = Guessing()
        self._secret = b""
        self._base_url = ""
        self._lasting = 24 * HOUR

    def configure(self, secret: bytes, base_url: str, *, lasting: int) -> None:
        """:param base_url: where people's telephones reach the ingest listener; empty: nowhere, so there are no links.
        :param lasting: how long a link holds (µs)."""
        self._secret, self._base_url, self._lasting = secret, base_url, lasting

    def url(self, identity: str, who: str) -> str:
        """Where one tap of a person (else: a recipient) answers an incident or a group; empty: nowhere."""
        if not self._base_url or not who:
            return ""
        token = answer_token(self._secret, identity, who, self._clock.now() + self._lasting)
        return f"{self._base_url}/a/{token}" if token else ""

    async def offer(self, token: str, peer: str, language: str) -> Offer | NoOffer:
        """What a link's token leads to.

        :param peer: who opens it, by address.
        :param language: what their browser asks for, until it is known whose link it is.
        """
        if not self._guessing.may_try(peer, self._clock.monotonic()):
            return self.none(RefusedLink.WAIT, language)
        try:
            return await self._open(token, peer, language)
        except StorageError:
            return self.none(RefusedLink.UNAVAILABLE, language)

    def none(self, why: RefusedLink, language: str) -> NoOffer:
        """What is shown in place of an incident."""
        return no_offer(why, language)

    async def _open(self, token: str, peer: str, language: str) -> Offer | NoOffer:
        read = read_answer_token(token)
        found = await self._ledger.read(lambda store: self._find(store, read)) if read else None
        if read is None or found is None:
            self._guessing.failed(peer, self._clock.monotonic())
            return self.none(RefusedLink.INVALID, language)
        matter, who = found
        person, now = self._directory().people.get(who) or Person("", language=language), self._clock.now()
        if read.expires_at <= now:
            return self.none(RefusedLink.EXPIRED, person.language)
        if isinstance(matter, tuple):
            page = answer_page(_briefing(*matter, person, now, who))
        else:
            page = group_page(_group_briefing(matter, person, now, who))
        return Offer(read.identity, who, page)

    def _find(self, transaction: Transaction, read: AnswerToken) -> tuple[_Matter, str] | None:
        """What the link is about, and for whom it was made; None: for nobody whom we would have sent one."""
        incident, group = transaction.incident(read.identity), transaction.group(read.identity)
        told = [notice.person or notice.recipient for notice in transaction.notices(read.identity)]
        known = (*self._directory().people, *told, *([group.recipient] if group else ()))
        # All of them are tried, so that the time does not tell whose it is.
        whose = [who for who in dict.fromkeys(known) if read.is_for(self._secret, who)]
        if not whose:
            return None
        if incident is not None:
            return (incident, transaction.events(incident.id)), whose[0]
        return (_Many(group, transaction.members(group.id)), whose[0]) if group is not None else None


@dataclass(frozen=True, slots=True)
class _Many:
    """The group, and its incidents as they are now."""

    group: Group
    incidents: Sequence[Incident]


_Matter = tuple[Incident, Sequence[Event]] | _Many


def _briefing(incident: Incident, timeline: Sequence[Event], person: Person, now: int, who: str) -> Briefing:
    """As a message to them would tell it at this moment."""
    return Briefing(
        delivery_id="",
        notice_ids=(),
        recipient=who,
        incident=incident,
        changes=(incident.ending or Change.OPENED,),
        timeline=tuple(timeline),
        now=now,
        due_at=now,
        person=person.name,
        language=person.language,
        timezone=person.timezone,
    )


def _group_briefing(many: _Many, person: Person, now: int, who: str) -> GroupBriefing:
    return GroupBriefing(
        group_id=many.group.id,
        delivery_id="",
        notice_ids=(),
        recipient=who,
        kind=many.group.kind,
        members=tuple(Member(incident) for incident in many.incidents),
        now=now,
        due_at=now,
        first=not any(not incident.open for incident in many.incidents),
        person=person.name,
        language=person.language,
        timezone=person.timezone,
    )
