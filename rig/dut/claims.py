"""What a profile claims of its BMS: each claim by its id, in words, with its requirements. Pure.

An id is the path in the profile and, behind "@", the place:
``protections/cell overvoltage/acts@cell 3``. Figures and order are no part of it, so it stays while
they change; a path that is renamed says so in the profile's ``was:``. What answers a claim at one
of its places may name that too: ``protections/cell overvoltage/delay@cell 3``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rig.dut.charge import CELL_SUM, HEALTH, REMAINING, SOC, signals_of
from rig.dut.current_voltage_limits import CurrentVoltageLimits
from rig.dut.messages import Events
from rig.dut.profile import Profile, Protection
from rig.quantities import CELL, TEMPERATURE, each, numbered

# Both together show a threshold that no ramp finds.
SIDES = ("inside", "beyond")


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a profile says of its BMS."""

    id: str
    title: str  # as people read it, and as `leaves out` of a plan names it
    requirements: tuple[str, ...] = ()


def claims_of(profile: Profile) -> Mapping[str, Claim]:
    """Give all claims of a profile by their ids, in the order of its sections."""
    return _claims_of(_Same(profile))


def path_of(claim: str) -> str:
    """Give an id without its place."""
    return claim.partition("@")[0]


def each_claim(claim: str) -> tuple[str, ...]:
    """Give the ids of what is claimed at several places: "balancing@cells 1 to 3"."""
    path, at, place = claim.partition("@")
    return tuple(f"{path}@{one}" for one in each(place)) if at else (claim,)


def today(profile: Profile, claim: str) -> str:
    """Give an id as it is now, where its path, or the begin of it, was renamed."""
    for old, new in profile.was.items():
        if claim == old or claim.startswith((f"{old}/", f"{old}@")):
            return new + claim.removeprefix(old)
    return claim


def known(profile: Profile, named: Iterable[str]) -> tuple[str, ...]:
    """Give those of these ids that the profile claims, or a side or place of it, each once."""
    return tuple(dict.fromkeys(n for n in named if _claimed(profile, n) is not None))


