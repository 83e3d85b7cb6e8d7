"""A journey under way: step after step, each judged as the http kind judges; then the clean-up, whatever has happened.

1. The steps share four fifths of the time when there is a clean-up to be made, and all of it when there is none.
2. A step that fails ends the journey; one that is merely slow, or whose certificate expires soon, does not.
3. The clean-up has what is left of the time. Its failures degrade; they never speak in place of the first failure.
4. When the check is cancelled (this daemon stops), the clean-up still has a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from saasobs.core.redact import redact_text, secret_name
from saasobs.core.result import Failure, Outcome, Reason
from saasobs.core.values import SECOND, format_duration
from saasobs.probes.budget import TookTooLong, within_budget
from saasobs.probes.http.expect import Answer, judge_content, judge_plain
from saasobs.probes.http.request import trace_id
from saasobs.probes.inquiry import TIMEOUTS, Inquiry, Trouble
from saasobs.probes.journey.conversation import Conversation, Sender
from saasobs.probes.journey.line import Dialer
from saasobs.probes.journey.options import JourneyOptions, Step
from saasobs.probes.journey.passage import Passage, described, exchange, named
from saasobs.probes.journey.sending import prepare
from saasobs.probes.journey.variables import Variables, Veil, expectation, extracted
from saasobs.probes.kind import Tools
from saasobs.probes.net.contact import Contact
from saasobs.probes.verdict import Unmet, judge_time

RESERVE: Final = 0.2
"""The share of the time that is kept for the clean-up."""
LAST_MOMENT: Final = 2.0
"""Seconds for the clean-up of a check that is cancelled."""
_MARGIN: Final = 0.02
"""Seconds before the deadline of the check by which a journey ends itself, so that it can say how far it got."""
_KEPT: Final = 500


class Course:
    """One journey."""

    def __init__(self, inquiry: Inquiry, tools: Tools, contact: Contact) -> None:
        self._inquiry = inquiry
        self._clock = tools.clock
        self._options: JourneyOptions = inquiry.monitor.options
        self._variables = Variables((name, value.reveal()) for name, value in self._options.variables.items())
        self._veil = Veil(_written_secrets(self._options))
        correlation = inquiry.check.correlation_id if self._options.correlate else ""
        self._trace = trace_id(correlation) if correlation else ""
        sender = Sender(tools.user_agent, correlation, self._trace, self._options.max_redirects, self._options.max_body)
        self._conversation = Conversation(Dialer(contact, self._options, inquiry), sender)
        self._passages: list[Passage] = []
        self._ends = inquiry.deadline - _MARGIN
        whole = inquiry.monitor.timeout / SECOND
        self._share = whole * (1 - RESERVE) if self._options.cleanup else whole - _MARGIN
        """Seconds for the steps."""

    async def run(self) -> None:
        """All of it. :raises Trouble: our own fault kept a step from being judged."""
        loop = asyncio.get_running_loop()
        try:
            try:
                await self._walk(self._options.steps, min(loop.time() + self._share, self._ends))
            except asyncio.CancelledError:
                await self._clean_up(min(self._ends, loop.time() + LAST_MOMENT))
                raise
            if all(one.passed for one in self._passages):
                self._inquiry.unmet += judge_time(self._options.expect, self._inquiry.duration())
            await self._clean_up(self._ends)
        finally:
            await self._conversation.close()
            self._report()
        if ours := next((one.ours for one in self._passages if one.ours and not one.cleanup), None):
            raise ours

    async def _walk(self, steps: Sequence[Step], deadline: float) -> None:
        stopped = ""
        for step in steps:
            passage = self._begin(step, deadline)
            if stopped:
                passage.skipped = f'the step "{stopped}" failed'
                continue
            await self._pass(passage)
            if not passage.passed:
                stopped = step.name

    async def _clean_up(self, deadline: float) -> None:
        for step in self._options.cleanup:
            passage = self._begin(step, deadline, cleanup=True)
            if lacking := sorted(step.needs - self._variables.values.keys()):
                passage.skipped = f"the journey did not get to the variable {', '.join(lacking)}"
            else:
                await self._pass(passage)

    def _begin(self, step: Step, deadline: float, *, cleanup: bool = False) -> Passage:
        now = asyncio.get_running_loop().time()
        own = deadline if step.timeout is None else now + step.timeout / SECOND
        inquiry = Inquiry(self._inquiry.monitor, self._inquiry.check, min(own, deadline))
        passage = Passage(step, inquiry, cleanup, own < deadline)
        self._passages.append(passage)
        return passage

    async def _pass(self, passage: Passage) -> None:
        """One step; nothing is raised but cancellation."""
        try:
            async with asyncio.timeout_at(passage.inquiry.deadline):
                await self._ask(passage)
            passage.unmet += self._judged(passage)
        except Trouble as trouble:
            self._blame(passage, trouble)
        except TimeoutError:
            self._blame(passage, self._out_of_time(passage))
        except TookTooLong:
            self._blame(
                passage, Trouble(Reason.INTERNAL, f"{passage.title}: its patterns take too long on this answer")
            )
        self._settle(passage)

    async def _ask(self, passage: Passage) -> None:
        request, passage.shown = prepare(self._options, passage.step, self._variables)
        follow = passage.step.follow_redirects
        await self._conversation.ask(request, passage.inquiry, passage.reply, follow_redirects=follow)

    def _judged(self, passage: Passage) -> list[Unmet]:
        step, reply = passage.step, passage.reply
        expect = expectation(step, self._variables.values)
        login = any(name.lower() == "authorization" for name in reply.sent)
        took = passage.inquiry.duration()
        answer = Answer(reply.status, reply.headers, reply.body, took, reply.chain, logged_in=login)
        unmet = judge_plain(expect, answer, self._clock.now())
        unmet += within_budget(judge_content, expect, answer)
        if all(one.failure.degraded for one in unmet):
            found, lacking = within_budget(extracted, step.extract, answer)
            unmet += lacking
            for variable in found:
                self._variables.keep(variable)
                if variable.secret:
                    self._veil.hide(variable.text)
        return unmet

    def _blame(self, passage: Passage, trouble: Trouble) -> None:
        if trouble.reason in Trouble.OURS:
            passage.ours = trouble
            return
        failure = Failure("request", "an answer", trouble.sentence, trouble.reason)
        passage.unmet.append(Unmet(failure, trouble.sentence))

    def _out_of_time(self, passage: Passage) -> Trouble:
        inquiry = passage.inquiry
        reason = TIMEOUTS.get(inquiry.current, Reason.RESPONSE_TIMEOUT)
        all_had = round(self._share * SECOND)
        shared = "" if passage.own_limit or passage.cleanup else f"; all steps have {format_duration(all_had)}"
        return Trouble(reason, f"{inquiry.place}, {format_duration(inquiry.duration())}{shared}")

    def _settle(self, passage: Passage) -> None:
        """Hand a step's failures over to the check, in its words and without secrets."""
        for value in self._conversation.cookie_values():
            self._veil.hide(value)
        self._inquiry.phases[passage.step.name] = passage.inquiry.duration()
        passage.unmet = [named(passage, self._veil.over(one)) for one in passage.unmet]
        self._inquiry.unmet += passage.unmet
        if passage.unmet and not (self._inquiry.said and passage.outcome is Outcome.DEGRADED):
            self._inquiry.said = exchange(passage, self._veil)
            self._inquiry.observations["failed_step"] = passage.step.name
        self._note_certificate(passage.inquiry.observations.get("certificate"), refused=not passage.passed)

    def _note_certificate(self, certificate: Any, *, refused: bool) -> None:
        """The one that was refused, else the one that expires first."""
        kept = self._inquiry.observations.get("certificate")
        if certificate and (refused or not kept or certificate["not_after_us"] < kept["not_after_us"]):
            self._inquiry.observations["certificate"] = certificate

    def _report(self) -> None:
        seen = self._inquiry.observations
        seen["steps"] = [described(passage, self._veil) for passage in self._passages]
        if self._trace:
            seen["trace_id"] = self._trace
        answered = [one for one in self._passages if one.reply.status and not one.cleanup]
        for header, name in (("server-timing", "server_timing"), ("x-request-id", "request_id")):
            if answered and (value := answered[-1].header(header)):
                seen[name] = redact_text(self._veil(value[:_KEPT]))


def _written_secrets(options: JourneyOptions) -> Iterable[str]:
    """What stands in the file and must not be shown, should the target repeat it."""
    yield from (value.reveal() for value in options.variables.values())
    yield from (value.reveal() for value in options.headers.values())
    if options.base is not None and options.base.login:
        yield from (options.base.login, options.base.login.partition(":")[2])
    for step in options.all_steps:
        yield from (value.reveal() for value in step.headers.values())
        yield from (value.reveal() for value in (step.form or {}).values())
        yield from _named_secrets(step.json_)


def _named_secrets(value: Any) -> Iterable[str]:
    """The texts of a JSON body that are called like secrets."""
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, str) and secret_name(key):
                yield each
            else:
                yield from _named_secrets(each)
    elif isinstance(value, list):
        for each in value:
            yield from _named_secrets(each)
