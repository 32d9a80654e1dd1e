"""Families about resets: whatever the cause and whatever was going on, it starts as after power-up.

And about what must reset nothing: a supply that is low but allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rig.can_address import SignalAddress
from rig.dut.profile import Profile, Protection
from rig.dut.resets import Resets
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.cycles import Cycles
from rig.expectations.message_comes import MessageComes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.instants import Mark
from rig.plan.families.asking import Talk, until_ready
from rig.plan.families.balancing import bleed_outputs
from rig.plan.families.choosing import can_be_there_at_start, chosen, delay_of
from rig.plan.families.draft import AFTER_S, Draft, Options, phase_s
from rig.plan.families.expecting import closes, until_said_s
from rig.plan.families.resetting import DIP_S, OFF_S, RESET, cause_of, reset_by
from rig.plan.stimulus import opened, paths, stimuli
from rig.quantity import format
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.set import Set
from rig.steps.type_line import Type

_SAID_WITHIN_S = 0.5  # of a start, the line that names its cause
# A reset opens at once, and the record's clock is known to a ms: what is watched begins before it.
_LEAD_S = 0.02
_RAMP_STEP_V, _RAMP_DWELL_S = 0.5, 0.1
_LOW_S = (0.03, 0.1, 0.3, 1.0)  # of a dip, after the supply has had its time to fall


# ---- a reset in every state ---------------------------------------------------------------------
def reset(profile: Profile, options: Options) -> Iterator[Draft]:
    """Reset it by each cause while nothing is wrong, tripped, latched and balancing."""
    if profile.resets is None:
        return
    kinds = list(_one_of_each_kind(profile))
    wanted = {name for name, _ in chosen(profile, options, lambda _: True)}
    for number, cause in enumerate(profile.resets.causes):
        yield _idle(profile, cause)
        # In turn: a reset knows nothing of what is tripped.
        if kinds and kinds[number % len(kinds)][0] in wanted:
            yield _tripped(profile, kinds[number % len(kinds)], cause)
        yield from _latched(profile, options, cause)
        if profile.balancing is not None:
            yield _balancing(profile, cause)


def _idle(profile: Profile, cause: str) -> Draft:
    """Say the cause, open at once, close in time, and raise no flag."""
    talk = _restart(profile, cause)
    wait_s = profile.start.closed_within_s + AFTER_S
    talk.do(Hold(duration_s=wait_s, mark="waited"))
    talk.expect(
        *_closes(profile),
        *_never_says(profile, cause),
    )
    return _draft(profile, f"{cause} is told, and it starts as after power-up", talk, cause, "idle")


def _tripped(profile: Profile, tripped: tuple[str, Protection], cause: str) -> Draft:
    """Reset while a protection is tripped and its cause lasts: what it opens stays open."""
    name, protection = tripped
    stimulus = stimuli(profile, name)[-1]
    talk = Talk()
    talk.do(*stimulus.apply, Hold(duration_s=delay_of(protection).high + 0.3, mark="tripped"))
    talk = _restart(profile, cause, talk)
    wait_s = profile.start.closed_within_s + delay_of(protection).high + AFTER_S
    talk.do(Hold(duration_s=wait_s, mark="waited"))
    affected = opened(profile, stimulus.values) | set(protection.opens)
    for output in profile.closes_at_start:
        if output in affected:
            talk.expect(Stays(output=output, is_open=True, begin="tripped", end="waited"))
        else:
            talk.expect(*closes((output,), "ready", profile.start.closed_within_s))
    what = f"{protection.short} outlasts {cause} while its cause does"
    return _draft(profile, what, talk, cause, protection.short)


def _latched(profile: Profile, options: Options, cause: str) -> Iterator[Draft]:
    """Reset while latched, its cause gone: it stays latched unless such a reset clears it."""
    for name, protection in chosen(profile, options, lambda p: p.latched is not None):
        if _clears(profile, protection, cause):
            continue  # the family "latch" looks at that
        stimulus = stimuli(profile, name)[-1]
        latest_s = until_said_s(protection, delay_of(protection))
        talk = Talk()
        talk.do(*stimulus.apply, Hold(duration_s=latest_s, mark="tripped"), *stimulus.remove)
        talk = _restart(profile, cause, talk)
        talk.do(Hold(duration_s=profile.start.closed_within_s, mark="started"))
        talk.do(Hold(duration_s=1.0, mark="waited"))
        for output in protection.opens:
            talk.expect(Stays(output=output, is_open=True, begin="tripped", end="waited"))
        for signal, value in protection.says.items():
            talk.expect(
                SignalStays(signal=signal, value=float(value), begin="started", end="waited")
            )
        what = f"{protection.short} stays latched through {cause}"
        yield _draft(profile, what, talk, cause, f"{protection.short} latched")


def _balancing(profile: Profile, cause: str) -> Draft:
    """Reset while a cell bleeds: none does after it, until it has rested anew."""
    rules = profile.balancing
    assert rules is not None  # noqa: S101 -- the family asked
    high_v = rules.above_v + (rules.spread_v or 0.0) + 0.03
    values = dict.fromkeys(profile.cell_names, rules.above_v + 0.01)
    values[profile.cell_names[-1]] = high_v
    talk = Talk()
    talk.do(Set(values=values), Hold(duration_s=rules.at_rest_s + rules.begins_within_s))
    talk.do(Read(quantities=bleed_outputs(profile), mark="bled"))
    talk = _restart(profile, cause, talk)
    talk.do(Read(quantities=bleed_outputs(profile), mark="read"))
    talk.do(Hold(duration_s=profile.start.closed_within_s + AFTER_S))
    talk.expect(Balances(cells=(profile.cells.count,), at="bled"), Balances(cells=(), at="read"))
    talk.expect(*_closes(profile))
    return _draft(profile, f"no cell bleeds right after {cause}", talk, cause, "balancing")


def _restart(profile: Profile, cause: str, talk: Talk | None = None) -> Talk:
    """Reset it: outputs open in time and stay so until it is ready, and it says why it started."""
    talk = talk or Talk()
    promised = cause_of(profile, cause)
    within_s = promised.opens_within_s
    already = bool(talk.steps)
    talk.do(RandomPhase(span_s=phase_s(profile)), Hold(duration_s=_LEAD_S, mark="before"))
    talk.do(Hold(duration_s=_LEAD_S))
    lasts_s = within_s or _lasts_s(profile, cause)
    talk.do(*reset_by(profile, cause))
    talk.do(Hold(duration_s=within_s or 0.0, mark="opened") if within_s else _now("opened"))
    talk.do(*until_ready(profile, "ready", already_s=within_s or 0.0))
    if within_s is not None and not already:
        talk.expect(
            *(
                Trips(
                    output=output, since=Mark(mark="before"), low_s=0.0, high_s=_LEAD_S + within_s
                )
                for output in profile.start.closes
            )
        )
    talk.expect(
        *(
            Stays(output=output, is_open=True, begin="opened", end="ready")
            for output in paths(profile)
        ),
        *(
            ConsoleSays(
                pattern=pattern,
                since=Mark(mark=RESET),
                high_s=lasts_s + later_s,
                claims=(f"resets/{cause}",) if pattern == promised.says else (),
            )
            for pattern, later_s in _start_lines(profile, promised.says)
        ),
    )
    return talk


def _start_lines(profile: Profile, cause: str) -> Iterator[tuple[str, float]]:
    """The lines of a start, and how long after it each comes at the latest."""
    yield cause, _SAID_WITHIN_S
    if profile.console is not None:
        yield profile.console.ready, profile.start.ready_within_s


def _now(mark: str) -> Step:
    return Hold(duration_s=0.001, mark=mark)


def _lasts_s(profile: Profile, cause: str) -> float:
    """How long the steps of a cause take: what a supply is off, or low."""
    steps = reset_by(profile, cause)
    return sum(step.duration_s for step in steps if isinstance(step, Hold)) + 0.2


def _closes(profile: Profile) -> Iterator[Expectation]:
    """What a start closes, in time."""
    yield from closes(profile.closes_at_start, "ready", profile.start.closed_within_s)


def no_flag(profile: Profile) -> Iterator[Expectation]:
    """No protection says anything, from the first frame to the last."""
    for signal, value in _flags(profile):
        yield SignalStays(signal=signal, value=float(1 - value))


def _never_says(profile: Profile, cause: str) -> Iterator[Expectation]:
    """No protection says anything after a reset, also not in the first frames of the start."""
    latest_s = profile.start.ready_within_s + _lasts_s(profile, cause)
    for signal, value in _flags(profile, besides=_by_command(profile, cause)):
        yield MessageComes(
            message=signal.message,
            where={signal.name: float(value)},
            since=Mark(mark=RESET),
            low_s=0.0,
            high_s=latest_s,
            at_least=0,
            at_most=0,
        )


def _flags(
    profile: Profile, besides: Sequence[Protection] = ()
) -> Iterator[tuple[SignalAddress, int]]:
    """Signal and value of every flag, each once."""
    flags = {f for p in profile.protections.values() for f in p.says.items()}
    yield from sorted(flags - {f for p in besides for f in p.says.items()})


def _by_command(profile: Profile, cause: str) -> list[Protection]:
    """Protections that this cause is the trip of: a watchdog that is provoked by a command."""
    command = cause_of(profile, cause).command
    return [p for p in profile.protections.values() if command and p.command == command]


def _clears(profile: Profile, protection: Protection, cause: str) -> bool:
    cleared_by = protection.latched.cleared_by if protection.latched else ()
    by_power = cause_of(profile, cause).by == "power cycle"
    return "reset" in cleared_by or (by_power and "power cycle" in cleared_by)


def _one_of_each_kind(profile: Profile) -> Iterator[tuple[str, Protection]]:
    """One protection for each set of outputs that protections open."""
    seen: set[tuple[str, ...]] = set()
    for name, protection in chosen(profile, Options(), can_be_there_at_start):
        if protection.opens not in seen:
            seen.add(protection.opens)
            yield name, protection


def _draft(profile: Profile, title: str, talk: Talk, cause: str, state: str) -> Draft:
    talk.outlast()
    return Draft(
        title=title,
        protection=None,
        parameters={"by": cause, "while": state},
        steps=talk.steps,
        expectations=talk.expectations,
        severity="critical",
        traces_to=_resets(profile).traces_to,
    )


def _resets(profile: Profile) -> Resets:
    if profile.resets is None:
        raise ValueError(f"{profile.name} promises nothing of resets")
    return profile.resets


# ---- the supply ---------------------------------------------------------------------------------
def supply_dip(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Let the supply dip, ramp and stay low: nothing happens, or a clean restart."""
    resets = profile.resets
    if resets is None:
        return
    if resets.works_above_v is not None:
        yield _low_but_enough(profile, resets.works_above_v)
    for name, cause in resets.causes.items():
        if cause.by == "supply dip":
            yield _dips(profile, name)
    yield _slow_ramp(profile)


