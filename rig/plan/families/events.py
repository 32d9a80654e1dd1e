"""A family about telling at once: one event for each trip and each recovery, also on a full bus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rig.dut.messages import BusLoad, Events
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_sound import message_sound
from rig.expectations.signal_within import SignalWithin
from rig.instants import Crossing, Instant, Mark
from rig.plan.families.choosing import chosen, delay_of, look_s, recovery_time_of
from rig.plan.families.draft import AFTER_S, Draft, Options, draft_of, phase_s, whose
from rig.plan.families.expecting import said_within_s, until_said_s
from rig.plan.stimulus import APPLIED, REMOVED, Stimulus, acting, beyond, home, stimuli
from rig.quantities import CELL, TEMPERATURE, number_of
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.bus_load import Load
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.type_line import Type

_BEGUN, _TRIPPED, _CLEARED = "begun", "tripped", "cleared"
# Event and output come in one run of a task: which of two clocks says so first means nothing.
_SAME_S = 0.05
_CLEAR_S = 1.0  # of a console command that clears a latch, as in the family latch
_BEFORE_S, _BEHIND_S = 0.15, 0.1  # loaded around the time in which a reaction is due


def events(profile: Profile, options: Options) -> Iterator[Draft]:
    """Provoke each protection and let it recover: just its own events come, in time."""
    promise = profile.events
    if promise is None:
        return
    for name, protection in chosen(profile, options, lambda p: p.short in promise.codes):
        for stimulus in stimuli(profile, name, options.targets)[-1:]:
            yield _quiet_draft(_Story(profile, promise, stimulus, protection))
    yield from _loaded(profile, promise, options)


@dataclass(frozen=True, slots=True)
class _Story:
    """One protection from its trip to its recovery."""

    profile: Profile
    promise: Events
    stimulus: Stimulus
    protection: Protection

    @property
    def tripped_s(self) -> float:
        """Time after which the trip has surely been told."""
        return delay_of(self.protection).high + said_within_s(self.protection) + AFTER_S

    @property
    def command(self) -> str | None:
        """Console line that clears the latch, where it is one that a line clears."""
        latched, console = self.protection.latched, self.profile.console
        known = console.commands if console else {}
        means = latched.cleared_by if latched else ()
        return next((known[name] for name in means if name in known), None)

    @property
    def recovers(self) -> bool:
        return self.protection.recovers is not None or self.command is not None

    @property
    def others(self) -> int:
        """How many more protections act in that time and tell it."""
        return sum(
            p.short in self.promise.codes and delay_of(p).high < self.tripped_s for p in self.beside
        )

    @property
    def beside(self) -> list[Protection]:
        """What else may act; a current ends with the first path, and what is slower sees none."""
        there = acting(self.profile, self.stimulus.values)
        mine = self.stimulus.protection
        return [p for n, p in there.items() if n != mine and p.unit != "A"]


def _quiet_draft(story: _Story) -> Draft:
    stimulus, protection, promise = story.stimulus, story.protection, story.promise
    steps: list[Step] = [
        *stimulus.apply,
        Hold(duration_s=story.tripped_s, mark=_TRIPPED),
        *_recovery_steps(story),
        Hold(duration_s=AFTER_S),
    ]
    return draft_of(
        f"{whose(protection.short, stimulus.target)} is told by one event, and its end by one",
        stimulus,
        protection,
        steps=[RandomPhase(span_s=phase_s(story.profile), mark=_BEGUN), *steps],
        expectations=[
            _told(story, tripped=True, since=_trip_instant(story)),
            *([_told(story, tripped=False, since=_release_instant(story))] * story.recovers),
            *_no_more(story, _least_s(steps)),
            _in_all(promise, {promise.tripped: 1.0}, 1 + story.others, _least_s(steps)),
            *_value(story),
            message_sound(promise.message, promise),
        ],
    )


def _recovery_steps(story: _Story) -> list[Step]:
    if not story.recovers:
        return []
    stimulus, protection = story.stimulus, story.protection
    after_s = until_said_s(protection, recovery_time_of(protection))
    if story.command is None:
        wait_s = AFTER_S if stimulus.outlasts else after_s
        return [*stimulus.remove, Hold(duration_s=wait_s)]
    return [
        *stimulus.remove,
        Hold(duration_s=1.0),
        Type(line=story.command, mark=_CLEARED),
        Hold(duration_s=_CLEAR_S + AFTER_S),
    ]


def _trip_instant(story: _Story) -> tuple[Instant, Interval]:
    """From when the trip's event counts, and when it may come."""
    for output in story.protection.opens:
        return _of_output(story, output, rising=False), _in_time(story)
    delay = delay_of(story.protection)
    return story.stimulus.since, Interval(delay.low, delay.high + story.promise.within_s, "s")


