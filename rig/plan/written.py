"""A case written out in a plan, resolved against a profile: SI numbers, names that exist, marks.

Every name that the profile doesn't have is a mistake of the plan, with its line; all of a case are
named at once. Must not expand families.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from rig.case import Case
from rig.description import BrokenDescriptionError, Location, Mistake, suggest
from rig.dut.profile import Profile, Report
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.cycles import Cycles
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_timing import MessageTiming
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_steady import SignalSteady
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.instants import Crossing, Instant, Mark
from rig.plan import energy
from rig.plan.complete import complete
from rig.plan.messages import agrees, message_sound
from rig.plan.model import Expected, PlanCase, PlanFile
from rig.quantities import BLEED, CELL, kind_of, number_of, unit_of
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.ramp import Staircase
from rig.steps.read import Read
from rig.steps.resolver import Resolver
from rig.steps.set import Set

__all__ = ["complete", "written_case"]


def written_case(plan: PlanFile, case: PlanCase, profile: Profile) -> Case:
    """Resolve a case written out; its seed is the caller's to give.

    Raises
    ------
    BrokenDescriptionError
        Naming everything that the profile doesn't have.
    """
    resolver = _Resolver(case, profile)
    steps = resolver.steps()
    expectations = resolver.expectations()
    if resolver.mistakes:
        raise BrokenDescriptionError(resolver.mistakes)
    made = Case(
        id=written_id(case.name or ""),
        title=case.name or "",
        plan=plan.name,
        family="steps",
        protection=case.protection,
        parameters={},
        steps=steps,
        expectations=expectations,
        outputs={},
        capture=None,
        seed=0,
        traces_to=(*plan.traces_to, *case.traces_to),
        severity=case.severity or "normal",
        tags=(*plan.tags, *case.tags),
        source=case.source,
        begins=case.begins,
    )
    return complete(made, profile)


def written_id(name: str) -> str:
    """Give the id of a case that is written out under this name."""
    return f"steps[{_slug(name)}]"


def _slug(name: str) -> str:
    """Make a sentence short enough for a node id and safe for a folder name."""
    return re.sub(r"[^\w.]+", "-", name.lower()).strip("-")[:80]


class _Resolver:
    """Holds a case against a profile, gathering mistakes as it goes."""

    def __init__(self, case: PlanCase, profile: Profile) -> None:
        self._case, self._profile = case, profile
        self.mistakes: list[Mistake] = []
        self._names = Resolver(profile, self._add)
        if case.begins == "off" and "supply" not in profile.settable:
            self._add(("begins",), f"{profile.name} has no supply that can be off", "remove it")
        if case.protection is not None:
            self._known(("protection",), case.protection, profile.protections, "protection")

    # ---- steps ------------------------------------------------------------------------------
    def steps(self) -> tuple[Step, ...]:
        """Resolve all steps."""
        made: list[Step] = []
        once: list[Step] = []
        for index, step in enumerate(self._case.steps):
            names, again = self._names.at("steps", index), step.repeat
            if again is None:
                these = [step.step(names)]
            else:
                names = names.at("repeat", "steps")
                these = [inner.step(names.at(i)) for i, inner in enumerate(again.steps)]
            once += these
            made += these * (again.times if again else 1)
        self._names = replace(self._names, steps=once)
        return tuple(made)

    # ---- expectations -----------------------------------------------------------------------
    def expectations(self) -> tuple[Expectation, ...]:
        """Resolve all expectations."""
        made: list[Expectation] = []
        for index, entry in enumerate(self._case.expect):
            for name, expected in entry.items():
                made += self._expectation(("expect", index, name), name, expected)
        return tuple(made)

    def _expectation(self, where: Location, name: str, e: Expected) -> Iterable[Expectation]:
        kind, make = self._kind(name)
        if kind is None:
            known = [*self._profile.outputs, *self._profile.messages, *_KINDS[:3]]
            self._add(where, f'there is no output or message "{name}"', suggest(name, known))
            return ()
        if not self._fits(where, kind, e.given()):
            return ()
        self._marked(where, e)
        return make(where, name, e)

    def _fits(self, where: Location, kind: str, given: set[str]) -> bool:
        """Whether one word says what is expected of this kind, and each other one belongs to it."""
        words = _WORDS[kind]
        known = ", ".join(sorted(words))
        beside_others = set().union(*(words[word] for word in given & words.keys()))
        said = given & words.keys() - beside_others
        if len(said) == 1:
            [word] = said
            strays, takes = given - said - words[word], ", ".join(sorted(words[word]))
            beside, mend = f'beside "{word}"', f'beside "{word}" stands {takes or "nothing"}'
        else:
            strays = given - words.keys() - set().union(*words.values())
            beside, mend = f"about {kind}", f"for {kind}: {known}"
        for stray in sorted(strays):
            self._add(where, f'"{stray}" says nothing {beside}', mend)
        if len(said) != 1 and not strays:
            self._add(where, f"what is expected of {kind}?", f"write one of {known}")
        return len(said) == 1 and not strays

    def _kind(self, name: str) -> tuple[str | None, Callable[..., Iterable[Expectation]]]:
        by_word: dict[str, tuple[str, Callable[..., Iterable[Expectation]]]] = {
            "console": ("the console", self._console),
            "telemetry": ("telemetry", self._telemetry),
            "balancing": ("balancing", self._balancing),
            "energy": ("energy", self._energy),
        }
        if name in by_word:
            return by_word[name]
        if "." in name:
            return "a signal", self._signal
        events = self._profile.events
        if name in self._profile.messages or (events is not None and name == events.message):
            return "a message", self._message
        return ("an output" if name in self._profile.outputs else None), self._output

    def _marked(self, where: Location, e: Expected) -> None:
        """Every mark that is referred to is borne by a step."""
        for key, mark in (("from", e.begin), ("to", e.end), ("at", e.at)):
            if mark is not None:
                self._names.at(*where, key).mark(mark)
        for key in ("mark", "since"):
            if e.after and key in e.after:
                self._known(
                    (*where, "after"), e.after[key], self._names.marks, "step with the mark"
                )

    def _since(self, where: Location, e: Expected) -> Instant:
        if e.after is None:
            self._add(
                where, "since when does the time count?", "add after: with a mark or a crossing"
            )
            return Mark(mark="")
        after = dict(e.after)
        since = after.pop("since", None)
        if "mark" in after:
            return Mark(mark=after["mark"])
        [(quantity, (rising, level))] = after.items()
        known = (*self._profile.settable, *self._profile.outputs)
        self._known((*where, "after", quantity), quantity, known, "quantity")
        return Crossing(quantity=quantity, level=level, rising=rising, after=since)

    def _output(self, where: Location, name: str, e: Expected) -> Iterable[Expectation]:
        if e.stays is not None:
            if e.stays not in ("open", "closed"):
                self._add(where, f"an output does not stay {e.stays}", "write open or closed")
            yield Stays(output=name, is_open=e.stays == "open", begin=e.begin, end=e.end)
        elif e.opens_within is not None:
            low_s, high_s = e.opens_within.low, e.opens_within.high
            yield Trips(output=name, since=self._since(where, e), low_s=low_s, high_s=high_s)
        elif e.closes_within is not None:
            low_s, high_s = e.closes_within.low, e.closes_within.high
            since = self._since(where, e)
            yield Recovers(output=name, since=since, low_s=low_s, high_s=high_s, lasts=e.lasts)
        elif e.closes is not None:
            yield self._cycles(where, name, e)
        else:
            yield from self._threshold(where, name, e)

    def _cycles(self, where: Location, name: str, e: Expected) -> Expectation:
        if e.each is None:
            self._add(where, "for how long each time?", "add for example each: 1.9 s to 2.1 s")
        each, pauses = (given or Interval(0.0, 0.0, "s") for given in (e.each, e.pauses))
        return Cycles(
            output=name,
            count=e.closes or 0,
            low_s=each.low,
            high_s=each.high,
            pause_low_s=pauses.low,
            pause_high_s=pauses.high,
            begin=e.begin,
            end=e.end,
        )

    def _threshold(self, where: Location, name: str, e: Expected) -> Iterable[Expectation]:
        level = e.opens_at or e.closes_at
        ramps = [step for step in self._names.steps if isinstance(step, Staircase)]
        if level is None or len(ramps) != 1:
            self._add(where, "a threshold is found by one ramp among the steps", "add a step ramp:")
            return
        if (unit := unit_of(ramps[0].quantity)) != level.unit:
            key = "opens at" if e.opens_at else "closes at"
            what = f"{level} is not of the kind of {ramps[0].quantity}"
            self._add((*where, key), what, f"write it in {unit}")
        yield ThresholdIs(
            quantity=ramps[0].quantity,
            output=name,
            is_open=e.opens_at is not None,
            level=level.value,
            tolerance=level.tolerance,
            unit=level.unit,
            delay_s=e.reaction_s,
        )

    def _signal(self, where: Location, name: str, e: Expected) -> Iterable[Expectation]:
        self._has_can(where)
        message, _, signal = name.partition(".")
        if e.between is not None:
            low, high = e.between
            if low > high:
                self._add(where, f"between {low:g} and {high:g} lies nothing", "lowest first")
            yield SignalWithin(
                message=message,
                signal=signal,
                low=low,
                high=high,
                unit=e.unit,
                or_says=e.or_says,
                once_sent=e.once_sent,
                begin=e.begin,
                end=e.end,
            )
            return
        if moves := _moves(message, signal, e):
            yield moves
            return
        if e.becomes is None:
            self._number(where, e.stays)
            yield SignalStays(
                message=message, signal=signal, value=_float(e.stays), begin=e.begin, end=e.end
            )
            return
        low_s, high_s = self._limit(where, e)
        yield SignalBecomes(
            message=message,
            signal=signal,
            value=e.becomes,
            since=self._since(where, e),
            low_s=low_s,
            high_s=high_s,
        )

    def _limit(self, where: Location, e: Expected) -> tuple[float, float]:
        if e.within is None:
            self._add(where, "within what time?", "add for example within: 150 ms")
            return 0.0, 0.0
        return e.within.low, e.within.high

    def _message(self, where: Location, name: str, e: Expected) -> Iterable[Expectation]:
        if e.comes is not None:
            low_s, high_s = self._limit(where, e)
            yield MessageComes(
                message=name,
                where=e.comes,
                since=self._since(where, e),
                low_s=low_s,
                high_s=high_s,
                at_least=1 if e.times is None else e.times,
                at_most=e.times,
            )
            return
        if e.is_sound:
            promised = self._profile.events if name not in self._profile.messages else None
            content = promised or self._profile.messages[name]
            sound = message_sound(name, content, begin=e.begin, end=e.end)
            yield sound if e.is_sound is True else replace(sound, counter=None)
            return
        if name not in self._profile.messages:
            self._add(where, f"{name} comes once and has no period", "write comes: or is sound:")
            return
        promise = self._profile.messages[name]
        assert e.every is not None  # noqa: S101 -- the other word for messages
        yield MessageTiming(
            message=name,
            period_s=e.every.value,
            tolerance_s=e.every.tolerance,
            length=promise.length,
            counter=promise.counter,
            counter_last=promise.counter_last,
            crc=promise.crc,
            crc_kind=promise.crc_kind,
            spare_zero=promise.spare_zero,
            crc_data_id=promise.crc_data_id,
            begin=e.begin,
            end=e.end,
        )

    def _console(self, where: Location, _: str, e: Expected) -> Iterable[Expectation]:
        self._has_console(where)
        if e.never_says is not None:
            yield ConsoleNeverSays(pattern=e.never_says, begin=e.begin, end=e.end)
            return
        low_s, high_s = self._limit(where, e)
        since = self._since(where, e)
        yield ConsoleSays(pattern=e.says or "", since=since, low_s=low_s, high_s=high_s)

    def _telemetry(self, where: Location, _: str, e: Expected) -> Iterable[Expectation]:
        reports = self._profile.telemetry.reports()
        for quantity in e.agrees:
            kind, number = _report_of(quantity)
            report = self._extreme(e.by, quantity) or reports.get(kind)
            if report is None:
                what = f'the profile has no report of "{quantity}"'
                self._add(where, what, suggest(kind, reports, "it reports"))
                continue
            if report.accuracy is None:
                what = f'the profile promises no accuracy of "{quantity}"'
                self._add(where, what, "remove it, or add accuracy to its telemetry")
                continue
            self._is_read(where, quantity)
            yield from self._told_by(where, e.by, agrees(report, number, quantity))

    def _extreme(self, teller: str | None, quantity: str) -> Report | None:
        """Find the report of the lowest or highest, where it is that one which is named."""
        kind = kind_of(quantity)
        word = kind.word if kind else quantity
        named = self._profile.telemetry.reports()
        extremes = (named.get(f"{end} {word}") for end in ("lowest", "highest"))
        return next((r for r in extremes if r and teller == f"{r.message}.{r.signal}"), None)

    def _told_by(
        self, where: Location, teller: str | None, made: Sequence[TelemetryAgrees]
    ) -> Iterable[TelemetryAgrees]:
        """Keep the report that is named; without a name the first, which is the profile's own."""
        if teller is None:
            return made[:1]
        tellers = {f"{m.message}.{m.signal}" if m.message else "console": m for m in made}
        if teller not in tellers:
            what = f"{made[0].quantity} is not told by {teller}"
            self._add((*where, "by"), what, suggest(teller, tellers))
        return [found for found in (tellers.get(teller),) if found]

    def _balancing(self, where: Location, _: str, e: Expected) -> Iterable[Expectation]:
        if e.at is None:
            self._add(where, "at which mark?", "add at: the mark of a step")
        for cell in e.cells or ():
            self._known((*where, "cells"), CELL.at(cell), self._profile.cell_names, "cell")
        if e.at in self._names.marks:
            self._bleeding_is_read(where, e.at)
        yield Balances(cells=tuple(e.cells or ()), at=e.at or "")

    def _energy(self, where: Location, _: str, e: Expected) -> Iterable[Expectation]:
        known = energy.signals_of(self._profile)
        named = e.counts or e.follows_cells
        for name in named:
            self._known(where, name, known, "reported charge or health")
        if any(name not in known for name in named):
            return
        if e.follows_cells:
            for cell in self._profile.cell_names:
                self._is_read(where, cell)
            yield from (energy.follows(self._profile, name) for name in named)
        elif e.begin is None or e.end is None:
            self._add(where, "charge is counted between two marks", "add from: and to:")
        else:
            self._is_read(where, "current")
            yield from (energy.counts(self._profile, name, e.begin, e.end) for name in named)

    # ---- what a meter must have read --------------------------------------------------------
    def _is_read(self, where: Location, quantity: str) -> None:
        """Some step reads it, or a ramp does, at each of its levels."""
        read = {name for step in self._names.steps for name in step.reads()}
        if quantity not in read:
            what = f"no step reads {quantity}, so its report has nothing to agree with"
            self._add(where, what, f"add a step read: [{quantity}] where it stands still")

    def _bleeding_is_read(self, where: Location, at: str) -> None:
        """The balancing of all cells is read at the mark or just before: the others don't bleed."""
        rules = self._profile.balancing
        names = rules.output if rules and rules.output else BLEED.word + " {n}"
        read: set[str] = set()
        for step in self._names.steps:
            if isinstance(step, Set | Staircase):
                read.clear()  # from before this: not how it is at the mark
            if isinstance(step, Read):
                read |= set(step.quantities)
            if step.mark == at:
                break
        every = range(1, self._profile.cells.count + 1)
        if all(read & {names.replace("{n}", str(n)), BLEED.at(n)} for n in every):
            return
        shown = ", ".join(names.replace("{n}", str(n)) for n in every)
        what = f'at "{at}" it was not read which cells bleed'
        self._add(where, what, f"give the mark to a step read: [{shown}]")

    # ---- what the profile has ---------------------------------------------------------------
    def _known(self, where: Location, name: str, known: Iterable[str], kind: str) -> None:
        if name not in (names := list(known)):
            self._add(where, f'there is no {kind} "{name}"', suggest(name, names))

    def _has_console(self, where: Location) -> None:
        if self._profile.console is None:
            self._add(where, f"{self._profile.name} has no console", "remove it")

    def _has_can(self, where: Location) -> None:
        if self._profile.can is None:
            self._add(where, f"{self._profile.name} has no CAN", "remove it")

    def _number(self, where: Location, value: Any) -> None:
        if not isinstance(value, int | float):
            self._add(where, f'a signal has a number, not "{value}"', "write for example 1")

    def _add(self, where: Location, what: str, mend: str) -> None:
        self.mistakes.append(self._case.mistake(where, what, mend))


