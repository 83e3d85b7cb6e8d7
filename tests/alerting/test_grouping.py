"""Who shares a message when everything fails at once, and when it goes out."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.grouping import BREATH, News, Rule, Told, alone, counted_in, send_at
from saasobs.core.groups import GroupKind, Recent, Untold
from saasobs.core.incident import Change
from saasobs.core.values import SECOND

RULE = Rule(over=5, window=30 * SECOND)
OPENED, RECOVERED = (Change.OPENED,), (Change.RECOVERED,)


def failing(number: int, *, critical: bool = True, home: str = "", assigned: bool = False) -> News:
    return News(f"i{number}", OPENED, critical, home, assigned=assigned)


def ending(number: int, home: str = "") -> News:
    return News(f"i{number}", RECOVERED, True, home)


def recently(*numbers: int, critical: bool = True, group: GroupKind | None = None) -> list[Recent]:
    return [Recent(f"i{number}", Change.OPENED, critical, group) for number in numbers]


def test_five_are_told_alone_and_six_together() -> None:
    """The limit is what still has messages of its own."""
    assert alone([failing(n) for n in range(5)], (), RULE) == {f"i{n}" for n in range(5)}
    assert alone([failing(n) for n in range(6)], (), RULE) == set()


def test_what_was_told_lately_counts() -> None:
    """Once each, however often and in whatever message."""
    assert alone([failing(9)], recently(1, 2, 3, 4), RULE) == {"i9"}
    assert alone([failing(9)], recently(1, 2, 3, 4, 4, 4, 9), RULE) == {"i9"}
    assert alone([failing(9)], recently(1, 2, 3, 4, 5), RULE) == set()
    assert alone([failing(9)], recently(*range(50), group=GroupKind.FAILURES), RULE) == set()


def test_warnings_do_not_count_against_a_critical_one() -> None:
    """But critical ones count against a warning."""
    warnings = recently(*range(50), critical=False, group=GroupKind.FAILURES)
    assert alone([failing(90), failing(91, critical=False)], warnings, RULE) == {"i90"}
    assert alone([failing(90, critical=False)], recently(*range(5)), RULE) == set()


def test_failures_and_ends_are_counted_apart() -> None:
    """Five recoveries after fifty failures are five messages."""
    assert len(alone([ending(n) for n in range(5)], recently(*range(50)), RULE)) == 5


def test_an_incident_stays_with_its_group() -> None:
    """Its end is told there and is no message more; only a critical failure may leave it."""
    at_home = [ending(n, home="g") for n in range(50)]
    assert alone([*at_home, ending(90)], (), RULE) == {"i90"}
    assert alone([failing(1, critical=False, home="g")], (), RULE) == set()
    assert alone([failing(1, home="g")], (), RULE) == {"i1"}
    assert alone([failing(1, home="g", assigned=True)], (), RULE) == set()


def test_zero_is_never() -> None:
    """Nobody is put into a group; who is in one stays there."""
    never = Rule(0, RULE.window)
    assert len(alone([failing(n) for n in range(500)], (), never)) == 500
    assert alone([ending(1, home="g")], (), never) == set()


def test_a_group_takes_in_what_it_was_counted_with() -> None:
    """A pile of warnings takes in no critical one that had its own message."""
    before = [*recently(1), *recently(2, critical=False), *recently(3, group=GroupKind.FAILURES)]
    assert counted_in([failing(9)], before) == {"i1", "i2"}
    assert counted_in([failing(9, critical=False)], before) == {"i2"}
    assert counted_in([], before) == set()


@pytest.mark.parametrize(
    ("edits", "told", "at"),
    [
        (True, 0, 100),
        (True, 100, 103),
        (True, 50, 100),
        (False, 0, 113),
        (False, 90, 120),
        (False, 1_000_000, 113),
    ],
    ids=["at once", "a breath after", "long after", "when it settled", "a window after", "told by a clock set back"],
)
def test_when_a_group_is_told(edits: bool, told: int, at: int) -> None:
    """Each case in seconds: news that are due from 100 to 110, looked at at 110."""
    untold = Untold(100 * SECOND, 110 * SECOND)
    moment = send_at(untold, Told(told * SECOND, 0), RULE, edits=edits, now=110 * SECOND)
    assert moment == at * SECOND


def test_what_is_critical_waits_for_critical_only() -> None:
    """Warnings told a second ago hold it up no longer than it takes to settle."""
    untold = Untold(100 * SECOND, 110 * SECOND, 110 * SECOND, 110 * SECOND)
    assert send_at(untold, Told(109 * SECOND, 0), RULE, edits=False, now=110 * SECOND) == 110 * SECOND + BREATH


# Any storm at all -------------------------------------------------------------------------------------------------


@dataclass
class Storm:
    """One recipient's channel in the simplest words: claims at every arrival and whenever something was put off to."""

    edits: bool
    now: int = 0
    messages: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    grouped: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    _told: list[tuple[int, Recent]] = field(default_factory=list)
    _held: dict[str, tuple[int, bool]] = field(default_factory=dict)
    _joined_at: int = -(10**12)
    _told_at: Told = field(default_factory=lambda: Told(0, 0))

    def run(self, arrivals: list[tuple[int, bool]]) -> None:
        coming = sorted((at, number, critical) for number, (at, critical) in enumerate(arrivals))
        while coming or self._held:
            wake = self._due() if self._held else None
            if coming and (wake is None or coming[0][0] <= wake):
                self.now = coming[0][0]
                due = [one for one in coming if one[0] == self.now]
                coming = coming[len(due) :]
                self._claim([(f"i{number}", critical) for _, number, critical in due])
            else:
                assert wake is not None
                self.now = max(wake, self.now)
                self._send()

    def _claim(self, due: list[tuple[str, bool]]) -> None:
        recent = [one for at, one in self._told if at > self.now - RULE.window]
        recent += [
            Recent(one, Change.OPENED, critical, GroupKind.FAILURES) for one, (_, critical) in self._held.items()
        ]
        apart = alone([News(one, OPENED, critical) for one, critical in due], recent, RULE)
        for one, critical in due:
            if one in apart:
                self.messages.append((self.now, (one,)))
                self._told.append((self.now, Recent(one, Change.OPENED, critical)))
            else:
                if self._joined_at <= self.now - RULE.window:
                    self._told_at = Told(0, 0)  # another group
                self._joined_at = self.now
                self._held[one] = (self.now, critical)
        if self._held and self._due() <= self.now:
            self._send()

    def _due(self) -> int:
        every = [at for at, _ in self._held.values()]
        grave = [at for at, critical in self._held.values() if critical]
        untold = Untold(min(every), max(every), min(grave, default=0), max(grave, default=0))
        return send_at(untold, self._told_at, RULE, edits=self.edits, now=self.now)

    def _send(self) -> None:
        critical = any(critical for _, critical in self._held.values())
        self.grouped.append((self.now, tuple(self._held)))
        for one, (_, grave) in self._held.items():
            self._told.append((self.now, Recent(one, Change.OPENED, grave, GroupKind.FAILURES)))
        self._told_at = Told(self.now, self.now if critical else self._told_at.critical_at)
        self._held.clear()


