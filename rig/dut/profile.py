"""A BMS's data sheet, from YAML: what its maker claims, and so what plans are checked against.

Must not hold defaults for safety figures: silence is a mistake, or means "not claimed". Reads the
profile's own file and nothing else; the DBC it names is opened by `rig.dut.can_messages`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rig import bounds
from rig.can_address import OWN_BUS, Address, MessageAddress, SignalAddress
from rig.description import (
    BrokenDescriptionError,
    Description,
    Document,
    Location,
    Mistake,
    Names,
    Pattern,
    PlainName,
    Typed,
    mistake_error,
    parse,
    suggest,
)
from rig.dut.consistency import contradictions
from rig.dut.contactors import Contactors
from rig.dut.current_voltage_limits import CurrentVoltageLimits
from rig.dut.energy import Energy
from rig.dut.links import FrontEnd, Link
from rig.dut.messages import BusDbc, BusLoad, Events, PeriodicMessage
from rig.dut.received_messages import ReceivedMessage
from rig.dut.resets import Resets, Timers
from rig.dut.settings import Settings
from rig.quantities import (
    BALANCE,
    BLEED,
    CELL,
    CURRENT,
    MODULE,
    SUPPLY,
    TEMPERATURE,
    Hierarchy,
    Kind,
    kind_of,
    kinds,
    number_of,
    numbered,
    unit_of,
    watched,
)
from rig.quantity import (
    AmpCode,
    AmpHours,
    AmpRange,
    Amps,
    BitRate,
    DegC,
    DegCCode,
    DegCRange,
    Factor,
    Interval,
    Kelvin,
    Ohms,
    Ratio,
    RatioRange,
    Seconds,
    TimeWindow,
    Toleranced,
    VoltCode,
    VoltRange,
    Volts,
    bounded,
    parse_toleranced,
    reader,
)
from rig.yaml_data import is_file, shown_path, text_of

_ZERO_DEGC_K = 273.15


# ---- what it is made of -------------------------------------------------------------------------
class Cells(Description):
    """The cells that it watches."""

    count: Annotated[int, Field(ge=1, le=bounds.MOST_CELLS)]
    modules: Annotated[
        int | None,
        Field(ge=1, le=bounds.MOST_CELLS, description="of equally many cells, in their order"),
    ] = None
    chemistry: Literal["LFP", "NMC", "LTO", "NCA", "unstated"]
    capacity_ah: Annotated[AmpHours | None, bounded(bounds.CAPACITY), Field(alias="capacity")] = (
        None
    )
    nominal_v: Annotated[
        Volts | None, bounded(bounds.CELL_LEVEL), Field(alias="nominal voltage")
    ] = None

    @model_validator(mode="after")
    def _even_modules(self) -> Cells:
        if self.modules and self.count % self.modules:
            what = f"{self.count} cells are no {self.modules} modules of equally many"
            raise mistake_error(what, "correct one of the two")
        return self


class CurvePoint(Description):
    """One point of a thermistor's table."""

    at_degc: Annotated[DegC, Field(alias="at")]
    is_ohm: Annotated[Ohms, bounded(bounds.NTC_OHM), Field(alias="is")]


