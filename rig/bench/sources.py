"""What feeds a BMS its quantities: a class for each capability that does, and all that it knows.

`feeding` deals a bench's quantities out to them; whoever brings a capability adds its class here.
Must not check limits: the bench has done so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rig.bench.limits import Limits
from rig.bench.power_path import PowerPath
from rig.bench.wiring import Wiring
from rig.dut.profile import Profile
from rig.errors import BenchError
from rig.instruments.capabilities import Load, Measured, Resistors, Supply, VoltageSource
from rig.instruments.entry import InstrumentEntry
from rig.quantities import BLEED, CELL, CURRENT, SUPPLY, TEMPERATURE, Kind, number_of
from rig.rack import Rack
from rig.trace.model import Command, Reading

OVER = 1.05  # protections stand this far above the highest value that is ever commanded
# A BMS pauses bleeding while it measures, so one look may fall into a pause: the mean of several.
BLEED_LOOKS, BLEED_PAUSE_NS = 6, 17_000_000

FaultKind = Literal["open", "short"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a source is made of: instruments, wires, what bench file and profile say."""

    rack: Rack
    wiring: Wiring
    entries: Mapping[str, InstrumentEntry]
    profile: Profile
    stamp: Callable[[], int]  # reads the rig's clock


class Source(ABC):
    """Feeds all quantities of a kind."""

    kind: ClassVar[Kind]
    measures: ClassVar[tuple[Kind, ...]]  # kinds that are read back from what feeds this one
    faults: ClassVar[frozenset[FaultKind]] = frozenset()  # of a wire, that its instrument can make
    leaves_first: ClassVar[bool] = False  # set to 0, it goes off before anything else is commanded

    def __init__(self, parts: Parts) -> None:
        self.rack, self.wiring, self.entries = parts.rack, parts.wiring, parts.entries
        self.stamp = parts.stamp

    @classmethod
    def is_wired(cls, parts: Parts) -> bool:
        """Whether the bench has such a source for this BMS."""
        return bool(parts.wiring.sourced(cls.kind))

    def protect(self, limits: Limits) -> None:  # noqa: B027 -- some have nothing to protect
        """Program what the instrument itself watches, before any output goes on."""

    @abstractmethod
    def set(self, values: Mapping[str, float]) -> Sequence[Command]:
        """Command quantities; returns when every instrument has confirmed."""

    @abstractmethod
    def read(self, names: Sequence[str]) -> list[Reading]:
        """Read quantities back from what feeds them."""

    def measures_one(self, name: str) -> bool:
        """Whether this one of its kinds is wired."""
        return name in self.wiring.sources

    def fault(self, kind: FaultKind, target: str, *, present: bool) -> Command:
        """Insert or remove one of the faults that it can make."""
        raise NotImplementedError

    def renew(self) -> None:  # noqa: B027 -- some keep nothing in mind
        """Know that all is off, as on a bench that was switched off or built anew."""

    def _command(
        self, values: Mapping[str, float], before_ns: int, settle_s: float
    ) -> list[Command]:
        """Say of quantities that they were commanded together, until now."""
        after_ns = self.stamp()
        return [
            Command(
                quantity=name,
                value=value,
                before_ns=before_ns,
                after_ns=after_ns,
                settle_s=settle_s,
                instrument=str(self.wiring.sources[name]),
            )
            for name, value in values.items()
        ]

    def _switched(
        self, fault: FaultKind, target: str, *, present: bool, before_ns: int, settle_s: float
    ) -> Command:
        return Command(
            quantity=f"{fault} {target}",
            value=float(present),
            before_ns=before_ns,
            after_ns=self.stamp(),
            settle_s=settle_s,
            instrument=str(self.wiring.sources[target]),
        )


