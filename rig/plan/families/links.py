"""Families about what hangs on a bus inside the BMS: lost, back again, and broken for an instant.

A value that was true a second ago looks like one that is true now: so each report is watched in
every frame, and may be what it was, or say that it knows nothing, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rig.can_address import SignalAddress
from rig.case import Begins
from rig.dut.profile import Profile, Protection, Report
from rig.expectations import Expectation
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.instants import Mark
from rig.plan.families.choosing import (
    chosen,
    delay_of,
    has_level,
    is_slow,
    look_s,
    recovery_time_of,
    slowest_s,
)
from rig.plan.families.draft import AFTER_S, Draft, Options, draft_of, phase_s
from rig.plan.families.expecting import (
    all_stay,
    recovers,
    said_within_s,
    shown_in,
    stays_silent,
    trips,
    unsays,
    until_said_s,
)
from rig.plan.reported import PERIODS
from rig.plan.stimulus import APPLIED, REMOVED, Stimulus, home, stimuli
from rig.quantities import CELL, CURRENT, TEMPERATURE
from rig.quantity import Interval, format
from rig.steps import Step
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set

# A link is whole a little before its command is confirmed: what is watched while it is not, ends
# where the command begins.
_LOST, _MENDING, _BACK, _END = "lost", "mending", "back", "end"
_ITS_TIMES = 1.2  # a loss this little longer than its time-out must be got over as a long one is
_BLIND_S = 1.0  # watched while it knows nothing, at the least
_SEEN_S = 0.7  # of what it says afterwards, at the least
_BREAKS, _BREAK_S, _BETWEEN_S = 20, 0.01, 0.1  # contacts that bounce, at any phase of its tasks
# What the bench itself may be off by: its sources, and their settling.
_SLACK = {"V": 0.005, "A": 0.3, "°C": 0.5}
_LOAD_A = -5.0  # flows while contacts bounce, where no protection is near it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Carried:
    """One number that a link carries: where it is told, what it ought to be."""

    signal: SignalAddress
    low: float
    high: float
    unit: str
    invalid: float | None

    def within(self, begin: str | None, end: str | None, *, or_none: bool = False) -> SignalWithin:
        """Expect it to be what it ought to be, or (`or_none`) to say that it knows nothing."""
        return SignalWithin(
            signal=self.signal,
            low=self.low,
            high=self.high,
            unit=self.unit,
            or_says=self.invalid if or_none else None,
            begin=begin,
            end=end,
        )

    def says_nothing(self, begin: str, end: str, *, once_sent: bool = False) -> SignalWithin:
        """Expect it to say that it knows nothing, in every frame."""
        assert self.invalid is not None  # noqa: S101 -- its callers looked
        return SignalWithin(
            signal=self.signal,
            low=self.invalid,
            high=self.invalid,
            unit=self.unit,
            once_sent=once_sent,
            begin=begin,
            end=end,
        )


def carried_by(profile: Profile, link: str, *, amps: float = 0.0) -> list[_Carried]:
    """Every signal that a link carries, at nominal values and this current."""
    reports = profile.telemetry.reports()
    return [
        carried
        for name in profile.links[link].carries
        if (report := reports[name]).signal is not None and report.accuracy is not None
        for carried in _signals_of(profile, name, report, amps)
    ]


def _signals_of(profile: Profile, name: str, report: Report, amps: float) -> Iterator[_Carried]:
    at = {
        CELL.name: [home(profile, q) for q in profile.cell_names],
        TEMPERATURE.name: [home(profile, q) for q in profile.temperature_names],
        CURRENT.name: [amps],
    }
    # The pack's own voltage is the batteries' business: a fifth more or less than the cells' sum.
    pack_v = profile.cells.count * profile.nominal.cells_v
    for n, value in enumerate(at.get(name, [pack_v]), 1):
        off = (report.accuracy or 0.0) + report.relative * abs(value) + _SLACK[report.unit]
        off = 0.2 * pack_v if name not in at else off
        signal = report.signal_for(n)
        assert signal is not None  # noqa: S101 -- its only caller looked
        yield _Carried(
            signal=signal,
            low=round(value - off, 6),
            high=round(value + off, 6),
            unit=report.unit,
            invalid=report.invalid,
        )


def _look_s(profile: Profile, least_s: float) -> float:
    return look_s(profile, least_s, profile.messages, periods=PERIODS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss:
    """One way to lose one link, and what watches it."""

    profile: Profile
    protection: Protection
    link: str
    fault: Fault
    stimulus: Stimulus

    @property
    def gone_s(self) -> float:
        """From the loss until nothing is believed any more, in no message."""
        said_s = PERIODS * slowest_s(self.profile, (c.signal.message for c in self.carried))
        return delay_of(self.protection).high + said_within_s(self.protection) + said_s

    @property
    def seen_s(self) -> float:
        """How long it is watched for what it says."""
        return _look_s(self.profile, _SEEN_S)

    @property
    def carried(self) -> list[_Carried]:
        return [c for c in carried_by(self.profile, self.link) if c.invalid is not None]

    @property
    def recovery(self) -> Interval:
        return recovery_time_of(self.protection)

    def draft(self, title: str, kind: str, case: _Case) -> Draft:
        return draft_of(
            f"{self.link} {self.fault.fault}, {title}",
            self.stimulus,
            self.protection,
            parameters={"fault": self.fault.fault, "when": kind},
            steps=case.steps,
            expectations=case.expectations,
            begins=case.begins,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Steps of a loss, and what must come of them."""

    steps: Sequence[Step]
    expectations: Sequence[Expectation]
    begins: Begins = "ready"