class Temperatures(Description):
    """Its temperature sensors, as a thermistor simulator must play them."""

    count: Annotated[int, Field(ge=1, le=bounds.MOST_CELLS)]
    kind: Literal["NTC"]
    r25_ohm: Annotated[
        Ohms, bounded(bounds.NTC_R25), Field(alias="r25", description="resistance at 25 °C")
    ]
    beta_k: Annotated[Kelvin | None, bounded(bounds.NTC_BETA), Field(alias="beta")] = None
    table: tuple[CurvePoint, ...] = ()

    @model_validator(mode="after")
    def _one_curve(self) -> Temperatures:
        if (self.beta_k is None) == (not self.table):
            raise mistake_error(
                "a thermistor has either beta or a table", "write for example beta: 3435 K"
            )
        if len(self.table) == 1:
            raise mistake_error("a table has two points at least", "add the others")
        pairs = zip(self.table, self.table[1:], strict=False)
        if any(a.at_degc >= b.at_degc or a.is_ohm <= b.is_ohm for a, b in pairs):
            raise mistake_error(
                "the table of an NTC must rise in °C and fall in ohm", "put its points in order"
            )
        return self

    def ohm_at(self, degc: float) -> float:
        """Resistance at a temperature.

        R25 exp(B (1/T - 1/298.15 K)), the B equation of thermistor makers; of a table, ln R is
        linear in 1/T between its points, as in that equation.
        """
        inverse = 1.0 / (degc + _ZERO_DEGC_K)
        if self.beta_k is not None:
            return self.r25_ohm * math.exp(self.beta_k * (inverse - 1.0 / (25.0 + _ZERO_DEGC_K)))
        low, high = self._points(lambda p: p.at_degc <= degc)
        fraction = (inverse - low[0]) / (high[0] - low[0])
        return math.exp(low[1] + fraction * (high[1] - low[1]))

    def degc_at(self, ohm: float) -> float:
        """Temperature at a resistance, the inverse of `ohm_at`."""
        if self.beta_k is not None:
            inverse = 1.0 / (25.0 + _ZERO_DEGC_K) + math.log(ohm / self.r25_ohm) / self.beta_k
            return 1.0 / inverse - _ZERO_DEGC_K
        low, high = self._points(lambda p: p.is_ohm >= ohm)
        fraction = (math.log(ohm) - low[1]) / (high[1] - low[1])
        return 1.0 / (low[0] + fraction * (high[0] - low[0])) - _ZERO_DEGC_K

    def _points(self, below: Any) -> tuple[tuple[float, float], tuple[float, float]]:
        """Find the two points, as (1/T, ln R), between which (or beyond which) to go on."""
        count = sum(1 for p in self.table if below(p))
        first = min(max(count - 1, 0), len(self.table) - 2)
        a, b = self.table[first], self.table[first + 1]
        return (
            (1.0 / (a.at_degc + _ZERO_DEGC_K), math.log(a.is_ohm)),
            (1.0 / (b.at_degc + _ZERO_DEGC_K), math.log(b.is_ohm)),
        )


class Supply(Description):
    """The BMS's own supply, apart from the cells."""

    volts: Annotated[Volts, bounded(bounds.SUPPLY), Field(alias="voltage")]
    can_switch: bool = True


class Nominal(Description):
    """What every case starts from: no protection pending, all outputs closed."""

    cells_v: Annotated[Volts, bounded(bounds.CELL_LEVEL), Field(alias="cells")]
    temperatures_degc: Annotated[DegC, Field(alias="temperatures")]
    current_a: Annotated[Amps, Field(alias="current")] = 0.0


class MaximumRatings(Description):
    """What must never be put on the BMS, whatever a plan says (its absolute maximum ratings)."""

    cell_v: Annotated[VoltRange, bounded(bounds.CELL), Field(alias="cell voltage")]
    temperature_degc: Annotated[DegCRange, Field(alias="temperature")]
    charge_a: Annotated[Amps, bounded(bounds.LIMIT_CURRENT), Field(alias="charge current")]
    discharge_a: Annotated[Amps, bounded(bounds.LIMIT_CURRENT), Field(alias="discharge current")]


# ---- its links ----------------------------------------------------------------------------------
class Can(BusDbc):
    """Its CAN bus."""

    bitrate: BitRate
    receives: dict[str, ReceivedMessage] = Field(default_factory=dict)
    back_within_s: Annotated[
        Seconds | None,
        bounded(bounds.START_TIME),
        Field(alias="back within", description="heard again, after the bus was broken or shorted"),
    ] = None
    speaks_within_s: Annotated[
        Seconds | None,
        bounded(bounds.START_TIME),
        Field(alias="speaks within", description="of power-up: every periodic message has come"),
    ] = None
    tolerates_bus_load: Annotated[
        BusLoad | None, Field(description="load of the bus by others")
    ] = None
    traces_to: Names = ()


Baud = Annotated[int, Field(ge=bounds.BAUD[0], le=bounds.BAUD[1])]
Newline = Literal["LF", "CR", "CR LF"]  # what ends a typed line
LINE_ENDS: Mapping[Newline, str] = {"LF": "\n", "CR": "\r", "CR LF": "\r\n"}


class Console(Description):
    """Its serial console; `commands` are the lines it understands, by what they do."""

    baud: Baud
    newline: Newline = "LF"
    ready: Annotated[Pattern, Field(description="a regular expression of the line that says so")]
    commands: dict[str, Typed] = Field(default_factory=dict)
    every_s: Annotated[
        Seconds | None, bounded(bounds.PERIOD), Field(alias="prints every", gt=0)
    ] = None
    answers: Annotated[
        dict[str, Pattern],
        Field(default_factory=dict, description="to commands, by their names in commands"),
    ]
    answers_within_s: Annotated[
        Seconds | None, bounded(bounds.REPORT_TIME), Field(alias="answers within")
    ] = None
    refuses: Annotated[Pattern | None, Field(description="the answer to an unknown line")] = None
    longest_line: Annotated[
        int | None,
        Field(
            ge=1, le=bounds.LONGEST_LINE, description="characters; a longer one is ignored whole"
        ),
    ] = None
    traces_to: Names = ()


