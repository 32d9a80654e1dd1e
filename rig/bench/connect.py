"""From a bench description and a profile to a connected bench, and back to a safe state.

Order at start: the bench's own process, clock, sessions, known states with all outputs off,
protections, the digitizers' correction, links to the BMS. Must not power the BMS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import can

from rig.bench.bench import Bench
from rig.bench.description import BenchCan, BenchFile
from rig.bench.launch import BenchProcess
from rig.bench.limits import Limits, limits_of
from rig.bench.recorder import Recorder
from rig.bench.rest_bus import RestBusSimulation
from rig.bench.sources import Parts, feeding
from rig.bench.wiring import Tap, Wiring, off_order, relays_of, wiring_of
from rig.can_address import OWN_BUS
from rig.clock import Clock, SteppedClock, WallClock
from rig.console_name import OWN_CONSOLE
from rig.dut.can_link import CanLink
from rig.dut.can_messages import Messages
from rig.dut.console_link import ConsoleLink
from rig.dut.profile import LINE_ENDS, Profile
from rig.errors import BenchError, DescriptionError
from rig.instruments.capabilities import Digitizer, Meter
from rig.quantities import CELL, PACK, TEMPERATURE, kind_of
from rig.rack import Rack

CAN_LATENCY_S = 1e-3  # from the end of a frame to the rig's hand, by network or USB [u]
CONSOLE_LATENCY_S = 16e-3  # an FTDI adapter's default latency timer (AN232B-04)
NETWORK_CONSOLE_LATENCY_S = 1e-3  # RFC 2217 on a wired network [u]


@contextmanager
def connect(
    description: BenchFile, profile: Profile, *, seed: int = 0, variant: str | None = None
) -> Iterator[Bench]:
    """Connect a bench, and leave it safe however the block ends.

    Parameters
    ----------
    seed
        Of a simulated bench: everything random about it comes from this number.
    variant
        Of a simulated bench: the build of the firmware in its BMS; None: the one released.

    Raises
    ------
    DescriptionError
        The bench does not fit the profile, or a variant is asked of a bench that has none.
    BenchError
        An instrument or a link does not answer.
    """
    limits = limits_of(description, profile)
    wiring = wiring_of(description, _spans(profile, limits))
    _check_wired(description, profile, wiring)
    with ExitStack() as stack:
        filled, rack = stack.enter_context(racked(description, seed=seed, variant=variant))
        rack.connect()
        stamp = partial(rack.transcript.stamp, rack.clock)
        sources = feeding(
            Parts(
                rack=rack, wiring=wiring, entries=filled.instruments, profile=profile, stamp=stamp
            )
        )
        bench = Bench(
            description=filled,
            profile=profile,
            rack=rack,
            wiring=wiring,
            limits=limits,
            sources=sources,
            recorders=_recorders(wiring, rack, stamp, profile.hierarchy.sums),
        )
        for source in sources:
            source.protect(limits)
        _configure_meters(wiring, rack, _spans(profile, limits))
        rack.claim_relays()
        stack.callback(bench.make_safe)
        bench.calibrate(_calibration_levels(profile))
        bench.make_safe()
        _buses(bench, filled, profile, rack.clock, stack)
        _consoles(bench, filled, profile, rack.clock, stack)
        bench.begin_case(seed)
        yield bench


@contextmanager
def racked(
    description: BenchFile, *, seed: int = 0, variant: str | None = None
) -> Iterator[tuple[BenchFile, Rack]]:
    """Start what a bench needs, and give its instruments, none of them opened yet.

    That needs no profile. The description comes back with the addresses of what was started.

    Raises
    ------
    DescriptionError
        An address stays unfilled, or a variant is asked of a bench that has none.
    BenchError
        What it starts does not get ready.
    """
    with ExitStack() as stack:
        process = _start(description, seed, variant, stack)
        endpoints = process.endpoints if process else {}
        filled = description.filled(endpoints)
        filled.refuse_unfilled(endpoints)
        clock = _clock(filled, process)
        stack.callback(clock.close)
        order, relays = off_order(filled), relays_of(filled)
        rack = Rack(filled.instruments, clock, order=order, relays=relays)
        stack.callback(rack.close)
        yield filled, rack


# ---- process and clock --------------------------------------------------------------------------
def _start(
    description: BenchFile, seed: int, variant: str | None, stack: ExitStack
) -> BenchProcess | None:
    if variant is not None and (description.start is None or description.clock != "stepped"):
        raise DescriptionError(
            f"the firmware variant {variant!r} can't be chosen: this bench's BMS is a real one",
            f"bench {description.name}",
            "flash the firmware and leave the variant away, or name a virtual bench",
        )
    if description.start is None:
        return None
    command = list(description.start.command)
    if variant is not None:
        command += ["--variant", variant]
    if description.clock == "stepped" and "--seed" not in command:  # only a simulated one steps
        command += ["--seed", str(seed)]
    process = BenchProcess(command, ready_within_s=description.start.within_s)
    return stack.enter_context(process)


def _clock(description: BenchFile, process: BenchProcess | None) -> Clock:
    endpoints = process.endpoints if process else {}
    if description.clock == "wall":  # a bench that is played in real time knows its own lag
        return WallClock(SteppedClock(endpoints["clock"]) if "clock" in endpoints else None)
    if process is None or description.start is None or "clock" not in endpoints:
        raise BenchError(
            f"the started process named {', '.join(endpoints) or 'nothing'}, and no clock",
            f"bench {description.name}",
            "write clock: wall, or start a bench whose time can be stepped",
        )
    # Where its clock is dead, so is all of it: its instruments are not waited for one by one.
    return SteppedClock(
        endpoints["clock"],
        answers_within_s=description.start.answers_within_s,
        on_lost=process.give_up,
    )


# ---- putting it together ------------------------------------------------------------------------
def _spans(profile: Profile, limits: Limits) -> dict[str, tuple[float, float]]:
    """The range that each quantity and output can have, where the bench states none."""
    spans = {
        name: (allowed.low, allowed.high)
        for name, allowed in limits.ranges.items()
        if kind_of(name) is not TEMPERATURE
    }
    if profile.has_current and "current" in spans:
        low, high = spans["current"]
        spans["current"] = (1.1 * low, 1.1 * high)
    spans[PACK.word] = (0.0, profile.cells.count * profile.allowed(CELL.at(1)).high)
    # A logic level or a gate is about twice its own threshold when it conducts.
    spans |= {name: (0.0, 2.5 * pin.closed_above_v) for name, pin in profile.outputs.items()}
    return spans


def _check_wired(description: BenchFile, profile: Profile, wiring: Wiring) -> None:
    """Everything that every case needs must reach the BMS."""
    wired = set(wiring.sources) | ({"current"} if wiring.charger or wiring.load else set())
    if missing := [name for name in profile.fed if name not in wired]:
        raise DescriptionError(
            f"nothing feeds {', '.join(missing)} of the BMS {profile.name}",
            f"bench {description.name}, wiring",
            "add them, or use a bench that is wired for this BMS",
        )


def _recorders(
    wiring: Wiring, rack: Rack, stamp: Callable[[], int], sums: Mapping[str, Sequence[str]]
) -> list[Recorder]:
    """One for each digitizer that something is wired to, in the order of the wiring."""
    taps: dict[str, dict[str, Tap]] = {}
    for name, tap in wiring.taps.items():
        taps.setdefault(tap.at.instrument, {})[name] = tap
    return [
        Recorder(digitizer=rack.get(role, Digitizer), taps=its, stamp=stamp, sums=sums)
        for role, its in taps.items()
    ]


def _configure_meters(wiring: Wiring, rack: Rack, spans: Mapping[str, tuple[float, float]]) -> None:
    for role, meter in rack.having(Meter).items():
        largest_v = {
            terminal.channel: _largest_v(wiring, name, spans.get(name, (0.0, 20.0)))
            for name, terminal in wiring.meters.items()
            if terminal.instrument == role
        }
        if largest_v:
            meter.configure(largest_v)


def _largest_v(wiring: Wiring, name: str, span: tuple[float, float]) -> float:
    """Highest voltage that the meter will see; a current's is that of its shunt."""
    volts_per_unit = wiring.shunt.volts_per_a if name == "current" and wiring.shunt else 1.0
    return max(abs(span[0]), abs(span[1])) * volts_per_unit


