"""Records quantities with a digitizer of the bench, in the BMS's units, on the rig's time base.

An 8 V screen of a 12 bit oscilloscope may be wrong by 0.1 V and more, which is more than the step
that a protection is tested with. So its channels are compared with the bench's meter once, when
the bench is connected, at one or two levels, and corrected; what is left is stated. Must not know
what a recording is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rig.bench.wiring import Tap
from rig.case import Capture
from rig.instruments.capabilities import Digitizer, Instant, Measured, Recording
from rig.trace.model import Channel, Waveform

CALIBRATION_S, CALIBRATION_SAMPLES = 10e-3, 1000  # of a steady level
# What a straight line does not correct: integral non-linearity, in codes [u].
NONLINEARITY_CODES = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """`gain` x recorded + `offset` is the quantity, all in its unit.

    It is right to within `accuracy` between the levels at which it was found; beyond them the error
    of its slope adds, which is at most `slope_error` times the distance from them.
    """

    gain: float = 1.0
    offset: float = 0.0
    accuracy: float = math.inf
    low: float = 0.0
    high: float = 0.0
    slope_error: float = 0.0
    noise: float = 0.0  # standard deviation of one sample, as found

    def accuracy_over(self, values: NDArray[np.float64]) -> float:
        """Half-width, in the quantity's unit, of the error of a record with these values, (n,).

        That of the sample that is furthest from the levels of the calibration.
        """
        if not values.size:
            return self.accuracy
        far = max(float(values.max()) - self.high, self.low - float(values.min()), 0.0)
        return self.accuracy + self.slope_error * far


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A steady level of one quantity, seen by the digitizer and by something better."""

    recorded: float
    noise: float  # standard deviation of one sample
    known: Measured

    @property
    def unsure(self) -> float:
        """How far, in its unit, the mean of the samples and what it is compared with may be off.

        Three standard deviations of the mean: one in 370 of a normal distribution is further off.
        """
        return self.known.accuracy + 3.0 * self.noise / math.sqrt(CALIBRATION_SAMPLES)