class Start(Description):
    """How it starts."""

    ready_within_s: Annotated[Seconds, bounded(bounds.START_TIME), Field(alias="ready within")]
    closed_within_s: Annotated[
        Seconds,
        bounded(bounds.START_TIME),
        Field(alias="closed within", description="of outputs, after ready"),
    ]
    closes: Names  # the outputs that a healthy BMS closes by itself
    by: Literal["power", "reset", "request"]  # how the rig makes it start afresh
    request: Annotated[
        dict[str, dict[str, float]],
        Field(description="after the power: messages at whose signals the outputs close"),
    ] = Field(default_factory=dict)
    traces_to: Names = ()

    @property
    def up_within_s(self) -> float:
        """Longest time from power until its outputs are closed."""
        return self.ready_within_s + self.closed_within_s

    @model_validator(mode="after")
    def _by_request(self) -> Start:
        if (self.by == "request") != bool(self.request):
            raise mistake_error(
                "a start by request needs to know the request, and only that start has one",
                "write for example by: request and request: {HostAlive: {Request: 1}}",
            )
        return self


class OutputPin(Description):
    """An output that shows what it decided, as the rig's digitizer and meter see it."""

    closed_above_v: Annotated[Volts, bounded(bounds.CLOSED), Field(alias="closed above")]
    steady_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="steady", description="closed only once steady for so long: a lamp"),
    ] = 0.0
    meaning: str = ""
    signal: SignalAddress | None = None  # 1 while it is closed


# ---- what it reports ----------------------------------------------------------------------------
class Report(Description):
    """Where it says what it believes of a quantity; texts hold {n} for the cell or sensor.

    A message may hold {n/4} for the number, from 1, of the group of 4 that it lies in.

    `accuracy` and `within` are in `unit` (a temperature's accuracy in K); None: not claimed.
    """

    unit: ClassVar[str]

    message: str | None = None
    signal: str | None = None
    console: Pattern | None = None  # with one group, a number
    also_console: Annotated[
        Pattern | None, Field(alias="also on console", description="the same, in SI units")
    ] = None
    factor: Factor = 1.0
    accuracy: float | None = None
    relative: Annotated[Ratio, bounded(bounds.RELATIVE)] = 0.0  # of the reading, added to accuracy
    within: Annotated[Interval | None, Field(alias="range")] = None
    settles_s: Annotated[Seconds, bounded(bounds.REPORT_TIME), Field(alias="settles within")] = 0.5
    invalid: float | None = None  # what it says while it knows nothing
    traces_to: Names = ()

    @model_validator(mode="after")
    def _one_source(self) -> Report:
        by_can = self.message is not None and self.signal is not None
        if by_can == (self.console is not None):
            raise mistake_error(
                "a report comes by message and signal, or by console",
                "write message: and signal:, or console:",
            )
        for pattern in (self.console, self.also_console):
            if pattern is not None and re.compile(numbered(pattern, 1)).groups != 1:
                raise mistake_error(
                    f'"{pattern}" does not have just one group', "put ( ) around its number"
                )
        return self

    @property
    def address(self) -> SignalAddress | None:
        """Where it stands on CAN, {n} for the number of cell or sensor."""
        if self.message is None or self.signal is None:
            return None
        return MessageAddress(self.message).signal(self.signal)

    def signal_for(self, n: int) -> SignalAddress | None:
        """Name the CAN signal of cell or sensor `n` (from 1)."""
        return self.address and SignalAddress(numbered(self.address, n))


class VoltReport(Report):
    """A voltage reported."""

    unit: ClassVar[str] = "V"
    accuracy: Annotated[Volts, bounded(bounds.PACK_ACCURACY)] | None = None
    within: Annotated[VoltRange | None, Field(alias="range")] = None
    invalid: VoltCode | None = None


class CellReport(VoltReport):
    """The voltage of one cell reported."""

    accuracy: Annotated[Volts, bounded(bounds.VOLT_ACCURACY)] | None = None
    within: Annotated[VoltRange | None, bounded(bounds.CELL), Field(alias="range")] = None


class AmpReport(Report):
    """A current reported."""

    unit: ClassVar[str] = "A"
    accuracy: Annotated[Amps, Field(gt=0)] | None = None
    within: Annotated[AmpRange | None, Field(alias="range")] = None
    invalid: AmpCode | None = None


class DegCReport(Report):
    """A temperature reported."""

    unit: ClassVar[str] = "°C"
    accuracy: Annotated[Kelvin, bounded(bounds.KELVIN_ACCURACY)] | None = None
    within: Annotated[DegCRange | None, Field(alias="range")] = None
    invalid: DegCCode | None = None


