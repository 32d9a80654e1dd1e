"""What instruments of a bench can do, whoever made them. SI units; channels as the maker counts.

Every setting is verified (read back, or the dialect's confirmation) before the method returns, so
that the moment after the call is a moment at which the instrument had taken it. Must not know a
dialect or a BMS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which unit this is, as it says itself (`*IDN?`)."""

    manufacturer: str
    model: str
    serial: str
    firmware: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A number that an instrument measured; NaN where it had none to give."""

    value: float
    accuracy: float  # half-width, rectangular, same unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """Something happened between these two instants of the rig's clock."""

    before_ns: int
    after_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a digitizer recorded; volts at its input."""

    samples: Mapping[int, NDArray[np.float64]]  # per channel, shape (n,), V
    offset_s: float  # of sample 0 from the start (trigger), on the digitizer's own clock
    interval_s: float
    accuracy_v: Mapping[int, float]  # half-width of a reading, per channel
    gain_error: float  # half-width of the part of it that is proportional to the voltage
    noise_v: Mapping[int, float]  # standard deviation of one sample
    resolution_v: Mapping[int, float]  # one code


@runtime_checkable
class Instrument(Protocol):
    """What every driver offers."""

    def identity(self) -> Identity:
        """Ask the instrument who it is."""

    def prepare(self) -> None:
        """Bring it to a known state with its outputs off, whatever was done to it before."""

    def safe(self) -> None:
        """Switch everything off now, even where nothing but `identity` was said before."""

    def energised(self) -> tuple[int, ...]:
        """Ask the instrument which of its channels are on, or which of its relays are moved."""

    def check(self) -> None:
        """Raise BenchError if it tripped, restarted or refused something since `prepare`."""


@runtime_checkable
class VoltageSource(Instrument, Protocol):
    """Many isolated channels that stand in for cells."""

    channels: tuple[int, ...]
    settle_s: float  # data sheet: until the output is within its accuracy
    relay_s: float  # data sheet: until a relay that breaks a wire has moved

    def protect(self, channels: Iterable[int], over_v: float, over_a: float) -> None:
        """Program the instrument's own over-voltage and over-current protection."""

    def set_voltage(self, volts: Mapping[int, float]) -> None:
        """Set channels to levels."""

    def output(self, channels: Iterable[int], *, on: bool) -> None:
        """Switch channels."""

    def measure_v(self, channels: Iterable[int]) -> dict[int, Measured]:
        """Voltage at each channel's terminals."""

    def measure_a(self, channels: Iterable[int]) -> dict[int, Measured]:
        """Current out of each channel."""

    def open_wire(self, channel: int, *, present: bool) -> None:
        """Break (or mend) a channel's wire; its terminals must be dead."""

    def await_dead(self, channel: int) -> None:
        """Wait until a channel, switched off, has come down far enough for its relays to move."""

    def accuracy_v(self, volts: float) -> float:
        """Half-width of the error of a level."""


@runtime_checkable
class Supply(Instrument, Protocol):
    """One output of a supply, at the channel given (0 where the model has only one)."""

    settle_s: float

    def protect(self, channel: int, over_v: float, over_a: float) -> None:
        """Program over-voltage and over-current protection."""

    def set_level(self, channel: int, volts: float, amps: float) -> None:
        """Set voltage and current limit."""

    def set_voltage(self, channel: int, volts: float) -> None:
        """Set the voltage alone."""

    def set_current(self, channel: int, amps: float) -> None:
        """Set the current limit alone."""

    def most(self, channel: int) -> tuple[float, float]:
        """Largest voltage and current that it can be set to."""

    def output(self, channel: int, *, on: bool) -> None:
        """Switch the output."""

    def measure(self, channel: int) -> tuple[Measured, Measured]:
        """Voltage and current."""

    def is_tripped(self, channel: int) -> bool:
        """Whether one of its protections switched the output off."""


@runtime_checkable
class Load(Instrument, Protocol):
    """An electronic load in constant current."""

    settle_s: float

    def protect(self, over_a: float, over_w: float | None = None) -> None:
        """Program over-current (and over-power) protection."""

    def set_slew(self, amps_per_s: float) -> None:
        """Set how fast the current may change."""

    def set_current(self, amps: float) -> None:
        """Set the current drawn."""

    def input(self, *, on: bool) -> None:
        """Switch the input."""

    def measure(self) -> tuple[Measured, Measured]:
        """Voltage and current."""

    def most(self) -> float:
        """Largest current that it can be set to."""


@runtime_checkable
class Resistors(Instrument, Protocol):
    """Programmable resistors that stand in for thermistors."""

    channels: tuple[int, ...]
    settle_s: float

    def set_ohms(self, ohms: Mapping[int, float]) -> dict[int, float]:
        """Set channels; returns what they really are, rounded to the instrument's own steps."""

    def open(self, channel: int) -> None:
        """Make a channel an open circuit."""

    def short(self, channel: int) -> None:
        """Make a channel a short circuit."""

    def accuracy_ohm(self, ohms: float) -> float:
        """Half-width of the error of a resistance, the rounding included."""


@runtime_checkable
class Digitizer(Instrument, Protocol):
    """Several voltage channels, sampled together into memory."""

    channels: tuple[int, ...]
    rate_tolerance: float  # half-width of the relative error of its sample clock
    skew_s: float  # half-width of the difference between two channels

    def arm(
        self, ranges: Mapping[int, tuple[float, float]], duration_s: float, interval_s: float
    ) -> None:
        """Set up a record of these channels, each over its range, so that `start` need only say go.

        Apart from it, so that several digitizers begin together, however long setting up takes.
        """

    def start(self) -> Instant:
        """Begin the record; says when sample 0 was taken."""

    def stop(self) -> Instant | None:
        """End the recording; says when its last sample was taken, None if it ended by itself."""

    def fetch(self) -> Recording:
        """Read the recording out, after `stop`."""


@runtime_checkable
class Relays(Instrument, Protocol):
    """Relays that switch what lies between the BMS's own parts, each with a contact at rest."""

    channels: tuple[int, ...]
    relay_s: float  # data sheet: until a contact has moved

    def claim(self, channels: Iterable[int]) -> None:
        """See that these channels are relays, and bring them to rest."""

    def switch(self, channel: int, *, closed: bool) -> None:
        """Move one relay, or let it go back to rest."""


@runtime_checkable
class Meter(Instrument, Protocol):
    """A multimeter with a scanner."""

    channels: tuple[int, ...]

    def configure(self, largest_v: Mapping[int, float]) -> None:
        """Choose for each channel the smallest range that holds this voltage."""

    def read(self, channels: Iterable[int]) -> dict[int, Measured]:
        """Read channels one after the other."""
