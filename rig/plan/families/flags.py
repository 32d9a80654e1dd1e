"""A family about saying just what is so: each protection alone, and all that the BMS says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rig.dut.claims import reboots
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.message_sound import message_sound
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.plan.families.choosing import chosen, delay_of, look_s
from rig.plan.families.draft import Draft, Options, draft_of, phase_s, whose
from rig.plan.families.expecting import until_said_s
from rig.plan.stimulus import Stimulus, acting, opened, stimuli
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase

_TRIPPED, _WATCHED = "tripped", "watched"
_WATCHED_S = 0.5  # at the least
_Value = SignalStays | SignalWithin


def flags(profile: Profile, options: Options) -> Iterator[Draft]:
    """Provoke each protection at one place: its own flags come, no other, and limits follow."""
    for name, protection in chosen(profile, options, lambda p: bool(p.says)):
        for stimulus in stimuli(profile, name, options.targets)[-1:]:
            yield _flags_draft(_Told.of(profile, stimulus, protection))


@dataclass(frozen=True, slots=True)
class _Told:
    """One protection provoked, and what of the rest acts with it."""

    profile: Profile
    stimulus: Stimulus
    protection: Protection
    acting: Mapping[str, Protection]
    opened: frozenset[str]
    reboots: bool

    @classmethod
    def of(cls, profile: Profile, stimulus: Stimulus, protection: Protection) -> _Told:
        act = acting(profile, stimulus.values) | {stimulus.protection: protection}
        return cls(
            profile=profile,
            stimulus=stimulus,
            protection=protection,
            acting=act,
            opened=frozenset(
                opened(profile, stimulus.values)
                | set(protection.opens)
                | _contactors_opened(profile, act)
            ),
            reboots=reboots(protection),
        )


def _contactors_opened(profile: Profile, act: Iterable[str]) -> set[str]:
    """Contactors open by what the section `contactors` says, not by a protection's own `opens`."""
    contactors = profile.contactors
    if contactors is None or set(act).isdisjoint(contactors.opened_by):
        return set()
    return set(contactors.both)


def _flags_draft(told: _Told) -> Draft:
    stimulus, protection = told.stimulus, told.protection
    tripped_s = until_said_s(protection, delay_of(protection))
    states = [] if told.reboots else [*_paths(told), *_any_fault(told), *_allowance(told)]
    values = [*_own(told), *_others(told), *states]
    messages = {value.signal.message for value in values}
    return draft_of(
        f"{whose(protection.short, stimulus.target)} says its own flags and no other",
        stimulus,
        protection,
        steps=[
            RandomPhase(span_s=phase_s(told.profile)),
            *stimulus.apply,
            Hold(duration_s=tripped_s, mark=_TRIPPED),
            Hold(duration_s=look_s(told.profile, _WATCHED_S, messages), mark=_WATCHED),
        ],
        expectations=[*values, *_bytes(told)],
    )


def _own(told: _Told) -> Iterator[_Value]:
    """Its flags stand; when they have come is another family's question."""
    for signal, value in told.protection.says.items():
        yield SignalStays(signal=signal, value=float(value), begin=_TRIPPED, end=_WATCHED)


def _others(told: _Told) -> Iterator[_Value]:
    """Every flag stays down that none of those raises which act; through a reboot it is silent."""
    profile = told.profile
    raised = {said for p in told.acting.values() for said in p.says}
    every = [(said, v) for p in profile.protections.values() for said, v in p.says.items()]
    if profile.allowance is not None and profile.allowance.exceeded is not None:
        every.append((profile.allowance.exceeded.says, 1))
    begin = _TRIPPED if told.reboots else None
    for signal, value in dict(every).items():
        if signal not in raised:
            yield SignalStays(signal=signal, value=float(1 - value), begin=begin, end=_WATCHED)


def _paths(told: _Told) -> Iterator[_Value]:
    """What it says of its outputs is what they do."""
    for name, output in told.profile.outputs.items():
        if (signal := output.signal) is None:
            continue
        if name not in told.profile.start.closes:  # open in health: a precharge that is over
            yield SignalStays(signal=signal, value=0.0, end=_WATCHED)
        elif name not in told.opened:
            yield SignalStays(signal=signal, value=1.0, end=_WATCHED)
        else:
            yield SignalStays(signal=signal, value=0.0, begin=_TRIPPED, end=_WATCHED)


def _any_fault(told: _Told) -> Iterator[_Value]:
    if told.profile.any_fault is None:
        return
    yield SignalStays(
        signal=told.profile.any_fault, value=float(bool(told.opened)), begin=_TRIPPED, end=_WATCHED
    )


def _allowance(told: _Told) -> Iterator[_Value]:
    """Nothing is allowed through an open path, and a closed one stays allowed."""
    allowance = told.profile.allowance
    for limit in allowance.currents.values() if allowance else ():
        is_open = limit.path in told.opened
        yield SignalStays(
            signal=limit.allowed, value=float(not is_open), begin=_TRIPPED, end=_WATCHED
        )
        if is_open:
            yield SignalWithin(
                signal=limit.signal, low=0.0, high=0.0, unit="A", begin=_TRIPPED, end=_WATCHED
            )


def _bytes(told: _Told) -> Iterator[Expectation]:
    """The messages that carry flags are whole, and nothing stands where nothing belongs."""
    said_in = {said.message for p in told.profile.protections.values() for said in p.says}
    begin = _TRIPPED if told.reboots else None
    for name in sorted(said_in & set(told.profile.messages)):
        yield message_sound(name, told.profile.messages[name], begin=begin)
