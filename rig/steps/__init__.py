"""What a case does: one file for each kind of step."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rig.steps.bus_load import Load
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.play_sequence import PlaySequence
from rig.steps.power import Power
from rig.steps.ramp import Staircase
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.reset import Reset
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.stop_periodic import StopPeriodic
from rig.steps.type_line import Type
from rig.steps.wait_for import WaitFor

Step = Annotated[
    Set
    | Hold
    | RandomPhase
    | WaitFor
    | Staircase
    | PlaySequence
    | Fault
    | Send
    | StartPeriodic
    | StopPeriodic
    | Load
    | Type
    | Power
    | Reset
    | Read,
    Field(discriminator="kind"),
]
