"""What a person may write for a monitor of kind icmp. The docstrings are the documentation."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from saasobs.core.values import MILLISECOND, SECOND
from saasobs.options import PositiveDuration
from saasobs.probes.net.options import Host, NetworkOptions
from saasobs.probes.verdict import Timed

Percent = Annotated[float, Field(ge=0, le=100)]


class IcmpExpect(Timed):
    """How many packets must come back, and how soon. degraded_over and down_over are for the average round trip."""

    loss_degraded: Percent = 50
    """Degraded when at least so many percent of the packets are lost; 0 switches it off."""
    loss_down: Percent = 100
    """Down when at least so many percent are lost; 0 switches it off, but a host that answers none is always down."""
    slowest_degraded_over: PositiveDuration | None = None
    """Degraded when the slowest round trip took longer."""
    slowest_down_over: PositiveDuration | None = None
    """Down when the slowest round trip took longer."""

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.loss_down and self.loss_degraded > self.loss_down:
            raise ValueError("loss_degraded must not be more than loss_down")
        least, most = self.slowest_degraded_over, self.slowest_down_over
        if least is not None and most is not None and least >= most:
            raise ValueError("slowest_degraded_over must be shorter than slowest_down_over")
        return self


class IcmpOptions(NetworkOptions):
    """Sends echo requests (ping) and judges the loss and the round-trip times; it touches no port."""

    example: ClassVar[str] = """\
name: office-gateway
kind: icmp
host: gateway.acme.example
packets: 5
expect: {loss_degraded: 20, loss_down: 60, degraded_over: 150ms}
"""

    host_: Annotated[Host, Field(alias="host")]
    """The host to ping."""
    packets: Annotated[int, Field(ge=1, le=100)] = 3
    """How many echo requests to send."""
    spacing: PositiveDuration = 200 * MILLISECOND
    """The time between two of them; shortened when the monitor's timeout leaves too little room for all."""
    size: Annotated[int, Field(ge=16, le=8192)] = 56
    """Bytes of data in each packet; larger ones than the path's MTU travel in fragments."""
    reply_timeout: PositiveDuration = 2 * SECOND
    """A packet that is not answered within this time is lost."""
    expect: IcmpExpect = IcmpExpect()
    """How many packets must come back, and how soon."""

    def target(self) -> str:
        return self.host_

    def host(self) -> str:
        return self.host_