class Cells(Source):
    """A cell emulator's channels, each of which can also break its wire."""

    kind = CELL
    measures = (CELL, BLEED)
    faults = frozenset({"open"})

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._lit: set[str] = set()  # whose output is on
        self._broken: set[str] = set()

    def protect(self, limits: Limits) -> None:
        for name, terminal in self.wiring.sourced(CELL).items():
            over_v = OVER * limits.ranges[name].high if name in limits.ranges else 0.0
            over_a = self.entries[terminal.instrument].limits.current_a or 1.0
            emulator = self.rack.get(terminal.instrument, VoltageSource)
            emulator.protect((terminal.channel,), over_v, over_a)

    def set(self, values: Mapping[str, float]) -> list[Command]:
        done = []
        for role, channels in self.wiring.by_instrument(values).items():
            emulator = self.rack.get(role, VoltageSource)
            before_ns = self.stamp()
            emulator.set_voltage({channel: values[name] for name, channel in channels.items()})
            dark = [name for name in channels if name not in self._lit | self._broken]
            if dark:
                emulator.output([channels[name] for name in dark], on=True)
                self._lit.update(dark)
            these = {name: values[name] for name in channels}
            done += self._command(these, before_ns, emulator.settle_s)
        return done

    def measures_one(self, name: str) -> bool:
        return CELL.at(number_of(name) or 0) in self.wiring.sources

    def read(self, names: Sequence[str]) -> list[Reading]:
        cells = {name: CELL.at(number_of(name) or 0) for name in names}
        bleeds = {cell: name for name, cell in cells.items() if cell != name}
        return [*self._bleeds(bleeds), *(self._level(n) for n, cell in cells.items() if n == cell)]

    def _level(self, name: str) -> Reading:
        terminal = self.wiring.sources[name]
        before_ns = self.stamp()
        emulator = self.rack.get(terminal.instrument, VoltageSource)
        measured = emulator.measure_v((terminal.channel,))[terminal.channel]
        return reading(name, "V", measured, (before_ns, self.stamp()), str(terminal))

    def _bleeds(self, names: Mapping[str, str]) -> list[Reading]:
        """Give the mean current that the BMS draws from each cell's terminals."""
        readings = []
        for role, channels in self.wiring.by_instrument(names).items():
            emulator = self.rack.get(role, VoltageSource)
            before_ns = self.stamp()
            looks = [emulator.measure_a(channels.values())]
            for _ in range(BLEED_LOOKS - 1):
                self.rack.clock.sleep_until(self.stamp() + BLEED_PAUSE_NS)
                looks.append(emulator.measure_a(channels.values()))
            during_ns = (before_ns, self.stamp())
            for cell, n in channels.items():
                mean = sum(look[n].value for look in looks) / len(looks)
                drawn = Measured(value=mean, accuracy=max(look[n].accuracy for look in looks))
                readings.append(reading(names[cell], "A", drawn, during_ns, f"{role} {n}"))
        return readings

    def fault(self, kind: FaultKind, target: str, *, present: bool) -> Command:
        """Break or mend a wire: the emulator's relays move only while their terminals are dead."""
        terminal = self.wiring.sources[target]
        emulator, channel = self.rack.get(terminal.instrument, VoltageSource), terminal.channel
        if present:
            emulator.output((channel,), on=False)
            self._lit.discard(target)
            emulator.await_dead(channel)
        before_ns = self.stamp()
        emulator.open_wire(channel, present=present)
        if not present:
            emulator.output((channel,), on=True)
            self._lit.add(target)
        (self._broken.add if present else self._broken.discard)(target)
        settle_s = emulator.relay_s if present else emulator.settle_s
        return self._switched(kind, target, present=present, before_ns=before_ns, settle_s=settle_s)

    def renew(self) -> None:
        self._lit.clear()
        self._broken.clear()


class Thermistors(Source):
    """Programmable resistors in place of thermistors."""

    kind = TEMPERATURE
    measures = (TEMPERATURE,)
    faults = frozenset({"open", "short"})

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        assert parts.profile.temperatures is not None  # noqa: S101  limits let none through else
        self.curve = parts.profile.temperatures
        self._ohms: dict[str, float] = {}  # what the resistors really give

    @classmethod
    def is_wired(cls, parts: Parts) -> bool:
        return parts.profile.temperatures is not None and super().is_wired(parts)

    def set(self, values: Mapping[str, float]) -> list[Command]:
        done: list[Command] = []
        for role, channels in self.wiring.by_instrument(values).items():
            resistors = self.rack.get(role, Resistors)
            before_ns = self.stamp()
            wanted = {
                channel: self.curve.ohm_at(values[name]) for name, channel in channels.items()
            }
            given = resistors.set_ohms(wanted)
            ohms = {name: given[channel] for name, channel in channels.items()}
            self._ohms |= ohms
            degc = {name: self.curve.degc_at(ohm) for name, ohm in ohms.items()}
            done += self._command(degc, before_ns, resistors.settle_s)
        return done

    def read(self, names: Sequence[str]) -> list[Reading]:
        """Say what the resistances stand for; nothing is there to measure them with."""
        return [self._stands_for(name) for name in names]

    def _stands_for(self, name: str) -> Reading:
        terminal, before_ns = self.wiring.sources[name], self.stamp()
        if name not in self._ohms:
            raise BenchError(
                f"this bench can't read {name} before it was set",
                str(terminal),
                "set it first: its resistor has nothing to measure itself with",
            )
        ohms = self._ohms[name]
        error = self.rack.get(terminal.instrument, Resistors).accuracy_ohm(ohms)
        value = self.curve.degc_at(ohms)
        accuracy = abs(self.curve.degc_at(ohms + error) - value)
        measured = Measured(value=value, accuracy=accuracy)
        return reading(name, "°C", measured, (before_ns, before_ns), str(terminal))

    def fault(self, kind: FaultKind, target: str, *, present: bool) -> Command:
        terminal = self.wiring.sources[target]
        resistors, channel = self.rack.get(terminal.instrument, Resistors), terminal.channel
        before_ns = self.stamp()
        if not present:
            resistors.set_ohms({channel: self._ohms[target]})
        elif kind == "open":
            resistors.open(channel)
        else:
            resistors.short(channel)
        settle_s = resistors.settle_s
        return self._switched(kind, target, present=present, before_ns=before_ns, settle_s=settle_s)

    def renew(self) -> None:
        self._ohms.clear()


