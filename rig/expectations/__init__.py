"""What a case expects: one file for each kind of expectation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rig.expectations.balances import Balances
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.counts_charge import CountsCharge
from rig.expectations.cycles import Cycles
from rig.expectations.follows_cells import FollowsCells
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_sound import MessageSound
from rig.expectations.message_timing import MessageTiming
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_steady import SignalSteady
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips

Expectation = Annotated[
    Trips
    | Recovers
    | Stays
    | Cycles
    | ThresholdIs
    | SignalBecomes
    | SignalStays
    | SignalWithin
    | SignalOrdered
    | SignalSteady
    | FollowsCells
    | CountsCharge
    | MessageComes
    | MessageTiming
    | MessageSound
    | TelemetryAgrees
    | Balances
    | ConsoleSays
    | ConsoleNeverSays,
    Field(discriminator="kind"),
]