def _calibration_levels(profile: Profile) -> tuple[float, float]:
    """Two cell voltages that lie apart and trip nothing: most of the way to the next thresholds."""
    nominal, allowed = profile.nominal.cells_v, profile.allowed(CELL.at(1))
    levels = [
        protection.level for protection in profile.protections.values() if protection.kind is CELL
    ]
    below = max([level for level in levels if level < nominal], default=allowed.low)
    above = min([level for level in levels if level > nominal], default=allowed.high)
    return nominal + 0.6 * (below - nominal), nominal + 0.6 * (above - nominal)


# ---- links to the BMS ---------------------------------------------------------------------------
def _buses(
    bench: Bench, description: BenchFile, profile: Profile, clock: Clock, stack: ExitStack
) -> None:
    for name, dbc in profile.dbcs.items():
        id_step = dbc.modules.id_step if dbc.modules else 0
        bench.messages[name] = Messages(profile.dbc_paths[name], id_step)
    for name, bus in sorted(description.buses.items(), key=lambda item: item[0] != OWN_BUS):
        bitrate = bus.bitrate or (profile.can.bitrate if profile.can else None)
        if bitrate is None:  # the bus of a BMS that has none
            continue
        open_bus = partial(can.Bus, bitrate=bitrate, **bus_arguments(bus))
        bench.buses[name] = CanLink(clock, open_bus, CAN_LATENCY_S, name=name)
        stack.callback(bench.buses[name].close)
    if profile.can is not None and bench.can is not None:
        receives, is_real = profile.can.receives, description.clock == "wall"
        own = bench.messages[OWN_BUS]
        bench.rest_bus = RestBusSimulation(clock, bench.can, own, receives, in_background=is_real)
        stack.callback(bench.rest_bus.close)


