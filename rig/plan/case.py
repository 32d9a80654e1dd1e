"""One test case, fully resolved: steps and expectations in the BMS's own terms, SI numbers.

A case is data: it can be stored as JSON beside its evidence and judged again years later. It names
quantities of the BMS ("cell 3", "temperature 1", "current", "charge path"), never an instrument.
Must not read a file, a clock or an instrument.

Quantities: ``cell n`` [V], ``temperature n`` [°C], ``current`` [A, charge positive], ``supply`` [V,
the BMS's own supply]. Outputs: the names that the profile gives them ("charge path", "led").
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from rig.dut.e2e import CrcKind


# ---- instants ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The instant at which the step that bears this mark was done (last command confirmed)."""

    mark: str
    kind: Literal["mark"] = "mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """The instant at which a quantity, measured at the BMS's terminals, crossed `level`.

    Looked for after `after`; where the bench records no waveform of the quantity, the instant is
    taken from the recorded command (between its start and its confirmation).
    """

    quantity: str
    level: float
    rising: bool
    after: str | None = None  # a mark; None: from the start of the case
    kind: Literal["crossing"] = "crossing"


Instant = Annotated[Mark | Crossing, Field(discriminator="kind")]


# ---- conditions that a running case can wait for -----------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class OutputState:
    """An output is open or closed, as the bench's meter reads it."""

    output: str
    is_open: bool
    kind: Literal["output"] = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalValue:
    """A CAN signal has this value in the newest frame."""

    message: str
    signal: str
    value: float
    kind: Literal["signal"] = "signal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLine:
    """A console line that matches this regular expression was received since the step began."""

    pattern: str
    kind: Literal["console"] = "console"


Condition = Annotated[OutputState | SignalValue | ConsoleLine, Field(discriminator="kind")]


# ---- steps ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Command several quantities at once; done when every instrument has confirmed."""

    values: Mapping[str, float]
    mark: str | None = None
    kind: Literal["set"] = "set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Let time pass."""

    duration_s: float
    mark: str | None = None
    kind: Literal["hold"] = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dither:
    """Let a seeded random time in [0, span_s) pass, so that the BMS's task phase is random."""

    span_s: float
    kind: Literal["dither"] = "dither"
    mark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Await:
    """Wait until the condition holds, at most `within_s`; the case goes on either way."""

    until: Condition
    within_s: float
    mark: str | None = None
    kind: Literal["await"] = "await"


