"""Families about contactors: how they close, what keeps them open, and for how long.

They look at both coils all the time. Must not know how a BMS measures its link.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rig.dut.claims import reboots
from rig.dut.contactors import Contactors
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.cycles import Cycles
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.instants import Crossing, Instant, Mark
from rig.plan.families.choosing import chosen, delay_of, has_level, slowest_s
from rig.plan.families.draft import AFTER_S, Draft, Options, draft_of, phase_s, whose
from rig.plan.families.expecting import closes
from rig.plan.families.requesting import saying
from rig.plan.reported import PERIODS
from rig.plan.stimulus import Stimulus, stimuli
from rig.quantities import CURRENT, LINK
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.reset import Reset
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.type_line import Type

_SETTLES_S = 0.5  # between two things that the host says, so that each is heard
_EMPTIES_S = 1.0  # for a load to empty the link
_WATCHED_S, _WATCHED_LONG_S = 10.0, 60.0  # coils are watched for so long (bms-defects.md, D72)
_HEAVY = 8.0  # times the load that just prevents a precharge
_INTO_S = 0.5  # of a precharge, when something happens in the midst of it


@dataclass(frozen=True, slots=True)
class _Ladder:
    """What a data sheet says of contactors, in the words of steps and expectations."""

    profile: Profile
    says: Contactors

    @property
    def said_s(self) -> float:
        """From a state to the end of a frame that tells it."""
        return PERIODS * slowest_s(self.profile, (self.says.states.signal.message,))

    def ask(self, request: int, mark: str | None = None) -> StartPeriodic:
        """Have the host say this from now on."""
        return saying(self.profile, self.says, request, mark)

    def close(self, mark: str) -> StartPeriodic:
        return self.ask(self.says.request.close, mark)

    def anew(self, mark: str) -> list[Step]:
        """Ask to close, as a new request: something else before it."""
        return [
            self.ask(self.says.request.none),
            Hold(duration_s=_SETTLES_S),
            self.close(mark),
            Hold(duration_s=self.says.closed_in.high + self.says.overlap.high + AFTER_S),
        ]

    def emptied(self, load_a: float = 0.0) -> list[Step]:
        """Open, and empty the link; a load stays on where one is given."""
        drawn = self.says.failure.load_a
        return [
            self.ask(self.says.request.open),
            Hold(duration_s=_SETTLES_S),
            Set(values={"current": -max(load_a, drawn)}),
            Hold(duration_s=_EMPTIES_S, mark="emptied"),
            *([] if load_a else [Set(values={"current": 0.0})]),
            Hold(duration_s=_SETTLES_S),
        ]

    # Expectations

    def closes(self, since: str) -> Recovers:
        """The main contactor closes, and stays so; how full the link was is not known."""
        high_s = self.says.closed_in.high
        return Recovers(output=self.says.main, since=Mark(mark=since), low_s=0.0, high_s=high_s)

    def begins(self, since: str) -> Recovers:
        """The precharge contactor closes."""
        return Recovers(
            output=self.says.precharge,
            since=Mark(mark=since),
            low_s=0.0,
            high_s=self.says.begins_within_s,
            lasts=False,
        )

    def opens(self, output: str, since: Instant, delay: Interval | None = None) -> Trips:
        """Opens with what says so, or with a protection in its delay."""
        low_s, high_s = (delay.low, delay.high) if delay else (0.0, 0.0)
        high_s += self.says.opens_within_s
        return Trips(output=output, since=since, low_s=low_s, high_s=high_s)

    def all_open(self, begin: str, end: str | None) -> Iterator[Stays]:
        """Neither closes."""
        for output in self.says.both:
            yield Stays(output=output, is_open=True, begin=begin, end=end)

    def state(self, value: int, since: Instant, high_s: float) -> SignalBecomes:
        """The state is told."""
        return SignalBecomes(
            signal=self.says.states.signal,
            value=float(value),
            since=since,
            high_s=high_s + self.said_s,
        )

    def draft(
        self,
        title: str,
        parameters: dict[str, str],
        steps: Sequence[Step],
        expectations: Sequence[Expectation],
        traces_to: tuple[str, ...] | None = None,
    ) -> Draft:
        """Draft a case about no protection."""
        return Draft(
            title=title,
            protection=None,
            parameters=parameters,
            steps=[RandomPhase(span_s=phase_s(self.profile)), *steps],
            expectations=expectations,
            severity="blocker",
            traces_to=self.says.traces_to if traces_to is None else traces_to,
        )


def _ladders(profile: Profile) -> Iterator[_Ladder]:
    if profile.contactors is not None:
        yield _Ladder(profile, profile.contactors)


# ---- closing ------------------------------------------------------------------------------------
def closing(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Close upon an empty link: precharge first, the main contactor once the link has come up."""
    for ladder in _ladders(profile):
        says = ladder.says
        main = Crossing(
            quantity=says.main,
            level=profile.outputs[says.main].closed_above_v,
            rising=True,
            after="asked",
        )
        yield ladder.draft(
            f"{says.main} closes once the link has come up, {says.precharge} before it",
            {},
            [
                *ladder.emptied(),
                ladder.close("asked"),
                Hold(duration_s=says.closed_in.high + says.overlap.high + ladder.said_s + AFTER_S),
            ],
            [
                *ladder.all_open("emptied", "asked"),
                ladder.begins("asked"),
                Recovers(
                    output=says.main,
                    since=Mark(mark="asked"),
                    low_s=says.closed_in.low,
                    high_s=says.closed_in.high,
                ),
                _link_first(ladder),
                Trips(
                    output=says.precharge,
                    since=main,
                    low_s=says.overlap.low,
                    high_s=says.overlap.high,
                ),
                _once(ladder),
                ladder.state(says.states.precharging, Mark(mark="asked"), says.begins_within_s),
                ladder.state(says.states.closed, main, 0.0),
            ],
        )


