"""A bench, from YAML: its instruments, which channel reaches which terminal of the BMS, its limits.

Data only: `rig.bench` connects what stands here. Terms of the BMS on one side, instruments and
channels on the other; nothing else in the rig may know both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    WithJsonSchema,
    model_validator,
)

from rig import bounds
from rig.can_address import OWN_BUS
from rig.console_name import OWN_CONSOLE, ConsoleName, is_console
from rig.description import (
    ONE,
    SEVERAL,
    BrokenDescriptionError,
    Description,
    Document,
    Location,
    Mistake,
    PlainName,
    Typed,
    mistake_error,
    read,
    suggest,
)
from rig.dut.profile import Baud, Newline, find_described
from rig.errors import DescriptionError
from rig.instruments import capabilities
from rig.instruments.entry import Address, InstrumentEntry
from rig.instruments.registry import DRIVERS, DriverInfo
from rig.quantities import kind_of
from rig.quantity import (
    Amps,
    BitRate,
    DataBitRate,
    DegCRange,
    Ratio,
    Seconds,
    Volts,
    VoltsPerAmp,
    VoltsPerVolt,
    bounded,
    format,
)
from rig.yaml_data import dotted

_FILLED = re.compile(r"\$\{(\w+)\}")


def _some_words(command: tuple[str, ...]) -> tuple[str, ...]:
    if not command:
        raise mistake_error("an empty command starts nothing", "write what to start")
    return command


# ---- wiring -------------------------------------------------------------------------------------
class Terminal(Description):
    """An instrument's channel, as "digitizer 5"; channel 0 where it has just one."""

    instrument: str
    channel: int = 0

    def __str__(self) -> str:
        return f"{self.instrument} {self.channel}" if self.channel else self.instrument


def _terminal(value: Any) -> Any:
    if isinstance(value, Terminal):
        return value
    match = re.fullmatch(r"(\S(?:.*\S)?)\s+(\d+)|(\S+)", value) if isinstance(value, str) else None
    if match is None:
        raise mistake_error(
            f"{value!r} is no instrument and channel", 'write for example "digitizer 5"'
        )
    return {"instrument": match[1] or match[3], "channel": int(match[2] or 0)}


Wire = Annotated[
    Terminal,
    BeforeValidator(_terminal),
    WithJsonSchema({"type": "string", "examples": ["digitizer 5"]}, mode="validation"),
]


class Shunt(Description):
    """A resistor in the current's path, whose voltage a meter reads."""

    volts_per_a: Annotated[VoltsPerAmp, Field(alias="scale")]
    tolerance: Annotated[
        Ratio,
        bounded(bounds.SHUNT_TOLERANCE),
        Field(description="of its resistance, by its certificate"),
    ]


class Wiring(Description):
    """What reaches one terminal of the BMS."""

    source: Annotated[Wire | None, Field(alias="from")] = None  # what drives it
    charge: Wire | None = None  # of `current`: the supply that charges
    discharge: Wire | None = None  # of `current`: the load
    tap: Wire | None = None  # the digitizer's channel
    meter: Wire | None = None  # the scanner's channel
    divider: VoltsPerVolt | None = None  # at the tap, volts per volt at the terminal
    scale: VoltsPerAmp | None = None  # at the tap of a current
    shunt: Shunt | None = None  # between the meter and a current
    span_v: Annotated[Volts | None, bounded(bounds.SPAN), Field(alias="span")] = (
        None  # most that the tap can show
    )
    breaks: Annotated[Wire | None, Field(alias="open")] = None  # of a link: relays that, moved, ...
    shorts: Annotated[Wire | None, Field(alias="short")] = None  # ... break it or short its lines

    def wires(self) -> Iterator[tuple[str, Terminal]]:
        """Give every wire with its key in the file."""
        for key, wire in (
            ("from", self.source),
            ("charge", self.charge),
            ("discharge", self.discharge),
            ("tap", self.tap),
            ("meter", self.meter),
            ("open", self.breaks),
            ("short", self.shorts),
        ):
            if wire is not None:
                yield key, wire


