"""Quantities: their words read back, one table of units, and what a plugin adds."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig import quantities
from rig.errors import DescriptionError
from rig.instruments import capabilities
from rig.quantities import (
    BALANCE,
    BLEED,
    CELL,
    CURRENT,
    MODULE,
    PACK,
    SPREAD,
    STACK,
    TEMPERATURE,
    Hierarchy,
    Kind,
    Place,
    Selection,
    each,
    find,
    is_settable,
    kind_of,
    kinds,
    number_of,
    numbered,
    settable,
    together,
    unit_of,
    watched,
)

PRESSURE = Kind(name="pressure", word="pressure", unit="V", numbered=True)
_places = st.builds(Place, *[st.none() | st.integers(0, 99)] * 2)
_numbers = st.lists(st.integers(0, 16_383), min_size=1, max_size=9, unique=True).map(tuple)


@st.composite
def _selections(draw: st.DrawFn) -> Selection:
    kind = draw(st.sampled_from(list(kinds().values())))
    index = draw(st.none() | _numbers) if kind.numbered else (0,)
    return Selection(kind, index, draw(_places))


@given(_selections())
def test_the_words_of_a_selection_read_back(selection: Selection) -> None:
    assert find(str(selection)) == selection
    assert hash(find(str(selection))) == hash(selection)


@pytest.mark.parametrize(
    ("words", "selection"),
    [
        ("cell 3", Selection(CELL, (2,))),
        ("cells", Selection(CELL, None)),
        ("cells 1, 2 and 4", Selection(CELL, (0, 1, 3))),
        ("cells 1 and 2", Selection(CELL, (0, 1))),
        ("cells 1 to 3", Selection(CELL, (0, 1, 2))),
        ("cells 1 to 3, 7 and 9 to 12", Selection(CELL, (0, 1, 2, 6, 8, 9, 10, 11))),
        ("temperature 1", Selection(TEMPERATURE, (0,))),
        ("pack", Selection(PACK)),
        ("current", Selection(CURRENT)),
        ("module 2", Selection(MODULE, (1,))),
        ("module 2/cell 7", Selection(CELL, (6,), Place(module=1))),
        ("string 1/module 2/cells", Selection(CELL, None, Place(0, 1))),
        ("bleed 4", Selection(BLEED, (3,))),
        ("balance 4", Selection(BALANCE, (3,))),
    ],
)
def test_a_plans_words(words: str, selection: Selection) -> None:
    assert find(words) == selection
    assert str(selection) == words


@pytest.mark.parametrize(
    "words",
    [
        *("", "cell", "cell 0", "cell 03", "cell -1", "cell x", "cell  3", "cell 3 ", "cell ٣"),
        *("cells 1", "cells 1 2", "cells and 3", "pack 1", "packs", "current 1", "charge path"),
        *("cells 3 to 1", "cells 1 to", "cells 1 to 3 4", "cells 1 to 99999999999", "cell 1 to 3"),
        *("closed 3", "cell/3", "module 2/", "module 0/cell 1", "cell voltage", "open cell 3"),
    ],
)
def test_what_is_no_quantity(words: str) -> None:
    assert find(words) is None
    assert kind_of(words) is None
    assert number_of(words) is None
    assert not is_settable(words)
    assert unit_of(words) == "V"  # perhaps an output


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("cell 3", 3),
        ("temperature 12", 12),
        ("pack", None),
        ("cells", None),
        ("cells 1 and 2", None),
    ],
)
def test_the_number_of_one(words: str, number: int | None) -> None:
    assert number_of(words) == number


def test_names_and_indices_within_a_place() -> None:
    cells = Selection(CELL, None, Place(module=1))

    assert cells.names(2) == ("module 2/cell 1", "module 2/cell 2")
    assert CELL.names(range(1, 3)) == ("cell 1", "cell 2") == Selection(CELL, None).names(2)
    assert cells.indices(3).tolist() == [0, 1, 2]
    assert Selection(CELL, (4, 2)).indices(16).tolist() == [4, 2]
    assert PACK.names([1]) == ("pack",) == Selection(PACK).names(1)


@given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=40))
def test_a_stack_is_the_sum_of_its_cells_and_a_spread_the_distance_of_two(
    cells: list[float],
) -> None:
    assert STACK.derived is not None
    assert SPREAD.derived is not None
    assert STACK.derived.value(cells) == pytest.approx(sum(cells))
    assert SPREAD.derived.value(np.array(cells)) == max(cells) - min(cells)


@pytest.mark.parametrize(
    ("words", "unit", "difference"),
    [
        *[("cell 3", "V", "V"), ("cells", "V", "V"), ("pack", "V", "V"), ("module 2", "V", "V")],
        *[("temperature 1", "°C", "K"), ("temperatures", "°C", "K"), ("current", "A", "A")],
        *[
            ("bleed 3", "A", "A"),
            ("supply", "V", "V"),
            ("link", "V", "V"),
            ("insulation", "Ω", "Ω"),
        ],
    ],
)
def test_units(words: str, unit: str, difference: str) -> None:
    kind = kind_of(words)

    assert kind is not None
    assert (unit_of(words), kind.unit, kind.difference) == (unit, unit, difference)


def test_each_name_word_and_watched_word_stands_once_and_each_capability_there_is() -> None:
    rows = list(kinds().values())

    assert len({k.name for k in rows}) == len({k.word for k in rows}) == len(rows)
    assert len(watched()) == sum(len(k.watched) for k in rows)
    assert {k.group for k in rows if k.numbered}.isdisjoint(k.word for k in rows)
    assert all(k.derived is None or k.derived.of in kinds() for k in rows)
    named = {c for k in rows for c in k.sources.values()}
    assert all(isinstance(getattr(capabilities, name), type) for name in named)


def test_what_can_be_set_is_what_instruments_feed_by_itself_or_by_its_parts() -> None:
    assert settable() == (
        *("cell n", "cells", "temperature n", "temperatures", "current", "supply"),
        *("module n", "stack"),
    )
    words = ("cell 3", "cells", "module 2", "stack", "pack", "spread", "bleed 1", "supply")
    assert [w for w in words if not is_settable(w)] == ["pack", "spread", "bleed 1"]


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (["cell 1", "cell 2", "cell 4"], "cells 1, 2 and 4"),
        ([f"cell {n}" for n in range(1, 17)], "cells 1 to 16"),
        ([], ""),
        (["module 2/cell 1", "module 2/cell 2"], "module 2/cells 1 and 2"),
        (["cell 3"], "cell 3"),
        (["pack"], "pack"),
        (["charge path"], "charge path"),
        (["charge path", "discharge path"], "charge path, discharge path"),
    ],
)
def test_names_of_one_kind_are_written_together(names: list[str], written: str) -> None:
    assert together(names) == written


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("cells 1 to 3 and 5", ("cell 1", "cell 2", "cell 3", "cell 5")),
        ("module 2/cells 1 and 2", ("module 2/cell 1", "module 2/cell 2")),
        ("cell 3", ("cell 3",)),
        ("charge path", ("charge path",)),
        ("cells", ("cells",)),  # how many there are, nobody says here
    ],
)
def test_some_are_named_each_by_itself(words: str, names: tuple[str, ...]) -> None:
    assert each(words) == names


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Cell{n}_V", "Cell6_V"),
        ("BMS_CellVoltages{n/4}", "BMS_CellVoltages2"),
        (" v=(?:[^,]+,){{n-1}}(.+)", " v=(?:[^,]+,){5}(.+)"),
        ("PackVoltage{2}", "PackVoltage{2}"),
    ],
)
def test_a_number_goes_into_a_text(text: str, filled: str) -> None:
    assert numbered(text, 6) == filled


# ---- what a plugin adds -------------------------------------------------------------------------
@pytest.fixture
def _plugged(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """One installed package with an entry point; what was found before is forgotten."""

    def points(group: str) -> list[EntryPoint]:
        return [EntryPoint("theirs", f"{__name__}:{request.param}", group)]

    caches = (
        quantities.kinds,
        quantities.watched,
        quantities.find,
        quantities.kind_of,
        quantities.each,
    )
    monkeypatch.setattr(quantities, "entry_points", points)
    monkeypatch.setattr(EntryPoint, "load", lambda point: globals()[point.attr])
    for found in caches:
        found.cache_clear()
    yield
    for found in caches:
        found.cache_clear()


@pytest.mark.parametrize("_plugged", ["PRESSURE"], indirect=True)
@pytest.mark.usefixtures("_plugged")
def test_an_entry_point_adds_a_kind() -> None:
    assert kind_of("pressure 2") is PRESSURE
    assert find("pressures") == Selection(PRESSURE, None)


TAKEN = Kind(name="another", word="cell", unit="V")
NO_KIND = SimpleNamespace(word="pressure")


@pytest.mark.parametrize(
    ("_plugged", "message"),
    [
        ("TAKEN", "there is a quantity 'cell' already"),
        ("NO_KIND", "is a SimpleNamespace, not a Kind"),
        ("MISSING", "can't be loaded: KeyError"),
    ],
    indirect=["_plugged"],
)
@pytest.mark.usefixtures("_plugged")
def test_a_bad_entry_point_is_named(message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        kinds()


# ---- what a BMS has -----------------------------------------------------------------------------
_EIGHT = Hierarchy({CELL: 8, MODULE: 2, TEMPERATURE: 3})


def test_sums_are_made_of_parts_in_their_order() -> None:
    assert _EIGHT.names_of(MODULE) == ("module 1", "module 2")
    assert _EIGHT.parts("module 2") == ("cell 5", "cell 6", "cell 7", "cell 8")
    assert _EIGHT.parts("stack") == CELL.names(range(1, 9))
    assert _EIGHT.parts("cell 3") == ("cell 3",)
    assert set(_EIGHT.sums) == {"module 1", "module 2", "stack"}
    assert set(Hierarchy({CELL: 4}).sums) == {"stack"}


@given(st.floats(10.0, 40.0), st.integers(1, 8), st.floats(2.0, 4.0))
def test_what_is_dealt_out_adds_up_again(stack: float, cell: int, volts: float) -> None:
    dealt = _EIGHT.apart({"stack": stack})
    moved = _EIGHT.apart({"stack": stack, CELL.at(cell): volts})

    assert _EIGHT.value("stack", dealt) == pytest.approx(stack)
    assert _EIGHT.value("module 1", dealt) == pytest.approx(stack / 2)
    assert _EIGHT.value(CELL.at(cell), moved) == volts
    assert _EIGHT.value("stack", moved) == pytest.approx(stack * 7 / 8 + volts)
