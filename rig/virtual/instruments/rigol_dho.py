"""Digitizer in the dialect of a Rigol DHO scope: 8 channels, 12 bit (taken as a DHO5108 [u]).

Follows Rigol's programming guides and scopehal's `RigolOscilloscope.cpp` (SCH); [u]: unverified.
Ten divisions across, eight up. Every sample is a Signal asked at this instrument's own
clock, with its gain and offset error, noise, clipping and 12-bit codes; it is rendered when it is
read. Must not know what is connected to its inputs.

=====================  ==========================================  ======
Figure                 Limit (half-width) or value                  Source
=====================  ==========================================  ======
DC gain                ±1 % of full scale (8 div)                   [u]
offset                 ±(0.1 div + 2 mV + 1.5 % of offset)          [u]
noise                  0.02 % of the 10.24 div rms (0.8 codes)      [u]
resolution             scale/400 (12 bit over 10.24 div)            [u]
time base              ±25 ppm (the clock that it is given)         [u]
sampling instants      ±half an interval against the trigger        -
trigger level          by the samples' own gain and offset error    -
channel skew           0
latency                set 3-10 ms (20), query 3-10 ms (20)         [u]
transfer               20 MB/s                                      [u]
arming                 2 ms after `:SING`/`:RUN`                    [u]
=====================  ==========================================  ======

Codes (`:WAV:FORM WORD`, low byte first): the 12 bits are the upper ones of 16 [u]; BYTE has the
upper 8. Volts = (code - yorigin - yreference) x yincrement.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rig.virtual.clock import LocalClock
from rig.virtual.instruments import scpi
from rig.virtual.instruments.instrument import (
    NS,
    Accuracy,
    Dialect,
    Latency,
    ScpiInstrument,
    UnitError,
)
from rig.virtual.instruments.scpi import Call, Command, ScpiError
from rig.virtual.kernel import Handle, Kernel
from rig.virtual.signal import Signal

CHANNELS = 8
DIVISIONS = 10  # across
CODES_PER_DIV = 400  # of 12 bit; 25 of 8 bit, as Rigol's BYTE codes
GAIN_OF_FULL_SCALE = 0.01  # of 8 div [u]
OFFSET_ACCURACY_DIV, OFFSET_ACCURACY_V = 0.1, 2e-3  # [u]
OFFSET_ACCURACY_OF_OFFSET = 0.015  # [u]
CODES = 4096  # of 12 bit: 10.24 div
NOISE_OF_SPAN = 2e-4  # rms, of all codes [u]
LEAST_SCALE_V, MOST_SCALE_V = 0.5e-3, 10.0  # V/div at probe 1 [u]
LEAST_TIME_S, MOST_TIME_S = 1e-9, 1000.0  # s/div [u]
MOST_RATE = 1e9  # samples a second with all channels on [u]
DEPTHS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 25_000_000)
SCREEN_POINTS = 1000  # :WAV:MODE NORM
ARM_S = 2e-3  # [u]
NOISE_POINTS = 1 << 19  # places at which a capture's noise may begin
AUTO_AFTER_S = 0.1  # automatic sweep: forced after this without a trigger [u]
BYTES_PER_S = 20e6  # [u]
LATENCIES = {
    "set": Latency(0.003, 0.010, 0.020),  # [u]
    "query": Latency(0.003, 0.010, 0.020),  # [u]
    "reset": Latency(0.500, 1.0, 2.0),  # [u]
}
DIALECT = Dialect(
    idn="RIGOL TECHNOLOGIES,DHO5108,DHO5A000000001,00.01.00",  # [u exact]
    no_error='0,"No error"',
)
_FORMATS = {"BYTE": 0, "WORD": 1, "ASC": 2}
_MODES = {"NORM": 0, "MAX": 1, "RAW": 2}
_PROBES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)


@dataclass(slots=True)
class Input:
    """The settings of one vertical channel; scale and offset are at the probe's tip."""

    shown: bool = False
    scale: float = 1.0
    offset: float = 0.0
    probe: float = 1.0


