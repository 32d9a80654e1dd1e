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
    """What every driver offers.

    Raises
    ------
    BenchError
        From any method that talks to the instrument: it does not answer, its answer means
        nothing, or it did not take a setting.
    LimitError
        From any setting: the value is beyond the model's range; nothing was sent.
    """

    def identity(self) -> Identity:
        """Ask the instrument who it is.

        Raises
        ------
        BenchError
            It is another model than the driver is for.
        """

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
        """Program its own over-voltage (V) and over-current (A) protection, as far as it goes."""

    def set_voltage(self, volts: Mapping[int, float]) -> None:
        """Set channels to levels in V; those not named keep theirs.

        Raises
        ------
        LimitError
            A level is outside the model's range.
        """

    def output(self, channels: Iterable[int], *, on: bool) -> None:
        """Switch channels."""

    def measure_v(self, channels: Iterable[int]) -> dict[int, Measured]:
        """Give the voltage at each channel's terminals, in V, with the error of the reading."""

    def measure_a(self, channels: Iterable[int]) -> dict[int, Measured]:
        """Give the current out of each channel in A, with the error of the reading."""

    def open_wire(self, channel: int, *, present: bool) -> None:
        """Break (or mend) a channel's wire; its terminals must be dead.

        Raises
        ------
        BenchError
            The unit has no such relays, or refused, as the terminals were live.
        """

    def await_dead(self, channel: int) -> None:
        """Wait until a channel, switched off, has come down far enough for its relays to move.

        Raises
        ------
        BenchError
            They stay live: something else feeds the wire.
        """

    def accuracy_v(self, volts: float) -> float:
        """Give the half-width in V of the error of a level of `volts`, by the data sheet."""


@runtime_checkable
class Supply(Instrument, Protocol):
    """One output of a supply, at the channel given (0 where the model has only one)."""

    settle_s: float

    def protect(self, channel: int, over_v: float, over_a: float) -> None:
        """Program over-voltage (V) and over-current (A) protection."""

    def set_level(self, channel: int, volts: float, amps: float) -> None:
        """Set voltage (V) and current limit (A) at once, whichever of them the output is at."""

    def set_voltage(self, channel: int, volts: float) -> None:
        """Set the voltage alone, in V."""

    def set_current(self, channel: int, amps: float) -> None:
        """Set the current limit alone, in A."""

    def most(self, channel: int) -> tuple[float, float]:
        """Give the largest voltage (V) and current (A) that it can be set to."""

    def output(self, channel: int, *, on: bool) -> None:
        """Switch the output."""

    def measure(self, channel: int) -> tuple[Measured, Measured]:
        """Give voltage (V) and current (A) at its terminals, each with the error of the reading."""

    def is_tripped(self, channel: int) -> bool:
        """Whether one of its protections switched the output off."""


@runtime_checkable
class Load(Instrument, Protocol):
    """An electronic load in constant current."""

    settle_s: float

    def protect(self, over_a: float, over_w: float | None = None) -> None:
        """Program over-current (A) and over-power (W) protection; None leaves the latter alone."""

    def set_slew(self, amps_per_s: float) -> None:
        """Set how fast the current may change, in A/s."""

    def set_current(self, amps: float) -> None:
        """Set the current drawn, in A, not negative."""

    def input(self, *, on: bool) -> None:
        """Switch the input."""

    def measure(self) -> tuple[Measured, Measured]:
        """Give voltage (V) and current (A) at its terminals, each with the error of the reading."""

    def most(self) -> float:
        """Give the largest current that it can be set to, in A."""


@runtime_checkable
class Resistors(Instrument, Protocol):
    """Programmable resistors that stand in for thermistors."""

    channels: tuple[int, ...]
    settle_s: float

    def set_ohms(self, ohms: Mapping[int, float]) -> dict[int, float]:
        """Set channels, in ohms; returns what they really are, rounded to its own steps."""

    def open(self, channel: int) -> None:
        """Make a channel an open circuit."""

    def short(self, channel: int) -> None:
        """Make a channel a short circuit."""

    def accuracy_ohm(self, ohms: float) -> float:
        """Give the half-width in ohms of the error of a resistance, the rounding included."""


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

        Parameters
        ----------
        ranges
            Lowest and highest voltage in V that each channel must be able to show.
        duration_s, interval_s
            How long at least, and how far apart two samples may be at most: the instrument's memory
            and time base have their own steps.

        Raises
        ------
        LimitError
            Its memory does not hold so many samples, or a range is beyond the model's.
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
        """See that these channels are relays, and bring them to rest.

        Raises
        ------
        BenchError
            There is no relay at one of them.
        """

    def switch(self, channel: int, *, closed: bool) -> None:
        """Move one relay, or let it go back to rest."""


@runtime_checkable
class Meter(Instrument, Protocol):
    """A multimeter with a scanner."""

    channels: tuple[int, ...]

    def configure(self, largest_v: Mapping[int, float]) -> None:
        """Choose for each channel the smallest range that holds this voltage, in V."""

    def read(self, channels: Iterable[int]) -> dict[int, Measured]:
        """Read channels one after the other, in V; NaN where one has nothing to show."""
