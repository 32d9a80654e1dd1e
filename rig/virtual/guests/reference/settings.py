"""What a user may change of the protections: names, ranges, the stored form, the rules made of it.

Values are kept as integers of a small unit (1 mV, 0.1 A, 1 ms), as they are stored. Only a value
that differs from the factory's changes a rule: what was compiled in holds for the rest. Must not
touch flash or console.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from rig.virtual.guests.reference.protections import Rule

TICK_MS = 10  # of the main task, which counts delays


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayTable:
    """Delays that the front end offers, shortest first, and how many of its units are a second."""

    values: tuple[int, ...]
    per_second: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSetting:
    """One setting: what it moves, in what unit, how far."""

    name: str
    rule: str
    moves: Literal["threshold", "release", "ticks"]
    unit: str
    per_unit: int  # so many stored steps are one unit
    factory: int  # this and the next two in stored steps
    low: int
    high: int
    width: int = 2  # bytes in the stored form
    lead_ticks: int = 0  # counted less, for what sampling takes before the first tick
    table: DelayTable | None = None


class Refused(Exception):  # noqa: N818  (a user's mistake, told to the user)
    """Why a setting is not taken, in the console's words."""


class StoredSettings:
    """The values in force."""

    def __init__(self, items: tuple[StoredSetting, ...], rules: Iterable[Rule]) -> None:
        self.items = {item.name: item for item in items}
        self._above = {rule.short: rule.above for rule in rules}
        self.values: dict[str, int] = {}
        self.restore_factory()

    # What the console does

    def restore_factory(self) -> None:
        """Take the values that the maker compiled in."""
        self.values = {name: item.factory for name, item in self.items.items()}

    def shown(self, name: str) -> str:
        """Say a value with its unit."""
        item = self._item(name)
        decimals = round(math.log10(item.per_unit))
        return f"{name}={self.values[name] / item.per_unit:.{decimals}f} {item.unit}"

    def change(self, name: str, text: str) -> None:
        """Take a value as it was typed.

        Raises
        ------
        Refused
            There is no such setting, or it can't have this value.
        """
        item = self._item(name)
        number = self._number(text)
        if not self._is_legal(item, number):
            raise Refused(f"range {item.low / item.per_unit:g}..{item.high / item.per_unit:g}")
        raw = self.steps(item, number)
        if not self.pair_is_legal(item, raw):
            raise Refused("release beyond trip")
        self.values[name] = raw

    def _item(self, name: str) -> StoredSetting:
        if name not in self.items:
            raise Refused("unknown setting")
        return self.items[name]

    def _number(self, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise Refused("no number") from None
        if not math.isfinite(number):
            raise Refused("no number")
        return number

    def _is_legal(self, item: StoredSetting, number: float) -> bool:
        steps = number * item.per_unit
        if not item.low - 0.5 < steps < item.high + 0.5:
            return False
        return item.table is None or number in self._offered(item.table)

    def _offered(self, table: DelayTable) -> list[float]:
        return [value / table.per_second for value in table.values]

    def steps(self, item: StoredSetting, number: float) -> int:
        """Scale a number, in the setting's unit, to the step that is stored."""
        return round(number * item.per_unit)

    def pair_is_legal(self, item: StoredSetting, raw: int) -> bool:
        """A release must lie on the healthy side of its trip level."""
        by_field = {i.moves: i for i in self.items.values() if i.rule == item.rule}
        if item.moves == "ticks" or not {"threshold", "release"} <= by_field.keys():
            return True
        levels = {field: self.values[i.name] for field, i in by_field.items()} | {item.moves: raw}
        return self._is_hysteresis(item.rule, levels["threshold"], levels["release"])

    def _is_hysteresis(self, rule: str, trip: int, release: int) -> bool:
        return release < trip if self._above[rule] else release > trip

    # What is stored

    def encode(self) -> bytes:
        """Give the stored form: each value in its width, one after the other."""
        return b"".join(self._field(item) for item in self.items.values())

    def _field(self, item: StoredSetting) -> bytes:
        raw = self.values[item.name] % (1 << 8 * item.width)
        return raw.to_bytes(item.width, "little")

    def decode(self, payload: bytes) -> bool:
        """Take a stored form; tell whether it has the length that this build writes."""
        if len(payload) != sum(item.width for item in self.items.values()):
            return False
        at = 0
        for item in self.stored_items():
            self.values[item.name] = int.from_bytes(
                payload[at : at + item.width], "little", signed=True
            )
            at += item.width
        return True

    def stored_items(self) -> Iterable[StoredSetting]:
        """Give the settings in the order in which they are stored."""
        return self.items.values()

    # What follows from it

    def applied_to(self, rules: Iterable[Rule]) -> list[Rule]:
        """Give the rules as the settings make them."""
        changes: dict[str, dict[str, float | int]] = {}
        for name, item in self.items.items():
            if self.values[name] != item.factory:
                changes.setdefault(item.rule, {})[item.moves] = self._figure(item)
        return [self._changed(rule, changes.get(rule.short, {})) for rule in rules]

    def _changed(self, rule: Rule, figures: Mapping[str, float | int]) -> Rule:
        return replace(rule, **figures) if figures else rule  # type: ignore[arg-type]

    def _figure(self, item: StoredSetting) -> float | int:
        raw = self.values[item.name]
        if item.moves != "ticks":
            return raw / item.per_unit
        return self._delay_ms(item, raw) // TICK_MS - item.lead_ticks

    def _delay_ms(self, item: StoredSetting, wish_ms: int) -> int:
        table = item.table
        if table is None:
            return wish_ms
        # The front end's register has room for the code and no more.
        code = self._code(table, wish_ms) % len(table.values)
        return table.values[code] * 1000 // table.per_second

    def _code(self, table: DelayTable, wish_ms: int) -> int:
        """Find the longest delay of the table that is not longer than the wish."""
        entries, wish = self.entries(table), self.in_table_units(table, wish_ms)
        return next((i for i in reversed(range(len(entries))) if entries[i] <= wish), 0)

    def entries(self, table: DelayTable) -> tuple[int, ...]:
        """Give the delays of a table."""
        return table.values

    def in_table_units(self, table: DelayTable, wish_ms: int) -> float:
        """Scale a delay in ms to the unit of a table."""
        return wish_ms * table.per_second / 1000