# ---- links and limits ---------------------------------------------------------------------------
class BenchCan(Description):
    """The CAN adapter of a bus."""

    interface: Annotated[str, Field(description="python-can's name", examples=["socketcan"])]
    address: Address
    bitrate: Annotated[BitRate | None, Field(examples=["500 kbit/s"])] = None  # the profile's
    is_fd: Annotated[bool, Field(alias="fd")] = False
    data_bitrate: Annotated[DataBitRate | None, Field(alias="data bitrate")] = None  # of CAN FD
    clock: Annotated[
        Ratio,
        bounded(bounds.CLOCK_DRIFT),
        Field(alias="clock drift", description="of its time stamps, at most"),
    ] = 100e-6


def _one_or_several(value: Any) -> str:
    """One bus or console has words and figures for values, several have buses or consoles."""
    within = value.values() if isinstance(value, Mapping) else ()
    return SEVERAL if any(isinstance(v, (Mapping, Description)) for v in within) else ONE


def _bus_name(text: str) -> str:
    if is_console(text):
        raise mistake_error(f'"{text}" is the name of another link', "name the bus otherwise")
    return text


BusName = Annotated[PlainName, AfterValidator(_bus_name)]


class BenchConsole(Description):
    """The serial port that a console is on."""

    url: Annotated[Address, Field(description="pyserial's port or URL", examples=["/dev/ttyUSB0"])]
    baud: Baud | None = None  # the profile's
    newline: Newline | None = None  # the profile's, else LF


class BenchStart(Description):
    """A process that the bench needs, started first; its first line of output is a JSON object."""

    command: Annotated[tuple[Typed, ...], AfterValidator(_some_words)]
    ready: Literal["json line"] = "json line"
    within_s: Annotated[Seconds, bounded(bounds.TIME_OUT), Field(alias="within")] = 20.0
    answers_within_s: Annotated[
        Seconds,
        bounded(bounds.TIME_OUT),
        Field(alias="answers within", description="wall time of a stepped clock's answer"),
    ] = 30.0


class BenchLimits(Description):
    """The most that this bench may command; the profile's limits hold as well."""

    cell_v: Annotated[Volts, bounded(bounds.CELL_LEVEL), Field(alias="cell voltage")]
    current_a: Annotated[Amps, bounded(bounds.LIMIT_CURRENT), Field(alias="current")]
    temperature_degc: Annotated[DegCRange, Field(alias="temperature")]
    supply_v: Annotated[Volts, bounded(bounds.SUPPLY), Field(alias="supply")]


_OneOrSeveralBuses = Annotated[
    Annotated[BenchCan, Tag(ONE)] | Annotated[dict[BusName, BenchCan], Tag(SEVERAL)],
    Discriminator(_one_or_several),
]


_OneOrSeveralConsoles = Annotated[
    Annotated[BenchConsole, Tag(ONE)] | Annotated[dict[ConsoleName, BenchConsole], Tag(SEVERAL)],
    Discriminator(_one_or_several),
]


class BenchFile(Description):
    """A bench."""

    name: Annotated[PlainName, Field(alias="bench")]
    title: str = ""
    duts: Annotated[tuple[str, ...], Field(alias="for")] = ()  # BMSs that it is wired for
    clock: Literal["wall", "stepped"] = "wall"
    start: BenchStart | None = None
    instruments: dict[str, InstrumentEntry]
    wiring: dict[str, Wiring]
    can: _OneOrSeveralBuses | None = None
    console: _OneOrSeveralConsoles | None = None
    limits: BenchLimits

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _stepped_needs_a_process(self) -> BenchFile:
        if self.clock == "stepped" and self.start is None:
            raise mistake_error(
                "a stepped clock belongs to a simulated bench, which must be started",
                "add start: {command: [...]}, or write clock: wall",
            )
        return self

    @property
    def buses(self) -> dict[str, BenchCan]:
        """The CAN buses by name; one without a name is that of the profile's messages."""
        if isinstance(self.can, BenchCan):
            return {OWN_BUS: self.can}
        return dict(self.can or {})

    @property
    def consoles(self) -> dict[str, BenchConsole]:
        """The consoles by name; one without a name is that of the profile."""
        if isinstance(self.console, BenchConsole):
            return {OWN_CONSOLE: self.console}
        return dict(self.console or {})

    @property
    def can_be_multiplied(self) -> bool:
        """Whether it may be started many times at once: its own process names all its addresses."""
        addresses = [entry.resource for entry in self.instruments.values()]
        addresses += [bus.address for bus in self.buses.values()]
        addresses += [console.url for console in self.consoles.values()]
        return self.start is not None and all("${" in address for address in addresses)

    def filled(self, values: Mapping[str, str]) -> BenchFile:
        """Replace each ${name} in addresses by what the started process said of it."""

        def fill(text: str) -> str:
            return _FILLED.sub(lambda m: str(values.get(m[1], m[0])), text)

        copied = self.model_copy(
            update={
                "instruments": {
                    name: entry.model_copy(update={"resource": fill(entry.resource)})
                    for name, entry in self.instruments.items()
                },
                "can": {
                    name: bus.model_copy(update={"address": fill(bus.address)})
                    for name, bus in self.buses.items()
                },
                "console": {
                    name: console.model_copy(update={"url": fill(console.url)})
                    for name, console in self.consoles.items()
                },
            }
        )
        copied._folder = self._folder
        return copied

    def refuse_unfilled(self, values: Mapping[str, str]) -> None:
        """Raise DescriptionError for an address with a ${name} that the process did not say."""
        for where, text in _texts(self):
            if missing := _FILLED.search(text):
                raise DescriptionError(
                    f"{dotted(where)}: nothing fills {missing[0]}",
                    f"bench {self.name}",
                    f"the started process names {', '.join(values) or 'nothing'}",
                )