def link_lost(profile: Profile, options: Options) -> Iterator[Draft]:
    """Lose each link in every way: at rest, at start, amid a violation, for long and just so."""
    for loss in _losses(profile, options):
        yield loss.draft("for long: it says that it knows nothing", "long", _for_long(loss))
        yield loss.draft("for little more than its time-out", "short", _for_little(loss))
        if profile.supply is not None:
            yield loss.draft("at its start: no path, no value", "start", _at_start(loss))
        violations = [s for name, _ in chosen(profile, Options(), _is_slow_at_a_cell)
                      for s in stimuli(profile, name)[:1]]  # fmt: skip
        for violation in violations[:1] if loss.fault.fault == "open" else ():
            yield loss.draft(
                "while a violation is pending", "pending", _while_pending(loss, violation)
            )
            yield loss.draft("while tripped", "tripped", _while_tripped(loss, violation))


def _losses(profile: Profile, options: Options) -> Iterator[_Loss]:
    for name, protection in chosen(profile, options, lambda p: p.watches == "link"):
        stimulus = stimuli(profile, name)[0]
        for kind in profile.links[stimulus.target].faults:
            yield _Loss(
                profile=profile,
                protection=protection,
                link=stimulus.target,
                fault=Fault(fault=kind, target=stimulus.target, mark=APPLIED),
                stimulus=stimulus,
            )


def _is_slow_at_a_cell(protection: Protection) -> bool:
    return protection.kind is CELL and has_level(protection) and is_slow(protection)


def _mend(loss: _Loss) -> Fault:
    return Fault(fault=loss.fault.fault, target=loss.link, present=False, mark=REMOVED)


def _for_long(loss: _Loss) -> _Case:
    protection = loss.protection
    return _Case(
        steps=[
            Hold(duration_s=loss.seen_s),
            RandomPhase(span_s=phase_s(loss.profile)),
            loss.fault,
            Hold(duration_s=loss.gone_s, mark=_LOST),
            Hold(duration_s=_look_s(loss.profile, _BLIND_S), mark=_MENDING),
            _mend(loss),
            Hold(duration_s=loss.recovery.high + said_within_s(protection), mark=_BACK),
            Hold(duration_s=loss.seen_s, mark=_END),
        ],
        expectations=[
            *trips(loss.stimulus, protection),
            *_said(loss),
            *(c.within(None, APPLIED) for c in loss.carried),
            *(c.within(APPLIED, _LOST, or_none=True) for c in loss.carried),
            *(c.says_nothing(_LOST, _MENDING) for c in loss.carried),
            *_let_go(loss),
            *(c.within(_BACK, _END) for c in loss.carried),
        ],
    )


