"""A family about saying just what is so: each protection alone, and all that the BMS says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rig.dut.claims import reboots
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.message_sound import MessageSound
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.plan.families.applicable import look_s
from rig.plan.families.draft import Draft, Options, family
from rig.plan.families.expecting import between, flags_stay, stays
from rig.plan.families.provoked import TRIPPED, one_each
from rig.plan.families.timing import STILL_S
from rig.plan.stimulus import acting
from rig.quantity import Interval
from rig.steps.hold import Hold

_WATCHED = "watched"
_Value = SignalStays | SignalWithin


@family("flags")
def flags(profile: Profile, options: Options) -> Iterator[Draft]:
    """Provoke each protection at one place: its own flags come, no other, and limits follow."""
    for it in one_each(profile, options, lambda p: bool(p.flags)):
        acts = acting(profile, it.stimulus.values) | {it.name: it.protection}
        opens = it.affected | _contactors_opened(profile, acts)
        # Through a reboot it is silent.
        begin = TRIPPED if reboots(it.protection) else None
        values: list[_Value] = [
            *flags_stay(it.protection, TRIPPED, _WATCHED),
            *_others(profile, acts, begin),
        ]
        if begin is None:
            values += _states(profile, opens)
        messages = {value.signal.message for value in values}
        yield it.draft(
            f"{it.at_place} says its own flags and no other",
            [
                it.random_phase,
                *it.tripped(TRIPPED),
                Hold(duration_s=look_s(profile, STILL_S, messages), mark=_WATCHED),
            ],
            [*values, *_bytes(profile, begin)],
        )


def _contactors_opened(profile: Profile, acts: Mapping[str, Protection]) -> set[str]:
    """Contactors open by what the section `contactors` says, not by a protection's own `opens`."""
    contactors = profile.contactors
    if contactors is None or set(acts).isdisjoint(contactors.opened_by):
        return set()
    return set(contactors.both)


def _others(
    profile: Profile, acts: Mapping[str, Protection], begin: str | None
) -> Iterator[_Value]:
    """Every flag stays down that none of those raises which act."""
    raised = {said for p in acts.values() for said in p.flags}
    every = {said: v for p in profile.protections.values() for said, v in p.flags.items()}
    if (
        profile.current_and_voltage_limits is not None
        and profile.current_and_voltage_limits.exceeded is not None
    ):
        every[profile.current_and_voltage_limits.exceeded.flag] = 1
    for said, value in every.items():
        if said not in raised:
            yield stays(said, 1 - value, begin, _WATCHED)


def _states(profile: Profile, opens: set[str]) -> Iterator[_Value]:
    """What it says of its outputs is what they do; nothing is allowed through an open path."""
    for name, output in profile.outputs.items():
        if output.signal is None:
            continue
        closes = name in profile.start.closes  # else open in health: a precharge that is over
        begin = TRIPPED if closes and name in opens else None
        yield stays(output.signal, closes and name not in opens, begin, _WATCHED)
    if profile.any_fault is not None:
        yield stays(profile.any_fault, bool(opens), TRIPPED, _WATCHED)
    for limit in (
        profile.current_and_voltage_limits.currents.values()
        if profile.current_and_voltage_limits
        else ()
    ):
        yield stays(limit.allowed, limit.path not in opens, TRIPPED, _WATCHED)
        if limit.path in opens:
            yield between(limit.signal, Interval(0.0, 0.0, "A"), TRIPPED, _WATCHED)


def _bytes(profile: Profile, begin: str | None) -> Iterator[Expectation]:
    """The messages that carry flags are whole, and nothing stands where nothing belongs."""
    said_in = {said.message for p in profile.protections.values() for said in p.flags}
    for name in sorted(said_in & set(profile.messages)):
        yield MessageSound.claimed(name, profile.messages[name], begin=begin)
