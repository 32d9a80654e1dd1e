"""A family about telling at once: one event for each trip and each recovery, also on a full bus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rig.dut.messages import BusLoad, Events
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_sound import MessageSound
from rig.plan.families.applicable import look_s
from rig.plan.families.draft import Draft, Options, family_of, random_phase
from rig.plan.families.expecting import between
from rig.plan.families.provoked import TRIPPED, Provoked, at_each, one_each
from rig.plan.families.timing import (
    AFTER_S,
    CLEAR_S,
    LOADED_AFTER_S,
    LOADED_BEFORE_S,
    ONE_TASK_S,
)
from rig.plan.stimulus import APPLIED, REMOVED, acting, beyond
from rig.quantities import CELL, TEMPERATURE, number_of
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.bus_load import Load
from rig.steps.hold import Hold
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.type_line import Type
from rig.time_reference import Crossing, Mark, TimeReference

_BEGUN, _CLEARED = "begun", "cleared"
_Due = tuple[TimeReference, Interval]  # since when, and within what time


@family_of("events", lambda profile: profile.events)
def events(profile: Profile, options: Options, claim: Events) -> Iterator[Draft]:
    """Provoke each protection and let it recover: just its own events come, in time."""
    for it in one_each(profile, options, lambda p: p.short in claim.codes):
        yield _quiet_draft(_Story.of(it, claim))
    if (
        options.protections is None
        and profile.can is not None
        and profile.can.tolerates_bus_load is not None
    ):
        yield from _loaded(profile, claim, profile.can.tolerates_bus_load)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story(Provoked):
    """One protection from its trip to its recovery."""

    claim: Events

    @classmethod
    def of(cls, it: Provoked, claim: Events) -> _Story:
        return cls(it.profile, it.stimulus, it.protection, claim=claim)

    @property
    def command(self) -> str | None:
        """Console line that clears the latch, where it is one that a line clears."""
        latched, console = self.protection.latched, self.profile.console
        known = console.commands if console else {}
        means = latched.cleared_by if latched else ()
        return next((known[name] for name in means if name in known), None)

    @property
    def ends(self) -> bool:
        """Whether it recovers."""
        return self.protection.recovers is not None or self.command is not None

    @property
    def beside(self) -> list[Provoked]:
        """What else may act; a current ends with the first path, and what is slower sees none."""
        there = acting(self.profile, self.stimulus.values)
        return [
            replace(self, protection=p)
            for n, p in there.items()
            if n != self.name and p.unit != "A"
        ]

    @property
    def others(self) -> int:
        """How many more protections act before the trip has surely been reported, and report it."""
        tripped_s, codes = self.until_reported_s(), self.claim.codes
        return sum(it.short in codes and it.delay.high < tripped_s for it in self.beside)

    def comes(self, due: _Due, count: int = 1, *, tripped: bool, at: bool = False) -> MessageComes:
        """Expect its events so often within a time; `at` holds them to its channel too."""
        claim = self.claim
        where = {claim.code: float(claim.codes[self.short]), claim.tripped: float(tripped)}
        if at and claim.channel is not None and self.short in claim.channel_of:
            where[claim.channel] = float(number_of(self.target) or 0)
        return _comes(claim, where, due, count)

    def no_more(self, due: _Due) -> Iterator[Expectation]:
        """Expect one trip and one recovery of it in the whole case."""
        yield self.comes(due, tripped=True)
        yield self.comes(due, int(self.ends), tripped=False)

    def reported(self, output: str, *, tripped: bool) -> _Due:
        """By the edge of an output, with which its event comes."""
        level = self.profile.outputs[output].closed_above_v
        after = None if tripped else TRIPPED
        edge = Crossing(quantity=output, level=level, rising=not tripped, after=after)
        return edge, Interval(-ONE_TASK_S, self.claim.within_s, "s")

    def within(self, low_s: float, high_s: float) -> Interval:
        return Interval(low_s, high_s + self.claim.within_s, "s")


def _comes(claim: Events, where: Mapping[str, float], due: _Due, count: int) -> MessageComes:
    since, time = due
    return MessageComes(
        message=claim.message,
        where=where,
        since=since,
        low_s=time.low,
        high_s=time.high,
        at_least=count,
        at_most=count,
    )


def _quiet_draft(it: _Story) -> Draft:
    steps = [*it.tripped(TRIPPED), *_recovery_steps(it), Hold(duration_s=AFTER_S)]
    claim, whole = it.claim, _whole(steps)
    ends = [it.comes(_release_due(it), tripped=False)] if it.ends else []
    return it.draft(
        f"{it.at_place} is told by one event, and its end by one",
        [random_phase(it.profile, _BEGUN), *steps],
        [
            it.comes(_trip_due(it), tripped=True, at=True),
            *ends,
            *it.no_more(whole),
            _comes(claim, {claim.tripped: 1.0}, whole, 1 + it.others),
            *_value(it),
            MessageSound.claimed(claim.message, claim),
        ],
    )


def _recovery_steps(it: _Story) -> list[Step]:
    if not it.ends:
        return []
    if it.command is None:
        wait_s = AFTER_S if it.stimulus.outlasts else it.until_reported_s(it.recovery)
        return [*it.stimulus.remove, Hold(duration_s=wait_s)]
    return [
        *it.stimulus.remove,
        Hold(duration_s=1.0),
        Type(line=it.command, mark=_CLEARED),
        Hold(duration_s=CLEAR_S + AFTER_S),
    ]


def _trip_due(it: _Story) -> _Due:
    """From when the trip's event counts, and when it may come."""
    for output in it.opens:
        return it.reported(output, tripped=True)
    return it.stimulus.since, it.within(it.delay.low, it.delay.high)