def _for_little(loss: _Loss) -> _Case:
    protection = loss.protection
    return _Case(
        steps=[
            RandomPhase(span_s=phase_s(loss.profile)),
            loss.fault,
            Hold(duration_s=_ITS_TIMES * delay_of(protection).high),
            _mend(loss),
            Hold(duration_s=loss.recovery.high + said_within_s(protection), mark=_BACK),
            Hold(duration_s=loss.seen_s, mark=_END),
        ],
        expectations=[
            *trips(loss.stimulus, protection),
            *_let_go(loss),
            *shown_in(
                loss.profile,
                loss.recovery.high,
                (c.within(None, _BACK, or_none=True) for c in loss.carried),
            ),
            *(c.within(_BACK, _END) for c in loss.carried),
        ],
    )


def _at_start(loss: _Loss) -> _Case:
    start, on = loss.profile.start, Mark(mark="on")
    waited_s = start.up_within_s + loss.gone_s
    flags = [
        SignalBecomes(signal=signal, value=float(value), since=on, high_s=waited_s)
        for signal, value in loss.protection.says.items()
    ]
    return _Case(
        steps=[
            loss.fault,
            Hold(duration_s=0.2),
            Power(on=True, mark="on"),
            Hold(duration_s=waited_s, mark=_MENDING),
            _mend(loss),
            Hold(duration_s=loss.recovery.high + said_within_s(loss.protection), mark=_BACK),
            Hold(duration_s=loss.seen_s, mark=_END),
        ],
        expectations=[
            *(
                Stays(output=o, is_open=True, begin=APPLIED, end=REMOVED)
                for o in loss.protection.opens
            ),
            *flags,
            *(c.says_nothing("on", _MENDING, once_sent=True) for c in loss.carried),
            *_let_go(loss),
            *(c.within(_BACK, _END) for c in loss.carried),
        ],
        begins="off",
    )


def _while_pending(loss: _Loss, violation: Stimulus) -> _Case:
    """A violation is half-way through its delay when the link goes, and still there afterwards."""
    profile, its = loss.profile, loss.profile.protections[violation.protection]
    told_s = delay_of(its).high + its.says_within_s + _reconnect_s(profile)
    wait_s = max(delay_of(its).high, loss.recovery.high) + said_within_s(its) + AFTER_S
    return _Case(
        steps=[
            RandomPhase(span_s=phase_s(profile)),
            Set(values=violation.values, mark="violated"),
            Hold(duration_s=0.4 * delay_of(its).low),
            loss.fault,
            Hold(duration_s=loss.gone_s, mark=_LOST),
            _mend(loss),
            Hold(duration_s=told_s, mark=_BACK),
            Hold(duration_s=max(wait_s - told_s, loss.seen_s), mark=_END),
        ],
        expectations=[
            *trips(loss.stimulus, loss.protection),
            *(Stays(output=o, is_open=True, begin=_LOST, end=_END) for o in its.opens),
            # It may tell so before the link is back: it saw the violation begin.
            *(
                SignalStays(signal=signal, value=float(value), begin=_BACK, end=_END)
                for signal, value in its.says.items()
            ),
        ],
    )


def _while_tripped(loss: _Loss, violation: Stimulus) -> _Case:
    """What tripped is gone while nothing is seen: it lets go only once that is seen, too."""
    its = loss.profile.protections[violation.protection]
    slower = max(recovery_time_of(its), loss.recovery, key=lambda i: i.high)
    both = [o for o in its.opens if o in loss.protection.opens]
    return _Case(
        steps=[
            Set(values=violation.values, mark="violated"),
            Hold(duration_s=delay_of(its).high + AFTER_S, mark="tripped"),
            loss.fault,
            Hold(duration_s=loss.gone_s, mark=_LOST),
            *_renamed(violation.remove),
            Hold(duration_s=recovery_time_of(its).high + AFTER_S),
            _mend(loss),
            Hold(duration_s=slower.high + loss.seen_s, mark=_END),
        ],
        expectations=[
            *(Stays(output=o, is_open=True, begin="tripped", end=REMOVED) for o in both),
            *(
                Recovers(
                    output=o,
                    since=Mark(mark=REMOVED),
                    low_s=slower.low,
                    high_s=slower.high + _reconnect_s(loss.profile),
                )
                for o in both
            ),
        ],
    )


def _renamed(steps: Sequence[Step]) -> list[Step]:
    """Steps of a removal without their mark, which another removal bears."""
    return [Set(values=step.values) for step in steps if isinstance(step, Set)]


