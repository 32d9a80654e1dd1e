"""What a case expects: one module for each kind of expectation, and those that a plugin brings."""

from __future__ import annotations

import inspect
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rig.expectations.expectation import Expectation
from rig.kinds import classes

KINDS: dict[str, type[Expectation]] = {
    name: found
    for name, found in classes("rig.expectations").items()
    if issubclass(found, Expectation) and not inspect.isabstract(found)
}
"""The kinds, by the names of their classes."""

globals().update(KINDS)
__all__ = ["KINDS", "AnyExpectation", "Expectation", *KINDS]

if TYPE_CHECKING:
    AnyExpectation = Expectation
else:
    AnyExpectation = Annotated[reduce(or_, KINDS.values()), Field(discriminator="kind")]