def _release_instant(story: _Story) -> tuple[Instant, Interval]:
    for output in story.protection.opens:
        if output not in _held_open(story):
            return _of_output(story, output, rising=True), _in_time(story)
    time = recovery_time_of(story.protection)
    # Its cause may be gone long before the mark: a current ends with the trip itself.
    return Mark(mark=REMOVED), Interval(-time.high, time.high + story.promise.within_s, "s")


def _held_open(story: _Story) -> set[str]:
    """Outputs that another protection opens too, so that their edges are not this one's."""
    return {output for p in story.beside for output in p.opens}


def _in_time(story: _Story) -> Interval:
    return Interval(-_SAME_S, story.promise.within_s, "s")


def _of_output(story: _Story, output: str, *, rising: bool) -> Crossing:
    level = story.profile.outputs[output].closed_above_v
    after = _TRIPPED if rising else None
    return Crossing(quantity=output, level=level, rising=rising, after=after)


def _told(story: _Story, *, tripped: bool, since: tuple[Instant, Interval]) -> MessageComes:
    """Expect it once within its time."""
    promise, stimulus = story.promise, story.stimulus
    where = _where(story, tripped=tripped)
    if tripped and promise.channel is not None and story.protection.short in promise.channel_of:
        where[promise.channel] = float(number_of(stimulus.target) or 0)
    instant, time = since
    return MessageComes(
        message=promise.message,
        where=where,
        since=instant,
        low_s=time.low,
        high_s=time.high,
        at_least=1,
        at_most=1,
    )


def _where(story: _Story, *, tripped: bool) -> dict[str, float]:
    promise = story.promise
    code = float(promise.codes[story.protection.short])
    return {promise.code: code, promise.tripped: float(tripped)}


def _no_more(story: _Story, within_s: float) -> Iterator[Expectation]:
    """Expect one trip and one recovery of it in the whole case."""
    yield _in_all(story.promise, _where(story, tripped=True), 1, within_s)
    yield _in_all(story.promise, _where(story, tripped=False), int(story.recovers), within_s)


def _in_all(
    promise: Events, where: Mapping[str, float], count: int, within_s: float
) -> MessageComes:
    return MessageComes(
        message=promise.message,
        where=where,
        since=Mark(mark=_BEGUN),
        high_s=round(within_s, 6),
        at_least=count,
        at_most=count,
    )


def _least_s(steps: Iterable[Step]) -> float:
    """Time that these steps take at least: a count that ends later would never be decided."""
    waits = [step.duration_s for step in steps if isinstance(step, Hold)]
    sends = [(step.count - 1) * step.period_s for step in steps if isinstance(step, Send)]
    loads = [step.bursts * step.burst_s / step.share for step in steps if isinstance(step, Load)]
    return sum(waits) + sum(sends) + sum(loads)


def _value(story: _Story) -> Iterator[Expectation]:
    """The value in the event is the one that was put on, where no other event can be meant."""
    promise, stimulus, protection = story.promise, story.stimulus, story.protection
    report = story.profile.telemetry.reports().get(protection.kind.name if protection.kind else "")
    lsb = promise.lsb.get(protection.unit)
    if promise.value is None or protection.short not in promise.value_of or story.others:
        return
    value = stimulus.values.get(stimulus.target)
    if value is None or lsb is None or report is None or report.accuracy is None:
        return
    shown = value * protection.sign
    slack = 2.0 * report.accuracy + report.relative * abs(value)
    yield SignalWithin(
        signal=promise.message.signal(promise.value),
        low=round((shown - slack) / lsb, 3),
        high=round((shown + slack) / lsb, 3),
        begin=_BEGUN,
        end=_TRIPPED,
    )


