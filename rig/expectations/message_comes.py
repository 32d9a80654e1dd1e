"""A message comes in time, so many times, with these values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from rig.can_address import MessageAddress, bus_told
from rig.description import mistake_error
from rig.dut.profile import Profile
from rig.expectations.expectation import Around, Expectation, InTime
from rig.expectations.subjects import MESSAGE
from rig.expectations.words import Timed
from rig.judge.can_signals import Times, adapter_row, equal, unanswered
from rig.judge.listening import must_have_listened
from rig.judge.observed import Observed
from rig.judge.rules import NoEvidence
from rig.judge.timing import At, elapsed, find_instant
from rig.judge.verdict import EventMark, Finding, Verdict
from rig.judge.wording import said_message, show, show_range
from rig.quantity import unitless
from rig.steps.fault import Fault
from rig.steps.power import Power
from rig.steps.resolver import Resolver
from rig.time_reference import Mark
from rig.trace.model import Trace


class MessageComesWords(Timed):
    """A message that comes in time with these values of its signals."""

    leads = ("comes",)

    where: Annotated[
        dict[str, float], Field(alias="comes", description="its signals and their values")
    ]
    times: Annotated[int | None, Field(ge=0, description="just so often; else once at least")] = (
        None
    )
    at_least: Annotated[int | None, Field(ge=0)] = None
    at_most: Annotated[int | None, Field(ge=0)] = None

    @model_validator(mode="after")
    def _one_count(self) -> MessageComesWords:
        if self.times is not None and (self.at_least, self.at_most) != (None, None):
            raise mistake_error("times says how often already", "remove at least and at most")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageComes(InTime):
    """A message comes with these values between low_s and high_s after `since`, so many times."""

    message: MessageAddress
    where: Mapping[str, float] = field(default_factory=dict)  # signals to values
    at_least: int = 1
    at_most: int | None = None  # None: any number
    kind: Literal["message comes"] = "message comes"
    means = "CAN"
    subject = MESSAGE
    words = MessageComesWords

    @classmethod
    def read(cls, name: str, content: MessageComesWords, names: Resolver) -> Iterator[Expectation]:
        given = content.fields()
        times = given.pop("times")
        least, most = (given.pop(word) for word in ("at_least", "at_most"))
        least, most = (times if count is None else count for count in (least, most))
        at_least = 1 if least is None else least
        yield cls(message=MessageAddress(name), at_least=at_least, at_most=most, **given)

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        where = {signal: unitless(value) for signal, value in self.where.items()}
        return str(self.message), {"comes": where} | Timed.of(self) | self._count()

    def _count(self) -> dict[str, Any]:
        if self.at_most == self.at_least:
            return {"times": self.at_least}
        least = {"at least": self.at_least} if self.at_least != 1 else {}
        return least | ({} if self.at_most is None else {"at most": self.at_most})

    def signals_named(self) -> Iterator[tuple[str, float | None]]:
        yield from ((self.message.signal(name), value) for name, value in self.where.items())

    def answers(self, around: Around) -> Iterator[str]:
        events = around.profile.events
        if events is not None and self.message == events.message:
            code = self.where.get(events.code)
            for short in (s for s, its in events.codes.items() if its == code):
                yield f"events/{short}@{self.where.get(events.tripped, 1.0):g}"
        starts = [Mark(mark=s.mark) for s in around.each(Power) if s.on and s.mark]
        if self.since in starts and self.at_least:
            yield f"messages/{self.message}/after power-up"
        if any(step.target == "can bus" for step in around.each(Fault)):
            yield "can/back"

    def sentence(self) -> str:
        what = said_message(self.message, self.where)
        return f"{what} comes {self._often()} {self.when}"

    def _often(self) -> str:
        least, most = self.at_least, self.at_most
        if most is None:
            return "at least once" if least <= 1 else f"at least {least} times"
        if most == 0:
            return "never"
        if most > least:
            return f"{least} to {most} times"
        return "just once" if most == 1 else f"just {most} times"

    def judge(self, observed: Observed) -> Finding:
        """Judge how often the message came; a stamp near a limit may count or not."""
        trace = observed.trace
        must_have_listened(trace, self.message.bus)
        cause = find_instant(observed, self.since)
        times = self._times(observed)
        _, budget = elapsed(At(time_ns=trace.end_ns, rows=(adapter_row(trace.frames),)), cause)
        u_ns = 1e9 * budget.expanded
        low_ns, high_ns = (cause.time_ns + 1e9 * limit_s for limit_s in (self.low_s, self.high_s))
        surely = int(((times > low_ns + u_ns) & (times < high_ns - u_ns)).sum())
        perhaps = times[(times > low_ns - u_ns) & (times < high_ns + u_ns)]
        marks = [
            EventMark(label=self.message, channel="CAN", time_s=(int(t) - trace.begin_ns) * 1e-9)
            for t in perhaps[:1]
        ]
        verdict, sentence = self._judge_count(surely, perhaps.size), self._counted(perhaps, cause)
        if trace.end_ns < high_ns and not self._is_settled(surely):
            verdict = Verdict.INCONCLUSIVE
            missing = show((high_ns - trace.end_ns) * 1e-9, "s")
            sentence += f"; the case ended {missing} before the latest time allowed"
        if not perhaps.size:
            _bus_was_alive(trace, self.message.bus, int(low_ns), int(high_ns))
        return self.question.answer(verdict, sentence, marks)

    def _times(self, observed: Observed) -> Times:
        """Return the times of the frames that hold the wanted values."""
        times = observed.trace.frames.time_ns[observed.rows(self.message)]
        right = np.ones(times.size, np.bool_)
        for signal, value in self.where.items():
            of_signal, values = observed.signal(self.message.signal(signal))
            hits = equal(values, value)
            # A multiplexed signal is not in every frame of its message.
            right &= hits if hits.size == times.size else np.isin(times, of_signal[hits])
        return times[right]

    def _judge_count(self, surely: int, perhaps: int) -> Verdict:
        most = perhaps if self.at_most is None else self.at_most
        if perhaps < self.at_least or surely > most:
            return Verdict.FAIL
        return Verdict.PASS if self.at_least <= surely and perhaps <= most else Verdict.INCONCLUSIVE

    def _is_settled(self, surely: int) -> bool:
        """Tell whether no message that may still come can change the verdict."""
        if self.at_most is None:
            return surely >= self.at_least
        return surely > self.at_most

    def _counted(self, times: Times, cause: At) -> str:
        """Return how often it came, and when first."""
        what = said_message(self.message, self.where)
        limits = show_range(self.low_s, self.high_s, "s")
        if not times.size:
            return f"{what} did not come {limits} after {cause.said}"
        first = show((int(times[0]) - cause.time_ns) * 1e-9, "s")
        often = "once" if times.size == 1 else f"{times.size} times"
        return f"{what} came {often} {limits} after {cause.said}, first after {first}"


def _bus_was_alive(trace: Trace, bus: str, begin_ns: int, end_ns: int) -> None:
    """Raise unless something came, or a frame of the rig's own left: somebody acknowledged that."""
    times = trace.frames.time_ns
    something_left = ((times > begin_ns) & (times < end_ns)).any()
    if not something_left and not unanswered(trace, bus):
        raise NoEvidence(
            f"nothing at all came on {bus_told(bus)} in that time:"
            " no proof that the bus was connected"
        )
