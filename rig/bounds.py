"""What a figure of a description can be at all, physically and technically, each with its reason.

The one place for such bounds. They are wide: nobody who means what he writes meets one, and what
lies beyond is a slip (kV for V, a sign, a unit) that would make a case pass whatever the BMS does,
fail a good BMS, or never end. Pure data, in SI units.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """From `low` to `high`, in `unit`; `above_low`: more than `low`. `reason`: why not beyond."""

    low: float
    high: float
    unit: str
    reason: str
    above_low: bool = False

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.above_low else self.low <= value) and value <= self.high


def _above(low: float, high: float, unit: str, reason: str) -> Bound:
    return Bound(low, high, unit, reason, above_low=True)


HOUR, DAY = 3600.0, 86_400.0

# Of every quantity, whatever it is of.
POSSIBLE = {
    "V": Bound(-1500.0, 1500.0, "V", "low voltage ends at 1500 V d.c. (IEC 60364-1)"),
    "A": Bound(-20e3, 20e3, "A", "no battery's short circuit gives more"),
    "s": Bound(0.0, 366 * DAY, "s", "no time is negative, and no test takes years"),
    "Ω": Bound(0.0, 1e9, "Ω", "no resistance is negative, and above 1 GΩ is an insulator"),
    "Hz": Bound(0.0, 1e9, "Hz", "nothing of a BMS is faster"),
    "bit/s": Bound(10e3, 1e6, "bit/s", "CAN's nominal bit rate (ISO 11898-1)"),
    "°C": Bound(-100.0, 300.0, "°C", "no cell, sensor or chamber of a battery test goes beyond"),
    "K": Bound(0.0, 10e3, "K", "a tolerance has no sign"),
    "Ah": Bound(0.0, 100e3, "Ah", "no cell holds more, nor less than nothing"),
    "1": Bound(0.0, 10.0, "1", "a share has no sign, and 1000 % is none"),
    "V/A": _above(0.0, 100.0, "V/A", "turn the probe in the wiring for a negative one"),
    "V/V": _above(0.0, 1e3, "V/V", "a divider's ratio has no sign"),
}

# The data phase of CAN FD; no slower than what is arbitrated with, no faster than transceivers are.
DATA_BIT_RATE = Bound(10e3, 8e6, "bit/s", "CAN FD's data bit rate (ISO 11898-1, CiA 601-4)")

# ---- the BMS ------------------------------------------------------------------------------------
MOST_CELLS = 16_384  # a pack of 1500 V has 400 in series; the rest is room for many packs
CELL = Bound(-1.0, 6.0, "V", "no cell, and no input for one, has less or more")
CELL_LEVEL = _above(0.0, 6.0, "V", "no lithium cell has more")
CELL_DIFFERENCE = _above(0.0, 2.0, "V", "no two working cells lie further apart")
SUPPLY = _above(0.0, 120.0, "V", "extra-low voltage ends at 120 V d.c. (IEC 61140)")
CLOSED = Bound(0.05, 1500.0, "V", "an open output has 0 V, give or take noise")
CAPACITY = _above(0.0, 10e3, "Ah", "no cell has 10,000 Ah")
LIMIT_CURRENT = Bound(0.0, 20e3, "A", "both directions have a limit of their own, without a sign")
BALANCING_CURRENT = _above(0.0, 20.0, "A", "no balancer bleeds more")
SMALL_CURRENT = _above(0.0, 1e3, "A", "it is a magnitude: charge and discharge alike")
NTC_R25 = Bound(10.0, 10e6, "Ω", "NTC thermistors have 10 Ω to 10 MΩ at 25 °C")
NTC_OHM = Bound(0.1, 1e9, "Ω", "no thermistor has none")
NTC_BETA = Bound(500.0, 10e3, "K", "NTC thermistors have 2000 K to 6000 K")

# ---- what it claims ---------------------------------------------------------------------------
START_TIME = _above(0.0, 600.0, "s", "a BMS starts in seconds, and at once never")
DELAY = Bound(0.0, HOUR, "s", "no protection waits for an hour")
OVERLAP = Bound(0.0, 600.0, "s", "no contactor takes so long")
REPORT_TIME = Bound(0.0, 600.0, "s", "what is said minutes later is no report of it")
PERIOD = Bound(1e-4, HOUR, "s", "a bus carries no frame more often, and one an hour is no report")
REST = Bound(0.0, 7 * DAY, "s", "no test waits for more than a week")
VOLT_ACCURACY = _above(0.0, 0.5, "V", "with more, no threshold of a cell can be told")
PACK_ACCURACY = _above(0.0, 50.0, "V", "with more, nothing of a pack can be told")
KELVIN_ACCURACY = _above(0.0, 20.0, "K", "with more, no temperature can be told")
CHARGE_ACCURACY = _above(0.0, 0.5, "1", "half of the charge says nothing of it")
RELATIVE = Bound(0.0, 0.5, "1", "half of the reading is no accuracy")

FINEST_TOLERANCE = {  # finer than anything of a bench measures: no verdict would ever be reached
    "V": 1e-5,
    "A": 1e-5,
    "s": 1e-6,
    "°C": 1e-3,
    "Ω": 1e-3,
}

# ---- its links ----------------------------------------------------------------------------------
BAUD = (50, 12_000_000)  # the UARTs of serial adapters
LONGEST_LINE = 65_536  # characters of a console's line

# ---- the bench ----------------------------------------------------------------------------------
TIME_OUT = _above(0.0, 600.0, "s", "an instrument that is silent for minutes has failed")
CLOCK_DRIFT = Bound(0.0, 0.01, "1", "the worst of oscillators is off by 1 %")
SHUNT_TOLERANCE = _above(0.0, 0.2, "1", "that is no shunt")
WIDEST_SPAN = 50.0  # times what it shows: a digitizer of 8 bits has 5 steps left of that
SPAN = _above(0.0, 1500.0, "V", "no digitizer takes more")

# ---- plans --------------------------------------------------------------------------------------
MOST_CASES = 20_000  # of a plan: at a second each they take a working day
MOST_LEVELS = 10_000  # of a ramp
MOST_TIMES = 1_000_000  # of frames, or of values that are played
LONGEST_CASE_S = 7 * DAY
STEP_TIME = Bound(0.0, DAY, "s", "a step of more than a day is a case of its own")
WAIT = _above(0.0, DAY, "s", "a wait has an end, and a beginning before it")
WINDOW = Bound(-60.0, DAY, "s", "it comes within a day, and hardly before what it is counted from")
DWELL = _above(0.0, HOUR, "s", "no protection's delay is longer")
FASTEST = Bound(1e-3, DAY, "s", "no instrument takes commands more often")
FINEST = {  # steps of a ramp, by unit: finer than any source sets
    "V": 1e-5,
    "A": 1e-4,
    "°C": 1e-2,
}
