"""What a profile promises, and which of it no case tests. Pure; reads profile and cases alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from rig.case import Case
from rig.dut.charge import CELL_SUM, HEALTH, REMAINING, SOC, signals_of
from rig.dut.profile import Profile, Protection
from rig.expectations.balances import Balances
from rig.expectations.console_says import ConsoleSays
from rig.expectations.counts_charge import CountsCharge
from rig.expectations.follows_cells import FollowsCells
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_timing import MessageTiming
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_steady import SignalSteady
from rig.expectations.stays import Stays
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.plan import promised_messages, promised_settings
from rig.plan.families.choosing import reboots
from rig.quantities import CELL, TEMPERATURE
from rig.steps.fault import Fault
from rig.steps.send import Send
from rig.steps.start_periodic import StartPeriodic


def promised(profile: Profile) -> list[str]:
    """All promises of the profile, each once."""
    return list(dict.fromkeys(_promised(profile)))


def left_out(patterns: Mapping[str, str], profile: Profile) -> dict[str, str]:
    """Promises that a plan leaves out, with its reason for each; "*" in a pattern is anything."""
    return {
        promise: reason
        for pattern, reason in reversed(list(patterns.items()))  # of two that fit the first counts
        for promise in matching(pattern, profile)
    }


def matching(pattern: str, profile: Profile) -> list[str]:
    """Promises that a pattern of `leaves out` means; brackets stand for themselves."""
    literal = pattern.replace("[", "[[]")
    return [promise for promise in promised(profile) if fnmatchcase(promise, literal)]


def untested(profile: Profile, cases: Iterable[Case]) -> list[str]:
    """Promises of the profile that no expectation of the cases touches."""
    tested = {touched for case in cases for touched in _touched(profile, case)}
    for name in profile.protections:
        if {f"{name}: {side} its threshold" for side in ("inside", "beyond")} <= tested:
            tested.add(f"{name}: threshold")
    return [promise for promise in promised(profile) if promise not in tested]


def sentence_of(profile: Profile, promise: str) -> str:
    """Say it in words: "the profile promises UTC recovery at 5 °C; no case looks"."""
    name, _, what = promise.rpartition(": ")
    protection = profile.protections.get(name)
    said = _figure(protection, what) if protection else None
    return f"the profile promises {said or promise}; no case looks"


def _figure(p: Protection, what: str) -> str | None:
    """A promise of a protection with its figure, where it has one."""
    recovers = p.recovers.level if p.recovers else None
    figures = {
        "threshold": p.threshold and f"{p.short} at {p.threshold}",
        "delay": p.delay and f"{p.short} after {p.delay}",
        "recovery level": recovers and f"{p.short} recovery at {recovers}",
    }
    if what.split()[0] in ("acts", "opens", "keeps", "recovers", "says", "takes"):
        return f"that {p.short} {what}"
    return figures.get(what) or f"{p.short}: {what}"


def _promised(profile: Profile) -> Iterator[str]:
    for name, protection in profile.protections.items():
        for what in _of_protection(profile, protection):
            yield f"{name}: {what}"
    for name, message in profile.messages.items():
        yield f"message {name}: period"
        yield from (f"message {name}: {part}" for part in (message.counter, message.crc) if part)
    counts = {kind.name: len(profile.names_of(kind)) for kind in (CELL, TEMPERATURE)}
    for name, report in profile.telemetry.reports().items():
        if report.accuracy is not None:
            sources = range(1, counts.get(name, 1) + 1)
            yield from (
                f"report of {report.signal_for(n) or report.pattern_for(n)}" for n in sources
            )
            yield from (f"report of {report.also_for(n)}" for n in sources if report.also_console)
    if profile.balancing:
        yield from (f"balancing of {cell}" for cell in profile.cell_names)
        if profile.balancing.signal:
            yield f"balancing told by {profile.balancing.signal}"
    yield from _of_can(profile)
    yield from _of_energy(profile)
    yield from promised_messages.promised(profile)
    yield from promised_settings.promised(profile)
    yield "start: says ready"
    yield from (f"start: closes {output}" for output in profile.start.closes)
    yield from (f"requirement {r}" for r in _requirements(profile))


def _of_can(profile: Profile) -> Iterator[str]:
    if profile.can is None:
        return
    for name, received in profile.can.receives.items():
        yield from (f"message {name}: refuses {refused}" for refused in received.refuses)
        if received.counts_refused:
            yield f"message {name}: refused ones are counted in {received.counts_refused}"
    if profile.can.back_within_s is not None:
        yield "the bus: back within its time"


def _of_protection(profile: Profile, p: Protection) -> Iterator[str]:  # noqa: C901  a table of kinds
    for target in p.quantities(profile) if p.each else ():
        yield f"acts at {target}"
    yield from (f"opens {output}" for output in p.opens)
    yield from (f"keeps {output}" for output in p.keeps)
    if p.delay is not None:
        yield "delay"
    if p.threshold is not None:
        yield "threshold"
    if p.recovery_level is not None:
        yield "recovery level"
    if p.recovers is not None:
        yield "recovers"
        if not reboots(p) or p.says_for is not None:
            yield from (f"takes back {said}" for said in p.says)
    yield from (f"says {said}" for said in p.says)
    if p.console is not None:
        yield "console"
    if p.console_clears is not None:
        yield "console clears"
    if "counter" in p.model_fields_set:
        yield f"counts {p.counter}"
    for means in p.latched.cleared_by if p.latched else ():
        yield f"latched until {means}"
    if p.latched and p.latched.once:
        yield f"cleared once {p.latched.once}"


def _of_energy(profile: Profile) -> Iterator[str]:
    """Promises of charge and health; each is about a signal."""
    if profile.energy is None:
        return
    named = {name: ".".join(signal) for name, signal in signals_of(profile).items()}
    yield from (f"{named[n]}: of the cells" for n in (SOC, REMAINING, CELL_SUM) if n in named)
    yield from (f"{named[n]}: counted" for n in (SOC, REMAINING) if n in named)
    yield f"{named[SOC]}: steps"
    if HEALTH in named:
        yield f"{named[HEALTH]}: steady"
    if profile.energy.full is not None:
        yield f"{named[SOC]}: full"
        if profile.energy.full.console is not None:
            yield f"console: {profile.energy.full.console}"


def _requirements(profile: Profile) -> Iterator[str]:
    reports = profile.telemetry.reports().values()
    yield from (r for p in profile.protections.values() for r in p.traces_to)
    yield from (r for m in profile.messages.values() for r in m.traces_to)
    yield from (r for report in reports if report.accuracy is not None for r in report.traces_to)
    yield from profile.start.traces_to
    if profile.can is not None:
        yield from profile.can.traces_to
        yield from (r for received in profile.can.receives.values() for r in received.traces_to)
    yield from profile.balancing.traces_to if profile.balancing else ()
    yield from profile.energy.requirements() if profile.energy else ()
    yield from promised_messages.requirements(profile)
    yield from promised_settings.requirements(profile)


def _touched(profile: Profile, case: Case) -> Iterator[str]:  # noqa: C901  a table of kinds
    yield from (f"requirement {r}" for r in case.traces_to)
    if case.protection in profile.protections:
        what = _touched_of(profile.protections[case.protection], case)
        yield from (f"{case.protection}: {w}" for w in what)
    yield from _touched_on_can(profile, case)
    yield from _touched_of_energy(case)
    yield from promised_messages.touched(profile, case)
    yield from promised_settings.touched(profile, case)
    for e in case.expectations:
        match e:
            case MessageTiming():
                yield f"message {e.message}: period"
                yield f"message {e.message}: {e.counter}"
                yield f"message {e.message}: {e.crc}"
            case TelemetryAgrees():
                yield f"report of {e.signal or e.pattern}"
            case Balances():
                yield from (f"balancing of {cell}" for cell in CELL.names(e.cells))
            case SignalStays() if profile.balancing and profile.balancing.signal and e.value:
                told = profile.balancing.signal.replace("{n}", "1")
                if told == f"{e.message}.{e.signal}":
                    yield f"balancing told by {profile.balancing.signal}"
            case ConsoleSays() if profile.console and e.pattern == profile.console.ready:
                yield "start: says ready"
            case Recovers() if case.family == "power up":
                yield f"start: closes {e.output}"
            case _:
                pass


_REFUSED = {
    "crc": "wrong crc",
    "bit": "wrong crc",
    "length": "wrong length",
    "counter stands": "repeated counter",
    "counter skips": "skipped counter",
    "data id": "other data id",
}


def _touched_on_can(profile: Profile, case: Case) -> Iterator[str]:
    """What wrong frames and a broken bus show, if something is expected of it."""
    receives = profile.can.receives if profile.can else {}
    trips = any(isinstance(e, Trips) for e in case.expectations)
    for step in case.steps:
        match step:
            # Only where no right frame comes between does a trip show that none was taken.
            case StartPeriodic(wrong=wrong) if wrong and wrong.what in _REFUSED:
                if wrong.every == 1 and trips:
                    yield f"message {step.message}: refuses {_REFUSED[wrong.what]}"
            case Send(wrong=wrong) if wrong and step.message in receives:
                counter = receives[step.message].counts_refused
                if _is_expected_to_count(case, counter):
                    yield f"message {step.message}: refused ones are counted in {counter}"
            case _:
                pass
    broken = any(isinstance(s, Fault) and s.target == "can bus" for s in case.steps)
    if broken and any(isinstance(e, MessageComes) for e in case.expectations):
        yield "the bus: back within its time"


def _is_expected_to_count(case: Case, counter: str | None) -> bool:
    """Whether something but 0 is expected of this signal."""
    told = [e for e in case.expectations if isinstance(e, SignalBecomes | SignalStays)]
    return any(f"{e.message}.{e.signal}" == counter and e.value for e in told)


def _touched_of_energy(case: Case) -> Iterator[str]:
    for e in case.expectations:
        match e:
            case FollowsCells():
                yield f"{e.message}.{e.signal}: of the cells"
            case CountsCharge():
                yield f"{e.message}.{e.signal}: counted"
            case SignalSteady():
                yield f"{e.message}.{e.signal}: {'steady' if e.most_step is None else 'steps'}"
            case SignalBecomes() if case.family == "full":
                yield f"{e.message}.{e.signal}: full"
            case ConsoleSays():
                yield f"console: {e.pattern}"
            case _:
                pass


def _touched_of(p: Protection, case: Case) -> Iterator[str]:  # noqa: C901  a table of kinds
    clears, at = case.parameters.get("cleared by"), case.parameters.get("at")  # families' cases
    if case.family == "bounce":
        yield f"counts {p.counter}"
    yield from _bracketed(p, case)
    for e in case.expectations:
        match e:
            case Trips():
                yield f"acts at {at or getattr(e.since, 'quantity', None)}"
                yield f"opens {e.output}"
                if p.delay and (e.low_s, e.high_s) == (p.delay.low, p.delay.high):
                    yield "delay"
            case Stays() if not e.is_open:
                yield f"keeps {e.output}"
            case ThresholdIs():
                yield "threshold" if e.is_open else "recovery level"
            case Recovers():
                yield f"latched until {clears}" if clears else "recovers"
            case SignalBecomes():
                said = f"{e.message}.{e.signal}"
                goes = e.value != p.says.get(said)
                yield f"{'takes back' if goes else 'says'} {said}"
                if not p.opens:  # a warning: the flag is its whole reaction
                    yield "recovers" if goes else "delay"
            case ConsoleSays() if p.latched and e.pattern == p.latched.refused:
                yield f"cleared once {p.latched.once}"
            case ConsoleSays():
                told = {p.console_for(t) for t in (at, None)}
                yield "console" if e.pattern in told else "console clears"
            case _:
                pass


def _bracketed(p: Protection, case: Case) -> Iterator[str]:
    """Sides of its threshold that a case without a staircase looks at; of a warning both levels."""
    side = case.parameters.get("bracket")
    if side in ("inside", "beyond") and any(isinstance(e, Trips) for e in case.expectations):
        yield f"{side} its threshold"
    if side == "both":
        told = [e for e in case.expectations if isinstance(e, SignalBecomes)]
        raised = [e.value == p.says.get(f"{e.message}.{e.signal}") for e in told]
        yield from ["threshold"] if any(raised) else []
        yield from ["recovery level"] if not all(raised) else []