# ---- on a loaded bus --------------------------------------------------------------------------
def _loaded(profile: Profile, promise: Events, options: Options) -> Iterator[Draft]:
    """Provoke what one quantity can, with the bus full when the reactions are due."""
    load = profile.can.bears if profile.can else None
    if load is None or options.protections is not None:
        return
    for kind in (CELL, TEMPERATURE):
        for rising in (True, False):
            names = [
                name
                for name, p in profile.protections.items()
                if p.kind is kind and p.rising is rising and p.short in promise.codes
            ]
            if names:
                yield _loaded_draft(profile, promise, load, names)


def _loaded_draft(
    profile: Profile, promise: Events, load: BusLoad, names: list[str]
) -> Draft:  # fmt: skip
    """Go beyond the furthest stage, and back; all the stages on the way act too."""
    furthest = max(names, key=lambda n: abs(profile.protections[n].level - _home_of(profile, n)))
    target = profile.protections[furthest].quantities(profile)[0]
    values = {target: beyond(profile, furthest)}
    there = {n: p for n, p in acting(profile, values).items() if p.short in promise.codes}
    story = [
        _Story(profile, promise, s, there[n]) for n in names for s in stimuli(profile, n, (target,))
    ]
    shorts = ", ".join(each.protection.short for each in story)
    trips = [delay_of(each.protection) for each in story]
    returns = [recovery_time_of(each.protection) for each in story]
    steps: list[Step] = [
        Set(values=values, mark=APPLIED),
        *_load_steps(load, trips),
        Hold(duration_s=AFTER_S, mark=_TRIPPED),
        Set(values={target: home(profile, target)}, mark=REMOVED),
        *_load_steps(load, returns),
        Hold(duration_s=look_s(story[0].profile, 2.0 * AFTER_S, story[0].profile.messages)),
    ]
    return Draft(
        title=f"{shorts} are told in time on a bus that others load to {load.share * 100:g} %",
        protection=furthest,
        parameters={"at": target, "bus": "loaded"},
        steps=[RandomPhase(span_s=phase_s(profile), mark=_BEGUN), *steps],
        expectations=[
            *(
                _told(each, tripped=told, since=_loaded_instant(each, tripped=told))
                for each in story
                for told in (True, False)
            ),
            *(e for each in story for e in _no_more(each, _least_s(steps))),
            _in_all(promise, {promise.tripped: 1.0}, len(story), _least_s(steps)),
            *_all_sound(profile, promise),
        ],
        severity=profile.protections[furthest].severity,
        traces_to=(*promise.traces_to, *load.traces_to),
        claims=("events/loaded bus",),
    )


def _loaded_instant(story: _Story, *, tripped: bool) -> tuple[Instant, Interval]:
    """Each stage is told by the edge of an output that it alone opens, else in its own time."""
    taken = _held_open_by_others(story)
    alone = [output for output in story.protection.opens if output not in taken]
    if alone:
        return _of_output(story, alone[0], rising=not tripped), _in_time(story)
    time = delay_of(story.protection) if tripped else recovery_time_of(story.protection)
    mark = APPLIED if tripped else REMOVED
    return Mark(mark=mark), Interval(time.low - _SAME_S, time.high + story.promise.within_s, "s")


def _held_open_by_others(story: _Story) -> set[str]:
    """Outputs that another stage of the same quantity opens on the same side."""
    mine = story.protection
    return {
        output
        for p in story.profile.protections.values()
        if p is not mine and p.watches == mine.watches and p.rising is mine.rising
        for output in p.opens
    }


def _home_of(profile: Profile, name: str) -> float:
    return home(profile, profile.protections[name].quantities(profile)[0])


def _load_steps(load: BusLoad, due: list[Interval]) -> Iterator[Step]:
    """Load the bus around the times in which something is due; the mark before them is 0."""
    low_s, high_s = min(t.low for t in due), max(t.high for t in due)
    begin_s = max(0.0, low_s - _BEFORE_S)
    burst_s = min(load.burst_s, high_s + _BEHIND_S - begin_s)
    yield Hold(duration_s=begin_s)
    yield Load(
        share=load.share,
        burst_s=round(burst_s, 6),
        bursts=1,
        first_id=load.first_id,
        last_id=load.last_id,
    )


def _all_sound(profile: Profile, promise: Events) -> Iterator[Expectation]:
    yield message_sound(promise.message, promise)
    for name, message in profile.messages.items():
        # Of frames that wait the newest leaves, so numbers are missing.
        yield replace(message_sound(name, message), counter=None)
