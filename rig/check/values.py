"""Values of CAN signals that a description names, held against the bits that the DBC gives them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rig.can_address import MessageAddress, SignalAddress
from rig.description import Location
from rig.dut.profile import Profile

Said = tuple[Location, str, float]  # where it stands, "Message.Signal", its value


def broken(signal: Any, name: str) -> tuple[str, str] | None:
    """Say that a signal can carry nothing, if it can't."""
    scale, offset = float(signal.scale), float(signal.offset)
    if scale == 0.0 or not (math.isfinite(scale) and math.isfinite(offset)):
        return f"the DBC says that {name} has a scale of {scale:g}", "mend the DBC"
    return None


def is_whole_byte(signal: Any) -> bool:
    """Whether a signal is one byte as it stands in the frame."""
    begins = signal.start % 8 == (7 if signal.byte_order == "big_endian" else 0)
    is_raw = signal.scale == 1 and signal.offset == 0 and not signal.is_signed
    return begins and is_raw and signal.length == 8


def checksums(profile: Profile) -> Iterator[tuple[Location, str, str]]:
    """Give where each checksum is named, its message and its signal."""
    received = profile.can.receives if profile.can else {}
    for name, claim in profile.messages.items():
        if claim.crc is not None:
            yield ("messages", name, "crc"), name, claim.crc
    for name, message in received.items():
        if message.crc is not None:
            yield ("can", "receives", name, "crc"), name, message.crc
    if profile.events is not None and profile.events.crc is not None:
        yield ("events", "crc"), profile.events.message, profile.events.crc


def misfit(signal: Any, name: str, value: float, *, exact: bool = True) -> tuple[str, str] | None:
    """Say that a signal's bits can't hold a value, if they can't.

    Parameters
    ----------
    signal : cantools.database.can.signal.Signal
    exact
        The value is sent just so: a flag, a code; not a limit that lies between two steps.
    """
    if signal.is_float or broken(signal, name):
        return broken(signal, name)
    low, high = sorted(float(signal.offset + signal.scale * raw) for raw in _raw_ends(signal))
    scale = abs(float(signal.scale))
    steps = (value - low) / scale
    if not low - scale / 2 <= value <= high + scale / 2:
        what = f"{name} holds {low:.10g} to {high:.10g}: {value:.10g} is beyond what the DBC gives"
        return what, "correct the value, or the DBC"
    if exact and abs(steps - round(steps)) > 1e-6 * max(1.0, abs(steps)):
        return f"{name} goes in steps of {scale:.10g}: it is never {value:.10g}", "correct it"
    return None


def _raw_ends(signal: Any) -> tuple[int, int]:
    if signal.is_signed:
        return -(1 << signal.length - 1), (1 << signal.length - 1) - 1
    return 0, (1 << signal.length) - 1


def said_values(profile: Profile) -> Iterator[Said]:
    """Give every value that a profile says a signal has."""
    for name, protection in profile.protections.items():
        yield from _flags(("protections", name, "flags"), protection.flags)
    for message, signals in profile.start.request.items():
        where: Location = ("start", "request", message)
        yield from (((*where, s), f"{message}.{s}", value) for s, value in signals.items())
    if (events := profile.events) is not None:
        code = events.message.signal(events.code)
        yield from ((("events", "codes", short), code, n) for short, n in events.codes.items())
    if profile.settings is not None and profile.settings.loss is not None:
        yield from _flags(("settings", "loss", "flags"), profile.settings.loss.flags)
    yield from _of_contactors(profile)
    yield from _counters(profile)


def _flags(where: Location, flags: Mapping[SignalAddress, int]) -> Iterator[Said]:
    yield from (((*where, name), name, value) for name, value in flags.items())


def _of_contactors(profile: Profile) -> Iterator[Said]:
    if (contactors := profile.contactors) is None:
        return
    yield from _flags(("contactors", "precharge fails", "flags"), contactors.failure.flags)
    states, request = contactors.states, contactors.request
    for state in ("open", "precharging", "closed", "fault"):
        yield ("contactors", "states", state), states.signal, getattr(states, state)
    for word in ("none", "close", "open"):
        name = f"{request.message}.{request.signal}"
        yield ("contactors", "request", word), name, getattr(request, word)


def _counters(profile: Profile) -> Iterator[Said]:
    """The value after which each counter begins anew."""
    for name, claim in profile.messages.items():
        if claim.counter is not None:
            where: Location = ("messages", name, "counter last")
            yield where, MessageAddress(name).signal(claim.counter), claim.counter_last
    for name, received in profile.can.receives.items() if profile.can else ():
        if received.counter is not None:
            where = ("can", "receives", name, "counter last")
            yield where, f"{name}.{received.counter}", received.counter_last
    if profile.events is not None and profile.events.counter is not None:
        counter = profile.events.message.signal(profile.events.counter)
        yield ("events", "counter last"), counter, profile.events.counter_last


def reported_values(profile: Profile) -> Iterator[Said]:
    """Give what a report says at its ends, and while it knows nothing: its signal must hold it."""
    for name, report in profile.telemetry.reports().items():
        if (signal := report.signal_for(1)) is None:
            continue
        where: Location = ("telemetry", name)
        if report.invalid is not None:
            yield (*where, "invalid"), signal, report.invalid / report.factor
        for end in (report.within.low, report.within.high) if report.within else ():
            yield (*where, "range"), signal, end / report.factor