def _reconnect_s(profile: Profile) -> float:
    """From a link that is whole until what it carries is believed: one period of the messages."""
    return max((p.period.value for p in profile.messages.values()), default=0.1)


def _said(loss: _Loss) -> Iterator[Expectation]:
    """Its flag and its line, by when they are due."""
    protection, since = loss.protection, loss.stimulus.since
    high_s = delay_of(protection).high
    for signal, value in protection.says.items():
        yield SignalBecomes(
            signal=signal, value=float(value), since=since, high_s=high_s + protection.says_within_s
        )
    if (pattern := protection.console_for(loss.link)) is not None:
        yield ConsoleSays(pattern=pattern, since=since, high_s=high_s + protection.console_within_s)


def _let_go(loss: _Loss) -> Iterator[Expectation]:
    since, time = Mark(mark=REMOVED), loss.recovery
    yield from recovers(loss.protection, since, time)
    yield from unsays(loss.protection, since, time)


def link_bounce(profile: Profile, options: Options) -> Iterator[Draft]:
    """Break a link again and again for an instant: nothing trips, and nothing false is told."""
    amps = _LOAD_A if profile.has_current else 0.0
    for loss in _losses(profile, options):
        steps: list[Step] = [
            *([Set(values={"current": amps})] if amps else []),
            Hold(duration_s=loss.seen_s, mark="steady"),
        ]
        for _ in range(_BREAKS):
            steps += [
                loss.fault,
                Hold(duration_s=_BREAK_S),
                _mend(loss),
                # As long whole as it may be broken: more breaks than that are a loss.
                Hold(duration_s=profile.links[loss.link].rides_through_s),
                RandomPhase(span_s=_BETWEEN_S),
            ]
        steps.append(Hold(duration_s=loss.seen_s, mark=_END))
        carried = carried_by(profile, loss.link, amps=amps)
        yield draft_of(
            f"{loss.link} {loss.fault.fault} {_BREAKS} times for"
            f" {format(_BREAK_S, 's')}: no trip, no wrong value",
            loss.stimulus,
            loss.protection,
            parameters={"fault": loss.fault.fault},
            steps=steps,
            expectations=[
                *all_stay(profile, {}, None, None),
                *stays_silent(loss.protection, None, None),
                *(c.within("steady", _END) for c in carried),
                *_never_says(loss),
            ],
        )


def _never_says(loss: _Loss) -> Iterator[Expectation]:
    pattern = loss.protection.console_for(None)
    if pattern is not None and loss.profile.console and loss.profile.console.every_s:
        yield ConsoleNeverSays(pattern=pattern)


def cells_sag(profile: Profile, options: Options) -> Iterator[Draft]:
    """Let the cells sag so far that the front end forgets its limits: they work again at once."""
    front_end = profile.front_end
    if front_end is None:
        return
    # Half of what is promised: the commands' own time adds to it.
    dip_s = 0.3 * front_end.dips_for_s
    low = dict.fromkeys(profile.cell_names, front_end.dips_to_v)
    whole = {name: home(profile, name) for name in profile.cell_names}
    for name, protection in chosen(profile, options, _is_quick_at_a_cell):
        for stimulus in stimuli(profile, name, options.targets)[-1:]:
            delay = delay_of(protection)
            yield draft_of(
                f"after a dip of all cells {protection.short} acts as before",
                stimulus,
                protection,
                steps=[
                    RandomPhase(span_s=phase_s(profile)),
                    Set(values=low, mark="dip"),
                    Hold(duration_s=dip_s),
                    Set(values=whole, mark="risen"),
                    Hold(duration_s=front_end.limits_again_s, mark="again"),
                    *stimulus.apply,
                    Hold(duration_s=until_said_s(protection, delay)),
                ],
                expectations=[
                    *all_stay(profile, {}, None, "again"),
                    *trips(stimulus, protection),
                    *_told_of_dip(profile),
                ],
            )


def _told_of_dip(profile: Profile) -> Iterator[Expectation]:
    front_end = profile.front_end
    if front_end is not None and front_end.console is not None:
        yield ConsoleSays(
            pattern=front_end.console, since=Mark(mark="dip"), high_s=front_end.limits_again_s
        )


def _is_quick_at_a_cell(protection: Protection) -> bool:
    at_a_cell = protection.kind is CELL and has_level(protection)
    return at_a_cell and not is_slow(protection) and bool(protection.opens)