def _consoles(
    bench: Bench, description: BenchFile, profile: Profile, clock: Clock, stack: ExitStack
) -> None:
    for name, console in sorted(description.consoles.items(), key=lambda c: c[0] != OWN_CONSOLE):
        own = profile.console if name == OWN_CONSOLE else None
        baud = console.baud or (own.baud if own else None)
        if baud is None:  # the console of a BMS that has none
            continue
        line_end = LINE_ENDS[console.newline or (own.newline if own else "LF")]
        latency_s = NETWORK_CONSOLE_LATENCY_S if "://" in console.url else CONSOLE_LATENCY_S
        link = ConsoleLink(clock, console.url, baud, latency_s, line_end, name=name)
        bench.consoles[name] = link
        stack.callback(link.close)


def bus_arguments(bus: BenchCan) -> dict[str, Any]:
    """What python-can wants: `socketcand://host:port/can0` in parts, any other address as it is.

    Raises
    ------
    DescriptionError
        A socketcand address is none.
    """
    if bus.interface != "socketcand":
        fd = {"fd": True} if bus.is_fd else {}
        rate = {} if bus.data_bitrate is None else {"data_bitrate": bus.data_bitrate}
        return {"interface": bus.interface, "channel": bus.address, **fd, **rate}
    parts = urlsplit(bus.address)
    if parts.hostname is None or parts.port is None:
        raise DescriptionError(
            f"the address {bus.address!r} is not socketcand://host:port/channel",
            "can.address of the bench",
            "write for example socketcand://192.168.0.7:29536/can0",
        )
    return {
        "interface": "socketcand",
        "host": parts.hostname,
        "port": parts.port,
        "channel": parts.path.strip("/") or "can0",
    }
