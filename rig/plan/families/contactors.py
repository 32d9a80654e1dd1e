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
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.plan.families.applicable import chosen, has_level, has_threshold, slowest_s
from rig.plan.families.contactor_requests import periodic_request
from rig.plan.families.draft import Draft, Options, family_of, random_phase
from rig.plan.families.expecting import becomes, closes, stay, stays
from rig.plan.families.provoked import Provoked, at_each
from rig.plan.families.reset_steps import STARTS_ANEW, clear, power_cycle
from rig.plan.families.timing import (
    AFTER_S,
    COILS_S,
    FIRST_COILS_S,
    HEARD_S,
    INTO_PRECHARGE_S,
    LINK_EMPTIES_S,
)
from rig.plan.reported import PERIODS
from rig.quantities import CURRENT, LINK
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.reset import Reset
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.time_reference import Crossing, Mark, TimeReference

_HEAVY = 8.0  # times the load that just prevents a precharge
_SETTLE = Hold(duration_s=HEARD_S)
_NO_CURRENT = Set(values={"current": 0.0})
_WATCHED = Hold(duration_s=COILS_S, mark="watched")


@dataclass(frozen=True, slots=True)
class _Ladder:
    """What a data sheet says of contactors, in the words of steps and expectations."""

    profile: Profile
    contactors: Contactors

    @property
    def traces_to(self) -> tuple[str, ...]:
        return self.contactors.traces_to

    @property
    def said_s(self) -> float:
        """From a state to the end of a frame that reports it."""
        return PERIODS * slowest_s(self.profile, (self.contactors.states.signal.message,))

    @property
    def longest_s(self) -> float:
        """How long all tries to precharge take at the most."""
        failure = self.contactors.failure
        pauses_s = (failure.tries - 1) * failure.pause.high
        return self.contactors.begins_within_s + failure.tries * failure.each.high + pauses_s

    def ask(self, request: int, mark: str | None = None) -> StartPeriodic:
        """Have the host say this from now on."""
        return periodic_request(self.profile, self.contactors, request, mark)

    def close(self, mark: str) -> StartPeriodic:
        return self.ask(self.contactors.request.close, mark)

    def open(self, mark: str | None = None) -> StartPeriodic:
        return self.ask(self.contactors.request.open, mark)

    def anew(self, mark: str) -> list[Step]:
        """Ask to close, as a new request: something else before it."""
        return [
            self.ask(self.contactors.request.none),
            _SETTLE,
            self.close(mark),
            Hold(
                duration_s=self.contactors.closed_in.high + self.contactors.overlap.high + AFTER_S
            ),
        ]

    def emptied(self, load_a: float = 0.0) -> list[Step]:
        """Open, and empty the link; a load stays on where one is given."""
        return [
            self.open(),
            _SETTLE,
            Set(values={"current": -max(load_a, self.contactors.failure.load_a)}),
            Hold(duration_s=LINK_EMPTIES_S, mark="emptied"),
            *([] if load_a else [_NO_CURRENT]),
            _SETTLE,
        ]

    # Expectations

    def closes(self, since: str, time: Interval | None = None) -> Recovers:
        """The main contactor closes, and stays so: at once, where the link may be full still."""
        time = time or Interval(0.0, self.contactors.closed_in.high, "s")
        since_mark = Mark(mark=since)
        return Recovers(
            output=self.contactors.main, since=since_mark, low_s=time.low, high_s=time.high
        )

    def begins(self, since: str) -> Recovers:
        """The precharge contactor closes."""
        return Recovers(
            output=self.contactors.precharge,
            since=Mark(mark=since),
            low_s=0.0,
            high_s=self.contactors.begins_within_s,
            lasts=False,
        )

    def opens(self, output: str, since: TimeReference, delay: Interval | None = None) -> Trips:
        """Opens with what says so, or with a protection in its delay."""
        low_s, high_s = (delay.low, delay.high) if delay else (0.0, 0.0)
        high_s += self.contactors.opens_within_s
        return Trips(output=output, since=since, low_s=low_s, high_s=high_s)

    def all_open(self, begin: str, end: str | None) -> Iterator[Stays]:
        """Neither closes."""
        return stay(self.contactors.both, begin, end, is_open=True)

    def main_open(self, begin: str, end: str | None = None, *, is_open: bool = True) -> Stays:
        return Stays(output=self.contactors.main, is_open=is_open, begin=begin, end=end)

    def state(self, value: int, since: TimeReference | str, high_s: float) -> SignalBecomes:
        """The state is reported."""
        time = Interval(0.0, high_s + self.said_s, "s")
        return becomes(self.contactors.states.signal, value, since, time)


def _ladder(profile: Profile) -> _Ladder | None:
    return _Ladder(profile, profile.contactors) if profile.contactors else None