def requirements_of(profile: Profile, named: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Give the requirements of claims by their paths; those without any are left out."""
    found = {path_of(name): _claimed(profile, name) for name in named}
    return {path: c.requirements for path, c in found.items() if c and c.requirements}


def states_of(profile: Profile) -> dict[str, str]:
    """Give the paths of what is reported by a signal that is 0 or 1, by "Message.Signal"."""
    reported = {output.signal: f"outputs/{name}" for name, output in profile.outputs.items()}
    reported[profile.any_fault] = "any fault"
    for way, limit in (
        profile.current_and_voltage_limits.currents.items()
        if profile.current_and_voltage_limits
        else ()
    ):
        reported[limit.allowed] = f"current and voltage limits/{way}/allowed"
    return {signal: path for signal, path in reported.items() if signal is not None}


def reboots(protection: Protection) -> bool:
    """Whether it lets go by the start that its trip brings about."""
    return protection.recovers is not None and protection.recovers.when == "rebooted"


def _claimed(profile: Profile, name: str) -> Claim | None:
    return _claim_at(_Same(profile), name)


class _Same:
    """A profile as a key: equal to itself alone, for its fields can't be hashed."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    def __hash__(self) -> int:
        return id(self.profile)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.profile is self.profile


@lru_cache(maxsize=16)
def _claims_of(same: _Same) -> Mapping[str, Claim]:
    found = [claim for section in _SECTIONS for claim in section(same.profile)]
    borne = dict.fromkeys(r for claim in found for r in claim.requirements)
    found += [Claim(f"requirements/{r}", f"requirement {r}", (r,)) for r in borne]
    return {claim.id: claim for claim in found}


@lru_cache(maxsize=1 << 12)  # the same at all cells is claimed in case after case
def _claim_at(same: _Same, name: str) -> Claim | None:
    claims, path = _claims_of(same), path_of(name)
    whole, _, side = path.rpartition("/")
    first, *others = each_claim(name)
    if all(other in claims for other in others) and first in claims:
        return claims[first]
    return claims.get(path) or (claims.get(whole) if side in SIDES else None)


# ---- sections -----------------------------------------------------------------------------------
def _of_protections(profile: Profile) -> Iterator[Claim]:
    for name, protection in profile.protections.items():
        for part, words in _of_protection(profile, protection):
            yield Claim(f"protections/{name}/{part}", f"{name}: {words}", protection.traces_to)


def _of_protection(  # noqa: C901  a table of kinds
    profile: Profile, p: Protection
) -> Iterator[tuple[str, str]]:
    for target in p.quantities(profile) if p.each else ():
        yield f"acts@{target}", f"acts at {target}"
    yield from ((f"opens/{output}", f"opens {output}") for output in p.opens)
    yield from ((f"keeps/{output}", f"keeps {output}") for output in p.keeps)
    if p.delay is not None:
        yield "delay", "delay"
    if p.threshold is not None:
        yield "threshold", "threshold"
    if p.recovery_level is not None:
        yield "recovers/level", "recovery level"
    if p.recovers is not None:
        yield "recovers", "recovers"
        if not reboots(p) or p.flags_for is not None:
            yield from ((f"clears/{said}", f"clears {said}") for said in p.flags)
    yield from ((f"flags/{said}", f"sets {said}") for said in p.flags)
    if p.console is not None:
        yield "console", "console"
    if p.console_clears is not None:
        yield "console clears", "console clears"
    if "counter" in p.model_fields_set:
        yield "counter", f"counts {p.counter}"
    for means in p.latched.cleared_by if p.latched else ():
        yield f"latched/{means}", f"latched until {means}"
    if p.latched and p.latched.once:
        yield "latched/once", f"cleared once {p.latched.once}"


def _of_messages(profile: Profile) -> Iterator[Claim]:
    for name, message in profile.messages.items():
        parts = {"period": "period", "counter": message.counter, "crc": message.crc}
        for part, words in parts.items():
            if words:
                path, title = f"messages/{name}/{part}", f"message {name}: {words}"
                yield Claim(path, title, message.traces_to)


def _of_reports(profile: Profile) -> Iterator[Claim]:
    places = {kind.name: profile.names_of(kind) for kind in (CELL, TEMPERATURE)}
    for name, report in profile.telemetry.reports().items():
        path, sources = f"telemetry/{name}", places.get(name, ("",))
        for n, source in enumerate(sources, 1) if report.accuracy is not None else ():
            place = f"@{source}" if source else ""
            tellers = {
                "": report.signal or report.console,
                "/also on console": report.also_console,
            }
            for part, teller in tellers.items():
                if teller:
                    title = f"report of {numbered(teller, n)}"
                    yield Claim(f"{path}{part}{place}", title, report.traces_to)


def _of_balancing(profile: Profile) -> Iterator[Claim]:
    rules = profile.balancing
    if rules is not None:
        for cell in profile.cell_names:
            yield Claim(f"balancing@{cell}", f"balancing of {cell}", rules.traces_to)
        if rules.signal:
            title = f"balancing told by {rules.signal}"
            yield Claim("balancing/signal", title, rules.traces_to)


def _of_can(profile: Profile) -> Iterator[Claim]:
    if profile.can is None:
        return
    for name, received in profile.can.receives.items():
        path, title, borne = f"can/receives/{name}", f"message {name}", received.traces_to
        for refused in received.refuses:
            yield Claim(f"{path}/refuses/{refused}", f"{title}: refuses {refused}", borne)
        if (counter := received.counts_refused) is not None:
            title = f"{title}: refused ones are counted in {counter}"
            yield Claim(f"{path}/counts refused", title, borne)
    if profile.can.back_within_s is not None:
        yield Claim("can/back", "the bus: back within its time", profile.can.traces_to)


def _of_energy(profile: Profile) -> Iterator[Claim]:
    """Claims of charge and health; each is about a signal."""
    energy = profile.energy
    if energy is None:
        return
    named = signals_of(profile)
    parts = {"of the cells": (SOC, REMAINING, CELL_SUM), "counted": (SOC, REMAINING)}
    parts |= {"steps": (SOC,), "steady": (HEALTH,)}
    borne = tuple(dict.fromkeys(energy.requirements()))
    for part, names in parts.items():
        for name in names:
            if name in named:
                yield Claim(f"energy/{name}/{part}", f"{named[name]}: {part}", borne)
    if energy.full is not None:
        yield Claim("energy/full", f"{named[SOC]}: full", energy.full.traces_to)
        if (line := energy.full.console) is not None:
            yield Claim("energy/full/console", f"console: {line}", energy.full.traces_to)


def _of_events(profile: Profile) -> Iterator[Claim]:
    events: Events | None = profile.events
    if events is None:
        return
    yield Claim("events/bytes", f"message {events.message}: its bytes", events.traces_to)
    for p in profile.protections.values():
        if p.short in events.codes:
            for reported in (1, 0) if p.recovers or p.latched else (1,):
                path, title = f"events/{p.short}@{reported}", f"event {p.short}: {reported}"
                yield Claim(path, title, events.traces_to)
    if profile.can is not None and (load := profile.can.tolerates_bus_load) is not None:
        yield Claim("events/loaded bus", "events: on a loaded bus", load.traces_to)


def _of_limits_sent(profile: Profile) -> Iterator[Claim]:
    limits: CurrentVoltageLimits | None = profile.current_and_voltage_limits
    if limits is None:
        return
    borne = limits.traces_to
    for way, limit in limits.currents.items():
        end = "full" if way == "charge" else "empty"
        for target in (*profile.cell_names, *profile.temperature_names, end):
            yield Claim(
                f"current and voltage limits/{way}@{target}", f"{limit.signal}: at {target}", borne
            )
    if (voltage := limits.charge_voltage) is not None:
        yield Claim("current and voltage limits/charge voltage", f"{voltage.signal}: told", borne)
    if (exceeded := limits.exceeded) is not None:
        for part in ("comes", "never"):
            yield Claim(
                f"current and voltage limits/exceeded/{part}", f"{exceeded.flag}: {part}", borne
            )


def _of_states(profile: Profile) -> Iterator[Claim]:
    for signal, path in states_of(profile).items():
        of = (
            profile.current_and_voltage_limits
            if path.startswith("current and voltage limits/")
            else None
        )
        for value in (0, 1):
            yield Claim(f"{path}@{value}", f"{signal}: {value}", of.traces_to if of else ())


def _of_settings(profile: Profile) -> Iterator[Claim]:
    settings = profile.settings
    if settings is None:
        return
    borne = settings.traces_to
    for name in settings.each:
        for part, words in (("acts", "acts"), ("refused", "is refused"), ("kept", "is kept")):
            yield Claim(f"settings/{name}/{part}", f"setting {name}: {words}", borne)
    for cause in profile.resets.causes if profile.resets else ():
        yield Claim(f"settings/kept@{cause}", f"settings kept: after {cause}", borne)
    yield Claim("settings/kept@power cut", "settings kept: through a power cut", borne)
    if settings.loss is not None:
        yield Claim("settings/loss", "settings lost: told", borne)


def _of_start(profile: Profile) -> Iterator[Claim]:
    start, can, resets = profile.start, profile.can, profile.resets
    if can is not None and can.speaks_within_s is not None:
        for name in profile.messages:
            title = f"message {name}: comes after power-up"
            yield Claim(f"messages/{name}/after power-up", title, can.traces_to)
    if resets is not None:
        for cause in resets.causes:
            yield Claim(f"resets/{cause}", f"reset: {cause}", resets.traces_to)
        if resets.works_above_v is not None:
            yield Claim("resets/low supply", "reset: none by a low supply", resets.traces_to)
    if profile.timers is not None:
        yield Claim("timers/wrap", "timers: their wrap", profile.timers.traces_to)
    yield Claim("start/ready", "start: says ready", start.traces_to)
    for output in start.closes:
        yield Claim(f"start/closes@{output}", f"start: closes {output}", start.traces_to)


def _of_console(profile: Profile) -> Iterator[Claim]:
    console = profile.console
    if console is None:
        return
    for name in console.answers:
        yield Claim(f"console/answers/{name}", f"console: answers {name}", console.traces_to)
    if console.refuses:
        yield Claim("console/refuses", "console: refuses", console.traces_to)


_SECTIONS = (
    _of_protections,
    _of_messages,
    _of_reports,
    _of_balancing,
    _of_can,
    _of_energy,
    _of_events,
    _of_limits_sent,
    _of_states,
    _of_settings,
    _of_start,
    _of_console,
)