# ---- reading ------------------------------------------------------------------------------------
def load_bench(bench: Path | str) -> BenchFile:
    """Load and check a bench, by path or by name; names every mistake."""
    return read_bench(bench).model


def read_bench(bench: Path | str) -> Document[BenchFile]:
    """Load and check a bench, keeping where its values stand.

    Raises
    ------
    DescriptionError
        There is no such bench, or it has mistakes: all of them at once.
    """
    path = find_described(bench, "benches")
    document = read(path, BenchFile)
    document.model._folder = path.parent
    mistakes = [*_drivers(document), *_wires(document), *_shared(document), *_buses(document)]
    mistakes += [*_consoles(document), *_addresses(document), *_ratings(document)]
    if mistakes:
        raise BrokenDescriptionError(mistakes)
    return document


def _drivers(document: Document[BenchFile]) -> Iterator[Mistake]:
    for name, entry in document.model.instruments.items():
        if entry.driver not in DRIVERS:
            yield document.mistake(
                ("instruments", name, "driver"),
                f'there is no driver "{entry.driver}"',
                suggest(entry.driver, sorted(DRIVERS)),
            )


# What each wire must be able to do that feeds nothing; of those that feed, the kind tells.
_CAPABILITIES: dict[str, tuple[type, ...]] = {
    "tap": (capabilities.Digitizer,),
    "meter": (capabilities.Meter,),
    "open": (capabilities.Relays,),
    "short": (capabilities.Relays,),
}


def _wires(document: Document[BenchFile]) -> Iterator[Mistake]:
    bench = document.model
    for term, wiring in bench.wiring.items():
        for key, wire in wiring.wires():
            where = ("wiring", term, key)
            if wire.instrument not in bench.instruments:
                what = f'the bench has no instrument "{wire.instrument}"'
                yield document.mistake(where, what, suggest(wire.instrument, bench.instruments))
                continue
            info = DRIVERS.get(bench.instruments[wire.instrument].driver)
            if info is not None:
                yield from _wire(document, where, wire, info)


def _wire(
    document: Document[BenchFile], where: Location, wire: Terminal, info: DriverInfo
) -> Iterator[Mistake]:
    _, term, key = where
    wanted = _CAPABILITIES.get(str(key)) or _source_of(str(term), str(key))
    if wanted and not info.can(wanted):
        names = " or ".join(w.__name__ for w in wanted)
        is_a = " and ".join(c.__name__ for c in info.capabilities)
        what = f"{wire.instrument} is a {is_a} ({info.title})"
        yield document.mistake(where, what, f"wire this to a {names}")
    elif wire.channel not in info.channels:
        yield document.mistake(
            where,
            f"{info.title} has no channel {wire.channel}",
            f"its channels: {_ranges(info.channels)}",
        )