class RatioReport(Report):
    """A state of charge reported, 0 to 1."""

    unit: ClassVar[str] = "1"
    accuracy: Annotated[Ratio, bounded(bounds.CHARGE_ACCURACY)] | None = None
    within: Annotated[RatioRange | None, Field(alias="range")] = None


class Telemetry(Description):
    """All that it reports."""

    cell_voltage: CellReport | None = None
    pack_voltage: VoltReport | None = None
    current: AmpReport | None = None
    temperature: DegCReport | None = None
    soc: RatioReport | None = None
    lowest_cell: CellReport | None = None
    highest_cell: CellReport | None = None
    lowest_temperature: DegCReport | None = None
    highest_temperature: DegCReport | None = None

    def reports(self) -> dict[str, Report]:
        """Give the reports there are, by the profile's words: "cell voltage", "soc"."""
        named: dict[str, Report | None] = {
            "cell voltage": self.cell_voltage,
            "pack voltage": self.pack_voltage,
            "current": self.current,
            "temperature": self.temperature,
            "soc": self.soc,
            "lowest cell": self.lowest_cell,
            "highest cell": self.highest_cell,
            "lowest temperature": self.lowest_temperature,
            "highest temperature": self.highest_temperature,
        }
        return {name: report for name, report in named.items() if report is not None}


# ---- protections --------------------------------------------------------------------------------
# What is there or not, and has no level -> the quantities whose wires it is about.
_FAULTS: dict[str, Kind | None] = {
    "sense wire": CELL,
    "sensor open": TEMPERATURE,
    "sensor short": TEMPERATURE,
    "host message": None,
    "console command": None,
    "link": None,
}
if TYPE_CHECKING:
    Watched = str
else:
    Watched = Literal[(*watched(), *_FAULTS)]


class Recovery(Description):
    """When a protection lets go by itself."""

    below: Toleranced | None = None  # in the unit of the threshold, and with its sign
    above: Toleranced | None = None
    when: (
        Literal["load removed", "charger removed", "reconnected", "message returns", "rebooted"]
        | None
    ) = None
    below_a: Annotated[
        Amps | None,
        bounded(bounds.SMALL_CURRENT),
        Field(alias="current below", description="with which a load counts as removed"),
    ] = None
    frames: Annotated[int | None, Field(ge=1, le=1000)] = None  # of the message that must return
    after: Annotated[TimeWindow | None, bounded(bounds.DELAY)] = (
        None  # it must hold; None: no claim
    )

    @model_validator(mode="after")
    def _one_condition(self) -> Recovery:
        given = [self.below, self.above, self.when]
        if sum(item is not None for item in given) != 1:
            raise mistake_error(
                "a recovery needs just one of below, above, when",
                'write for example {below: 3.50 V ± 10 mV, after: "2 s ± 200 ms"}',
            )
        return self

    @property
    def level(self) -> Toleranced | None:
        """The level to come back past, if it is one."""
        return self.below or self.above


class Latched(Description):
    """A protection that does not let go by itself."""

    cleared_by: Names  # "power cycle", "reset", or a console command's name
    once: Annotated[
        Literal["load removed"] | None, Field(description="a command before that is refused")
    ] = None
    refused: Annotated[
        Pattern | None, Field(description="what the console answers to a command before that")
    ] = None