@dataclass(frozen=True, slots=True)
class Record:
    """One finished acquisition: when its samples were taken, and how it was set up."""

    number: int
    start_ns: float  # kernel time of the first sample
    interval_s: float  # between samples, on this instrument's own clock
    interval_ns: float  # the same in kernel time
    points: int
    origin_s: float  # first sample against the trigger
    inputs: Mapping[int, Input]


@dataclass(slots=True)
class Acquisition:
    """One acquisition under way."""

    armed_ns: int
    rate: float
    points: int
    before_s: float  # pre-trigger part
    after_s: float
    ready_ns: int  # pre-trigger part is filled
    trigger_ns: int | None = None
    end_ns: int | None = None
    handle: Handle | None = None


@dataclass(slots=True)
class Reading:
    """`:WAV:` settings."""

    source: int = 1
    mode: str = "NORM"
    form: str = "BYTE"
    start: int = 1
    stop: int | None = None


@dataclass(slots=True)
class Trigger:
    """`:TRIG:EDGE:` settings."""

    source: int = 1
    slope: str = "POS"
    level: float = 0.0
    sweep: str = "AUTO"


@dataclass(slots=True)
class _State:
    """What `*RST` puts back."""

    inputs: dict[int, Input] = field(
        default_factory=lambda: {n: Input(shown=n == 1) for n in range(1, CHANNELS + 1)}
    )
    trigger: Trigger = field(default_factory=Trigger)
    reading: Reading = field(default_factory=Reading)
    time_scale: float = 1e-6
    time_offset: float = 0.0
    depth: int | None = None  # None: AUTO, 10 k points here


