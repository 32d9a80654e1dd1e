"""A broken or shorted CAN bus handled wrongly (docs/known-defects.md D42, D43, D98)."""

from __future__ import annotations

from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.variants import BOTH, variant


class _StaysOff(Bms):
    def leave_bus_off(self) -> None:
        """Nobody calls twai_initiate_recovery()."""


@variant(
    "bus-off-for-ever",
    "D42",
    "S2",
    "nothing starts the recovery from bus-off",
    shows=r"BMS_\w+ did not come|no BMS_\w+ in|only one BMS_\w+ in",
    duts=BOTH,
)
def bus_off_for_ever(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_StaysOff)


class _RecoversOnce(Bms):
    _has_recovered = False

    def leave_bus_off(self) -> None:
        if not self._has_recovered:
            self._has_recovered = True
            super().leave_bus_off()


@variant(
    "second-bus-off-for-ever",
    "D42",
    "S2",
    "the recovery from bus-off is started only once",
    shows=r"BMS_\w+ did not come|no BMS_\w+ in|only one BMS_\w+ in",
    duts=BOTH,
)
def second_bus_off_for_ever(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_RecoversOnce)


class _Asserts(Bms):
    def leave_bus_off(self) -> None:
        self.chip.panic("assert failed: twai_handle_tx_buffer_frame, tx_msg_count >= 0")


@variant(
    "reboots-in-bus-off",
    "D43",
    "S1",
    "the CAN driver asserts on its count of queued frames",
    shows=r"bus_fault.*(path (was open|opened)|console said)",
    duts=BOTH,
)
def reboots_in_bus_off(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_Asserts)


class _WaitsForAMailbox(Bms):
    """The main task sends by itself: twai_transmit(&message, portMAX_DELAY)."""

    def main(self) -> None:
        transmit = self.image.transmit
        if self.chip.pins.can_pending() >= transmit.mailboxes - transmit.for_events:
            return  # still waiting for one to leave
        super().main()


@variant(
    "unheard-it-stands-still",
    "D98",
    "S1",
    "the main task waits for a frame that nobody acknowledges, until the watchdog bites",
    shows=r"bus_fault.*(path|console said|ready)",
    duts=BOTH,
)
def unheard_it_stands_still(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_WaitsForAMailbox)