_SPAN = frozenset({"from", "to"})
_TIME = frozenset({"within", "after"})
# What is expected of each kind, and which words may stand beside that.
_WORDS: dict[str, dict[str, frozenset[str]]] = {
    "a signal": {
        "becomes": _TIME,
        "stays": _SPAN,
        "between": _SPAN | {"or", "once sent", "unit"},
        "only rises but for": _SPAN,
        "only falls but for": _SPAN,
        "steps at most": _SPAN | {"moves at most"},
        "moves at most": _SPAN,
    },
    "an output": {
        "opens within": frozenset({"after"}),
        "closes within": frozenset({"after", "lasts"}),
        "closes": _SPAN | {"each", "pauses"},
        "opens at": frozenset({"reaction"}),
        "closes at": frozenset({"reaction"}),
        "stays": _SPAN,
    },
    "a message": {"every": _SPAN, "comes": _TIME | {"times"}, "is sound": _SPAN},
    "the console": {"says": _TIME, "never says": _SPAN},
    "telemetry": {"agrees": frozenset({"by"})},
    "balancing": {"cells": frozenset({"at"})},
    "energy": {"counts": _SPAN, "follows cells": frozenset()},
}
_KINDS = ("console", "telemetry", "balancing", "energy")


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _moves(message: str, signal: str, e: Expected) -> Expectation | None:
    """Make the expectation of a signal that moves only one way, or only so far."""
    rises, falls = e.only_rises_but_for, e.only_falls_but_for
    slack = falls if rises is None else rises
    if slack is not None:
        return SignalOrdered(
            message=message,
            signal=signal,
            rising=rises is not None,
            slack=slack,
            begin=e.begin,
            end=e.end,
        )
    if e.steps_at_most is None and e.moves_at_most is None:
        return None
    return SignalSteady(
        message=message,
        signal=signal,
        most_step=e.steps_at_most,
        most_span=e.moves_at_most,
        begin=e.begin,
        end=e.end,
    )


def _report_of(quantity: str) -> tuple[str, int | None]:
    """Name what reports a quantity: "cell 3" by "cell voltage", 3."""
    kind = kind_of(quantity)
    return kind.name if kind else quantity, number_of(quantity)