class Protection(Description):
    """One protection as the maker states it."""

    short: str
    watches: Watched
    direction: Literal["above", "below"] | None = None
    each: bool = False  # each cell (or sensor) by itself: one is enough
    threshold: Toleranced | None = None
    # From the crossing at the terminals to the output; None: no claim.
    delay: Annotated[TimeWindow | None, bounded(bounds.DELAY)] = None
    counter: Annotated[
        Literal["in a row", "leaky"],
        Field(description="leaky: a good value counts down instead of starting again"),
    ] = "in a row"
    recovers: Recovery | None = None
    latched: Latched | None = None
    opens: Names = ()  # outputs
    keeps: Names = ()  # outputs that must stay as they are
    flags: dict[SignalAddress, int] = Field(default_factory=dict)
    flags_within_s: Annotated[
        Seconds, bounded(bounds.REPORT_TIME), Field(alias="flags within", gt=0)
    ] = 0.15
    flags_for: Annotated[
        TimeWindow | None,
        bounded(bounds.DELAY),
        Field(description="how long after the trip, where a reboot ends it"),
    ] = None
    console: Pattern | None = None
    console_clears: Pattern | None = None
    console_within_s: Annotated[
        Seconds, bounded(bounds.REPORT_TIME), Field(alias="console within", gt=0)
    ] = 0.2
    link: str | None = None  # of `link`
    message: str | None = None  # of `host message`
    command: str | None = None  # of `console command`, by its name in console.commands
    also_claims: Names = ()  # in words: what no family tests by itself
    traces_to: Names = ()
    severity: Literal["blocker", "critical", "normal", "minor", "trivial"] = "normal"

    @field_validator("threshold", mode="before")
    @classmethod
    def _threshold_in_its_unit(cls, value: object, info: ValidationInfo) -> object:
        watches = info.data.get("watches")
        if value is None or watches is None:
            return None
        if (kind := watched().get(watches)) is None:
            raise mistake_error(f'a protection that watches "{watches}" has no level', "remove it")
        return reader(parse_toleranced, kind.unit)(value)

    @field_validator("recovers", mode="before")
    @classmethod
    def _recovery_in_its_unit(cls, value: object, info: ValidationInfo) -> object:
        watches = info.data.get("watches")
        if watches is None:  # it is wrong, which is reported; its unit is nobody's guess
            return None
        if not isinstance(value, dict):
            return value
        kind = watched().get(watches, CELL)
        read = reader(parse_toleranced, kind.unit)
        levels = {k: read(v) for k, v in value.items() if k in _LEVELS}
        return {**value, **levels}

    @model_validator(mode="after")
    def _complete(self) -> Protection:
        if self.kind is not None and (self.threshold is None or self.direction is None):
            raise mistake_error(
                f'a protection that watches "{self.watches}" needs direction and threshold',
                'write for example direction: above and threshold: "3.65 V ± 10 mV"',
            )
        for kind, given in (
            ("host message", self.message),
            ("console command", self.command),
            ("lost link", self.link),
        ):
            if kind.endswith(self.watches) and given is None:
                raise mistake_error(f"{kind}: which one?", f"add {kind.split()[1]}: …")
        if self.recovers is not None and self.latched is not None:
            raise mistake_error("it recovers and is latched at once", "keep one of the two")
        reboots = self.recovers is not None and self.recovers.when == "rebooted"
        if self.flags_for is not None and not reboots:
            raise mistake_error(
                "flags for: only of a trip that a reboot ends; others say so until they recover",
                "remove it, or write recovers: {when: rebooted}",
            )
        return self._hysteresis()

    def _hysteresis(self) -> Protection:
        level = self.recovers.level if self.recovers else None
        if level is None or self.threshold is None:
            return self
        inside = level.value - self.threshold.value
        if inside >= 0 if self.direction == "above" else inside <= 0:
            raise mistake_error(
                f"it recovers at {level}, where it trips: its threshold is {self.threshold}",
                f"let it recover {'below' if self.direction == 'above' else 'above'} that",
            )
        return self

    # -- in the words of a case ------------------------------------------------------------------
    @cached_property  # asked 100 000 times for a plan
    def kind(self) -> Kind | None:
        """What its threshold is a level of; None: it has none."""
        return watched().get(self.watches)

    @property
    def is_of_spread(self) -> bool:
        """Whether it watches how far quantities lie apart: it is provoked by moving one of them."""
        return self.kind is not None and self.kind.is_spread

    @property
    def unit(self) -> str:
        """Unit of threshold and recovery level; "" where there is none."""
        return self.kind.unit if self.kind else ""

    @property
    def rising(self) -> bool:
        """Whether the case's quantity rises through `level` to trip (discharge current falls)."""
        return (self.direction == "above") != (self.sign < 0.0)

    @property
    def sign(self) -> float:
        """-1 where the profile counts the other way than a case: discharge current."""
        return self.kind.watched[self.watches] if self.kind else 1.0

    @property
    def level(self) -> float:
        """Threshold in its own unit, as the case's quantity has it (current: charge positive).

        Raises
        ------
        ValueError
            It has none.
        """
        if self.threshold is None:
            raise ValueError(f"{self.short} has no threshold")
        return self.sign * self.threshold.value

    def console_for(self, target: str | None) -> str | None:
        """Give the console pattern for a cell or sensor ({n} is its number), or for any (None)."""
        number = r"\d+" if target is None else number_of(target)
        return self.console and self.console.replace("{n}", str(number))

    @property
    def recovery_level(self) -> float | None:
        """Recovery level as the case's quantity has it; None: there is none."""
        level = self.recovers.level if self.recovers else None
        return None if level is None else self.sign * level.value

    def quantities(self, profile: Profile) -> tuple[str, ...]:
        """Give the case's quantities (or fault targets) that this protection watches."""
        kind = self.kind or _FAULTS[self.watches]
        if kind is None:
            return () if self.link is None else (self.link,)
        if kind.derived is not None and kind.is_spread:
            kind = kinds()[kind.derived.of]
        return profile.names_of(kind)