class Digitizer(ScpiInstrument):
    """An 8-channel scope.

    Parameters
    ----------
    channels
        What is at an input; an input left out is open and reads 0 V.
    volts_per_unit
        Factor from a signal's unit to volts at the input, such as 0.01 V/A of a current probe.
    """

    CLOCK_PPM = 25.0  # [u]

    def __init__(
        self,
        kernel: Kernel,
        clock: LocalClock,
        rng: random.Random,
        *,
        channels: Mapping[int, Signal],
        volts_per_unit: Mapping[int, float] | None = None,
    ) -> None:
        super().__init__(kernel, clock, rng, DIALECT, LATENCIES)
        self._signals = dict(channels)
        self._factors = dict(volts_per_unit or {})
        unit = Accuracy(1.0, 1.0)  # parts of the limits, scaled where they are used
        self._errors = {n: unit.draw(rng) for n in range(1, CHANNELS + 1)}
        self._noise_table = _noise_table(rng.getrandbits(64))
        self._noise_seed = rng.getrandbits(64)
        self._state = _State()
        self._records = 0
        self._record: Record | None = None
        self._acquisition: Acquisition | None = None
        self._single = False
        self._cache: dict[tuple[int, int], NDArray[np.uint16]] = {}
        for signal in self._signals.values():
            signal.on_change(self._signal_changed)
        self._arm()  # it runs from power-on

    def draw_from(self, rng: random.Random) -> None:
        """Take the captures' noise from other places of the table, too."""
        super().draw_from(rng)
        self._noise_seed = rng.getrandbits(64)

    # Commands.

    def commands(self) -> Sequence[Command]:
        """The command set."""
        return [
            *self._vertical_commands(),
            *self._horizontal_commands(),
            *self._trigger_commands(),
            *self._waveform_commands(),
        ]

    def _vertical_commands(self) -> list[Command]:
        return [
            Command("CHANnel#:DISPlay", self._set_shown, lambda c: f"{self._input(c).shown:d}"),
            Command("CHANnel#:SCALe", self._set_scale, lambda c: f"{self._input(c).scale:.6E}"),
            Command("CHANnel#:OFFSet", self._set_offset, lambda c: f"{self._input(c).offset:.6E}"),
            Command("CHANnel#:PROBe", self._set_probe, lambda c: f"{self._input(c).probe:g}"),
            Command("CHANnel#:COUPling", self._set_coupling, lambda _: "DC"),
        ]

    def _horizontal_commands(self) -> list[Command]:
        return [
            Command(
                "TIMebase[:MAIN]:SCALe",
                self._set_time_scale,
                lambda _: f"{self._state.time_scale:.6E}",
            ),
            Command(
                "TIMebase[:MAIN]:OFFSet",
                self._set_time_offset,
                lambda _: f"{self._state.time_offset:.6E}",
            ),
            Command("TIMebase:MODE", self._set_time_mode, lambda _: "MAIN"),
            Command("ACQuire:MDEPth", self._set_depth, lambda _: self._depth_text()),
            Command("ACQuire:SRATe", query=lambda _: f"{self.sample_rate():.6E}"),
            Command("ACQuire:TYPE", self._set_type, lambda _: "NORM"),
        ]

    def _trigger_commands(self) -> list[Command]:
        return [
            Command("TRIGger:MODE", self._set_trigger_mode, lambda _: "EDGE"),
            Command(
                "TRIGger:EDGE:SOURce",
                self._set_source,
                lambda _: f"CHAN{self._state.trigger.source}",
            ),
            Command("TRIGger:EDGE:SLOPe", self._set_slope, lambda _: self._state.trigger.slope),
            Command(
                "TRIGger:EDGE:LEVel", self._set_level, lambda _: f"{self._state.trigger.level:.6E}"
            ),
            Command("TRIGger:SWEep", self._set_sweep, lambda _: self._state.trigger.sweep),
            Command("TRIGger:STATus", query=lambda _: self.status()),
            Command("SINGle", self._run_single),
            Command("RUN", self._run),
            Command("STOP", self._stop),
            Command("TFORce", self._force),
        ]

    def _waveform_commands(self) -> list[Command]:
        return [
            Command(
                "WAVeform:SOURce",
                self._set_waveform_source,
                lambda _: f"CHAN{self._state.reading.source}",
            ),
            Command("WAVeform:MODE", self._set_waveform_mode, lambda _: self._state.reading.mode),
            Command("WAVeform:FORMat", self._set_format, lambda _: self._state.reading.form),
            Command("WAVeform:STARt", self._set_start, lambda _: str(self._state.reading.start)),
            Command("WAVeform:STOP", self._set_stop, lambda _: str(self._page()[1])),
            Command("WAVeform:PREamble", query=lambda _: self.preamble()),
            Command("WAVeform:DATA", query=self._read_data, extra_ns=self._transfer_ns),
            Command("WAVeform:XINCrement", query=lambda _: self.preamble().split(",")[4]),
            Command("WAVeform:XORigin", query=lambda _: self.preamble().split(",")[5]),
            Command("WAVeform:XREFerence", query=lambda _: self.preamble().split(",")[6]),
            Command("WAVeform:YINCrement", query=lambda _: self.preamble().split(",")[7]),
            Command("WAVeform:YORigin", query=lambda _: self.preamble().split(",")[8]),
            Command("WAVeform:YREFerence", query=lambda _: self.preamble().split(",")[9]),
            Command("SYSTem:VERSion", query=lambda _: "1999.0"),
        ]

    # Vertical.

    def _input(self, call: Call) -> Input:
        number = call.suffixes[0] or 1
        if number not in self._state.inputs:
            raise ScpiError(scpi.HEADER_SUFFIX_OUT_OF_RANGE)
        return self._state.inputs[number]

    def _set_shown(self, call: Call) -> None:
        self._input(call).shown = scpi.parse_boolean(call.only())

    def _set_scale(self, call: Call) -> None:
        chosen = self._input(call)
        low, high = LEAST_SCALE_V * chosen.probe, MOST_SCALE_V * chosen.probe
        chosen.scale = scpi.limit_or_number(call.only(), low, high, "V")

    def _set_offset(self, call: Call) -> None:
        chosen = self._input(call)
        most = 20.0 * chosen.scale if chosen.scale / chosen.probe < 0.1 else 100.0 * chosen.probe
        chosen.offset = scpi.limit_or_number(call.only(), -most, most, "V")

    def _set_probe(self, call: Call) -> None:
        chosen, ratio = self._input(call), scpi.parse_number(call.only())
        if ratio not in _PROBES:
            raise ScpiError(scpi.ILLEGAL_PARAMETER)
        chosen.scale *= ratio / chosen.probe
        chosen.offset *= ratio / chosen.probe
        chosen.probe = ratio

    def _set_coupling(self, call: Call) -> None:
        scpi.parse_choice(call.only(), ["DC"])

    # Horizontal.

    def _set_time_scale(self, call: Call) -> None:
        wanted = scpi.limit_or_number(call.only(), LEAST_TIME_S, MOST_TIME_S, "S")
        decade = 10.0 ** math.floor(math.log10(wanted) + 1e-9)
        steps = [decade, 2 * decade, 5 * decade, 10 * decade]
        self._state.time_scale = next(s for s in steps if s >= wanted * (1 - 1e-9))  # 1-2-5
        self._restart()

    def _set_time_offset(self, call: Call) -> None:
        most = max(1.0, 100 * DIVISIONS * self._state.time_scale)
        self._state.time_offset = scpi.limit_or_number(call.only(), -most, most, "S")
        self._restart()

    def _set_time_mode(self, call: Call) -> None:
        scpi.parse_choice(call.only(), ["MAIN"])

    def _set_depth(self, call: Call) -> None:
        text = call.only().upper()
        if text == "AUTO":
            depth = None
        else:
            number = text.replace("K", "E3").replace("M", "E6")
            depth = int(scpi.parse_number(number))
            if depth not in DEPTHS:
                raise ScpiError(scpi.DATA_OUT_OF_RANGE)
        if depth != self._state.depth and self._acquisition is None:
            raise ScpiError(scpi.SETTINGS_CONFLICT)  # accepted only while running (SCH)
        self._state.depth = depth
        self._restart()

    def _depth_text(self) -> str:
        return "AUTO" if self._state.depth is None else f"{self._state.depth:.4E}"

    def _set_type(self, call: Call) -> None:
        scpi.parse_choice(call.only(), ["NORMal"])

    def sample_rate(self) -> float:
        """Samples a second: the memory spread over the screen, as far as the ADC goes."""
        points = self._state.depth or 10_000
        return min(points / (DIVISIONS * self._state.time_scale), MOST_RATE)

    # Trigger and acquisition.

    def _set_trigger_mode(self, call: Call) -> None:
        scpi.parse_choice(call.only(), ["EDGE"])

    def _set_source(self, call: Call) -> None:
        self._state.trigger.source = _channel(call.only())
        self._restart()

    def _set_slope(self, call: Call) -> None:
        self._state.trigger.slope = scpi.parse_choice(call.only(), ["POSitive", "NEGative"])
        self._restart()

    def _set_level(self, call: Call) -> None:
        self._state.trigger.level = scpi.parse_number(call.only(), "V")
        self._restart()

    def _set_sweep(self, call: Call) -> None:
        sweep = scpi.parse_choice(call.only(), ["AUTO", "NORMal", "SINGle"])
        self._state.trigger.sweep = sweep
        self._single = sweep == "SING"
        self._restart()

    def _run_single(self, call: Call) -> None:
        call.nothing()
        self._state.trigger.sweep, self._single = "SING", True
        self._arm()

    def _run(self, call: Call) -> None:
        call.nothing()
        if self._state.trigger.sweep == "SING":
            self._state.trigger.sweep = "AUTO"
        self._single = False
        self._arm()

    def _stop(self, call: Call) -> None:
        """End now; a record that has its trigger keeps what it has got so far [u]."""
        call.nothing()
        acquisition = self._acquisition
        if acquisition is None:
            return
        self._cancel(acquisition)
        if acquisition.trigger_ns is not None:
            self._keep(acquisition, self.kernel.now_ns)
        self._acquisition = None

    def _force(self, call: Call) -> None:
        call.nothing()
        acquisition = self._acquisition
        if acquisition is not None and acquisition.trigger_ns is None:
            self._at(acquisition, max(self.kernel.now_ns, acquisition.ready_ns), self._triggered)

    def status(self) -> str:
        """`:TRIG:STAT?`; TD shows only while a triggered record fills up."""
        acquisition = self._acquisition
        if acquisition is None:
            return "STOP"
        if acquisition.trigger_ns is not None:
            return "TD"
        if self.kernel.now_ns < acquisition.ready_ns:
            return "RUN"
        return "AUTO" if self._state.trigger.sweep == "AUTO" else "WAIT"

    def _restart(self) -> None:
        """A change of time base or trigger starts a running acquisition again."""
        if self._acquisition is not None:
            self._arm()

    def _arm(self) -> None:
        if self._acquisition is not None:
            self._cancel(self._acquisition)
        now, rate = self.kernel.now_ns, self.sample_rate()
        width_s = DIVISIONS * self._state.time_scale
        before_s = max(width_s / 2 - self._state.time_offset, 0.0)
        armed = now + round(ARM_S * NS)
        self._acquisition = Acquisition(
            armed_ns=armed,
            rate=rate,
            points=min(self._state.depth or 10_000, round(rate * width_s)),
            before_s=before_s,
            after_s=width_s / 2 + self._state.time_offset,
            ready_ns=self._later(armed, before_s),
        )
        self._await_trigger(self._acquisition)

    def _later(self, kernel_ns: int, seconds: float) -> int:
        """Kernel time that lies `seconds` of this instrument's clock after `kernel_ns`."""
        return self.clock.to_kernel_ns(self.clock.to_local_ns(kernel_ns) + round(seconds * NS))

    def _await_trigger(self, acquisition: Acquisition) -> None:
        now = self.kernel.now_ns
        if now < acquisition.ready_ns:
            self._at(acquisition, acquisition.ready_ns, self._await_trigger)
            return
        due = self._next_crossing()
        if self._state.trigger.sweep == "AUTO":
            forced = acquisition.ready_ns + round(AUTO_AFTER_S * NS)
            due = forced if due is None else min(due, max(forced, now))
        if due is not None:
            self._at(acquisition, max(due, now), self._triggered)
        elif acquisition.handle is not None:
            acquisition.handle.cancel()

    def _next_crossing(self) -> int | None:
        trigger = self._state.trigger
        signal = self._signals.get(trigger.source)
        if signal is None:
            return None
        chosen = self._state.inputs[trigger.source]
        gain, offset = self._error(trigger.source, chosen)
        # Where the samples cross, error and all.
        volts = (trigger.level + chosen.offset - offset) / gain - chosen.offset
        level = volts / self._factors.get(trigger.source, 1.0)
        now, rising = self.kernel.now_ns, trigger.slope == "POS"
        if signal.crossings(level, rising=rising, since_ns=now):  # a jump, at this very instant
            return now
        return signal.when(level, rising=rising)

    def _signal_changed(self) -> None:
        acquisition = self._acquisition
        if acquisition is not None and acquisition.trigger_ns is None:
            now = self.kernel.now_ns
            if now >= acquisition.ready_ns:
                self._await_trigger(acquisition)

    def _at(
        self, acquisition: Acquisition, time_ns: int, action: Callable[[Acquisition], None]
    ) -> None:
        if acquisition.handle is not None:
            acquisition.handle.cancel()
        acquisition.handle = self.kernel.at(time_ns, lambda: action(acquisition))

    def _cancel(self, acquisition: Acquisition) -> None:
        if acquisition.handle is not None:
            acquisition.handle.cancel()
            acquisition.handle = None

    def _triggered(self, acquisition: Acquisition) -> None:
        acquisition.trigger_ns = self.kernel.now_ns
        # A delayed window (offset beyond half the screen) still ends `after_s` from the trigger.
        self._at(
            acquisition, self._later(self.kernel.now_ns, acquisition.after_s), self._complete_record
        )

    def _complete_record(self, acquisition: Acquisition) -> None:
        acquisition.end_ns = self.kernel.now_ns
        self._keep(acquisition, acquisition.end_ns)
        self._acquisition = None
        if not self._single:
            self._arm()

    def _keep(self, acquisition: Acquisition, end_ns: int) -> None:
        trigger_ns = acquisition.trigger_ns
        assert trigger_ns is not None  # noqa: S101 - callers made sure
        step_ns = self._step_ns(acquisition.rate)
        # The sampling grid runs on its own: it meets the trigger within half an interval.
        phase = self.rng.uniform(-0.5, 0.5)
        origin_s = -DIVISIONS / 2 * self._state.time_scale + self._state.time_offset
        start_ns = trigger_ns + (origin_s * acquisition.rate + phase) * step_ns
        taken = min(acquisition.points, math.floor((end_ns - start_ns) / step_ns) + 1)
        self._records += 1
        self._cache.clear()
        self._record = Record(
            number=self._records,
            start_ns=start_ns,
            interval_s=1.0 / acquisition.rate,
            interval_ns=step_ns,
            points=max(taken, 0),
            origin_s=origin_s,
            inputs={n: _copy(i) for n, i in self._state.inputs.items()},
        )

    def _step_ns(self, rate: float) -> float:
        """A sampling interval in kernel time: this clock's second is not the kernel's."""
        span = 10**15
        begin = self.clock.to_local_ns(self.kernel.now_ns)
        elapsed = self.clock.to_kernel_ns(begin + span) - self.clock.to_kernel_ns(begin)
        return NS / rate * elapsed / span

    # Rendering.

    def _error(self, channel: int, chosen: Input) -> tuple[float, float]:
        """Gain about the middle of the screen, and offset in volts, of a channel as it is set."""
        parts: UnitError = self._errors[channel]
        # Half a screen away from the middle the error is the limit, which is in parts of a screen.
        gain = 1.0 + 2.0 * GAIN_OF_FULL_SCALE * parts.gain
        limit = OFFSET_ACCURACY_DIV * chosen.scale + OFFSET_ACCURACY_V * chosen.probe
        limit += OFFSET_ACCURACY_OF_OFFSET * abs(chosen.offset)
        return gain, limit * parts.offset

    def codes(self, channel: int) -> NDArray[np.uint16]:
        """The 16-bit codes of a channel in memory, shape (n,)."""
        record = self._record
        if record is None:
            return np.zeros(0, np.uint16)
        key = (record.number, channel)
        if key not in self._cache:
            self._cache[key] = self._render(record, channel)
        return self._cache[key]

    def _render(self, record: Record, channel: int) -> NDArray[np.uint16]:
        chosen = record.inputs[channel]
        gain, offset = self._error(channel, chosen)
        code_v = chosen.scale / CODES_PER_DIV
        codes = self._noise(record, channel)
        codes += np.float32((offset + gain * chosen.offset) / code_v + CODES / 2 + 0.5)
        signal = self._signals.get(channel)
        if signal is not None:
            times = record.start_ns + record.interval_ns * np.arange(
                record.points, dtype=np.float64
            )
            ideal = signal.sample(times)
            ideal *= self._factors.get(channel, 1.0) * gain / code_v
            codes += np.nan_to_num(ideal, copy=False)  # NaN: nothing connected, so 0 V
        np.clip(codes, 0.0, CODES - 1.0, out=codes)
        return codes.astype(np.uint16) << np.uint16(4)

    def _noise(self, record: Record, channel: int) -> NDArray[np.float32]:
        """Noise of this capture and channel, in codes.

        A stretch of a long table from a random place: 15 times as fast as drawing it anew, which
        took half of a capture's time.
        """
        seed = np.random.SeedSequence([self._noise_seed, record.number, channel])
        first = int(seed.generate_state(1)[0]) % NOISE_POINTS
        stretch = self._noise_table[first : first + record.points]
        return np.resize(stretch, record.points) if stretch.size < record.points else stretch.copy()

    # Reading out.

    def _set_waveform_source(self, call: Call) -> None:
        self._state.reading.source = _channel(call.only())

    def _set_waveform_mode(self, call: Call) -> None:
        mode = scpi.parse_choice(call.only(), ["NORMal", "MAXimum", "RAW"])
        reading = self._state.reading
        if mode != reading.mode:
            reading.mode, reading.start, reading.stop = mode, 1, None

    def _set_format(self, call: Call) -> None:
        self._state.reading.form = scpi.parse_choice(call.only(), ["BYTE", "WORD", "ASCii"])

    def _set_start(self, call: Call) -> None:
        most = max(self._available(), 1)
        self._state.reading.start = int(scpi.limit_or_number(call.only(), 1, most))

    def _set_stop(self, call: Call) -> None:
        most = max(self._available(), 1)
        self._state.reading.stop = int(scpi.limit_or_number(call.only(), 1, most))

    def _is_raw(self) -> bool:
        mode = self._state.reading.mode
        return mode == "RAW" or (mode == "MAX" and self._acquisition is None)

    def _available(self) -> int:
        points = self._record.points if self._record else 0
        return points if self._is_raw() else min(points, SCREEN_POINTS)

    def _page(self) -> tuple[int, int]:
        """First and last point to read, from 1, inclusive."""
        available = self._available()
        stop = self._state.reading.stop
        return self._state.reading.start, available if stop is None else min(stop, available)

    def _stride(self) -> float:
        points = self._record.points if self._record else 0
        return points / self._available() if self._available() else 1.0

    def preamble(self) -> str:
        """`:WAV:PRE?`: format, type, points of the page, count, x and y scaling."""
        reading, record = self._state.reading, self._record
        chosen = (record.inputs if record else self._state.inputs)[reading.source]
        first, last = self._page()
        wide = reading.form != "BYTE"
        y_step = chosen.scale / (CODES_PER_DIV * 16 if wide else CODES_PER_DIV / 16)
        x_step = record.interval_s * self._stride() if record else 1.0 / self.sample_rate()
        origin = record.origin_s if record else 0.0
        return ",".join([
            str(_FORMATS[reading.form]),
            str(_MODES[reading.mode]),
            str(max(last - first + 1, 0)),
            "1",
            f"{x_step:.9E}",
            f"{origin:.9E}",
            "0",
            f"{y_step:.9E}",
            f"{round(chosen.offset / y_step)}",
            "32768" if wide else "128",
        ])  # fmt: skip

    def _transfer_ns(self, _call: Call) -> int:
        first, last = self._page()
        width = {"BYTE": 1, "WORD": 2, "ASC": 14}[self._state.reading.form]
        return round(max(last - first + 1, 0) * width / BYTES_PER_S * NS)

    def _read_data(self, call: Call) -> bytes | str:
        call.nothing()
        reading = self._state.reading
        if reading.mode == "RAW" and self._acquisition is not None:
            raise ScpiError(scpi.SETTINGS_CONFLICT)  # RAW only when stopped
        first, last = self._page()
        codes = self.codes(reading.source)
        if not self._is_raw() and codes.size:
            picked = (np.arange(self._available()) * self._stride()).astype(np.int64)
            codes = codes[picked]
        return self._pack(codes[first - 1 : max(last, 0)])

    def _pack(self, codes: NDArray[np.uint16]) -> bytes:
        form = self._state.reading.form
        if form == "WORD":
            return scpi.definite_block(codes.astype("<u2").tobytes(), digits=9)
        if form == "BYTE":
            return scpi.definite_block((codes >> 8).astype(np.uint8).tobytes(), digits=9)
        _, _, _, _, _, _, _, step, origin, reference = self.preamble().split(",")
        volts = (codes - float(origin) - float(reference)) * float(step)
        return scpi.definite_block(",".join(f"{v:.6E}" for v in volts).encode(), digits=9)

    def reset(self) -> None:
        """Channel 1 shown, 1 V/div, 1 µs/div, automatic sweep, running."""
        if self._acquisition is not None:
            self._cancel(self._acquisition)
        self._state = _State()
        self._record, self._single = None, False
        self._cache.clear()
        self._arm()


@lru_cache(maxsize=2)  # drawing it takes 20 ms, and a unit is built anew for each case
def _noise_table(seed: int) -> NDArray[np.float32]:
    noise = np.random.Generator(np.random.SFC64(seed))
    table = noise.standard_normal(2 * NOISE_POINTS, np.float32)
    table *= np.float32(NOISE_OF_SPAN * CODES)
    return table


def _channel(text: str) -> int:
    word = text.strip().upper()
    for number in range(1, CHANNELS + 1):
        if word in {f"CHAN{number}", f"CHANNEL{number}"}:
            return number
    raise ScpiError(scpi.ILLEGAL_PARAMETER, text)


def _copy(chosen: Input) -> Input:
    return Input(chosen.shown, chosen.scale, chosen.offset, chosen.probe)