@dataclass(frozen=True, slots=True, kw_only=True)
class Staircase:
    """Go from `start` to `stop` in steps of `step`, holding each for `dwell_s`; end at `until`.

    Each level is read back by the bench's meter. `step` has the sign of stop - start; the last one
    is shorter where the way is no multiple of it.
    """

    quantity: str
    start: float
    stop: float
    step: float
    dwell_s: float
    until: Condition
    mark: str | None = None
    kind: Literal["staircase"] = "staircase"

    @property
    def steps(self) -> int:
        """How many steps lead from start to stop; a millionth of one is rounding."""
        return math.ceil((self.stop - self.start) / self.step - 1e-6)

    @property
    def levels(self) -> tuple[float, ...]:
        """What is commanded: from start to stop, and nothing beyond."""
        return (*(self.start + i * self.step for i in range(self.steps)), self.stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Give a quantity these values, one every `interval_s`, the whole list `times` times.

    A bounce, a slow drift, a ripple as fast as commands go. `noise` is added to each value: uniform
    within ± `noise`, drawn from the case's own seed.
    """

    quantity: str
    values: tuple[float, ...]
    interval_s: float
    times: int = 1
    noise: float = 0.0
    mark: str | None = None
    kind: Literal["play"] = "play"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Insert (or remove) a wiring fault: target is "cell n", "temperature n" or a link."""

    fault: Literal["open", "short"]
    target: str
    present: bool = True
    mark: str | None = None
    kind: Literal["fault"] = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One way in which frames are wrong that are else made right: counter, checksum, length.

    "crc": all its bits inverted. "bit": one bit of the frame flipped, another one each time, `by`
    counting from which. "counter stands": as in the frame before. "counter skips": `by` numbers
    are left out. "length": `by` bytes, the checksum right over what is left. "identifier": `by`
    added to it. "data id": `by` added to it, so that the checksum is another message's.
    "swapped": the frame changes places with the next one.
    """

    what: Literal[
        "crc",
        "bit",
        "counter stands",
        "counter skips",
        "length",
        "identifier",
        "data id",
        "swapped",
    ]
    by: int = 0
    every: int = 1  # each so-manieth frame is wrong; 0: just the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send a CAN message `count` times, `period_s` apart.

    Counter and checksum that the profile names are made right, unless `wrong` says how not.
    """

    message: str
    signals: Mapping[str, float] = field(default_factory=dict)
    count: int = 1
    period_s: float = 0.0
    wrong: Wrong | None = None
    mark: str | None = None
    kind: Literal["send"] = "send"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Send a CAN message periodically from now on, in the background of the steps that follow.

    It ends with `Quiet`, with the case, or where another `Traffic` of the same message takes its
    place. A frame that falls due while an instrument is talked to leaves right after.
    """

    message: str
    period_s: float
    signals: Mapping[str, float] = field(default_factory=dict)
    jitter_s: float = 0.0  # each frame is late by a seeded random time in [0, jitter_s)
    wrong: Wrong | None = None
    mark: str | None = None
    kind: Literal["traffic"] = "traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """End the background traffic of a message."""

    message: str
    mark: str | None = None
    kind: Literal["quiet"] = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Load the BMS's bus with foreign frames, in bursts; the case goes on when it is over.

    Within a burst nothing less urgent gets through; pauses make it `share` on the whole.
    """

    share: float  # of the bus's time, pauses included
    burst_s: float
    bursts: int
    first_id: int  # standard identifiers, taken in turn
    last_id: int
    mark: str | None = None
    kind: Literal["load"] = "load"


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """Type a line on the BMS's console (the line end is the profile's)."""

    line: str
    mark: str | None = None
    kind: Literal["type"] = "type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Switch the BMS's own supply."""

    on: bool
    mark: str | None = None
    kind: Literal["power"] = "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Pulse the BMS's reset line (EN, by RTS of the console)."""

    mark: str | None = None
    kind: Literal["reset"] = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Read these quantities with the bench's meters, as close together as they can."""

    quantities: tuple[str, ...]
    mark: str | None = None
    kind: Literal["read"] = "read"


Step = Annotated[
    Set
    | Hold
    | Dither
    | Await
    | Staircase
    | Play
    | Fault
    | Send
    | Traffic
    | Quiet
    | Load
    | Type
    | Power
    | Reset
    | Read,
    Field(discriminator="kind"),
]


# ---- expectations -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """`output` opens between low_s and high_s after `since`."""

    output: str
    since: Instant
    low_s: float
    high_s: float
    kind: Literal["trips"] = "trips"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovers:
    """`output` closes again (and stays so) between low_s and high_s after `since`."""

    output: str
    since: Instant
    low_s: float
    high_s: float
    lasts: bool = True  # it stays closed until something else is commanded
    kind: Literal["recovers"] = "recovers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """`output` is open (or closed) all the time between two marks (None: start / end of case)."""

    output: str
    is_open: bool
    begin: str | None = None
    end: str | None = None
    kind: Literal["stays"] = "stays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """`output` closes just `count` times between two marks, and opens again each time.

    Each time it is closed for low_s to high_s, and between two of them open for pause_low_s to
    pause_high_s.
    """

    output: str
    count: int
    low_s: float
    high_s: float
    pause_low_s: float
    pause_high_s: float
    begin: str | None = None
    end: str | None = None
    kind: Literal["cycles"] = "cycles"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdIs:
    """The level at which `output` reacted lies within tolerance of `level` (a Staircase)."""

    quantity: str
    output: str
    is_open: bool  # the reaction looked for: opened (trip threshold) or closed (recovery)
    level: float
    tolerance: float
    unit: str
    delay_s: float  # the BMS's longest delay: a reaction belongs to the level that long before
    kind: Literal["threshold"] = "threshold"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalBecomes:
    """A CAN signal takes `value` between low_s and high_s after `since` (end of frame counts)."""

    message: str
    signal: str
    value: float
    since: Instant
    high_s: float
    low_s: float = 0.0
    kind: Literal["signal becomes"] = "signal becomes"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalStays:
    """A CAN signal has `value` in every frame between two marks, and frames did arrive."""

    message: str
    signal: str
    value: float
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal stays"] = "signal stays"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalWithin:
    """A CAN signal lies in [low, high] in every frame between two marks, and frames did arrive.

    `or_says` is a value beside the range that is as good: what it says while it knows nothing. With
    `once_sent` the span begins with its first frame: a BMS that starts has none to send at first.
    """

    message: str
    signal: str
    low: float
    high: float
    unit: str = ""
    or_says: float | None = None
    once_sent: bool = False
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal within"] = "signal within"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalOrdered:
    """A CAN signal only rises (or falls) between two marks: it never comes back by over `slack`."""

    message: str
    signal: str
    rising: bool
    slack: float  # in the signal's unit: noise and rounding
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal ordered"] = "signal ordered"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSteady:
    """Between two marks a CAN signal moves by no more than this, in the signal's unit.

    From one frame to the next by `most_step`, from its least to its greatest value by `most_span`;
    None: by any amount.
    """

    message: str
    signal: str
    most_step: float | None = None
    most_span: float | None = None
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal steady"] = "signal steady"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowsCells:
    """At each Read of all cells a CAN signal lies on a curve of their mean voltage.

    `quantity` is the profile's word for it: "soc", "remaining capacity", "cell sum".
    `accuracy` is the signal's, `accuracy_v` that of the voltages it is made from. Two readings
    further apart than `ordered_from_v` must be told in their order, but for `accuracy`.
    """

    quantity: str
    message: str
    signal: str
    cells: tuple[str, ...]
    curve: tuple[tuple[float, float], ...]  # V to the signal's unit, rising, straight between
    accuracy: float
    accuracy_v: float = 0.0
    ordered_from_v: float | None = None  # None: nothing is promised of it
    unit: str = ""
    settle_s: float = 0.5  # the report must be newer than this after the last change
    kind: Literal["follows cells"] = "follows cells"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsCharge:
    """Between two marks a CAN signal changes by the charge that flowed, by the bench's meter.

    Allowed is `accuracy_a` of the mean current, `relative` of the charge that passed either way,
    and `resolution_ah`. Every current but 0 must have been read while it flowed.
    """

    quantity: str  # the profile's word for it: "soc", "remaining capacity"
    message: str
    signal: str
    ah_per_unit: float
    accuracy_a: float
    relative: float
    resolution_ah: float
    begin: str
    end: str
    kind: Literal["counts charge"] = "counts charge"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageComes:
    """A message comes with these values between low_s and high_s after `since`, so many times."""

    message: str
    since: Instant
    high_s: float
    low_s: float = 0.0
    where: Mapping[str, float] = field(default_factory=dict)  # signals to values
    at_least: int = 1
    at_most: int | None = None  # None: any number
    kind: Literal["message comes"] = "message comes"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTiming:
    """Every interval of a message within period ± tolerance; length, counter and CRC right."""

    message: str
    period_s: float
    tolerance_s: float
    length: int
    counter: str | None = None  # signal name
    counter_last: int = 14  # the value after which it starts at 0 again
    crc: str | None = None  # signal name
    crc_kind: CrcKind = "E2E P01"
    crc_data_id: int = 0  # of E2E profile 1, mode BOTH
    spare_zero: bool = False  # bits that belong to no signal of the DBC are 0
    begin: str | None = None
    end: str | None = None
    kind: Literal["message timing"] = "message timing"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSound:
    """Every frame of a message has the right length, counter and CRC, and some did come."""

    message: str
    length: int
    counter: str | None = None
    counter_last: int = 14
    crc: str | None = None
    crc_kind: CrcKind = "E2E P01"
    crc_data_id: int = 0
    spare_zero: bool = False
    begin: str | None = None
    end: str | None = None
    kind: Literal["message sound"] = "message sound"


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryAgrees:
    """What the BMS reports of a quantity agrees with the meter, at every Read of it.

    Source of the report: a CAN signal (`message`, `signal`) or a console line (`pattern` with one
    group, a number in SI units after multiplying by `factor`).
    """

    quantity: str
    accuracy: float
    relative: float = 0.0  # of the reading, added to accuracy
    unit: str = ""
    message: str | None = None
    signal: str | None = None
    pattern: str | None = None
    factor: float = 1.0
    settle_s: float = 0.5  # the report must be newer than this after the last change
    kind: Literal["telemetry"] = "telemetry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """At mark `at` just these cells bleed: by their bleed output, or by the current they draw."""

    cells: tuple[int, ...]
    at: str
    low_a: float = 0.02  # a cell bleeds when it draws more than this
    kind: Literal["balances"] = "balances"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSays:
    """A line matching `pattern` appears between low_s and high_s after `since`."""

    pattern: str
    since: Instant
    high_s: float
    low_s: float = 0.0
    kind: Literal["console says"] = "console says"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleNeverSays:
    """No line matching `pattern` appears between two marks; other lines do."""

    pattern: str
    begin: str | None = None
    end: str | None = None
    kind: Literal["console never says"] = "console never says"


Expectation = Annotated[
    Trips
    | Recovers
    | Stays
    | Cycles
    | ThresholdIs
    | SignalBecomes
    | SignalStays
    | SignalWithin
    | SignalOrdered
    | SignalSteady
    | FollowsCells
    | CountsCharge
    | MessageComes
    | MessageTiming
    | MessageSound
    | TelemetryAgrees
    | Balances
    | ConsoleSays
    | ConsoleNeverSays,
    Field(discriminator="kind"),
]


Begins = Literal["ready", "off"]
"""What a case needs before its first step: a BMS that has just started and is ready; or one whose
supply is off, because the case judges the start itself (where no start is a `fail`, no `error`)."""


# ---- its start --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How an output shows that it conducts; `steady_s` > 0 for a lamp that blinks in a fault."""

    closed_above: float  # V at the tap
    steady_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPromise:
    """What is promised of the start that a case begins with, in whatever case."""

    ready: str | None  # a regular expression of the line that says so
    ready_within_s: float
    closes: tuple[str, ...]  # outputs, closed_within_s after it is ready, or asked
    closed_within_s: float
    outputs: Mapping[str, Output]  # those above and below
    only_asked: tuple[str, ...] = ()  # main and precharge contactor: open until they are asked for
    overlap_s: float = 0.0  # the precharge contactor stays closed after the main one, at the least
    supply_v: float | None = None  # None: it lives on its cells
    cells_v: float | None = None  # None: stored before this was


# ---- the case ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One record of the digitizer over the whole case, begun before the first step."""

    quantities: tuple[str, ...]  # quantities and outputs to record
    duration_s: float  # upper bound; ended early where the steps end early
    interval_s: float  # between samples, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case: what is done, in order, and what is expected of the trace."""

    id: str  # unique in the plan, stable: "trip[cell overvoltage,cell=3,repeat=1]"
    title: str  # a sentence
    plan: str
    family: str  # "trip", ... or "steps" where it is written out
    protection: str | None
    parameters: Mapping[str, str]  # what tells this case from its siblings, as shown to people
    steps: tuple[Step, ...]
    expectations: tuple[Expectation, ...]
    outputs: Mapping[str, Output]  # those that expectations name
    capture: Capture | None
    seed: int  # of this case alone, derived from the run's seed and the id
    traces_to: tuple[str, ...] = ()
    severity: str = "normal"  # blocker critical normal minor trivial
    tags: tuple[str, ...] = ()
    source: str = ""  # file:line of the plan that it came from
    duration_s: float = 0.0  # upper bound of what the steps take
    begins: Begins = "ready"
    prints_every_s: float | None = None  # its console, as promised
    cells: int = 0  # how many the BMS has; 0: not said
    periods: Mapping[str, float] = field(default_factory=dict)  # s, of messages, as promised
    start: StartPromise | None = None  # None: it begins off, or was stored before this was


CASE_JSON: TypeAdapter[Case] = TypeAdapter(Case)