def _link_first(ladder: _Ladder) -> Recovers:
    """The main contactor does not close before the link has come up."""
    battery_v = ladder.profile.nominal.cells_v * ladder.profile.cells.count
    up = Crossing(
        quantity=LINK.word,
        level=round(ladder.says.link * battery_v, 3),
        rising=True,
        after="asked",
    )
    high_s = ladder.says.closed_in.high
    return Recovers(output=ladder.says.main, since=up, low_s=0.0, high_s=high_s, lasts=False)


def _once(ladder: _Ladder) -> Cycles:
    """The precharge contactor closes once, for as long as that takes."""
    says = ladder.says
    return Cycles(
        output=says.precharge,
        count=1,
        low_s=max(says.closed_in.low - says.begins_within_s, 0.0) + says.overlap.low,
        high_s=says.closed_in.high + says.overlap.high,
        pause_low_s=0.0,
        pause_high_s=0.0,
        begin="emptied",
    )


# ---- requests and power -------------------------------------------------------------------------
def requests(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Take the request back, cut the supply, reset, in each state: only a new request closes."""
    for ladder in _ladders(profile):
        yield _withdrawn(ladder, "closed", [Hold(duration_s=_SETTLES_S)], ladder.says.main)
        yield _withdrawn(ladder, "precharging", _in_the_midst(ladder), ladder.says.precharge)
        yield _no_request(ladder)
        for means in ("supply", "reset"):
            if means == "reset" and profile.console is None:
                continue
            for state, steps in _states(ladder).items():
                yield _cut(ladder, state, steps, means)


def _states(ladder: _Ladder) -> dict[str, list[Step]]:
    """How to get from home into each state."""
    settle = Hold(duration_s=_SETTLES_S)
    return {
        "closed": [settle],
        "precharging": _in_the_midst(ladder),
        "open": [ladder.ask(ladder.says.request.open), settle],
    }


def _in_the_midst(ladder: _Ladder) -> list[Step]:
    """A precharge that a load holds up, and the load taken away once it is over."""
    load_a = ladder.says.failure.load_a
    return [*ladder.emptied(load_a), ladder.close("begun"), Hold(duration_s=_INTO_S)]


def _withdrawn(ladder: _Ladder, state: str, before: Sequence[Step], output: str) -> Draft:
    says = ladder.says
    return ladder.draft(
        f"a request to open is obeyed while {state}",
        {"request": "open", "while": state},
        [
            *before,
            ladder.ask(says.request.open, "asked"),
            Hold(duration_s=says.opens_within_s + _SETTLES_S, mark="opened"),
            Set(values={"current": 0.0}),
            Hold(duration_s=_WATCHED_S, mark="watched"),
            *ladder.anew("again"),
        ],
        [
            ladder.opens(output, Mark(mark="asked")),
            *ladder.all_open("opened", "watched"),
            ladder.state(says.states.open, Mark(mark="asked"), says.opens_within_s),
            ladder.closes("again"),
        ],
    )


def _no_request(ladder: _Ladder) -> Draft:
    says = ladder.says
    return ladder.draft(
        f"no request leaves {says.main} as it is",
        {"request": "none", "while": "closed"},
        [
            Hold(duration_s=_SETTLES_S),
            ladder.ask(says.request.none, "asked"),
            Hold(duration_s=_WATCHED_S, mark="watched"),
            ladder.ask(says.request.open),
            Hold(duration_s=_SETTLES_S, mark="opened"),
            ladder.ask(says.request.none),
            Hold(duration_s=_SETTLES_S),
        ],
        [
            Stays(output=says.main, is_open=False, begin="asked", end="watched"),
            Stays(output=says.precharge, is_open=True, begin="asked"),
            Stays(output=says.main, is_open=True, begin="opened"),
        ],
    )


def _cut(ladder: _Ladder, state: str, before: Sequence[Step], means: str) -> Draft:
    start = ladder.profile.start
    start_s = start.up_within_s
    cut: list[Step] = [Reset(mark="on")]
    if means == "supply":
        cut = [Power(on=False), Hold(duration_s=0.5, mark="off"), Power(on=True, mark="on")]
    return ladder.draft(
        f"{means} gone while {state}: open until a new request, though the old one goes on",
        {"cut": means, "while": state},
        [
            *before,
            *cut,
            Set(values={"current": 0.0}),
            # What is asked now was asked before, but for the host of an open state.
            *([ladder.ask(ladder.says.request.open)] if state == "open" else []),
            Hold(duration_s=start_s + _WATCHED_S, mark="watched"),
            *ladder.anew("again"),
        ],
        [
            *ladder.all_open("on", "watched"),
            *closes(ladder.profile.closes_at_start, "on", start_s),
            ladder.closes("again"),
        ],
        start.traces_to,
    )


# ---- faults -------------------------------------------------------------------------------------
def contactor_faults(profile: Profile, options: Options) -> Iterator[Draft]:
    """A fault in each state opens both; they stay open, fault gone or not, until a new request."""
    for ladder in _ladders(profile):
        opening = ladder.says.opened_by
        for number, (name, protection) in enumerate(chosen(profile, options, _reacts)):
            stimulus = next(iter(stimuli(profile, name, options.targets)), None)
            if name not in opening or stimulus is None:
                continue
            watched_s = _WATCHED_LONG_S if number == 0 else _WATCHED_S
            yield _fault_while_closed(ladder, stimulus, protection, watched_s)
            if _is_quiet(protection):
                yield _fault_while_open(ladder, stimulus, protection)
                if delay_of(protection).low > _INTO_S:
                    yield _fault_while_precharging(ladder, stimulus, protection, watched_s)
        yield from _left_alone(ladder, options)


def _reacts(protection: Protection) -> bool:
    return bool(protection.opens)


def _is_quiet(protection: Protection) -> bool:
    """Whether its cause can be there with no current and a host that goes on."""
    steady = has_level(protection) and protection.kind is not CURRENT
    return steady or protection.watches in ("sense wire", "sensor open")


def _tripped_s(protection: Protection) -> float:
    return delay_of(protection).high + AFTER_S


def _fault_while_closed(
    ladder: _Ladder, stimulus: Stimulus, protection: Protection, watched_s: float
) -> Draft:
    main, delay = ladder.says.main, delay_of(protection)
    again = protection.latched is None
    expectations: list[Expectation] = [
        ladder.opens(main, stimulus.since, delay),
        *ladder.all_open("tripped", "watched"),
        Stays(output=ladder.says.precharge, is_open=True, begin="settled", end="watched"),
        *([ladder.closes("again")] if again else []),
    ]
    if not reboots(protection):
        high_s = delay.high + ladder.says.opens_within_s
        expectations.append(ladder.state(ladder.says.states.fault, stimulus.since, high_s))
    return draft_of(
        f"{whose(protection.short, stimulus.target)} opens {main}, and open it stays",
        stimulus,
        protection,
        parameters={"while": "closed"},
        steps=[
            Hold(duration_s=_SETTLES_S, mark="settled"),
            RandomPhase(span_s=phase_s(ladder.profile)),
            *stimulus.apply,
            Hold(duration_s=_tripped_s(protection) + ladder.says.opens_within_s, mark="tripped"),
            Hold(duration_s=watched_s),
            *stimulus.remove,
            Hold(duration_s=_WATCHED_S, mark="watched"),
            *(ladder.anew("again") if again else []),
        ],
        expectations=expectations,
    )


def _fault_while_open(ladder: _Ladder, stimulus: Stimulus, protection: Protection) -> Draft:
    return draft_of(
        f"{whose(protection.short, stimulus.target)} keeps the contactors open, asked or not",
        stimulus,
        protection,
        parameters={"while": "open"},
        steps=[
            RandomPhase(span_s=phase_s(ladder.profile)),
            ladder.ask(ladder.says.request.open),
            Hold(duration_s=_SETTLES_S, mark="opened"),
            *stimulus.apply,
            Hold(duration_s=_tripped_s(protection), mark="tripped"),
            ladder.close("asked"),
            Hold(duration_s=ladder.says.closed_in.high + _SETTLES_S),
            *stimulus.remove,
            Hold(duration_s=_WATCHED_S, mark="watched"),
            *ladder.anew("again"),
        ],
        expectations=[*ladder.all_open("opened", "watched"), ladder.closes("again")],
    )


def _fault_while_precharging(
    ladder: _Ladder, stimulus: Stimulus, protection: Protection, watched_s: float
) -> Draft:
    says, delay = ladder.says, delay_of(protection)
    asked_s = delay.low - _INTO_S  # so that it trips in the midst of the first try
    return draft_of(
        f"{whose(protection.short, stimulus.target)} while precharging opens {says.precharge}",
        stimulus,
        protection,
        parameters={"while": "precharging"},
        steps=[
            RandomPhase(span_s=phase_s(ladder.profile)),
            *ladder.emptied(says.failure.load_a),
            *stimulus.apply,
            Hold(duration_s=asked_s),
            ladder.close("asked"),
            Hold(duration_s=_INTO_S + delay.high - delay.low + AFTER_S, mark="tripped"),
            Set(values={"current": 0.0}),
            Hold(duration_s=watched_s),
            *stimulus.remove,
            Hold(duration_s=_WATCHED_S, mark="watched"),
        ],
        expectations=[
            ladder.begins("asked"),
            ladder.opens(says.precharge, stimulus.since, delay),
            *ladder.all_open("tripped", "watched"),
            Stays(output=says.main, is_open=True, begin="asked", end="watched"),
        ],
    )


def _left_alone(ladder: _Ladder, options: Options) -> Iterator[Draft]:
    """What is not said to open the contactors leaves them closed."""
    for name, protection in chosen(ladder.profile, options, _leaves):
        if name in ladder.says.opened_by:
            continue
        stimulus = next(iter(stimuli(ladder.profile, name, options.targets)), None)
        if stimulus is not None:
            yield draft_of(
                f"{whose(protection.short, stimulus.target)} leaves {ladder.says.main} closed",
                stimulus,
                protection,
                parameters={"while": "closed"},
                steps=[
                    *stimulus.apply,
                    Hold(duration_s=_tripped_s(protection) + _SETTLES_S),
                ],
                expectations=[Stays(output=ladder.says.main, is_open=False)],
            )


def _leaves(protection: Protection) -> bool:
    return protection.threshold is not None


# ---- a link that does not come up ---------------------------------------------------------------
def precharge_fails(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """A load holds the link down: the stated number of tries, then a latched fault."""
    for ladder in _ladders(profile):
        load_a = ladder.says.failure.load_a
        for number, means in enumerate(ladder.says.failure.cleared_by):
            for times in (1.0, _HEAVY) if number == 0 else (1.0,):
                yield _all_tries(ladder, load_a * times, means)
        yield _load_goes(ladder)


def _longest_s(ladder: _Ladder) -> float:
    failure = ladder.says.failure
    pauses = (failure.tries - 1) * failure.pause.high
    return ladder.says.begins_within_s + failure.tries * failure.each.high + pauses


def _all_tries(ladder: _Ladder, load_a: float, means: str) -> Draft:
    says, failure = ladder.says, ladder.says.failure
    return ladder.draft(
        f"{load_a:g} A at the link: {failure.tries} tries, then open until {means}",
        {"load": f"{load_a:g} A", "cleared by": means},
        [
            *ladder.emptied(load_a),
            ladder.close("asked"),
            # As long again as three more pauses take: whoever goes on trying is seen.
            Hold(duration_s=_longest_s(ladder) + 3.0 * failure.pause.high, mark="failed"),
            Set(values={"current": 0.0}),
            *ladder.anew("in vain"),
            Hold(duration_s=_SETTLES_S, mark="watched"),
            *_cleared(ladder, means),
            *ladder.anew("again"),
        ],
        [
            _tries(ladder),
            Stays(output=says.main, is_open=True, begin="asked", end="watched"),
            *ladder.all_open("failed", "watched"),
            *_failure_said(ladder),
            ladder.closes("again"),
        ],
        (*says.traces_to, *failure.traces_to),
    )


def _tries(ladder: _Ladder) -> Cycles:
    # From before it is asked: it closes at once, and the record is placed to some milliseconds.
    failure = ladder.says.failure
    return Cycles(
        output=ladder.says.precharge,
        count=failure.tries,
        low_s=failure.each.low,
        high_s=failure.each.high,
        pause_low_s=failure.pause.low,
        pause_high_s=failure.pause.high,
        begin="emptied",
        end="watched",
    )


def _failure_said(ladder: _Ladder) -> Iterator[Expectation]:
    failure = ladder.says.failure
    high_s = _longest_s(ladder) + ladder.said_s
    low_s = failure.tries * failure.each.low + (failure.tries - 1) * failure.pause.low
    for signal, value in failure.says.items():
        yield SignalBecomes(
            signal=signal, value=float(value), since=Mark(mark="asked"), low_s=low_s, high_s=high_s
        )
        yield SignalStays(signal=signal, value=float(value), begin="failed", end="watched")
        yield SignalStays(signal=signal, value=float(1 - value), begin="again")


def _cleared(ladder: _Ladder, means: str) -> list[Step]:
    start = ladder.profile.start
    started: list[Step] = [Hold(duration_s=start.up_within_s)]
    if means == "power cycle":
        return [Power(on=False), Hold(duration_s=0.5), Power(on=True), *started]
    if means == "reset":
        return [Reset(), *started]
    console = ladder.profile.console
    return [Type(line=console.commands[means] if console else means), Hold(duration_s=_SETTLES_S)]


def _load_goes(ladder: _Ladder) -> Draft:
    """A load that goes after the first try: the next one brings the link up."""
    says, failure = ladder.says, ladder.says.failure
    return ladder.draft(
        f"a load that goes after the first try: the second one closes {says.main}",
        {"load": "gone after a try"},
        [
            *ladder.emptied(failure.load_a),
            ladder.close("asked"),
            Hold(duration_s=failure.each.high + 0.5 * failure.pause.low),
            Set(values={"current": 0.0}, mark="gone"),
            Hold(duration_s=failure.pause.high + says.closed_in.high + AFTER_S),
        ],
        [
            Stays(output=says.main, is_open=True, begin="asked", end="gone"),
            Recovers(
                output=says.main,
                since=Mark(mark="gone"),
                low_s=0.0,
                high_s=failure.pause.high + says.closed_in.high,
            ),
        ],
        (*says.traces_to, *failure.traces_to),
    )
