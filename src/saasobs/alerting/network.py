"""Whether it is our own network that is down: what an anchor's answer proves, and how many must be silent. Pure.

An anchor is something that is up whenever our network is: two or more, far from each other. Any answer at all proves
the network, a refusal as well as a wrong status; only silence speaks against it. We are cut off when at least `quorum`
anchors are silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.core.result import Outcome, Reason, Result

SILENCE: Final = frozenset({
    Reason.DNS_TIMEOUT, Reason.DNS_FAILED, Reason.DNS_NOT_FOUND, Reason.CONNECT_FAILED, Reason.CONNECT_TIMEOUT,
    Reason.TLS_TIMEOUT, Reason.TLS_FAILED, Reason.RESPONSE_TIMEOUT, Reason.TRANSFER_TIMEOUT, Reason.CONNECTION_RESET,
    Reason.EMPTY_RESPONSE, Reason.PROXY_FAILED, Reason.PACKET_LOSS, Reason.HEARTBEAT_MISSING,
    Reason.HEARTBEAT_OVERRAN, Reason.BODY_TRUNCATED,
})  # fmt: skip
"""What a target looks like from a place that is cut off. A status, a refusal or a wrong value come from the target."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where to look: ``host:port`` addresses and names of monitors."""

    addresses: tuple[tuple[str, int], ...]
    monitors: tuple[str, ...]
    quorum: int
    interval: int
    """From one look to the next while all is well, µs."""
    policy: str

    @property
    def names(self) -> tuple[str, ...]:
        return (*(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.addresses),
                *self.monitors)  # fmt: skip


def default_quorum(anchors: int) -> int:
    """A majority, and never fewer than two: one silent anchor proves nothing."""
    return max(2, anchors // 2 + 1)


def could_be_us(result: Result) -> bool:
    """Whether a failure may be our own network's.

    So may a login that never came to the target, for want of a token: its own server may have been out of reach.
    """
    without_token = result.reason is Reason.AUTHENTICATION_FAILED and tuple(result.phases) == ("token",)
    return result.outcome is Outcome.DOWN and (result.reason in SILENCE or without_token)


def answered(result: Result) -> bool:
    """Whether a monitor that is an anchor has proved the network."""
    return result.conclusive and not could_be_us(result)


def is_cut_off(answers: Mapping[str, bool], quorum: int) -> bool:
    return sum(not answer for answer in answers.values()) >= quorum


def sentence(silent: Sequence[str], of: int) -> str:
    """What is said of it."""
    listed = ", ".join(silent)
    return f"our own network is down: {len(silent)} of {of} anchors do not answer ({listed}); nothing is judged by it"