# ---- closing ------------------------------------------------------------------------------------
@family_of("contactor closing", _ladder, severity="blocker")
def closing(profile: Profile, options: Options, ladder: _Ladder) -> Iterator[Draft]:  # noqa: ARG001
    """Close upon an empty link: precharge first, the main contactor once the link has come up."""
    contactors, level = ladder.contactors, profile.outputs[ladder.contactors.main].closed_above_v
    main = Crossing(quantity=contactors.main, level=level, rising=True, after="asked")
    low_s, high_s = contactors.overlap.low, contactors.overlap.high
    yield Draft(
        title=f"{contactors.main} closes once the link has come up, {contactors.precharge} before"
        f" it",
        steps=[
            random_phase(ladder.profile),
            *ladder.emptied(),
            ladder.close("asked"),
            Hold(
                duration_s=contactors.closed_in.high
                + contactors.overlap.high
                + ladder.said_s
                + AFTER_S
            ),
        ],
        expectations=[
            *ladder.all_open("emptied", "asked"),
            ladder.begins("asked"),
            ladder.closes("asked", contactors.closed_in),
            _link_first(ladder),
            Trips(output=contactors.precharge, since=main, low_s=low_s, high_s=high_s),
            _once(ladder),
            ladder.state(contactors.states.precharging, "asked", contactors.begins_within_s),
            ladder.state(contactors.states.closed, main, 0.0),
        ],
    )


def _link_first(ladder: _Ladder) -> Recovers:
    """The main contactor does not close before the link has come up."""
    profile, contactors = ladder.profile, ladder.contactors
    up_v = round(contactors.link * (profile.nominal.cells_v * profile.cells.count), 3)
    up = Crossing(quantity=LINK.word, level=up_v, rising=True, after="asked")
    high_s = contactors.closed_in.high
    return Recovers(output=contactors.main, since=up, low_s=0.0, high_s=high_s, lasts=False)


def _once(ladder: _Ladder) -> Cycles:
    """The precharge contactor closes once, for as long as that takes."""
    contactors = ladder.contactors
    return Cycles(
        output=contactors.precharge,
        count=1,
        low_s=max(contactors.closed_in.low - contactors.begins_within_s, 0.0)
        + contactors.overlap.low,
        high_s=contactors.closed_in.high + contactors.overlap.high,
        begin="emptied",
    )


# ---- requests and power -------------------------------------------------------------------------
@family_of("contactor requests", _ladder, severity="blocker")
def requests(profile: Profile, options: Options, ladder: _Ladder) -> Iterator[Draft]:  # noqa: ARG001
    """Take the request back, cut the supply, reset, in each state: only a new request closes."""
    yield _withdrawn(ladder, "closed", ladder.contactors.main)
    yield _withdrawn(ladder, "precharging", ladder.contactors.precharge)
    yield _no_request(ladder)
    cuts: dict[str, list[Step]] = {"supply": power_cycle(held="off", on="on")}
    if profile.console is not None:
        cuts["reset"] = [Reset(mark="on")]
    for means, steps in cuts.items():
        for state in ("closed", "precharging", "open"):
            yield _cut(ladder, state, means, steps)


def _into(ladder: _Ladder, state: str) -> list[Step]:
    """How to get from the preconditions into each state; a load holds a precharge up."""
    if state == "open":
        return [ladder.open(), _SETTLE]
    if state == "closed":
        return [_SETTLE]
    held = ladder.emptied(ladder.contactors.failure.load_a)
    return [*held, ladder.close("begun"), Hold(duration_s=INTO_PRECHARGE_S)]


def _withdrawn(ladder: _Ladder, state: str, output: str) -> Draft:
    contactors = ladder.contactors
    return Draft(
        title=f"a request to open is obeyed while {state}",
        parameters={"request": "open", "while": state},
        steps=[
            random_phase(ladder.profile),
            *_into(ladder, state),
            ladder.open("asked"),
            Hold(duration_s=contactors.opens_within_s + HEARD_S, mark="opened"),
            _NO_CURRENT,
            _WATCHED,
            *ladder.anew("again"),
        ],
        expectations=[
            ladder.opens(output, Mark(mark="asked")),
            *ladder.all_open("opened", "watched"),
            ladder.state(contactors.states.open, "asked", contactors.opens_within_s),
            ladder.closes("again"),
        ],
    )


def _no_request(ladder: _Ladder) -> Draft:
    contactors = ladder.contactors
    return Draft(
        title=f"no request leaves {contactors.main} as it is",
        parameters={"request": "none", "while": "closed"},
        steps=[
            random_phase(ladder.profile),
            _SETTLE,
            ladder.ask(contactors.request.none, "asked"),
            _WATCHED,
            ladder.open(),
            _SETTLE.marked("opened"),
            ladder.ask(contactors.request.none),
            _SETTLE,
        ],
        expectations=[
            ladder.main_open("asked", "watched", is_open=False),
            Stays(output=contactors.precharge, is_open=True, begin="asked"),
            ladder.main_open("opened"),
        ],
    )