gaps = st.integers(0, 12) | st.integers(0, 2_000).map(lambda number: number / 1_000)
arrivals = st.lists(st.tuples(gaps, st.booleans()), min_size=1, max_size=60)


def moments(drawn: list[tuple[float, bool]]) -> list[tuple[int, bool]]:
    at, made = 1_000 * SECOND, []
    for gap, critical in drawn:
        at += int(gap * SECOND)
        made.append((at, critical))
    return made


def most_in_a_window(at: list[int]) -> int:
    return max((sum(begin <= one < begin + RULE.window for one in at) for begin in at), default=0)


@given(arrivals, st.booleans())
def test_any_storm_is_told_whole_and_briefly(drawn: list[tuple[float, bool]], edits: bool) -> None:
    """Each is told exactly once, within a window; few messages ever come, and the first ones at once."""
    came = moments(drawn)
    storm = Storm(edits)
    storm.run(came)
    told = {one: at for at, ones in (*storm.messages, *storm.grouped) for one in ones}
    assert sorted(one for _, ones in (*storm.messages, *storm.grouped) for one in ones) == sorted(told)
    assert len(told) == len(came)
    patience = BREATH if edits else RULE.window
    assert all(0 <= told[f"i{number}"] - at <= patience for number, (at, _) in enumerate(came))
    # Of warnings and of critical ones.
    assert most_in_a_window([at for at, _ in storm.messages]) <= 2 * RULE.over
    pace = BREATH if edits else RULE.window
    assert most_in_a_window([at for at, _ in storm.grouped]) <= 2 * (RULE.window // pace) + 2


@given(st.lists(gaps, min_size=1, max_size=60))
def test_no_more_messages_than_promised(drawn: list[float]) -> None:
    """Where nothing can be edited: in any window at most `group_over`, one for the storm, and one that follows up."""
    came = moments([(gap, True) for gap in drawn])
    storm = Storm(edits=False)
    storm.run(came)
    assert most_in_a_window([at for at, _ in storm.messages]) <= RULE.over
    assert most_in_a_window([at for at, _ in storm.grouped]) <= 2
    first = [at for at, _ in came if sum(one <= at for one, _ in came) <= RULE.over]
    assert first == [at for at, _ in storm.messages][: len(first)]
