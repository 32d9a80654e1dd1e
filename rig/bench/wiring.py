"""Which instrument channel reaches which pin of the BMS. Data; must not talk to an instrument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rig.bench.description import BenchFile, Shunt, Terminal
from rig.instruments.capabilities import Relays
from rig.instruments.registry import DRIVERS
from rig.quantities import CELL, CURRENT, SUPPLY, Kind, kind_of, number_of, unit_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """Where a quantity is recorded, and how the digitizer's volts become the quantity."""

    at: Terminal
    volts_per_unit: float
    unit: str
    low: float  # the range to record, in `unit`
    high: float

    @property
    def range_v(self) -> tuple[float, float]:
        """The range at the digitizer's input."""
        return self.low * self.volts_per_unit, self.high * self.volts_per_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The bench's wires in the BMS's words; a name that is missing is not wired."""

    sources: Mapping[str, Terminal]  # "cell 1", "temperature 1", "supply"
    charger: Terminal | None = None
    load: Terminal | None = None
    taps: Mapping[str, Tap] = field(default_factory=dict)  # quantities and outputs
    meters: Mapping[str, Terminal] = field(default_factory=dict)  # quantities and outputs
    shunt: Shunt | None = None  # through which the meter sees the current
    relays: Mapping[tuple[str, str], Terminal] = field(default_factory=dict)  # ("open", link)

    def by_instrument(self, names: Iterable[str]) -> dict[str, dict[str, int]]:
        """Group quantities by the instrument that feeds them: role -> {name: channel}."""
        groups: dict[str, dict[str, int]] = {}
        for name in names:
            terminal = self.sources[name]
            groups.setdefault(terminal.instrument, {})[name] = terminal.channel
        return groups

    def sourced(self, kind: Kind) -> dict[str, Terminal]:
        """The terminals that feed quantities of a kind."""
        return {name: t for name, t in self.sources.items() if kind_of(name) is kind}


# What is switched off first: the current, and of it the charger before the load, or it would lift
# the pack; the supply before the cells, so that the BMS sees no half of them.
_OFF = (CURRENT, SUPPLY, CELL)
_RELAYS = ("open", "short")  # keys of wires that move once nothing is energised


def off_order(description: BenchFile) -> list[str]:
    """All instruments in the order of switching off: current, supply, cells, relays, the rest.

    One that does several things is switched off whole, with the first of them; of several that feed
    cells, the top of the stack comes first. What is wired to nothing goes by what it can do.
    """
    ranks = _off_ranks()
    first: dict[str, tuple[int, int]] = {}
    for role, feeds, number in _duties(description):
        if feeds in ranks:
            first[role] = min(first.get(role, (len(ranks), 0)), (ranks[feeds], -number))
    return sorted(description.instruments, key=lambda role: first.get(role, (len(ranks), 0)))


def _off_ranks() -> dict[tuple[str, str], int]:
    """Rank whatever can be wired, by (word of its kind, key of the wire), as it is switched off."""
    feeding = [(kind.word, key) for kind in _OFF for key in kind.sources]
    return {what: rank for rank, what in enumerate([*feeding, *(("", key) for key in _RELAYS)])}


def _duties(description: BenchFile) -> Iterator[tuple[str, tuple[str, str], int]]:
    """Give what each instrument is there for, and for which cell."""
    for name, line in description.wiring.items():
        kind = kind_of(name)
        for key, wire in line.wires():
            word = kind.word if kind is not None and key not in _RELAYS else ""
            yield wire.instrument, (word, key), number_of(name) or 0
    latest = {kind.sources[key]: (kind.word, key) for kind in _OFF for key in kind.sources}
    for role, entry in description.instruments.items():
        for capability in DRIVERS[entry.driver].capabilities:
            if capability is Relays:
                yield role, ("", _RELAYS[0]), 0
            elif capability.__name__ in latest:
                yield role, latest[capability.__name__], 0


def relays_of(description: BenchFile) -> dict[str, list[int]]:
    """Channels that are wired as relays, by instrument."""
    found: dict[str, list[int]] = {}
    for line in description.wiring.values():
        for relay in (line.breaks, line.shorts):
            if relay is not None:
                found.setdefault(relay.instrument, []).append(relay.channel)
    return found


def wiring_of(description: BenchFile, spans: Mapping[str, tuple[float, float]]) -> Wiring:
    """Read the wiring of a bench.

    Parameters
    ----------
    spans
        For what a description gives no `span`: the range that each quantity can have.
    """
    lines = description.wiring
    current = lines.get(CURRENT.word)
    return Wiring(
        sources={name: line.source for name, line in lines.items() if line.source is not None},
        charger=current.charge if current else None,
        load=current.discharge if current else None,
        taps={
            name: _tap(
                name,
                line.tap,
                (0.0, line.span_v) if line.span_v is not None else spans.get(name, (0.0, 20.0)),
                line.scale or line.divider or 1.0,
            )
            for name, line in lines.items()
            if line.tap is not None
        },
        meters={name: line.meter for name, line in lines.items() if line.meter is not None},
        shunt=current.shunt if current else None,
        relays={
            (kind, name): relay
            for name, line in lines.items()
            for kind, relay in (("open", line.breaks), ("short", line.shorts))
            if relay is not None
        },
    )


def _tap(name: str, at: Terminal, span: tuple[float, float], volts_per_unit: float) -> Tap:
    unit = unit_of(name)
    return Tap(at=at, volts_per_unit=volts_per_unit, unit=unit, low=span[0], high=span[1])