def _cut(ladder: _Ladder, state: str, means: str, cut: Sequence[Step]) -> Draft:
    start = ladder.profile.start
    return Draft(
        title=f"{means} gone while {state}: open until a new request, though the old one goes on",
        parameters={"cut": means, "while": state},
        steps=[
            random_phase(ladder.profile),
            *_into(ladder, state),
            *cut,
            _NO_CURRENT,
            # What is asked now was asked before, but for the host of an open state.
            *([ladder.open()] if state == "open" else []),
            Hold(duration_s=start.up_within_s + COILS_S, mark="watched"),
            *ladder.anew("again"),
        ],
        expectations=[
            *ladder.all_open("on", "watched"),
            *closes(ladder.profile.closes_at_start, "on", start.up_within_s),
            ladder.closes("again"),
        ],
        traces_to=start.traces_to,
    )


# ---- faults -------------------------------------------------------------------------------------
@family_of("contactor faults", _ladder, severity="blocker")
def contactor_faults(profile: Profile, options: Options, ladder: _Ladder) -> Iterator[Draft]:
    """A fault in each state opens both; they stay open, fault gone or not, until a new request."""
    opening = ladder.contactors.opened_by
    for number, (name, _) in enumerate(chosen(profile, options, lambda p: bool(p.opens))):
        watched = Hold(duration_s=COILS_S if number else FIRST_COILS_S)
        for it in at_each(profile, name, options.targets)[:1] if name in opening else ():
            yield from _fault_in_each_state(ladder, it, watched)
    for name, _ in chosen(profile, options, has_threshold):
        if name not in opening:
            for it in at_each(profile, name, options.targets)[:1]:
                yield _left_alone(ladder, it)


def _fault_in_each_state(ladder: _Ladder, it: Provoked, watched: Hold) -> Iterator[Draft]:
    yield _fault_while_closed(ladder, it, watched)
    if _is_quiet(it.protection):
        yield _fault_while_open(ladder, it)
        if it.delay.low > INTO_PRECHARGE_S:
            yield _fault_while_precharging(ladder, it, watched)


def _is_quiet(protection: Protection) -> bool:
    """Whether its cause can be there with no current and a host that goes on."""
    steady = has_level(protection) and protection.kind is not CURRENT
    return steady or protection.watches in ("sense wire", "sensor open")


def _tripped_s(it: Provoked) -> float:
    return it.delay.high + AFTER_S


def _fault_while_closed(ladder: _Ladder, it: Provoked, watched: Hold) -> Draft:
    contactors, since = ladder.contactors, it.stimulus.since
    again = it.protection.latched is None
    reported = [
        ladder.state(contactors.states.fault, since, it.delay.high + contactors.opens_within_s)
    ]
    return it.draft(
        f"{it.at_place} opens {contactors.main}, and open it stays",
        [
            _SETTLE.marked("settled"),
            it.random_phase,
            *it.stimulus.apply,
            Hold(duration_s=_tripped_s(it) + contactors.opens_within_s, mark="tripped"),
            watched,
            *it.stimulus.remove,
            _WATCHED,
            *(ladder.anew("again") if again else []),
        ],
        [
            ladder.opens(contactors.main, since, it.delay),
            *ladder.all_open("tripped", "watched"),
            Stays(output=contactors.precharge, is_open=True, begin="settled", end="watched"),
            *([ladder.closes("again")] if again else []),
            *([] if reboots(it.protection) else reported),
        ],
        {"while": "closed"},
    )


def _fault_while_open(ladder: _Ladder, it: Provoked) -> Draft:
    return it.draft(
        f"{it.at_place} keeps the contactors open, asked or not",
        [
            it.random_phase,
            ladder.open(),
            _SETTLE.marked("opened"),
            *it.stimulus.apply,
            Hold(duration_s=_tripped_s(it), mark="tripped"),
            ladder.close("asked"),
            Hold(duration_s=ladder.contactors.closed_in.high + HEARD_S),
            *it.stimulus.remove,
            _WATCHED,
            *ladder.anew("again"),
        ],
        [*ladder.all_open("opened", "watched"), ladder.closes("again")],
        {"while": "open"},
    )


