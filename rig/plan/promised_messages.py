"""Promises of what a BMS tells on CAN beside its flags, and which of them a case looks at.

Events, limits, states of outputs, the first frames. For `rig.plan.promises`, which has the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from rig.case import Case
from rig.dut.allowance import Allowance
from rig.dut.messages import Events
from rig.dut.profile import Profile
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_sound import MessageSound
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.instants import Mark
from rig.steps.bus_load import Load
from rig.steps.power import Power

__all__ = ["promised", "requirements", "touched"]


def promised(profile: Profile) -> Iterator[str]:
    """Give each promise, in words that `touched` uses too."""
    if profile.events is not None:
        yield from _of_events(profile, profile.events)
    if profile.allowance is not None:
        yield from _of_allowance(profile, profile.allowance)
    states = [output.signal for output in profile.outputs.values()]
    for said in [*states, profile.any_fault]:
        if said is not None:
            yield from (f"{said}: {value}" for value in (0, 1))
    if profile.can is not None and profile.can.speaks_within_s is not None:
        yield from (f"message {name}: comes after power-up" for name in profile.messages)


def requirements(profile: Profile) -> Iterator[str]:
    """Give every requirement that these promises trace to."""
    for section in (profile.events, profile.allowance, profile.can and profile.can.bears):
        yield from section.traces_to if section else ()


def _of_events(profile: Profile, events: Events) -> Iterator[str]:
    yield f"message {events.message}: its bytes"
    for p in profile.protections.values():
        if p.short in events.codes:
            yield f"event {p.short}: 1"
            yield from [f"event {p.short}: 0"] if p.recovers or p.latched else ()
    if profile.can is not None and profile.can.bears is not None:
        yield "events: on a loaded bus"


def _of_allowance(profile: Profile, allowance: Allowance) -> Iterator[str]:
    for way, limit in allowance.currents.items():
        end = "full" if way == "charge" else "empty"
        targets = (*profile.cell_names, *profile.temperature_names, end)
        yield from (f"{limit.signal}: at {target}" for target in targets)
        yield from (f"{limit.allowed}: {value}" for value in (0, 1))
    if allowance.charge_voltage is not None:
        yield f"{allowance.charge_voltage.signal}: told"
    if allowance.exceeded is not None:
        yield f"{allowance.exceeded.says}: comes"
        yield f"{allowance.exceeded.says}: never"


def touched(profile: Profile, case: Case) -> Iterator[str]:  # noqa: C901  a table of kinds
    """Give what the expectations of a case look at."""
    events = profile.events
    if events is not None and any(isinstance(step, Load) for step in case.steps):
        yield "events: on a loaded bus"
    powered = [Mark(mark=s.mark) for s in case.steps if isinstance(s, Power) and s.on and s.mark]
    shorts = {code: short for short, code in events.codes.items()} if events else {}
    for e in case.expectations:
        match e:
            case MessageComes() if events is not None and e.message == events.message:
                short = shorts.get(int(e.where.get(events.code, -1.0)))
                yield f"event {short}: {e.where.get(events.tripped, 1.0):g}"
            case MessageComes() if e.since in powered and e.at_least:
                yield f"message {e.message}: comes after power-up"
            case MessageSound():
                yield f"message {e.message}: its bytes"
            case SignalWithin():
                if case.protection is None:  # else the limit is 0, since its path is open
                    yield f"{e.message}.{e.signal}: at {case.parameters.get('at')}"
                yield f"{e.message}.{e.signal}: told"
            case SignalStays():
                yield f"{e.message}.{e.signal}: {e.value:g}"
                yield f"{e.message}.{e.signal}: never"
            case SignalBecomes():
                yield f"{e.message}.{e.signal}: {e.value:g}"
                yield f"{e.message}.{e.signal}: comes"
            case _:
                pass
