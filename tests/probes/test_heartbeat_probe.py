"""The heartbeat kind as the daemon meets it: states in, results out, no network, and when to look again."""

from __future__ import annotations

from saasobs.core.heartbeat import HeartbeatState
from saasobs.core.result import Outcome, Reason
from saasobs.core.values import MINUTE
from saasobs.probes import KINDS, Tools
from saasobs.probes.heartbeat import HeartbeatProbe
from support.probing import Others, Pings, SetClock, check, monitor

NOW = 1_800_000_000_000_000
JOB = monitor("heartbeat", period="10m", grace="2m")


def known(**moments: object) -> Pings:
    return Pings({JOB.name: HeartbeatState(JOB.name, NOW, **moments)})  # type: ignore[arg-type]


async def look(pings: Pings, at: int) -> tuple[Outcome, Reason | None, str, str]:
    result = await HeartbeatProbe(Tools(SetClock(at), pings, Others())).check(JOB, check())
    return result.outcome, result.reason, result.message, result.excerpt


async def test_a_beating_heart_is_up() -> None:
    """A ping in time needs no words."""
    assert await look(known(last_success=NOW), NOW + MINUTE) == (Outcome.UP, None, "", "")


async def test_a_failure_brings_what_the_job_said() -> None:
    """The body of a failing ping is the excerpt, redacted."""
    outcome, reason, message, said = await look(known(last_fail=NOW, last_body="boom\npassword=abc"), NOW + 1)
    assert (outcome, reason, said) == (Outcome.DOWN, Reason.HEARTBEAT_FAILED, "boom\npassword=***")
    assert message.startswith("the job reported a failure at 2027-01-15T08:00:00.000Z: boom")


async def test_a_missing_ping_is_down() -> None:
    """Silence past the deadline is the failure."""
    outcome, reason, _, said = await look(known(last_success=NOW), NOW + 12 * MINUTE)
    assert (outcome, reason, said) == (Outcome.DOWN, Reason.HEARTBEAT_MISSING, "")


async def test_a_monitor_that_nothing_is_known_of_waits() -> None:
    """Before the daemon has written it down, the verdict is unknown."""
    assert (await look(Pings(), NOW))[:3] == (Outcome.UNKNOWN, None, "waiting for the first ping")


async def test_a_mistake_of_ours_is_unknown() -> None:
    """An exception inside the rules says nothing about the job."""

    class Broken(Pings):
        def absences(self) -> list[tuple[int, int]]:
            raise RuntimeError("ours")

    outcome, reason, message, _ = await look(Broken(known().states), NOW)
    assert (outcome, reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
    assert message == "the check failed inside this daemon: RuntimeError"


def test_the_daemon_knows_when_to_look_again() -> None:
    """The table's `next_deadline` is the moment at which silence becomes a failure."""
    wake = KINDS["heartbeat"].next_deadline
    assert wake is not None
    assert wake(JOB, known(last_success=NOW), NOW) == NOW + 12 * MINUTE
    assert wake(JOB, Pings(), NOW) is None
    assert KINDS["http"].next_deadline is None


def test_heartbeats_alert_on_the_first_failure() -> None:
    """Silence has already been waited for: no second result is needed to confirm it."""
    assert KINDS["heartbeat"].options.thresholds == {"fail_after": 1, "recover_after": 1}