def _fault_while_precharging(ladder: _Ladder, it: Provoked, watched: Hold) -> Draft:
    contactors, delay = ladder.contactors, it.delay
    return it.draft(
        f"{it.at_place} while precharging opens {contactors.precharge}",
        [
            it.random_phase,
            *ladder.emptied(contactors.failure.load_a),
            *it.stimulus.apply,
            # So that it trips in the midst of the first try.
            Hold(duration_s=delay.low - INTO_PRECHARGE_S),
            ladder.close("asked"),
            Hold(duration_s=INTO_PRECHARGE_S + delay.high - delay.low + AFTER_S, mark="tripped"),
            _NO_CURRENT,
            watched,
            *it.stimulus.remove,
            _WATCHED,
        ],
        [
            ladder.begins("asked"),
            ladder.opens(contactors.precharge, it.stimulus.since, delay),
            *ladder.all_open("tripped", "watched"),
            ladder.main_open("asked", "watched"),
        ],
        {"while": "precharging"},
    )


def _left_alone(ladder: _Ladder, it: Provoked) -> Draft:
    """What is not said to open the contactors leaves them closed."""
    return it.draft(
        f"{it.at_place} leaves {ladder.contactors.main} closed",
        [*it.stimulus.apply, Hold(duration_s=_tripped_s(it) + HEARD_S)],
        stay([ladder.contactors.main], is_open=False),
        {"while": "closed"},
    )


# ---- a link that does not come up ---------------------------------------------------------------
@family_of("precharge fails", _ladder, severity="blocker")
def precharge_fails(profile: Profile, options: Options, ladder: _Ladder) -> Iterator[Draft]:  # noqa: ARG001
    """A load holds the link down: the stated number of tries, then a latched fault."""
    load_a = ladder.contactors.failure.load_a
    for number, means in enumerate(ladder.contactors.failure.cleared_by):
        for times in (1.0, _HEAVY) if number == 0 else (1.0,):
            yield _all_tries(ladder, load_a * times, means)
    yield _load_goes(ladder)


def _all_tries(ladder: _Ladder, load_a: float, means: str) -> Draft:
    contactors, failure = ladder.contactors, ladder.contactors.failure
    return Draft(
        title=f"{load_a:g} A at the link: {failure.tries} tries, then open until {means}",
        parameters={"load": f"{load_a:g} A", "cleared by": means},
        steps=[
            random_phase(ladder.profile),
            *ladder.emptied(load_a),
            ladder.close("asked"),
            # As long again as three more pauses take: whoever goes on trying is seen.
            Hold(duration_s=ladder.longest_s + 3.0 * failure.pause.high, mark="failed"),
            _NO_CURRENT,
            *ladder.anew("in vain"),
            _SETTLE.marked("watched"),
            *_cleared(ladder, means),
            *ladder.anew("again"),
        ],
        expectations=[
            _tries(ladder),
            ladder.main_open("asked", "watched"),
            *ladder.all_open("failed", "watched"),
            *_failure_said(ladder),
            ladder.closes("again"),
        ],
        traces_to=(*contactors.traces_to, *failure.traces_to),
    )


def _tries(ladder: _Ladder) -> Cycles:
    # From before it is asked: it closes at once, and the record is placed to some milliseconds.
    failure = ladder.contactors.failure
    return Cycles(
        output=ladder.contactors.precharge,
        count=failure.tries,
        low_s=failure.each.low,
        high_s=failure.each.high,
        pause_low_s=failure.pause.low,
        pause_high_s=failure.pause.high,
        begin="emptied",
        end="watched",
    )


def _failure_said(ladder: _Ladder) -> Iterator[Expectation]:
    failure = ladder.contactors.failure
    low_s = failure.tries * failure.each.low + (failure.tries - 1) * failure.pause.low
    time = Interval(low_s, ladder.longest_s + ladder.said_s, "s")
    for said, value in failure.flags.items():
        yield becomes(said, value, "asked", time)
        yield stays(said, value, "failed", "watched")
        yield stays(said, 1 - value, "again")


def _cleared(ladder: _Ladder, means: str) -> list[Step]:
    started = Hold(duration_s=ladder.profile.start.up_within_s)
    return [*clear(ladder.profile, means), started if means in STARTS_ANEW else _SETTLE]


def _load_goes(ladder: _Ladder) -> Draft:
    """A load that goes after the first try: the next one brings the link up."""
    contactors, failure = ladder.contactors, ladder.contactors.failure
    closed_s = failure.pause.high + contactors.closed_in.high
    return Draft(
        title=f"a load that goes after the first try: the second one closes {contactors.main}",
        parameters={"load": "gone after a try"},
        steps=[
            random_phase(ladder.profile),
            *ladder.emptied(failure.load_a),
            ladder.close("asked"),
            Hold(duration_s=failure.each.high + 0.5 * failure.pause.low),
            _NO_CURRENT.marked("gone"),
            Hold(duration_s=closed_s + AFTER_S),
        ],
        expectations=[
            ladder.main_open("asked", "gone"),
            ladder.closes("gone", Interval(0.0, closed_s, "s")),
        ],
        traces_to=(*contactors.traces_to, *failure.traces_to),
    )