def _low_but_enough(profile: Profile, volts: float) -> Draft:
    """Dip to the least supply that is allowed, and stay there: it goes on as if nothing were."""
    talk = Talk()
    for _ in range(3):
        talk.do(Set(values={"supply": volts}), Hold(duration_s=0.5))
        talk.do(Set(values={"supply": profile.supply_v}), Hold(duration_s=0.3))
    talk.do(Set(values={"supply": volts}), Hold(duration_s=2.0))
    talk.expect(*(Stays(output=o, is_open=False) for o in profile.start.closes))
    talk.expect(*no_flag(profile), *never_starts(profile))
    shown = format(volts, "V")
    return replace(
        _supply_draft(profile, f"a supply of {shown} resets nothing", talk, f"to {shown}"),
        claims=("resets/low supply",),
    )


def _dips(profile: Profile, cause: str) -> Draft:
    """Brown-outs of several lengths: after each it is ready anew, its outputs open till then."""
    talk = Talk()
    falls_s = cause_of(profile, cause).opens_within_s or DIP_S
    for number, low_s in enumerate(_LOW_S, 1):
        talk.do(*_without_mark(reset_by(profile, cause, dip_s=falls_s + low_s)))
        _starts_anew(profile, talk, number)
    return _supply_draft(profile, f"each {cause} starts it anew", talk, "dips")