_LEVELS = ("below", "above")


# ---- balancing ----------------------------------------------------------------------------------
class Balancing(Description):
    """Which cells it discharges, and how that shows."""

    above_v: Annotated[Volts, bounded(bounds.CELL_LEVEL), Field(alias="above")]  # a cell above this
    spread_v: Annotated[
        Volts | None, bounded(bounds.CELL_DIFFERENCE), Field(alias="above lowest")
    ] = None  # ... and above the lowest
    until_v: Annotated[
        Volts | None, bounded(bounds.CELL_DIFFERENCE), Field(alias="until above lowest")
    ] = None
    stops_below_v: Annotated[Volts, bounded(bounds.CELL_LEVEL), Field(alias="stops below")]
    accuracy_v: Annotated[
        Volts | None,
        bounded(bounds.VOLT_ACCURACY),
        Field(alias="accuracy", description="of each of these levels"),
    ] = None
    current_a: Annotated[Amps | None, bounded(bounds.BALANCING_CURRENT), Field(alias="current")] = (
        None
    )
    at_rest_s: Annotated[Seconds, bounded(bounds.REST), Field(alias="at rest for")] = 0.0
    rest_below_a: Annotated[
        Amps | None, bounded(bounds.SMALL_CURRENT), Field(alias="rest below")
    ] = None
    begins_within_s: Annotated[Seconds, bounded(bounds.REST), Field(alias="begins within")]
    not_in_a_fault: bool = True
    by: Literal["bleed current", "output"]
    # An output that is closed while cell n bleeds; by this name a judge knows it from others.
    output: Literal["balance {n}"] | None = None
    signal: str | None = None  # "Message.Bal{n}" of cell n
    traces_to: Names = ()

    @model_validator(mode="after")
    def _visible(self) -> Balancing:
        if self.by == "output" and self.output is None:
            raise mistake_error("balancing by output: which one?", 'add output: "balance {n}"')
        return self

    def signal_for(self, cell: int) -> SignalAddress | None:
        """Name the CAN signal that is 1 while a cell (from 1) bleeds."""
        return SignalAddress(numbered(self.signal, cell)) if self.signal else None


