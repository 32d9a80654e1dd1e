"""A connected bench: says to instruments what a case says of the BMS.

It checks limits before anything is sent, keeps what is commanded (a command that changes nothing
is not sent), and gives each command and reading the rig's time before and after. Must not know a
protection, nor judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from rig.bench.description import BenchFile
from rig.bench.limits import Limits
from rig.bench.recorder import Level, Recorder
from rig.bench.rest_bus import RestBusSimulation
from rig.bench.sources import FaultKind, Source, reading
from rig.bench.wiring import Wiring
from rig.can_address import OWN_BUS
from rig.case import Capture
from rig.console_name import OWN_CONSOLE
from rig.dut.can_link import CanLink
from rig.dut.can_messages import Messages
from rig.dut.console_link import ConsoleLink
from rig.dut.profile import Profile
from rig.errors import BenchError, RigError
from rig.instruments.capabilities import Identity, Measured, Meter, Relays
from rig.quantities import BLEED, CELL, Kind, kind_of, together
from rig.rack import Knowledge, Rack
from rig.trace.log import Log
from rig.trace.model import Command, Reading, Waveform

CALIBRATION_WAIT_NS = 100_000_000  # longer than any source needs to settle
# So often, in the bench's time, somebody takes in what came on its links while a step lasts.
KEEP_UP_NS = 2_000_000_000


def no_one() -> None:
    """Nobody stores what comes."""


class Bench:
    """Made by `rig.bench.connect`, which also lets go of it in a safe state."""

    def __init__(  # noqa: PLR0913  it is put together in one place
        self,
        *,
        description: BenchFile,
        profile: Profile,
        rack: Rack,
        wiring: Wiring,
        limits: Limits,
        sources: Sequence[Source],
        recorders: Sequence[Recorder],
    ) -> None:
        self.description, self.profile, self.clock = description, profile, rack.clock
        self.buses: dict[str, CanLink] = {}  # by name; that of the profile's messages first
        self.consoles: dict[str, ConsoleLink] = {}  # by name; the BMS's own first
        self.messages: dict[str, Messages] = {}  # of each bus that has a DBC
        self.rest_bus: RestBusSimulation | None = None  # who sends on the BMS's bus
        self._rack, self._wiring, self._limits = rack, wiring, limits
        self._sources, self._recorders = sources, recorders
        self._commanded: dict[str, float] = {}  # what the instruments were last set to
        self._faults: set[tuple[FaultKind, str]] = set()
        self._is_recording = False
        self._is_checked = False
        self._kept_up_ns = 0
        self.on_kept_up: Callable[[], None] = no_one  # whoever stores what comes
        self._known: Knowledge | None = None  # by the drivers when the first case began
        self.is_new = False  # built anew, and nothing was commanded since
        # Of the BMS: what an earlier session or case left is restored before the next case begins.
        self.settings: Literal["unknown", "factory", "disturbed"] = "unknown"

    def begin_case(self, seed: int) -> None:
        """Have a simulated bench begin anew, as it was when it was connected; a lab's goes on.

        So a case on it hangs on nothing that came before. All that is known here of instruments and
        BMS begins anew with it.
        """
        if not self.clock.begin_case(seed):
            return
        self._known = self._known or self._rack.known()
        self._rack.know_again(self._known)
        self._rack.transcript.take()
        self._stamp()
        for recorder in self._recorders:
            recorder.renew()
        if self.rest_bus is not None:
            self.rest_bus.reset()
        for link in self.links():
            link.renew()
        self._forget_all()
        self._kept_up_ns = 0
        self.is_new, self._is_checked, self.settings = True, True, "factory"

    @property
    def can(self) -> CanLink | None:
        """The bus that the profile's messages are on."""
        return self.buses.get(OWN_BUS)

    @property
    def console(self) -> ConsoleLink | None:
        """The console that the profile speaks of."""
        return self.consoles.get(OWN_CONSOLE)

    def links(self) -> list[CanLink | ConsoleLink]:
        """All that is listened to."""
        return [*self.buses.values(), *self.consoles.values()]

    def keep_up(self) -> None:
        """Take in what came on all links, where nobody did for a while."""
        now_ns = self.clock.now_ns()
        if now_ns - self._kept_up_ns >= KEEP_UP_NS:
            self._kept_up_ns = now_ns
            for link in self.links():
                link.poll()
            self.on_kept_up()

    # ---- commands --------------------------------------------------------------------------------
    def set(self, values: Mapping[str, float]) -> list[Command]:
        """Command quantities; returns when every instrument has confirmed.

        Raises
        ------
        LimitError
            A value is beyond the limits of BMS or bench; nothing was sent.
        BenchError
            An instrument did not take it.
        """
        apart = self.profile.hierarchy.apart(values)
        self._limits.check(apart, f"bench {self.description.name}")
        self.is_new = False
        changed = {q: v for q, v in apart.items() if self._commanded.get(q) != v}
        done: list[Command] = []
        for source, wanted in self._dealt(changed):
            self._forget(wanted)
            done += source.set(wanted)
            self._commanded.update(wanted)
            if not source.leaves_first:
                self._let_partner_send()
        return [*done, *self._sums_of(done, values)]

    def _dealt(self, values: Mapping[str, float]) -> list[tuple[Source, dict[str, float]]]:
        """Deal quantities out to what feeds them, in the order in which they are commanded."""
        dealt = [(source, _of(source.kind, values)) for source in self._sources]
        found = [(source, wanted) for source, wanted in dealt if wanted]
        return sorted(found, key=lambda one: not one[0].leaves_first or any(one[1].values()))

    def _sums_of(self, done: Sequence[Command], values: Iterable[str]) -> Iterator[Command]:
        """Say of each sum that was set when it became so: once the last of its parts was."""
        sums = self.profile.hierarchy.sums
        for name in (name for name in values if name in sums):
            parts = sums[name]
            of = [command for command in done if command.quantity in parts]
            if of:
                yield Command(
                    quantity=name,
                    value=sum(self._commanded[part] for part in parts),
                    before_ns=min(command.before_ns for command in of),
                    after_ns=max(command.after_ns for command in of),
                    settle_s=max(command.settle_s for command in of),
                    instrument=together(parts),
                )

    def _let_partner_send(self) -> None:
        """Between two instruments, send what fell due while the first was talked to."""
        if self.rest_bus is not None:
            self.rest_bus.pump()

    def fault(self, kind: FaultKind, target: str, *, present: bool) -> Command:
        """Insert or remove a wiring fault.

        The returned command spans the switching itself. An emulator's relays move only while their
        terminals are dead, so its channel is switched off first and the BMS sees that cell at 0 V
        until the relay opens (on an NGI N83624 some 80 ms, in the transcript to the millisecond);
        the output stays off behind the open relay. Mending goes the other way round: relay, then
        output. The other cells stay as they are throughout.

        Raises
        ------
        BenchError
            The bench has no means to make it, or an instrument did not obey.
        """
        self.is_new = False
        source = next((s for s in self._sources if s.kind is kind_of(target)), None)
        if source is not None and kind in source.faults:
            command = source.fault(kind, target, present=present)
        elif (kind, target) in self._wiring.relays:
            command = self._switch_link(kind, target, present=present)
        else:
            raise self._cannot(f"{kind} {target}")
        (self._faults.add if present else self._faults.discard)((kind, target))
        return command

    def nominal(self, *, supply: bool = True) -> list[Command]:
        """Bring everything to where a case starts: no faults, nominal values, no current.

        Parameters
        ----------
        supply
            The BMS's too; else it stays as it is.

        Raises
        ------
        BenchError
            An instrument does not answer, or tripped or restarted since it was last asked.
        """
        if not self._is_checked:  # a case with a record was looked at when it ended
            self._rack.check()
        self._is_checked = False
        done = [self.fault(kind, target, present=False) for kind, target in sorted(self._faults)]
        values = dict(self.profile.nominal_values)
        if not supply:
            values.pop("supply", None)
        if "current" in values:  # first, so that nothing is switched under load
            done += self.set({"current": values.pop("current")})
        return [*done, *self.set(values)]

    def make_safe(self) -> None:
        """Switch everything off, whatever state the bench is in.

        The rack knows the order. Each instrument is tried even if those before failed; a session
        that an error closed is opened again for it.

        Raises
        ------
        BenchError
            Something may still be on; it names each instrument that did not obey.
        """
        troubles: list[str] = []
        try:
            # The clock first: where a simulated bench is frozen, it is that which says so for all.
            self._stamp()
        except RigError as error:
            troubles.append(str(error))
        troubles += [off.trouble for off in self._rack.switch_off() if off.trouble]
        self._forget_all()
        if troubles:
            raise BenchError(
                "the bench may not be safe: " + "; ".join(troubles),
                self.description.name,
                "switch it off by hand, at the emergency stop",
            )

    def _forget_all(self) -> None:
        """Know no longer what is commanded: everything is off."""
        self._commanded.clear()
        self._faults.clear()
        for source in self._sources:
            source.renew()
        self._is_recording = self._is_checked = False

    def calibrate(self, levels: Sequence[float]) -> None:
        """Compare the digitizers with what is known better, at cell voltages (V) that trip nothing.

        The BMS is without supply and no current flows, so the current is known to be 0.
        """
        if not self._recorders:
            return
        taps = self._wiring.taps
        cells = [name for name in taps if name in self._wiring.sourced(CELL)]
        seen: dict[str, list[Level]] = {name: [] for name in taps}
        for volts in levels if cells else levels[:1]:
            self.set(dict.fromkeys(cells, volts))
            self.clock.sleep_until(self._stamp() + CALIBRATION_WAIT_NS)
            for recorder in self._recorders:
                for name, level in self._compared(recorder):
                    seen[name].append(level)
        for recorder in self._recorders:
            recorder.correct({name: seen[name] for name in recorder.taps if seen[name]})

    def _compared(self, recorder: Recorder) -> Iterator[tuple[str, Level]]:
        """Give the present level of each of a digitizer's taps that something better knows."""
        recorded = recorder.levels()
        metered = [name for name in recorded if name in self._wiring.meters]
        known = {
            r.quantity: Measured(value=r.value, accuracy=r.accuracy)
            for r in self._read_meters(metered)
            if not math.isnan(r.value)
        }
        known["current"] = Measured(value=0.0, accuracy=0.0)
        for name, (mean, noise) in recorded.items():
            if name in known:
                yield name, Level(recorded=mean, noise=noise, known=known[name])

    # ---- readings --------------------------------------------------------------------------------
    def read(self, quantities: Iterable[str]) -> list[Reading]:
        """Measure quantities, in SI units, with the best instrument that the bench has for each.

        "bleed n" is the mean current that the BMS draws from cell n's terminals. A value that an
        instrument can't give (overload, nothing connected) is NaN.

        Raises
        ------
        BenchError
            An instrument does not answer, or the bench has none for a quantity.
        """
        names = tuple(dict.fromkeys(quantities))
        metered = tuple(name for name in names if name in self._wiring.meters)
        found = {reading.quantity: reading for reading in self._read_meters(metered)}
        bleeds = tuple(name for name in names if kind_of(name) is BLEED)
        found |= {reading.quantity: reading for reading in self._read_back(bleeds)}
        for name in names:
            if name not in found:
                is_sum = name in self.profile.hierarchy.sums
                found[name] = self._read_sum(name) if is_sum else self._read_back((name,))[0]
        return [found[name] for name in names]

    def output_is_open(self, output: str) -> bool:
        """Whether an output is open now, by the meter.

        An output that shows a fault by blinking is closed only if it stays lit for its steady
        time, which is watched here.

        Raises
        ------
        BenchError
            No meter is wired to it.
        """
        pin = self.profile.outputs[output]
        terminal = self._wiring.meters.get(output)
        if terminal is None:
            raise self._cannot(f"read {output} with a meter")
        until_ns = self._stamp() + round(pin.steady_s * 1e9)
        while True:
            measured = self._rack.get(terminal.instrument, Meter).read((terminal.channel,))
            if not measured[terminal.channel].value >= pin.closed_above_v:
                return True
            if pin.steady_s == 0.0 or self._stamp() >= until_ns:
                return False

    def arm(self, capture: Capture) -> None:
        """Start the records of a case; quantities without a tap are left out.

        All digitizers are set up before the first is started, and `collect` ends all before it
        reads the first: so each of their records holds the whole case.

        Raises
        ------
        LimitError
            A digitizer's memory or range is too small for the case.
        BenchError
            An instrument does not answer, or did not take it.
        """
        for recorder in self._recorders:
            recorder.arm(capture)
        for recorder in self._recorders:
            recorder.start()
        self._is_recording = bool(self._recorders)

    def collect(self) -> tuple[Waveform, ...]:
        """End the records and read them, and see that no instrument tripped or restarted meanwhile.

        Returns
        -------
        tuple of Waveform
            One of each digitizer that has something to record.

        Raises
        ------
        BenchError
            One did, or a record can't be read.
        """
        if not self._is_recording:
            return ()
        self._is_recording = False
        self._stamp()
        for recorder in self._recorders:
            recorder.stop()
        waveforms = [recorder.collect() for recorder in self._recorders]
        self._rack.check()
        self._is_checked = True
        return tuple(waveform for waveform in waveforms if waveform is not None)

    def identities(self) -> dict[str, Identity]:
        """Which units the instruments are, by role."""
        return dict(self._rack.identities)

    def begin_transcript(self) -> Log[str]:
        """Forget what was said to instruments so far; give what will be."""
        log = self._rack.transcript.begin()
        self._stamp()
        return log

    def end_transcript(self) -> Sequence[str]:
        """What was said to instruments since `begin_transcript`."""
        return self._rack.transcript.take()

    # ---- private: commands -----------------------------------------------------------------------
    def _switch_link(self, kind: str, target: str, *, present: bool) -> Command:
        terminal = self._wiring.relays[kind, target]
        relays = self._rack.get(terminal.instrument, Relays)
        before_ns = self._stamp()
        relays.switch(terminal.channel, closed=present)
        return Command(
            quantity=f"{kind} {target}",
            value=float(present),
            before_ns=before_ns,
            after_ns=self._stamp(),
            settle_s=relays.relay_s,
            instrument=str(terminal),
        )

    def _forget(self, quantities: Iterable[str]) -> None:
        """While a command is under way, nobody knows what the instrument gives."""
        for quantity in quantities:
            self._commanded.pop(quantity, None)

    # ---- private: readings -----------------------------------------------------------------------
    def _read_meters(self, names: Sequence[str]) -> list[Reading]:
        groups: dict[str, dict[str, int]] = {}
        for name in names:
            terminal = self._wiring.meters[name]
            groups.setdefault(terminal.instrument, {})[name] = terminal.channel
        readings = []
        for role, channels in groups.items():
            before_ns = self._stamp()
            measured = self._rack.get(role, Meter).read(channels.values())
            after_ns = self._stamp()
            self._let_partner_send()
            readings += [
                self._metered(name, measured[channel], (before_ns, after_ns), f"{role} {channel}")
                for name, channel in channels.items()
            ]
        return readings

    def _metered(
        self, name: str, measured: Measured, during_ns: tuple[int, int], instrument: str
    ) -> Reading:
        """What a meter's volts mean: a current is read over its shunt."""
        shunt = self._wiring.shunt
        if name != "current" or shunt is None:
            return reading(name, "V", measured, during_ns, instrument)
        amps = measured.value / shunt.volts_per_a
        accuracy = measured.accuracy / shunt.volts_per_a + abs(amps) * shunt.tolerance
        return reading(name, "A", Measured(value=amps, accuracy=accuracy), during_ns, instrument)

    def _read_sum(self, name: str) -> Reading:
        """What no meter is wired to: the sum of its parts, and of their errors."""
        parts = self.profile.hierarchy.parts(name)
        readings = self.read(parts)
        return Reading(
            quantity=name,
            value=sum(reading.value for reading in readings),
            unit=readings[0].unit,
            accuracy=sum(reading.accuracy for reading in readings),
            before_ns=min(reading.before_ns for reading in readings),
            after_ns=max(reading.after_ns for reading in readings),
            instrument=together(parts),
        )

    def _read_back(self, names: Sequence[str]) -> list[Reading]:
        """What no meter is wired to: read back from what feeds it, together."""
        if not names:
            return []
        kind = kind_of(names[0])
        source = next((s for s in self._sources if kind in s.measures), None)
        if source is None or (strange := [n for n in names if not source.measures_one(n)]):
            raise self._cannot(f"read {names[0] if source is None else strange[0]}")
        return source.read(names)

    # ---- private: the rest -----------------------------------------------------------------------
    def _stamp(self) -> int:
        """Read the rig's clock; the transcript's lines bear the time last read."""
        return self._rack.transcript.stamp(self.clock)

    def _cannot(self, what: str) -> BenchError:
        return BenchError(
            f"this bench can't {what}: nothing is wired for it",
            f"bench {self.description.name}",
            "add it to the bench's wiring, or leave the case out on this bench",
        )


def _of(kind: Kind, values: Mapping[str, float]) -> dict[str, float]:
    return {quantity: value for quantity, value in values.items() if kind_of(quantity) is kind}
