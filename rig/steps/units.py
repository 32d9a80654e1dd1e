"""Units of the quantities that a step names."""

from __future__ import annotations

import re

from rig.description import mistake_error, suggest


def is_settable(words: str) -> bool:
    """Whether a plan's words name something that an instrument feeds."""
    return bool(
        re.fullmatch(r"(cell|temperature) [1-9]\d*|cells|temperatures|current|supply", words)
    )


def settable() -> tuple[str, ...]:
    """Give the words of all that can be set: "cell n", "cells", "current", …."""
    return ("cell n", "cells", "temperature n", "temperatures", "current", "supply")


def unit_of(words: str) -> str:
    """Give the unit of what a plan names; what is no quantity is an output, seen in volts."""
    kinds = {"temperature": "°C", "temperatures": "°C", "current": "A", "bleed": "A"}
    return kinds.get(words.split(" ")[0], "V")


def unit_of_difference(unit: str) -> str:
    """Give the unit of a difference, and so of a tolerance: K for °C."""
    return "K" if unit == "°C" else unit


def unit_of_settable(words: str) -> str:
    """Give the unit of a quantity that something feeds; for a validator of its value.

    Raises
    ------
    PydanticCustomError
        It is nothing that can be set.
    """
    if not is_settable(words):
        raise mistake_error(f'"{words}" is nothing that can be set', suggest(words, settable()))
    return unit_of(words)
