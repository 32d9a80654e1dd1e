"""Families about what hangs on a bus inside the BMS: lost, back again, and broken for an instant.

A value that was true a second ago looks like one that is true now: so each report is watched in
every frame, and may be what it was, or say that it knows nothing, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rig.can_address import SignalAddress
from rig.case import Precondition
from rig.dut.links import FrontEnd, Link
from rig.dut.profile import Profile, Protection, Report
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.expectations.recovers import Recovers
from rig.expectations.signal_within import SignalWithin
from rig.plan.families.applicable import chosen, has_level, is_slow, look_s, slowest_s
from rig.plan.families.draft import Draft, Options, Part, family, family_of
from rig.plan.families.expecting import all_stay, becomes, flags_stay, shown_in, stay
from rig.plan.families.provoked import Provoked, at_each, each, one_each
from rig.plan.families.timing import AFTER_S, BENCH_OFF, BETWEEN_S, BLIND_S, BREAK_S, SEEN_S
from rig.plan.reported import PERIODS
from rig.plan.stimulus import APPLIED, REMOVED
from rig.quantities import CELL, CURRENT, TEMPERATURE
from rig.quantity import Interval, format
from rig.steps import Step
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set
from rig.time_reference import Mark

# A link is whole a little before its command is confirmed: what is watched while it is not, ends
# where the command begins.
_LOST, _MENDING, _BACK, _END = "lost", "mending", "back", "end"
_ITS_TIMES = 1.2  # a loss this little longer than its time-out must be got over as a long one is
_BREAKS = 20  # contacts that bounce, at any phase of its tasks
_LOAD_A = -5.0  # flows while contacts bounce, where no protection is near it


# ---- what it carries ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class _Carried:
    """One number that a link carries: where it is reported, what it ought to be."""

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
        nothing = replace(self, low=self.invalid, high=self.invalid).within(begin, end)
        return replace(nothing, once_sent=once_sent)


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
        CELL.name: [profile.nominal_of(q) for q in profile.cell_names],
        TEMPERATURE.name: [profile.nominal_of(q) for q in profile.temperature_names],
        CURRENT.name: [amps],
    }
    # The pack's own voltage is the batteries' business: a fifth more or less than the cells' sum.
    pack_v = profile.cells.count * profile.nominal.cells_v
    for n, value in enumerate(at.get(name, [pack_v]), 1):
        off = (report.accuracy or 0.0) + report.relative * abs(value) + BENCH_OFF[report.unit]
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


# ---- a loss -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss(Provoked):
    """One way to lose one link, and what watches it."""

    fault: Fault

    @property
    def link(self) -> Link:
        return self.profile.links[self.target]

    @property
    def carried(self) -> list[_Carried]:
        return [c for c in carried_by(self.profile, self.target) if c.invalid is not None]

    @property
    def gone_s(self) -> float:
        """From the loss until nothing is believed any more, in no message."""
        told_s = PERIODS * slowest_s(self.profile, (c.signal.message for c in self.carried))
        return self.delay.high + self.said_s + told_s

    def look_s(self, least_s: float) -> float:
        """How long what it says is looked at."""
        return look_s(self.profile, least_s, self.profile.messages, periods=PERIODS)

    @property
    def mend(self) -> Fault:
        return replace(self.fault, present=False, mark=REMOVED)

    def lost(self, for_s: float | None = None, mark: str | None = _LOST) -> list[Step]:
        return [self.fault, Hold(duration_s=self.gone_s if for_s is None else for_s, mark=mark)]

    def mended(self) -> Part:
        """Mend it: it recovers, and reports what it ought to."""
        back, time = Mark(mark=REMOVED), self.recovery
        return Part(
            [
                self.mend,
                Hold(duration_s=time.high + self.said_s, mark=_BACK),
                Hold(duration_s=self.look_s(SEEN_S), mark=_END),
            ],
            [*self.recovers(back, time), *self.flags_cleared(back, time)],
        )

    @property
    def well_again(self) -> list[Expectation]:
        return [c.within(_BACK, _END) for c in self.carried]

    def case(
        self, title: str, when: str, part: Part, precondition: Precondition = "ready"
    ) -> Draft:
        return self.draft(
            f"{self.target} {self.fault.fault}, {title}",
            part.steps,
            part.expectations,
            {"fault": self.fault.fault, "when": when},
            precondition=precondition,
        )


def _losses(profile: Profile, options: Options) -> Iterator[_Loss]:
    for it in each(profile, Options(protections=options.protections), _watches_a_link):
        for kind in profile.links[it.target].faults:
            fault = Fault(fault=kind, target=it.target, mark=APPLIED)
            yield _Loss(profile, it.stimulus, it.protection, fault=fault)


def _watches_a_link(protection: Protection) -> bool:
    return protection.watches == "link"


@family("link lost")
def link_lost(profile: Profile, options: Options) -> Iterator[Draft]:
    """Lose each link in every way: at rest, at start, amid a violation, for long and just so."""
    slow = [name for name, _ in chosen(profile, Options(), _is_slow_at_a_cell)]
    for loss in _losses(profile, options):
        yield loss.case("for long: it says that it knows nothing", "long", _for_long(loss))
        yield loss.case("for little more than its time-out", "short", _for_little(loss))
        if profile.supply is not None:
            yield loss.case("at its start: no path, no value", "start", _at_start(loss), "off")
        for violation in (
            at_each(profile, slow[0])[:1] if slow and loss.fault.fault == "open" else ()
        ):
            for when, (said, make) in _AMID.items():
                yield loss.case(f"while {said}", when, make(loss, violation))


def _is_slow_at_a_cell(protection: Protection) -> bool:
    return protection.kind is CELL and has_level(protection) and is_slow(protection)


def _for_long(loss: _Loss) -> Part:
    carried, mended = loss.carried, loss.mended()
    return Part(
        [
            Hold(duration_s=loss.look_s(SEEN_S)),
            loss.random_phase,
            *loss.lost(),
            Hold(duration_s=loss.look_s(BLIND_S), mark=_MENDING),
            *mended.steps,
        ],
        [
            *loss.trips(),
            *_said(loss),
            *(c.within(None, APPLIED) for c in carried),
            *(c.within(APPLIED, _LOST, or_none=True) for c in carried),
            *(c.says_nothing(_LOST, _MENDING) for c in carried),
            *mended.expectations,
            *loss.well_again,
        ],
    )


def _for_little(loss: _Loss) -> Part:
    mended = loss.mended()
    meanwhile = (c.within(None, _BACK, or_none=True) for c in loss.carried)
    return Part(
        [loss.random_phase, *loss.lost(_ITS_TIMES * loss.delay.high, None), *mended.steps],
        [
            *loss.trips(),
            *mended.expectations,
            *shown_in(loss.profile, loss.recovery.high, meanwhile),
            *loss.well_again,
        ],
    )


def _at_start(loss: _Loss) -> Part:
    mended, waited_s = loss.mended(), loss.profile.start.up_within_s + loss.gone_s
    in_time = Interval(0.0, waited_s, "s")
    return Part(
        [
            loss.fault,
            Hold(duration_s=0.2),
            Power(on=True, mark="on"),
            Hold(duration_s=waited_s, mark=_MENDING),
            *mended.steps,
        ],
        [
            *stay(loss.opens, APPLIED, REMOVED, is_open=True),
            *(becomes(said, value, "on", in_time) for said, value in loss.protection.flags.items()),
            *(c.says_nothing("on", _MENDING, once_sent=True) for c in loss.carried),
            *mended.expectations,
            *loss.well_again,
        ],
    )


def _while_pending(loss: _Loss, its: Provoked) -> Part:
    """A violation is half-way through its delay when the link goes, and still there afterwards."""
    told_s = its.delay.high + its.protection.flags_within_s + _reconnect_s(loss.profile)
    wait_s = max(its.delay.high, loss.recovery.high) + its.said_s + AFTER_S
    return Part(
        [
            loss.random_phase,
            Set(values=its.stimulus.values, mark="violated"),
            Hold(duration_s=0.4 * its.delay.low),
            *loss.lost(),
            loss.mend,
            Hold(duration_s=told_s, mark=_BACK),
            Hold(duration_s=max(wait_s - told_s, loss.look_s(SEEN_S)), mark=_END),
        ],
        [
            *loss.trips(),
            *stay(its.opens, _LOST, _END, is_open=True),
            # It may tell so before the link is back: it saw the violation begin.
            *flags_stay(its.protection, _BACK, _END),
        ],
    )


def _while_tripped(loss: _Loss, its: Provoked) -> Part:
    """What tripped is gone while nothing is seen: it lets go only once that is seen, too."""
    slower = max(its.recovery, loss.recovery, key=lambda i: i.high)
    both = [o for o in its.opens if o in loss.opens]
    since, high_s = Mark(mark=REMOVED), slower.high + _reconnect_s(loss.profile)
    return Part(
        [
            Set(values=its.stimulus.values, mark="violated"),
            Hold(duration_s=its.delay.high + AFTER_S, mark="tripped"),
            *loss.lost(),
            # Without its mark, which the mending bears.
            *(step.marked(None) for step in its.stimulus.remove),
            Hold(duration_s=its.recovery.high + AFTER_S),
            loss.mend,
            Hold(duration_s=slower.high + loss.look_s(SEEN_S), mark=_END),
        ],
        [
            *stay(both, "tripped", REMOVED, is_open=True),
            *(Recovers(output=o, since=since, low_s=slower.low, high_s=high_s) for o in both),
        ],
    )


_AMID: dict[str, tuple[str, Callable[[_Loss, Provoked], Part]]] = {
    "pending": ("a violation is pending", _while_pending),
    "tripped": ("tripped", _while_tripped),
}


def _reconnect_s(profile: Profile) -> float:
    """From a link that is whole until what it carries is believed: one period of the messages."""
    return max((p.period.value for p in profile.messages.values()), default=0.1)


def _said(loss: _Loss) -> Iterator[Expectation]:
    """Its flag and its line, by when they are due, and sooner is as good."""
    p, since, high_s = loss.protection, loss.stimulus.since, loss.delay.high
    for said, value in p.flags.items():
        yield becomes(said, value, since, Interval(0.0, high_s + p.flags_within_s, "s"))
    if (pattern := p.console_for(loss.target)) is not None:
        yield ConsoleSays(pattern=pattern, since=since, high_s=high_s + p.console_within_s)


# ---- broken for an instant ----------------------------------------------------------------------
@family("link bounce")
def link_bounce(profile: Profile, options: Options) -> Iterator[Draft]:
    """Break a link again and again for an instant: nothing trips, and nothing false is reported."""
    amps = _LOAD_A if profile.has_current else 0.0
    for loss in _losses(profile, options):
        seen_s = loss.look_s(SEEN_S)
        breaks: list[Step] = []
        for _ in range(_BREAKS):
            breaks += [
                *loss.lost(BREAK_S, None),
                loss.mend,
                # As long whole as it may be broken: more breaks than that are a loss.
                Hold(duration_s=loss.link.rides_through_s),
                RandomPhase(span_s=BETWEEN_S),
            ]
        yield loss.draft(
            f"{loss.target} {loss.fault.fault} {_BREAKS} times for {format(BREAK_S, 's')}: no trip,"
            " no wrong value",
            [
                *([Set(values={"current": amps})] if amps else []),
                Hold(duration_s=seen_s, mark="steady"),
                *breaks,
                Hold(duration_s=seen_s, mark=_END),
            ],
            [
                *all_stay(profile),
                *loss.stays_silent(),
                *(c.within("steady", _END) for c in carried_by(profile, loss.target, amps=amps)),
                *loss.no_line(),
            ],
            {"fault": loss.fault.fault},
        )


# ---- the cells sag ------------------------------------------------------------------------------
@family_of("cells sag", lambda profile: profile.front_end)
def cells_sag(profile: Profile, options: Options, front_end: FrontEnd) -> Iterator[Draft]:
    """Let the cells sag so far that the front end forgets its limits: they work again at once."""
    low = dict.fromkeys(profile.cell_names, front_end.dips_to_v)
    whole = {name: profile.nominal_of(name) for name in profile.cell_names}
    again_s, reported = front_end.limits_again_s, front_end.console
    says = (
        [ConsoleSays(pattern=reported, since=Mark(mark="dip"), high_s=again_s)] if reported else []
    )
    for it in one_each(profile, options, _is_quick_at_a_cell):
        yield it.draft(
            f"after a dip of all cells {it.short} acts as before",
            [
                it.random_phase,
                Set(values=low, mark="dip"),
                # Half of what is claimed: the commands' own time adds to it.
                Hold(duration_s=0.3 * front_end.dips_for_s),
                Set(values=whole, mark="risen"),
                Hold(duration_s=again_s, mark="again"),
                *it.tripped(),
            ],
            [*all_stay(profile, {}, None, "again"), *it.trips(), *says],
        )


def _is_quick_at_a_cell(protection: Protection) -> bool:
    at_a_cell = protection.kind is CELL and has_level(protection)
    return at_a_cell and not is_slow(protection) and bool(protection.opens)
