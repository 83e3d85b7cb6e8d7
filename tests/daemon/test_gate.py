"""The gate: how many at once."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from saasobs.daemon.gate import Gate


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), st.booleans())), st.integers(1, 4), st.integers(1, 3))
def test_limits_hold_and_everything_runs(steps: list[tuple[str, bool]], limit: int, per_host: int) -> None:
    """Whatever comes and goes, no limit is passed, nothing is started twice, and in the end everything ran."""
    gate = Gate(limit, per_host)
    running: list[str] = []
    started = 0

    def start(host: str) -> None:
        nonlocal started
        started += 1
        running.append(host)
        assert len(running) <= limit
        assert all(count <= per_host for name, count in Counter(running).items() if name)

    for host, finish in steps:
        gate.submit(host, lambda host=host: start(host))  # type: ignore[misc]
        if finish and running:
            gate.done(running.pop(0))
    while running:
        gate.done(running.pop(0))
    assert started == len(steps)
    assert gate.running == gate.queued == 0


def test_a_slow_host_does_not_hold_up_another() -> None:
    """Checks of a host that is full wait aside; the next host's go past them."""
    gate = Gate(limit=10, per_host=1)
    order: list[str] = []
    for name in ("slow-1", "slow-2", "quick"):
        gate.submit(name[:4], lambda name=name: order.append(name))  # type: ignore[misc]
    assert order == ["slow-1", "quick"]
    gate.done("slow")
    assert order == ["slow-1", "quick", "slow-2"]