@dataclass(slots=True, kw_only=True)
class Recorder:
    """One digitizer and its taps.

    Of several, each begins (and ends) where its own command was obeyed, so each record has a start
    and an uncertainty of its own.

    Parameters
    ----------
    taps
        By quantity or output; all on this digitizer.
    stamp
        Reads the rig's clock.
    sums
        Parts of what is a sum of others: where it has no tap, those of all its parts are recorded,
        if this digitizer has them all.
    """

    digitizer: Digitizer
    taps: Mapping[str, Tap]
    stamp: Callable[[], int]
    sums: Mapping[str, Sequence[str]] = field(default_factory=dict)
    corrections: dict[str, Correction] = field(default_factory=dict)
    _recording: tuple[str, ...] = ()
    _summed: tuple[str, ...] = ()
    _started: Instant | None = None
    _stopped: Instant | None = None
    _gain_error: float = 0.0  # of the digitizer, as its last recording says

    def renew(self) -> None:
        """Know of no recording under way; the corrections stay."""
        self._recording, self._started, self._stopped = (), None, None

    def arm(self, capture: Capture) -> None:
        """Set up the record of those of the quantities that are tapped here."""
        wanted = tuple(dict.fromkeys(capture.quantities))
        self._summed = tuple(name for name in wanted if self._is_summed(name))
        parts = (part for name in self._summed for part in self.sums[name])
        names = tuple(name for name in dict.fromkeys((*wanted, *parts)) if name in self.taps)
        self._arm(names, capture.duration_s, capture.interval_s)

    def _is_summed(self, name: str) -> bool:
        return name not in self.taps and name in self.sums and set(self.sums[name]) <= {*self.taps}

    def start(self) -> None:
        """Begin the record, where there is something to be recorded."""
        if self._recording:
            self._started = self.digitizer.start()

    def stop(self) -> None:
        """End the record, if one was begun."""
        if self._started is not None:
            self._stopped = self.digitizer.stop()

    def collect(self) -> Waveform | None:
        """Read the record, after `stop`; None where nothing is tapped."""
        names, started, stopped = self._recording, self._started, self._stopped
        self.renew()
        summed, self._summed = self._summed, ()
        if started is None:
            return None
        recording = self.digitizer.fetch()
        start_ns, start_u_s = self._start_of(recording, started, stopped)
        channels = {name: self._channel(name, recording) for name in names}
        channels |= {name: _sum(name, [channels[p] for p in self.sums[name]]) for name in summed}
        return Waveform(
            start_ns=start_ns,
            start_u_s=start_u_s,
            interval_s=recording.interval_s,
            rate_tolerance=self.digitizer.rate_tolerance,
            skew_s=self.digitizer.skew_s,
            channels=channels,
        )

    def levels(self) -> dict[str, tuple[float, float]]:
        """Record a steady moment: mean and standard deviation of the samples of each tap."""
        names = tuple(self.taps)
        self._arm(names, CALIBRATION_S, CALIBRATION_S / CALIBRATION_SAMPLES)
        self.start()
        self.stop()
        self.renew()
        recording = self.digitizer.fetch()
        self._gain_error = recording.gain_error
        found = {}
        for name in names:
            tap = self.taps[name]
            samples = recording.samples[tap.at.channel] / tap.volts_per_unit
            found[name] = float(samples.mean()), float(samples.std())
        return found

    def correct(self, levels: Mapping[str, Sequence[Level]]) -> None:
        """Fix the corrections of taps, each from one level or from two that lie apart."""
        for name, found in levels.items():
            self.corrections[name] = self._correction(self.taps[name], found)

    def _correction(self, tap: Tap, levels: Sequence[Level]) -> Correction:
        first, last = levels[0], levels[-1]
        apart = last.recorded - first.recorded
        gain, slope_error = 1.0, self._gain_error
        if abs(apart) > 0.02 * (tap.high - tap.low):
            gain = (last.known.value - first.known.value) / apart
            slope_error = (first.unsure + last.unsure) / abs(apart)
        return Correction(
            gain=gain,
            offset=first.known.value - gain * first.recorded,
            accuracy=max(level.unsure for level in levels),
            low=min(level.known.value for level in levels),
            high=max(level.known.value for level in levels),
            slope_error=slope_error,
            noise=max(level.noise for level in levels),
        )

    # ---- private ---------------------------------------------------------------------------------
    def _arm(self, names: tuple[str, ...], duration_s: float, interval_s: float) -> None:
        self.renew()
        self._recording = names
        if names:
            ranges = {self.taps[name].at.channel: self.taps[name].range_v for name in names}
            self.stamp()
            self.digitizer.arm(ranges, duration_s, interval_s)

    def _start_of(
        self, recording: Recording, started: Instant, stopped: Instant | None
    ) -> tuple[int, float]:
        """Rig time of sample 0 and its standard uncertainty.

        The start command was obeyed between the two stamps around it. Where the record was ended
        by a stop command, the last sample lies between that one's stamps, and counting back from
        it gives a second interval; the truth lies in both.
        """
        low, high = float(started.before_ns), float(started.after_ns)
        if stopped is not None:
            count = len(next(iter(recording.samples.values())))
            lasted_ns = (count - 1) * recording.interval_s * 1e9
            slack_ns = lasted_ns * self.digitizer.rate_tolerance + recording.interval_s * 1e9
            lowest = max(low, stopped.before_ns - lasted_ns - slack_ns)
            highest = min(high, stopped.after_ns - lasted_ns + slack_ns)
            if lowest < highest:
                low, high = lowest, highest
        middle_ns = (low + high) / 2 + recording.offset_s * 1e9
        return round(middle_ns), (high - low) / 1e9 / math.sqrt(12.0)

    def _channel(self, name: str, recording: Recording) -> Channel:
        tap = self.taps[name]
        number, scale = tap.at.channel, 1.0 / abs(tap.volts_per_unit)
        correction = self.corrections.get(name, Correction())
        resolution = recording.resolution_v[number] * scale
        values = recording.samples[number]
        factor = correction.gain / tap.volts_per_unit
        if factor != 1.0 or correction.offset:
            values = np.multiply(values, factor)
            values += correction.offset
        return Channel(
            name=name,
            unit=tap.unit,
            values=values,
            accuracy=min(
                recording.accuracy_v[number] * scale,
                correction.accuracy_over(values) + NONLINEARITY_CODES * resolution,
            ),
            noise=max(recording.noise_v[number] * scale, correction.noise),
            resolution=resolution,
            instrument=str(tap.at),
        )


def _sum(name: str, parts: Sequence[Channel]) -> Channel:
    """Add channels up: their errors may all lie on one side, their noise is each one's own."""
    return Channel(
        name=name,
        unit=parts[0].unit,
        values=np.sum([part.values for part in parts], axis=0),
        accuracy=sum(part.accuracy for part in parts),
        noise=math.hypot(*(part.noise for part in parts)),
        resolution=math.hypot(*(part.resolution for part in parts)),
        instrument=", ".join(part.instrument for part in parts),
    )
