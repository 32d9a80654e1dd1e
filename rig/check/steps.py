"""What a step commands, and what it reads. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rig.quantities import BLEED, CURRENT, TEMPERATURE, kind_of
from rig.steps import Step
from rig.steps.play_sequence import PlaySequence
from rig.steps.ramp import Staircase
from rig.steps.read import Read
from rig.steps.set import Set
from rig.steps.wait_for import WaitFor

_READ_BACK = (BLEED, TEMPERATURE, CURRENT)  # from what plays it, where no meter is wired


def commanded(step: Step) -> Iterator[tuple[str, float]]:
    """Give each quantity that the step sets, with its value; of a ramp or a list its ends."""
    if isinstance(step, Set):
        yield from step.values.items()
    elif isinstance(step, Staircase):
        yield step.quantity, step.start
        yield step.quantity, step.stop
    elif isinstance(step, PlaySequence):
        yield step.quantity, min(step.values) - step.noise
        yield step.quantity, max(step.values) + step.noise


def metered(step: Step) -> Iterator[str]:
    """What a step reads with a meter; a sensor's value is read back from what plays it."""
    if isinstance(step, Read):
        yield from (n for n in step.quantities if kind_of(n) not in _READ_BACK)
    if isinstance(step, Staircase) and kind_of(step.quantity) not in _READ_BACK:
        yield step.quantity
    if isinstance(step, WaitFor | Staircase) and step.until.kind == "output":
        yield step.until.output
