"""Families about resets: whatever the cause and whatever was going on, it starts as after power-up.

And about what must reset nothing: a supply that is low but allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rig.can_address import SignalAddress
from rig.dut.profile import Balancing, Profile, Protection
from rig.dut.resets import Resets
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.cycles import Cycles
from rig.expectations.message_comes import MessageComes
from rig.expectations.trips import Trips
from rig.plan.families.applicable import can_be_there_at_start, chosen
from rig.plan.families.bleeding import bleed_outputs
from rig.plan.families.console_dialog import ConsoleDialog, until_ready
from rig.plan.families.contactor_requests import lasts_s
from rig.plan.families.draft import Draft, Options, family_of, random_phase
from rig.plan.families.expecting import closes, flags_stay, stay, stays
from rig.plan.families.provoked import Provoked, at_each
from rig.plan.families.reset_steps import RESET, cause_of, reset_by
from rig.plan.families.timing import (
    AFTER_S,
    AT_ONCE_S,
    CAUSE_SAID_S,
    COMMAND_S,
    LEAD_S,
    LOW_S,
    OFF_S,
    RAMP_DWELL_S,
    SUPPLY_DIP_S,
)
from rig.plan.stimulus import paths
from rig.quantity import format
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.read import Read
from rig.steps.set import Set
from rig.time_reference import Mark

_RAMP_STEP_V = 0.5


# ---- a reset in every state ---------------------------------------------------------------------
@family_of("reset", lambda profile: profile.resets, severity="critical")
def reset(profile: Profile, options: Options, resets: Resets) -> Iterator[Draft]:
    """Reset it by each cause while nothing is wrong, tripped, latched and balancing."""
    kinds = list(_one_of_each_kind(profile))
    wanted = {name for name, _ in chosen(profile, options, lambda _: True)}
    for number, cause in enumerate(resets.causes):
        yield _idle(profile, cause)
        # In turn: a reset knows nothing of what is tripped.
        if kinds and kinds[number % len(kinds)] in wanted:
            yield _tripped(at_each(profile, kinds[number % len(kinds)])[-1], cause)
        for name, protection in chosen(profile, options, lambda p: p.latched is not None):
            if not _clears(profile, protection, cause):  # else the family "latch" looks at that
                yield _latched(at_each(profile, name)[-1], cause)
        if profile.balancing is not None:
            yield _balancing(profile, profile.balancing, cause)


def _one_of_each_kind(profile: Profile) -> Iterator[str]:
    """One protection for each set of outputs that protections open."""
    seen: set[tuple[str, ...]] = set()
    for name, protection in chosen(profile, Options(), can_be_there_at_start):
        if protection.opens not in seen:
            seen.add(protection.opens)
            yield name


def _idle(profile: Profile, cause: str) -> Draft:
    """Say the cause, open at once, close in time, and raise no flag."""
    dialog = _restart(profile, cause, ConsoleDialog())
    dialog.do(Hold(duration_s=profile.start.closed_within_s + AFTER_S, mark="waited"))
    dialog.expect(*_closes(profile), *_never_says(profile, cause))
    title = f"{cause} is told, and it starts as after power-up"
    return dialog.case(title, {"by": cause, "while": "idle"})


def _tripped(it: Provoked, cause: str) -> Draft:
    """Reset while a protection is tripped and its cause lasts: what it opens stays open."""
    profile, dialog = it.profile, ConsoleDialog()
    closed_s = profile.start.closed_within_s
    dialog.do(*it.stimulus.apply, Hold(duration_s=it.delay.high + AFTER_S, mark="tripped"))
    _restart(profile, cause, dialog)
    dialog.do(Hold(duration_s=closed_s + it.delay.high + AFTER_S, mark="waited"))
    affected = it.affected
    for output in profile.closes_at_start:
        if output in affected:
            dialog.expect(*stay([output], "tripped", "waited", is_open=True))
        else:
            dialog.expect(*closes([output], "ready", closed_s))
    title = f"{it.short} outlasts {cause} while its cause does"
    return dialog.case(title, {"by": cause, "while": it.short})


def _latched(it: Provoked, cause: str) -> Draft:
    """Reset while latched, its cause gone: it stays latched unless such a reset clears it."""
    profile, dialog = it.profile, ConsoleDialog()
    dialog.do(*it.tripped("tripped"), *it.stimulus.remove)
    _restart(profile, cause, dialog)
    dialog.do(Hold(duration_s=profile.start.closed_within_s, mark="started"))
    dialog.do(Hold(duration_s=1.0, mark="waited"))
    dialog.expect(*stay(it.opens, "tripped", "waited", is_open=True))
    dialog.expect(*flags_stay(it.protection, "started", "waited"))
    title = f"{it.short} stays latched through {cause}"
    return dialog.case(title, {"by": cause, "while": f"{it.short} latched"})


def _balancing(profile: Profile, rules: Balancing, cause: str) -> Draft:
    """Reset while a cell bleeds: none does after it, until it has rested anew."""
    values = dict.fromkeys(profile.cell_names, rules.above_v + 0.01)
    values[profile.cell_names[-1]] = rules.above_v + (rules.spread_v or 0.0) + 0.03
    read, dialog = bleed_outputs(profile), ConsoleDialog()
    dialog.do(Set(values=values), Hold(duration_s=rules.at_rest_s + rules.begins_within_s))
    dialog.do(Read(quantities=read, mark="bled"))
    _restart(profile, cause, dialog)
    dialog.do(Read(quantities=read, mark="read"))
    dialog.do(Hold(duration_s=profile.start.closed_within_s + AFTER_S))
    dialog.expect(Balances(cells=(profile.cells.count,), at="bled"), Balances(cells=(), at="read"))
    dialog.expect(*_closes(profile))
    title = f"no cell bleeds right after {cause}"
    return dialog.case(title, {"by": cause, "while": "balancing"})


def _restart(profile: Profile, cause: str, dialog: ConsoleDialog) -> ConsoleDialog:
    """Reset it: outputs open in time and stay so until it is ready, and it says why it started."""
    claimed, is_first = cause_of(profile, cause), not dialog.steps
    within_s = claimed.opens_within_s
    dialog.do(
        random_phase(profile), Hold(duration_s=LEAD_S, mark="before"), Hold(duration_s=LEAD_S)
    )
    dialog.do(*reset_by(profile, cause), Hold(duration_s=within_s or AT_ONCE_S, mark="opened"))
    dialog.do(*until_ready(profile, "ready", already_s=within_s or 0.0))
    if within_s is not None and is_first:
        since, high_s = Mark(mark="before"), LEAD_S + within_s
        for output in profile.start.closes:
            dialog.expect(Trips(output=output, since=since, low_s=0.0, high_s=high_s))
    dialog.expect(*stay(paths(profile), "opened", "ready", is_open=True))
    begins_s, claims = within_s or _lasts_s(profile, cause), (f"resets/{cause}",)
    since = Mark(mark=RESET)
    said_s = begins_s + CAUSE_SAID_S
    dialog.expect(ConsoleSays(pattern=claimed.console, since=since, high_s=said_s, claims=claims))
    if profile.console is not None:
        ready, high_s = profile.console.ready, begins_s + profile.start.ready_within_s
        dialog.expect(ConsoleSays(pattern=ready, since=since, high_s=high_s))
    return dialog


def _lasts_s(profile: Profile, cause: str) -> float:
    """How long the steps of a cause take: what a supply is off, or low."""
    return lasts_s(reset_by(profile, cause)) + 0.2


def _closes(profile: Profile) -> Iterator[Expectation]:
    """What a start closes, in time."""
    yield from closes(profile.closes_at_start, "ready", profile.start.closed_within_s)


def no_flag(profile: Profile) -> Iterator[Expectation]:
    """No protection says anything, from the first frame to the last."""
    return (stays(said, 1 - value) for said, value in _flags(profile))


def _never_says(profile: Profile, cause: str) -> Iterator[Expectation]:
    """No protection says anything after a reset, also not in the first frames of the start."""
    latest_s, command = _lasts_s(profile, cause), cause_of(profile, cause).command
    # But for those that this cause is the trip of: a watchdog that is provoked by a command.
    by_it = [p for p in profile.protections.values() if command and p.command == command]
    for said, value in _flags(profile, besides=by_it):
        yield MessageComes(
            message=said.message,
            where={said.name: float(value)},
            since=Mark(mark=RESET),
            high_s=profile.start.ready_within_s + latest_s,
            at_least=0,
            at_most=0,
        )


def _flags(profile: Profile, besides: Sequence[Protection] = ()) -> list[tuple[SignalAddress, int]]:
    """Every flag with its value, each once."""
    flags = {flag for p in profile.protections.values() for flag in p.flags.items()}
    return sorted(flags - {flag for p in besides for flag in p.flags.items()})


def _clears(profile: Profile, protection: Protection, cause: str) -> bool:
    cleared_by = protection.latched.cleared_by if protection.latched else ()
    by_power = cause_of(profile, cause).by == "power cycle"
    return "reset" in cleared_by or (by_power and "power cycle" in cleared_by)


# ---- the supply ---------------------------------------------------------------------------------
@family_of("supply dip", lambda profile: profile.resets, severity="critical")
def supply_dip(profile: Profile, options: Options, resets: Resets) -> Iterator[Draft]:  # noqa: ARG001
    """Let the supply dip, ramp and stay low: nothing happens, or a clean restart."""
    if resets.works_above_v is not None:
        yield _low_but_enough(profile, resets.works_above_v)
    for name, cause in resets.causes.items():
        if cause.by == "supply dip":
            yield _dips(profile, name)
    yield _slow_ramp(profile)


def _supply(volts: float, hold_s: float, mark: str | None = None) -> list[Step]:
    return [Set(values={"supply": volts}, mark=mark), Hold(duration_s=hold_s)]


def _low_but_enough(profile: Profile, volts: float) -> Draft:
    """Dip to the least supply that is allowed, and stay there: it goes on as if nothing were."""
    dialog, shown = ConsoleDialog(), format(volts, "V")
    dip = [*_supply(volts, 0.5), *_supply(profile.supply_v, 0.3)]
    dialog.do(*dip * 3, *_supply(volts, 2.0))
    dialog.expect(*stay(profile.start.closes, is_open=False))
    dialog.expect(*no_flag(profile), *never_starts(profile))
    title = f"a supply of {shown} resets nothing"
    return dialog.case(title, {"supply": f"to {shown}"}, ("resets/low supply",))


def _dips(profile: Profile, cause: str) -> Draft:
    """Brown-outs of several lengths: after each it is ready anew, its outputs open till then."""
    dialog = ConsoleDialog()
    falls_s = cause_of(profile, cause).opens_within_s or SUPPLY_DIP_S
    for number, low_s in enumerate(LOW_S, 1):
        # Done more than once, it bears no mark.
        dialog.do(*(s.marked(None) for s in reset_by(profile, cause, dip_s=falls_s + low_s)))
        _starts_anew(profile, dialog, number)
    return dialog.case(f"each {cause} starts it anew", {"supply": "dips"})


def _starts_anew(profile: Profile, dialog: ConsoleDialog, number: int) -> None:
    """Ready in time after the dip of this number, open till then, and closed until the next."""
    start, console = profile.start, profile.console
    back, ready, closed, held = (f"{mark} {number}" for mark in ("back", "ready", "closed", "held"))
    dialog.do(Hold(duration_s=AT_ONCE_S, mark=back), *until_ready(profile, ready))
    dialog.do(Hold(duration_s=start.closed_within_s, mark=closed))
    dialog.do(Hold(duration_s=0.1, mark=held), Hold(duration_s=LEAD_S))
    if console is not None:
        ready_s = start.ready_within_s
        dialog.expect(ConsoleSays(pattern=console.ready, since=Mark(mark=back), high_s=ready_s))
    for output in profile.closes_at_start:
        dialog.expect(*stay([output], back, ready, is_open=True))
        dialog.expect(*stay([output], closed, held, is_open=False))


def _slow_ramp(profile: Profile) -> Draft:
    """Take the supply away slowly and bring it back slowly: the outputs close once, and stay so.

    It is switched off at the end, so that what was closed then is a whole cycle, and the only one.
    """
    supply_v, latest_s, dialog = profile.supply_v, profile.start.up_within_s, ConsoleDialog()
    count = round(supply_v / _RAMP_STEP_V)
    levels = [round(supply_v - _RAMP_STEP_V * n, 6) for n in range(1, count + 1)]
    rising_s = len(levels) * (RAMP_DWELL_S + COMMAND_S)
    dialog.do(*(step for level in levels for step in _supply(level, RAMP_DWELL_S)))
    dialog.do(Hold(duration_s=AT_ONCE_S, mark="off"))
    dialog.do(*(step for level in levels[-2::-1] for step in _supply(level, RAMP_DWELL_S)))
    dialog.do(*_supply(supply_v, latest_s + AFTER_S, "on"))
    dialog.expect(*closes(profile.closes_at_start, "off", rising_s + latest_s))
    draft = dialog.case("a supply that falls and rises slowly", {"supply": "ramp"})
    ended: list[Step] = [Power(on=False), Hold(duration_s=OFF_S, mark="ended")]
    steps = [*draft.steps, *ended]
    most_s = 2.0 * rising_s + lasts_s(steps)
    once = [_closes_once(output, most_s) for output in profile.closes_at_start]
    return replace(draft, steps=steps, expectations=[*draft.expectations, *once])


def _closes_once(output: str, most_s: float) -> Cycles:
    """However long it is closed: that it came in time is asked apart."""
    return Cycles(
        output=output,
        count=1,
        low_s=0.0,
        high_s=most_s,
        pause_low_s=0.0,
        pause_high_s=0.0,
        begin="off",
        end="ended",
    )


def never_starts(profile: Profile) -> Iterator[Expectation]:
    """No line of a start appears on the console."""
    if profile.console is None:
        return
    causes = profile.resets.causes.values() if profile.resets else ()
    for pattern in dict.fromkeys([profile.console.ready, *(cause.console for cause in causes)]):
        yield ConsoleNeverSays(pattern=pattern)
