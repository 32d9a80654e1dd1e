"""Start, reset and console got wrong (bms-defects.md, chapters 1, 6 and 10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rig.virtual.esp32 import ResetCause
from rig.virtual.firmware.afe import Readings
from rig.virtual.firmware.bms import CHARGE_GATE
from rig.virtual.firmware.image import Build
from rig.virtual.firmware.short_circuit import DISCHARGE_GATE
from rig.virtual.firmware.variants import variant


class _ZeroedReadings:
    """Readings begin as memory does: with zeros."""

    def fresh(self) -> Readings:
        readings: Readings = super().fresh()  # type: ignore[misc]
        readings.cells_v = [0.0] * len(readings.cells_v)
        return readings


class _ChecksBeforeTheScan:
    """Until it is ready one bad value is enough, so as not to close on a bad cell; too soon."""

    _image: Any
    _protections: Any
    _readings: Readings
    _settings: Any
    _ticks: int

    def start(self) -> None:
        super().start()  # type: ignore[misc]
        at_once = [replace(rule, ticks=1) for rule in self._image.rules if rule.reads == "cells"]
        self._protections.reconfigure(at_once)

    def _main(self) -> None:
        if self._readings.scans == 0:
            self._protections.look_at_scan(self._readings)
        super()._main()  # type: ignore[misc]
        if self._ticks == self._image.self_test_ticks:
            self._settings.apply()


@variant(
    "undervoltage-at-boot",
    "D18",
    "S2",
    "rules run before the first scan, on zeroed readings",
    shows=r"BMS_Status\.UV|UVP|\bdischarge path (did not close|closed|was open)",
)
def undervoltage_at_boot(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_ZeroedReadings, program=_ChecksBeforeTheScan)


class _ClearsAtInit:
    """The driver clears the fault register when it sets the comparator up."""

    _comparator: Any

    def start(self) -> None:
        self._comparator.release()
        super().start()  # type: ignore[misc]


@variant(
    "latch-lost-in-a-reset",
    "D74",
    "S1",
    "setting up the comparator clears its latch",
    shows=r"SCD.*(path (closed|was closed)|BMS_Status\.SCD|prot:)",
)
def latch_lost_in_a_reset(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_ClearsAtInit)


class _PicksUpWhereItWas:
    """Paths are kept in RTC memory, so that a reset does not interrupt the user."""

    _chip: Any

    def _drive(self, gate: str, on: bool) -> None:  # noqa: FBT001
        super()._drive(gate, on)  # type: ignore[misc]
        self._chip.rtc[gate] = int(on)

    def start(self) -> None:
        super().start()  # type: ignore[misc]
        if self._chip.cause is not ResetCause.POWERON_RESET:
            for gate in (CHARGE_GATE, DISCHARGE_GATE):
                if self._chip.rtc.get(gate):
                    self._chip.pins.drive(gate, True)  # noqa: FBT003


@variant(
    "closes-again-after-a-reset",
    "D74",
    "S1",
    "the state of the paths outlives a reset",
    shows=r"path (closed|was closed|did not open)",
)
def closes_again_after_a_reset(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_PicksUpWhereItWas)


@variant(
    "stack-in-words",
    "D100",
    "S4",
    "a stack given in words where bytes are meant",
    shows=r"console\[.*(did not say|console said|opened|was open)",
)
def stack_in_words(build: Build) -> Build:
    """Build it."""
    return build.configure(console_stack_bytes=build.image.console_stack_bytes // 4)


class _NoWatchdog:
    """The call stands in another board's branch of the preprocessor."""

    def _arm_watchdog(self) -> None:
        """Arm nothing."""


@variant(
    "watchdog-not-armed",
    "D101",
    "S1",
    "the watchdog is armed in another board's build only",
    shows=r"watchdog|WDT",
)
def watchdog_not_armed(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_NoWatchdog)


class _FedElsewhere:
    """The watchdog is fed by the task that samples the current, which goes on by itself."""

    _chip: Any

    def _sample_current(self) -> None:
        super()._sample_current()  # type: ignore[misc]
        self._chip.feed()


@variant(
    "watchdog-fed-elsewhere",
    "D101",
    "S1",
    "a task that never hangs feeds the watchdog too",
    shows=r"watchdog|WDT",
)
def watchdog_fed_elsewhere(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_FedElsewhere)