class Power(Source):
    """Charger and load at the pack's terminals."""

    kind = CURRENT
    measures = (CURRENT,)

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.path = _power_path(parts)

    @classmethod
    def is_wired(cls, parts: Parts) -> bool:
        return parts.wiring.charger is not None or parts.wiring.load is not None

    def measures_one(self, name: str) -> bool:  # there is but one
        return True

    def protect(self, limits: Limits) -> None:
        if (allowed := limits.ranges.get(CURRENT.word)) is not None:
            self.path.protect(allowed.high, -allowed.low)

    def set(self, values: Mapping[str, float]) -> list[Command]:
        return self.path.set(values[CURRENT.word])

    def read(self, names: Sequence[str]) -> list[Reading]:
        before_ns = self.stamp()
        measured, instrument = self.path.measure()
        return [reading(n, "A", measured, (before_ns, self.stamp()), instrument) for n in names]

    def renew(self) -> None:
        self.path.renew()


class BmsSupply(Source):
    """The supply that a BMS runs on; 0 V is off."""

    kind = SUPPLY
    measures = (SUPPLY,)
    leaves_first = True  # so that the BMS sees no half of the rest

    def protect(self, limits: Limits) -> None:
        for name, terminal in self.wiring.sourced(SUPPLY).items():
            if name in limits.ranges:
                supply = self.rack.get(terminal.instrument, Supply)
                rated_a = self.entries[terminal.instrument].limits.current_a
                amps = rated_a or supply.most(terminal.channel)[1]
                supply.protect(terminal.channel, OVER * limits.ranges[name].high, amps)

    def set(self, values: Mapping[str, float]) -> list[Command]:
        done: list[Command] = []
        for name, volts in values.items():
            terminal = self.wiring.sources[name]
            supply = self.rack.get(terminal.instrument, Supply)
            before_ns = self.stamp()
            if volts == 0.0:
                supply.output(terminal.channel, on=False)
            else:
                supply.set_voltage(terminal.channel, volts)
                supply.output(terminal.channel, on=True)
            done += self._command({name: volts}, before_ns, supply.settle_s)
        return done

    def read(self, names: Sequence[str]) -> list[Reading]:
        return [self._level(name) for name in names]

    def _level(self, name: str) -> Reading:
        terminal, before_ns = self.wiring.sources[name], self.stamp()
        supply = self.rack.get(terminal.instrument, Supply)
        measured = supply.measure(terminal.channel)[0]
        return reading(name, "V", measured, (before_ns, self.stamp()), str(terminal))


def reading(
    quantity: str, unit: str, measured: Measured, during_ns: tuple[int, int], instrument: str
) -> Reading:
    """Make a reading of what an instrument measured, within `during_ns` of the rig's clock."""
    return Reading(
        quantity=quantity,
        value=measured.value,
        unit=unit,
        accuracy=measured.accuracy,
        before_ns=during_ns[0],
        after_ns=during_ns[1],
        instrument=instrument,
    )


def _power_path(parts: Parts) -> PowerPath:
    """Join charger and load; the charger stands above any pack, so that its current is constant."""
    wiring, rack, profile = parts.wiring, parts.rack, parts.profile
    charger = load = None
    charge_v = profile.cells.count * profile.allowed(CELL.at(1)).high
    if wiring.charger is not None:
        charger = rack.get(wiring.charger.instrument, Supply)
        ratings = parts.entries[wiring.charger.instrument].limits
        most_v = charger.most(wiring.charger.channel)[0]
        charge_v = min(charge_v, most_v, ratings.voltage_v or most_v)
    if wiring.load is not None:
        load = rack.get(wiring.load.instrument, Load)
    return PowerPath(
        charger=charger,
        charger_channel=wiring.charger.channel if wiring.charger else 0,
        charger_name=str(wiring.charger or ""),
        load=load,
        load_name=str(wiring.load or ""),
        charge_v=charge_v,
        stamp=parts.stamp,
    )


_SOURCES = (Cells, Thermistors, Power, BmsSupply)  # in the order in which they are commanded


def feeding(parts: Parts) -> list[Source]:
    """Give the sources that a bench has for a BMS, in the order in which they are commanded."""
    return [source(parts) for source in _SOURCES if source.is_wired(parts)]
