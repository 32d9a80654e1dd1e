"""Rigol DHO oscilloscopes (12 bit) used as a digitizer, TCP port 5555.

Dialect: Rigol's programming guides, and scopehal's `RigolOscilloscope.cpp`: 12 bit samples come as
WORD, the whole memory in one IEEE 488.2 block; memory depth is accepted only while running; the
state TD is not sticky. The trigger stays out of the signal's way: a forced one starts the record,
which then spans ten divisions or lasts until `:STOP`. Figures marked [u] are unverified.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.clock import Clock
from rig.errors import BenchError, LimitError
from rig.instruments.capabilities import Identity, Instant, Recording
from rig.instruments.dialect import (
    Choice,
    ScpiSetting,
    check_errors,
    check_events,
    check_model,
    clear_status,
    identify,
)
from rig.instruments.session import Framing, Session

FRAMING = Framing(timeout_s=10.0)

RATE_TOLERANCE = 25e-6  # half-width of its time base's error [u]
SKEW_S = 1e-9  # between channels [u]; far below any sample interval used here
GAIN_ERROR = 0.01  # of full scale, anywhere on the screen [u]
SLOPE_ERROR = 2 * GAIN_ERROR  # what that allows between the middle and either edge
OFFSET_ERROR_DIV, OFFSET_ERROR_V, OFFSET_ERROR_OF_OFFSET = 0.1, 2e-3, 0.015  # [u]
NOISE_OF_SPAN = 2e-4  # rms of a sample, of all codes [u]
ADC_BITS, SPAN_DIV = 12, 10.24  # the codes reach beyond the screen

ACROSS, UP = 10, 8  # divisions of the screen
DEPTHS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
SLOWEST_S, FASTEST_S = 500.0, 1e-9  # per division [u]
LEAST_V, MOST_V = 0.5e-3, 10.0  # per division, 1x [u]
ARMED_WITHIN_S = 2.0

SHOWN = Choice(
    command=":CHAN{channel}:DISP {value}", readback=":CHAN{channel}:DISP?",
    answers={"1": ("1", "ON"), "0": ("0", "OFF")},
)  # fmt: skip
SCALE = ScpiSetting(
    command=":CHAN{channel}:SCAL {value:.6g}", readback=":CHAN{channel}:SCAL?",
    unit="V/div", low=LEAST_V, high=MOST_V, resolution=1e-6,
)  # fmt: skip
OFFSET = ScpiSetting(
    command=":CHAN{channel}:OFFS {value:.6g}", readback=":CHAN{channel}:OFFS?",
    unit="V", low=-100.0, high=100.0, resolution=1e-3,
)  # fmt: skip
TIME_SCALE = ScpiSetting(
    command=":TIM:MAIN:SCAL {value:.6g}", readback=":TIM:MAIN:SCAL?",
    unit="s/div", low=FASTEST_S, high=SLOWEST_S, resolution=1e-9,
)  # fmt: skip
TIME_OFFSET = ScpiSetting(
    command=":TIM:MAIN:OFFS {value:.6g}", readback=":TIM:MAIN:OFFS?",
    unit="s", low=0.0, high=10 * SLOWEST_S, resolution=1e-6,
)  # fmt: skip
DEPTH = ScpiSetting(
    command=":ACQ:MDEP {value:.0f}", readback=":ACQ:MDEP?",
    unit="points", low=1e3, high=1e7, resolution=0.5,
)  # fmt: skip
TRIGGER_LEVEL = ScpiSetting(
    command=":TRIG:EDGE:LEV {value:.6g}", readback=":TRIG:EDGE:LEV?",
    unit="V", low=-100.0, high=100.0, resolution=1e-3,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vertical:
    """How a channel is set: its scale, and the voltage in the middle of the screen."""

    scale_v: float
    middle_v: float

    @property
    def top_v(self) -> float:
        """The voltage at the top of the screen."""
        return self.middle_v + UP / 2 * self.scale_v

    def error_v(self) -> float:
        """Half-width of the error of a reading anywhere on the screen."""
        offset = OFFSET_ERROR_DIV * self.scale_v + OFFSET_ERROR_V
        return GAIN_ERROR * UP * self.scale_v + offset + OFFSET_ERROR_OF_OFFSET * abs(self.middle_v)


class RigolDho:
    """The digitizer; channels 1 to 8 (1 to 4 on smaller ones)."""

    channels = (1, 2, 3, 4, 5, 6, 7, 8)
    rate_tolerance = RATE_TOLERANCE
    skew_s = SKEW_S

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session, self.clock = session, clock
        self._vertical: dict[int, _Vertical] = {}  # of the channels shown
        self._time_base: tuple[float, int] | None = None  # seconds per division, points
        self._recorded: tuple[int, ...] = ()  # channels of the record being taken

    def identity(self) -> Identity:
        """Ask who it is."""
        found = identify(self.session.query("*IDN?"))
        check_model(self.session, found, r"RIGOL.*DHO")
        return found

    def prepare(self) -> None:
        """Known settings, all channels hidden.

        `*RST` would do as well, but takes seconds.
        """
        clear_status(self.session)
        self._vertical, self._time_base, self._recorded = {}, None, ()
        self.session.write(":RUN")
        for channel in self.channels:
            self.session.write(f":CHAN{channel}:PROB 1")
            self.session.write(f":CHAN{channel}:COUP DC")
            SHOWN.put(self.session, "0", channel)
        self.session.write(":TRIG:MODE EDGE")
        self.session.write(":TRIG:EDGE:SLOP POS")
        check_errors(self.session)

    def safe(self) -> None:
        """Nothing to switch off: an oscilloscope feeds nothing."""

    def energised(self) -> tuple[int, ...]:
        """None: an oscilloscope feeds nothing."""
        return ()

    def check(self) -> None:
        """Find a restart and refused commands."""
        check_events(self.session)

    # ---- recording -------------------------------------------------------------------------------
    def arm(
        self, ranges: Mapping[int, tuple[float, float]], duration_s: float, interval_s: float
    ) -> None:
        """Set up one record of these channels, and wait until only its trigger is missing."""
        verticals = {channel: self._vertical_for(span) for channel, span in ranges.items()}
        self._set_time_base(*_time_base(self.session, duration_s, interval_s))
        self._set_verticals(verticals)
        self.session.write(":SING")
        self._await_armed()
        self._recorded = tuple(ranges)

    def start(self) -> Instant:
        """Force the trigger."""
        before_ns = self._stamp()
        self.session.write(":TFOR")
        self.session.query("*OPC?")
        return Instant(before_ns=before_ns, after_ns=self._stamp())

    def stop(self) -> Instant | None:
        """End the record; None if it had ended by itself, else when its last sample was taken."""
        was_recording = self.session.query(":TRIG:STAT?").upper() == "TD"
        before_ns = self._stamp()
        self.session.write(":STOP")
        state = self.session.query(":TRIG:STAT?").upper()
        if state != "STOP":
            raise self._unexpected(state, "STOP")
        after_ns = self._stamp()
        return Instant(before_ns=before_ns, after_ns=after_ns) if was_recording else None

    def fetch(self) -> Recording:
        """Read the record out, after `stop`."""
        self.session.write(":WAV:MODE NORM")  # DHO: only a change of mode refreshes the depth
        self.session.write(":WAV:MODE RAW")
        self.session.write(":WAV:FORM WORD")
        samples: dict[int, NDArray[np.float64]] = {}
        interval_s = offset_s = 0.0
        for channel in self._recorded:
            samples[channel], interval_s, offset_s = self._read_channel(channel)
        verticals = {channel: self._vertical[channel] for channel in self._recorded}
        return Recording(
            samples=samples,
            offset_s=offset_s,
            interval_s=interval_s,
            accuracy_v={channel: v.error_v() for channel, v in verticals.items()},
            gain_error=SLOPE_ERROR,
            noise_v={
                channel: NOISE_OF_SPAN * SPAN_DIV * v.scale_v for channel, v in verticals.items()
            },
            resolution_v={
                channel: SPAN_DIV * v.scale_v / 2**ADC_BITS for channel, v in verticals.items()
            },
        )

    # ---- private ---------------------------------------------------------------------------------
    def _stamp(self) -> int:
        return self.session.transcript.stamp(self.clock)

    def _vertical_for(self, span: tuple[float, float]) -> _Vertical:
        low, high = span
        scale_v = _one_two_five((high - low) / UP)
        if not LEAST_V <= scale_v <= MOST_V:
            raise LimitError(
                f"{low:g} V to {high:g} V does not fit its screen ({UP} x {MOST_V:g} V)",
                self.session.where,
                "put a probe or a divider in front of the channel",
            )
        return _Vertical(scale_v=scale_v, middle_v=(low + high) / 2)

    def _set_time_base(self, scale_s: float, points: int) -> None:
        if self._time_base == (scale_s, points):
            return
        self._time_base = None
        self.session.write(":RUN")  # the memory depth is accepted only while running
        TIME_SCALE.put(self.session, scale_s)
        TIME_OFFSET.put(self.session, scale_s * ACROSS / 2)  # the trigger at the left edge
        DEPTH.put(self.session, points)
        self._time_base = scale_s, points

    def _set_verticals(self, verticals: Mapping[int, _Vertical]) -> None:
        """Set what differs. A channel once shown stays so: at these rates it costs no memory."""
        changed = {n: v for n, v in verticals.items() if self._vertical.get(n) != v}
        for channel, vertical in changed.items():
            SHOWN.put(self.session, "1", channel)
            SCALE.put(self.session, vertical.scale_v, channel)
            OFFSET.put(self.session, -vertical.middle_v, channel)
            self._vertical[channel] = vertical
        if changed:
            first = min(verticals)
            self.session.write(f":TRIG:EDGE:SOUR CHAN{first}")
            TRIGGER_LEVEL.put(self.session, verticals[first].top_v)  # where no signal comes
            check_errors(self.session)

    def _await_armed(self) -> None:
        deadline_ns = self.clock.now_ns() + round(ARMED_WITHIN_S * 1e9)
        while (state := self.session.query(":TRIG:STAT?").upper()) != "WAIT":
            now_ns = self.clock.now_ns()
            if now_ns > deadline_ns or state == "TD":
                raise self._unexpected(state, "WAIT")
            if state == "STOP":  # a `:SING` soon after another may stop without a trigger
                self.session.write(":SING")
            self.clock.sleep_until(now_ns + 2_000_000)

    def _read_channel(self, channel: int) -> tuple[NDArray[np.float64], float, float]:
        session = self.session
        session.write(f":WAV:SOUR CHAN{channel}")  # were it refused, `check` would find that
        # format, type, points, count, xinc, xorg, xref, yinc, yorg, yref
        preamble = session.query_numbers(":WAV:PRE?", 10)
        points, x_inc, x_org, x_ref, y_inc, y_org, y_ref = (preamble[i] for i in (2, *range(4, 10)))
        codes = np.frombuffer(session.query_block(":WAV:DATA?"), "<u2")
        if preamble[0] != 1 or codes.size != points:
            raise session.out_of_step(
                f"channel {channel} gave {codes.size} samples, its preamble says {points:g}"
            )
        volts = (codes - (y_org + y_ref)) * y_inc
        return volts, x_inc, x_org - x_ref * x_inc

    def _unexpected(self, state: str, wanted: str) -> BenchError:
        return BenchError(
            f"it is in state {state} instead of {wanted}",
            self.session.where,
            "is somebody working at its front panel? restart the run",
        )


def _time_base(session: Session, duration_s: float, interval_s: float) -> tuple[float, int]:
    """Choose seconds per division and points: enough of both, and no more points than need be.

    Depths come in decades, so a screen longer than the case may fit the interval better; the
    record is stopped with the case.
    """
    shortest_s = _one_two_five(duration_s / ACROSS)
    scales_s = [_one_two_five(shortest_s * factor) for factor in (1, 2, 4, 10)]
    choices = [
        (scale_s * ACROSS / points, scale_s, points)
        for scale_s in scales_s
        for points in DEPTHS
        if scale_s * ACROSS / points <= interval_s * 1.000001 and scale_s <= SLOWEST_S
    ]
    if not choices or shortest_s < FASTEST_S:
        raise LimitError(
            f"{duration_s:g} s at one sample every {interval_s:g} s does not fit its memory"
            f" of {max(DEPTHS)} points",
            session.where,
            "make the case shorter, or sample more slowly",
        )
    slowest = max(interval for interval, _, _ in choices)
    _, scale_s, points = next(choice for choice in choices if choice[0] == slowest)
    return scale_s, points


def _one_two_five(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... that is not below `least`."""
    exponent = math.floor(math.log10(least) + 1e-9)
    for factor in (1, 2, 5, 10):
        step = float(f"{factor}e{exponent}")
        if step >= least * (1 - 1e-9):
            return step
    raise AssertionError(least)