def _starts_anew(profile: Profile, talk: Talk, number: int) -> None:
    """Ready in time after the dip of this number, open till then, and closed until the next."""
    start = profile.start
    back, ready = f"back {number}", f"ready {number}"
    closed, held = f"closed {number}", f"held {number}"
    talk.do(_now(back), *until_ready(profile, ready))
    talk.do(Hold(duration_s=start.closed_within_s, mark=closed))
    talk.do(Hold(duration_s=0.1, mark=held), Hold(duration_s=_LEAD_S))
    if profile.console is not None:
        says, since = profile.console.ready, Mark(mark=back)
        talk.expect(ConsoleSays(pattern=says, since=since, high_s=start.ready_within_s))
    for output in profile.closes_at_start:
        talk.expect(
            Stays(output=output, is_open=True, begin=back, end=ready),
            Stays(output=output, is_open=False, begin=closed, end=held),
        )


def _without_mark(steps: Sequence[Step]) -> list[Step]:
    """The same steps, to be done more than once."""
    return [
        Set(values=step.values) if isinstance(step, Set) else step
        for step in steps
        if not isinstance(step, Power | Type)
    ]


def _slow_ramp(profile: Profile) -> Draft:
    """Take the supply away slowly and bring it back slowly: the outputs close once, and stay so.

    It is switched off at the end, so that what was closed then is a whole cycle, and the only one.
    """
    supply_v = profile.supply_v
    count = round(supply_v / _RAMP_STEP_V)
    levels = [round(supply_v - _RAMP_STEP_V * n, 6) for n in range(1, count + 1)]
    start = profile.start
    latest_s = start.up_within_s
    rising_s = len(levels) * (_RAMP_DWELL_S + 0.35)
    talk = Talk()
    for level in levels:
        talk.do(Set(values={"supply": level}), Hold(duration_s=_RAMP_DWELL_S))
    talk.do(_now("off"))
    for level in reversed(levels[:-1]):
        talk.do(Set(values={"supply": level}), Hold(duration_s=_RAMP_DWELL_S))
    talk.do(Set(values={"supply": supply_v}, mark="on"), Hold(duration_s=latest_s + AFTER_S))
    talk.expect(*closes(profile.closes_at_start, "off", rising_s + latest_s))
    draft = _supply_draft(profile, "a supply that falls and rises slowly", talk, "ramp")
    ended: list[Step] = [Power(on=False), Hold(duration_s=OFF_S, mark="ended")]
    steps = [*draft.steps, *ended]
    most_s = 2.0 * rising_s + sum(step.duration_s for step in steps if isinstance(step, Hold))
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
    console = profile.console
    if console is None:
        return
    for pattern in dict.fromkeys([console.ready, *_says(profile)]):
        yield ConsoleNeverSays(pattern=pattern)


def _says(profile: Profile) -> list[str]:
    return [cause.says for cause in profile.resets.causes.values()] if profile.resets else []


def _supply_draft(profile: Profile, title: str, talk: Talk, what: str) -> Draft:
    talk.outlast()
    return Draft(
        title=title,
        protection=None,
        parameters={"supply": what},
        steps=talk.steps,
        expectations=talk.expectations,
        severity="critical",
        traces_to=_resets(profile).traces_to,
    )