# ---- the profile --------------------------------------------------------------------------------
class Profile(Description):
    """What the maker claims of one type of BMS."""

    name: PlainName
    title: str = ""
    chip: str
    sources: Names = ()  # documents that the figures come from
    cells: Cells
    temperatures: Temperatures | None = None
    has_current: Annotated[bool, Field(alias="measures current")]
    supply: Supply | None = None
    nominal: Nominal
    limits: MaximumRatings
    can: Can | None = None
    buses: Annotated[
        dict[PlainName, BusDbc],
        Field(description="further CAN buses that are judged, by their names on the bench"),
    ] = Field(default_factory=dict)
    console: Console | None = None
    start: Start
    outputs: Annotated[dict[str, OutputPin], Field(min_length=1)]
    links: dict[str, Link] = Field(default_factory=dict)
    front_end: FrontEnd | None = None
    telemetry: Telemetry = Telemetry()
    messages: dict[str, PeriodicMessage] = Field(default_factory=dict)
    events: Events | None = None
    current_and_voltage_limits: CurrentVoltageLimits | None = None
    protections: dict[str, Protection]
    any_fault: Annotated[
        SignalAddress | None,
        Field(description="a signal: 1 while a protection holds an output open"),
    ] = None
    balancing: Balancing | None = None
    settings: Settings | None = None
    resets: Resets | None = None
    timers: Timers | None = None
    energy: Energy | None = None
    contactors: Contactors | None = None
    was: Annotated[
        dict[str, str],
        Field(description="former paths of renamed claims, each with its path now"),
    ] = Field(default_factory=dict)

    _folder: Path = PrivateAttr(default=Path())

    @property
    def dbc_path(self) -> Path | None:
        """Where the DBC lies: beside the profile."""
        return None if self.can is None else self._folder / self.can.dbc

    @property
    def dbcs(self) -> Mapping[str, BusDbc]:
        """Give by what the frames of each CAN bus are understood, its own first."""
        return {**({OWN_BUS: self.can} if self.can else {}), **self.buses}

    @property
    def dbc_paths(self) -> Mapping[str, Path]:
        """Where the DBC of each CAN bus lies: beside the profile."""
        return {name: self._folder / bus.dbc for name, bus in self.dbcs.items()}

    def promise_of(self, message: MessageAddress) -> PeriodicMessage | None:
        """Give what is claimed of a message; of a module's, what is of all of them."""
        return self.messages.get(message) or self.messages.get(message.whole)

    def unknown_place(self, address: Address) -> tuple[str, str] | None:
        """Say that there is no such bus, or module on it, if there is none."""
        if (bus := self.dbcs.get(address.bus)) is None:
            return f'{self.name} has no CAN bus "{address.bus}"', suggest(address.bus, self.dbcs)
        count = bus.modules.count if bus.modules else 0
        if address.module is None or address.module <= count:
            return None
        there = f"{count} modules" if count else "no modules: add modules: to the profile"
        return f"there is no module {address.module} on {address.bus}", f"it has {there}"

    @property
    def supply_v(self) -> float:
        """Voltage of the BMS's own supply; 0 where it has none that can be switched."""
        return self.supply.volts if self.supply else 0.0

    @property
    def cell_names(self) -> tuple[str, ...]:
        """Give "cell 1", "cell 2" and so on."""
        return self.names_of(CELL)

    @property
    def temperature_names(self) -> tuple[str, ...]:
        """Give "temperature 1" and so on."""
        return self.names_of(TEMPERATURE)

    def names_of(self, kind: Kind) -> tuple[str, ...]:
        """Give all of a kind that it has, by a plan's words: "bleed 1", "bleed 2" and so on."""
        return self.hierarchy.names_of(kind)

    @cached_property  # asked 100 000 times for a plan
    def hierarchy(self) -> Hierarchy:
        """Which quantities it has, and which are sums of which."""
        sensors = self.temperatures.count if self.temperatures else 0
        counts = dict.fromkeys((CELL, BLEED, BALANCE), self.cells.count)
        return Hierarchy({**counts, TEMPERATURE: sensors, MODULE: self.cells.modules or 0})

    @cached_property
    def settable(self) -> Mapping[str, str]:
        """Give the quantities that a case can set, with their units; sums by their parts."""
        return {**self.fed, **{name: unit_of(name) for name in self.hierarchy.sums}}

    @cached_property
    def fed(self) -> Mapping[str, str]:
        """Give the quantities that instruments feed, with their units."""
        fed = [CELL, TEMPERATURE, *([CURRENT] if self.has_current else [])]
        fed += [SUPPLY] if self.supply and self.supply.can_switch else []
        return {name: kind.unit for kind in fed for name in self.names_of(kind)}

    @cached_property
    def periods(self) -> Mapping[str, float]:
        """Give how often each message is claimed to come, in s."""
        return {name: claim.period.value for name, claim in self.messages.items()}

    @property
    def closes_at_start(self) -> tuple[str, ...]:
        """Give the outputs that close once it is powered, whoever asks or does not."""
        asked = self.contactors.both if self.contactors else ()
        return tuple(output for output in self.start.closes if output not in asked)

    @cached_property  # as often as `hierarchy`
    def nominal_values(self) -> Mapping[str, float]:
        """Give the quantities that a case starts from (the supply is on)."""
        values = dict.fromkeys(self.cell_names, self.nominal.cells_v)
        values |= dict.fromkeys(self.temperature_names, self.nominal.temperatures_degc)
        values |= {CURRENT.word: self.nominal.current_a} if self.has_current else {}
        if self.supply is not None and self.supply.can_switch:
            values[SUPPLY.word] = self.supply.volts
        return values

    def nominal_of(self, quantity: str) -> float:
        """Give the value of a quantity that a case starts from."""
        return self.hierarchy.value(quantity, self.nominal_values)

    def values_at(self, values: Mapping[str, float]) -> dict[str, float]:
        """Give what each quantity is that instruments feed, once a case has set these."""
        return {**self.nominal_values, **self.hierarchy.apart(values)}

    def disturbs_settings(self, line: str) -> bool:
        """Whether a typed line may leave the BMS with other settings than the factory's."""
        if self.settings is None or self.console is None:
            return False
        loss = self.settings.loss
        spoils = loss is not None and line == self.console.commands.get(loss.provoked_by)
        return spoils or self.settings.touches(line)

    def allowed(self, quantity: str) -> Interval:
        """Give the range in which a quantity may ever be commanded."""
        kind = kind_of(quantity)
        if kind is CURRENT:
            return Interval(-self.limits.discharge_a, self.limits.charge_a, "A")
        if kind is SUPPLY:
            return Interval(0.0, self.supply_v, "V")
        if kind is not None and kind.is_sum:
            parts = [self.allowed(part) for part in self.hierarchy.parts(quantity)]
            return Interval(sum(p.low for p in parts), sum(p.high for p in parts), kind.unit)
        return self.limits.cell_v if kind is CELL else self.limits.temperature_degc

    def signals(self) -> Iterator[tuple[Location, str]]:
        """Give every "Message.Signal" that the profile names, with where it stands in the file."""
        for name, protection in self.protections.items():
            yield from ((("protections", name, "flags", said), said) for said in protection.flags)
        counts = {kind.name: len(self.names_of(kind)) for kind in (CELL, TEMPERATURE)}
        for name, report in self.telemetry.reports().items():
            for n in range(1, counts.get(name, 1) + 1):
                if (signal := report.signal_for(n)) is not None:
                    yield ("telemetry", name, "signal"), signal
        yield from self._message_signals()
        yield from self._received_signals()
        for section in (self.energy, self.events, self.current_and_voltage_limits, self.settings):
            yield from section.signals() if section is not None else ()
        yield from self._output_signals()

    def _output_signals(self) -> Iterator[tuple[Location, str]]:
        if self.any_fault is not None:
            yield ("any fault",), self.any_fault
        for name, output in self.outputs.items():
            if output.signal is not None:
                yield ("outputs", name, "signal"), output.signal

    def _received_signals(self) -> Iterator[tuple[Location, str]]:
        for name, received in self.can.receives.items() if self.can else ():
            yield from received.signals(name)
        for name, signals in self.start.request.items():
            yield from ((("start", "request", name, s), f"{name}.{s}") for s in signals)

    def _message_signals(self) -> Iterator[tuple[Location, str]]:
        for name, claim in self.messages.items():
            for key in ("counter", "crc"):
                if signal := getattr(claim, key):
                    yield ("messages", name, key), MessageAddress(name).signal(signal)
        if self.contactors is not None:
            for said in self.contactors.failure.flags:
                yield ("contactors", "precharge fails", "flags", said), said
            yield ("contactors", "states", "signal"), self.contactors.states.signal
            asked = self.contactors.request
            yield ("contactors", "request", "signal"), f"{asked.message}.{asked.signal}"
        for n in range(1, self.cells.count + 1):
            if self.balancing and (signal := self.balancing.signal_for(n)):
                yield ("balancing", "signal"), signal