def _source_of(term: str, key: str) -> tuple[type, ...]:
    """What can feed a quantity by this wire."""
    kind = kind_of(term)
    source = kind.sources.get(key) if kind else None
    return () if source is None else (getattr(capabilities, source),)


def _ranges(channels: tuple[int, ...]) -> str:
    """Write 1, 2, 3, 7 as "1 to 3, 7"."""
    runs: list[list[int]] = []
    for channel in sorted(channels):
        if runs and channel == runs[-1][-1] + 1:
            runs[-1].append(channel)
        else:
            runs.append([channel])
    return ", ".join(f"{r[0]} to {r[-1]}" if len(r) > 1 else str(r[0]) for r in runs)


def _shared(document: Document[BenchFile]) -> Iterator[Mistake]:
    """Two terminals on one channel: one of the two lines is a slip."""
    seen: dict[tuple[str, int], str] = {}
    for term, wiring in document.model.wiring.items():
        for key, wire in wiring.wires():
            place = (wire.instrument, wire.channel)
            if place in seen:
                what = f"{wire} is wired to {seen[place]} already"
                yield document.mistake(
                    ("wiring", term, key), what, "give each terminal its own channel"
                )
            seen.setdefault(place, term)


# ---- addresses and ratings ----------------------------------------------------------------------
def _addresses(document: Document[BenchFile]) -> Iterator[Mistake]:
    """Two instruments at one address, and ${names} that no started process fills."""
    seen: dict[str, str] = {}
    for name, entry in document.model.instruments.items():
        where: Location = ("instruments", name, "resource")
        address = re.sub(r"^TCPIP0::", "TCPIP::", entry.resource.strip().upper())
        if address in seen:
            what = f"{seen[address]} answers there already"
            yield document.mistake(where, what, "give each instrument its own address")
        seen.setdefault(address, name)
    for where, text in _texts(document.model):
        unfilled = text if document.model.start is None else _FILLED.sub("", text)
        if "${" in unfilled:
            what = f"nothing fills {unfilled[unfilled.index('${') :]}"
            mend = "write the address; ${name} is only for what a started process says (start:)"
            yield document.mistake(where, what, mend)


def _texts(bench: BenchFile) -> Iterator[tuple[Location, str]]:
    """Give every address, with where it stands."""
    for name, entry in bench.instruments.items():
        yield ("instruments", name, "resource"), entry.resource
    for name, bus in bench.buses.items():
        where = ("can",) if bus is bench.can else ("can", name)
        yield (*where, "address"), bus.address
    for name, console in bench.consoles.items():
        where = ("console",) if console is bench.console else ("console", name)
        yield (*where, "url"), console.url


def _buses(document: Document[BenchFile]) -> Iterator[Mistake]:
    """What an interface can't carry, and a bus whose bit rate nobody states."""
    bench = document.model
    for name, bus in bench.buses.items():
        where: Location = ("can",) if bus is bench.can else ("can", name)
        if bus.is_fd and bus.interface == "socketcand":
            what = "socketcand carries classic frames alone"
            yield document.mistake((*where, "fd"), what, "serve it by another interface: remote")
        if name != OWN_BUS and bus.bitrate is None:
            what = f'the bus "{name}" has no bit rate: the profile gives that of "{OWN_BUS}" alone'
            yield document.mistake(where, what, "add bitrate: 500 kbit/s")


def _consoles(document: Document[BenchFile]) -> Iterator[Mistake]:
    """A console whose bit rate nobody states."""
    for name, console in document.model.consoles.items():
        if name != OWN_CONSOLE and console.baud is None:
            what = f'nothing gives the baud rate of "{name}": the profile has that of its own alone'
            yield document.mistake(("console", name), what, "add baud: 115200")


def _ratings(document: Document[BenchFile]) -> Iterator[Mistake]:
    """A limit above what the instrument can be set to limits nothing."""
    for name, entry in document.model.instruments.items():
        if (info := DRIVERS.get(entry.driver)) is None:
            continue
        for key, given, most, unit in (
            ("voltage", entry.limits.voltage_v, info.most_v, "V"),
            ("current", entry.limits.current_a, info.most_a, "A"),
        ):
            if given is not None and most is not None and given > most:
                what = f"{info.title} sets {format(most, unit)} at most"
                yield document.mistake(("instruments", name, "limits", key), what, "write less")
