"""The step `set`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from rig.description import by_key, mapping_schema, with_keys
from rig.quantities import Kind, Values, kind_of, together, unit_of, unit_of_settable
from rig.quantity import exact, parse, reader
from rig.steps.driver import Driver, Foresight
from rig.steps.resolver import Resolver
from rig.steps.step import COMMAND_S, MOST_COMMAND_S, Step
from rig.wording import joined, quantity


def _setting(key: str, value: Any) -> float:
    number: float = reader(parse, unit_of_settable(key))(value)
    return number


_Settings = Annotated[
    dict[str, Annotated[float, by_key(_setting)]],
    BeforeValidator(with_keys),
    mapping_schema("{cell 3: 3.70 V}"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(Step):
    """Command several quantities at once: `cell n`, `temperature n`, `current`, `supply`.

    It is done when every instrument has confirmed.
    """

    words: ClassVar[Mapping[str, Any]] = {"set": _Settings}
    acts: ClassVar[bool] = True

    values: Values
    kind: Literal["set"] = "set"

    @classmethod
    def read(cls, word: str, content: Mapping[str, float], names: Resolver) -> Step:
        values: dict[str, float] = {}
        # Groups first, so that "cells: 3.3 V, cell 3: 3.7 V" means what it says in either order.
        for key in sorted(content, key=lambda key: names.all_of(key) == (key,)):
            values |= dict.fromkeys(names.all_of(key), content[key])
        return cls(values=values)

    def check(self, names: Resolver) -> None:
        for name in self.values:
            names.at(name).settable(name)

    def written(self) -> tuple[str, Any]:
        return "set", {name: exact(value, unit_of(name)) for name, value in self.values.items()}

    def sentence(self) -> str:
        """Quantities of one value together: "cells 1, 2 and 4 to 3.300 V and cell 3 to 3.700 V"."""
        groups: dict[tuple[Kind | str, float], list[str]] = {}
        for name, value in self.values.items():
            groups.setdefault((kind_of(name) or name, value), []).append(name)
        said = [
            f"{together(names)} to {quantity(value, unit_of(names[0]))}"
            for (_, value), names in groups.items()
        ]
        return f"Set {joined(said)}"

    def longest_s(self) -> float:
        return MOST_COMMAND_S * self._instruments()

    def expected_s(self, foresight: Foresight) -> float:
        return COMMAND_S * self._instruments()

    def _instruments(self) -> int:
        """Count the kinds of quantity: each has an instrument of its own."""
        return len(set(map(kind_of, self.values)))

    def commanded(self) -> Iterator[tuple[str, float]]:
        yield from self.values.items()

    def simpler(self) -> Iterator[Step]:
        for left_out in self.values if len(self.values) > 1 else ():
            yield replace(self, values={k: v for k, v in self.values.items() if k != left_out})

    def do(self, driver: Driver) -> None:
        driver.set(self.values)