def _release_due(it: _Story) -> _Due:
    # Outputs that another protection opens too have edges that are not this one's.
    held_open = {output for other in it.beside for output in other.opens}
    for output in it.opens:
        if output not in held_open:
            return it.reported(output, tripped=False)
    # Its cause may be gone long before the mark: a current ends with the trip itself.
    return Mark(mark=REMOVED), it.within(-it.recovery.high, it.recovery.high)


def _whole(steps: Iterable[Step]) -> _Due:
    """The whole case, by the time that its steps take at least: a count must end before they do."""
    waits = [step.duration_s for step in steps if isinstance(step, Hold)]
    sends = [(step.count - 1) * step.period_s for step in steps if isinstance(step, Send)]
    loads = [step.bursts * step.burst_s / step.share for step in steps if isinstance(step, Load)]
    least_s = round(sum(waits) + sum(sends) + sum(loads), 6)
    return Mark(mark=_BEGUN), Interval(0.0, least_s, "s")


def _value(it: _Story) -> Iterator[Expectation]:
    """The value in the event is the one that was put on, where no other event can be meant."""
    claim, p = it.claim, it.protection
    report = it.profile.telemetry.reports().get(p.kind.name if p.kind else "")
    lsb, value = claim.lsb.get(p.unit), it.stimulus.values.get(it.target)
    if claim.value is None or it.short not in claim.value_of or it.others:
        return
    if value is None or lsb is None or report is None or report.accuracy is None:
        return
    slack, shown = 2.0 * report.accuracy + report.relative * abs(value), value * p.sign
    low, high = round((shown - slack) / lsb, 3), round((shown + slack) / lsb, 3)
    signal = claim.message.signal(claim.value)
    yield between(signal, Interval(low, high, ""), _BEGUN, TRIPPED)


# ---- on a loaded bus --------------------------------------------------------------------------
def _loaded(profile: Profile, claim: Events, load: BusLoad) -> Iterator[Draft]:
    """Provoke what one quantity can, with the bus full when the reactions are due."""
    for kind in (CELL, TEMPERATURE):
        for rising in (True, False):
            names = [
                name
                for name, p in profile.protections.items()
                if p.kind is kind and p.rising is rising and p.short in claim.codes
            ]
            if names:
                yield _loaded_draft(profile, claim, load, names)


def _loaded_draft(profile: Profile, claim: Events, load: BusLoad, names: Sequence[str]) -> Draft:
    """Go beyond the furthest stage, and back; all the stages on the way act too."""
    first = profile.protections[names[0]].quantities(profile)[0]
    furthest = max(
        names, key=lambda n: abs(profile.protections[n].level - profile.nominal_of(first))
    )
    target = profile.protections[furthest].quantities(profile)[0]
    values = {target: beyond(profile, furthest)}
    there = acting(profile, values)
    story = [
        _Story.of(it, claim) for n in names if n in there for it in at_each(profile, n, (target,))
    ]
    steps: list[Step] = [
        Set(values=values, mark=APPLIED),
        *_load_steps(load, [it.delay for it in story]),
        Hold(duration_s=AFTER_S, mark=TRIPPED),
        Set(values={target: profile.nominal_of(target)}, mark=REMOVED),
        *_load_steps(load, [it.recovery for it in story]),
        Hold(duration_s=look_s(profile, 2.0 * AFTER_S, profile.messages)),
    ]
    shorts, whole = ", ".join(it.short for it in story), _whole(steps)
    return Draft(
        title=f"{shorts} are told in time on a bus that others load to {load.share * 100:g} %",
        protection=furthest,
        parameters={"at": target, "bus": "loaded"},
        steps=[random_phase(profile, _BEGUN), *steps],
        expectations=[
            *(
                it.comes(_loaded_due(it, tripped=tripped), tripped=tripped, at=tripped)
                for it in story
                for tripped in (True, False)
            ),
            *(e for it in story for e in it.no_more(whole)),
            _comes(claim, {claim.tripped: 1.0}, whole, len(story)),
            MessageSound.claimed(claim.message, claim),
            # Of frames that wait the newest leaves, so numbers are missing.
            *(
                replace(MessageSound.claimed(n, m), counter=None)
                for n, m in profile.messages.items()
            ),
        ],
        severity=profile.protections[furthest].severity,
        traces_to=(*claim.traces_to, *load.traces_to),
        claims=("events/loaded bus",),
    )


def _loaded_due(it: _Story, *, tripped: bool) -> _Due:
    """Each stage is known by the edge of an output that it alone opens, else in its own time."""
    mine = it.protection
    taken = {
        output
        for p in it.profile.protections.values()
        if p is not mine and p.watches == mine.watches and p.rising is mine.rising
        for output in p.opens
    }
    for output in it.opens:
        if output not in taken:
            return it.reported(output, tripped=tripped)
    time = it.delay if tripped else it.recovery
    mark = APPLIED if tripped else REMOVED
    return Mark(mark=mark), it.within(time.low - ONE_TASK_S, time.high)


def _load_steps(load: BusLoad, due: list[Interval]) -> Iterator[Step]:
    """Load the bus around the times in which something is due; the mark before them is 0."""
    low_s, high_s = min(t.low for t in due), max(t.high for t in due)
    begin_s = max(0.0, low_s - LOADED_BEFORE_S)
    burst_s = min(load.burst_s, high_s + LOADED_AFTER_S - begin_s)
    yield Hold(duration_s=begin_s)
    yield Load(
        share=load.share,
        burst_s=round(burst_s, 6),
        bursts=1,
        first_id=load.first_id,
        last_id=load.last_id,
    )