# ---- reading ------------------------------------------------------------------------------------
def load_profile(profile: Path | str, *, stored: bool = False) -> Profile:
    """Load and check a profile, by path or by its BMS's name, or one that a run keeps.

    Raises
    ------
    BrokenDescriptionError
        Naming every mistake.
    """
    return read_profile(profile, stored=stored).model


def read_profile(profile: Path | str, *, stored: bool = False) -> Document[Profile]:
    """Load and check a profile, keeping where its values stand.

    Raises
    ------
    DescriptionError
        There is no such profile, or it has mistakes: all of them at once.
    """
    path = find_described(profile, "duts", "profile.yaml")
    shown = shown_path(path)
    text = text_of(path, shown)
    try:
        known = _parsed(text, stored)
    except BrokenDescriptionError:
        known = parse(
            text, Profile, shown, stored=stored
        )  # the same mistakes, with the file's name
    document = Document(shown, known.model.model_copy(), known.positions)
    document.model._folder = path.parent
    if mistakes := contradictions(document):
        raise BrokenDescriptionError(mistakes)
    return document


@lru_cache(maxsize=8)  # a run reads its profile twice, and three times its copy in the run folder
def _parsed(text: str, stored: bool) -> Document[Profile]:  # noqa: FBT001 -- for the cache
    return parse(text, Profile, "", stored=stored)


def find_described(name: Path | str, kind: str, inner: str | None = None) -> Path:
    """Find a description by path, or by name in `kind`/ of this folder, or among the rig's own.

    Parameters
    ----------
    name : Path or str
        A file, a folder that holds `inner`, or a bare name.
    kind : str
        "duts" or "benches".
    inner : str, optional
        The file in a folder of that name; without, the file is ``name.yaml``.

    Raises
    ------
    BrokenDescriptionError
        There is none of that name; it tells the nearest one.
    """
    given = Path(name)
    own = Path(__file__).parents[2] / "fixtures" / kind
    folders = [Path(kind), Path("fixtures") / kind, own]
    tail = f"{name}/{inner}" if inner else f"{name}.yaml"
    candidates = [given, *([given / inner] if inner else []), *(f / tail for f in folders)]
    for candidate in candidates:
        if is_file(candidate):
            return candidate
    if given.suffix in (".yaml", ".yml"):
        return given  # reading it names the mistake
    pattern = f"*/{inner}" if inner else "*.yaml"
    known = {p.parent.name if inner else p.stem for f in folders for p in f.glob(pattern)}
    what = f'there is no description "{name}" here, nor in {kind}/'
    raise BrokenDescriptionError(
        [Mistake(str(name), 0, 0, "", what, suggest(str(name), sorted(known)))]
    )
