"""Start, reset and console got wrong (docs/known-defects.md, chapters 1, 6 and 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rig.virtual.guests.esp32 import ResetCause
from rig.virtual.guests.reference.afe import FrontEnd, Readings
from rig.virtual.guests.reference.bms import CHARGE_GATE, DISCHARGE_GATE, Bms
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.protections import BIT, Protections, Rule
from rig.virtual.guests.variants import BOTH, variant


class _ZeroedReadings(FrontEnd):
    """Readings begin as memory does: with zeros."""

    def fresh(self) -> Readings:
        readings = super().fresh()
        readings.cells_v = [0.0] * len(readings.cells_v)
        return readings


class _ChecksBeforeTheScan(Bms):
    """Until it is ready one bad value is enough, so as not to close on a bad cell; too soon."""

    def start(self) -> None:
        super().start()
        at_once = [replace(rule, ticks=1) for rule in self.image.rules if rule.reads == "cells"]
        self.protections.reconfigure(at_once)

    def main(self) -> None:
        if self.readings.scans == 0:
            self.protections.look_at_scan(self.readings)
        super().main()
        if self.ticks == self.image.self_test_ticks:
            self.settings.apply()


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


class _ClearsAtInit(Bms):
    """The driver clears the fault register when it sets the comparator up."""

    def start(self) -> None:
        self.comparator.release()
        super().start()


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


class _PicksUpWhereItWas(Bms):
    """Paths are kept in RTC memory, so that a reset does not interrupt the user."""

    def drive(self, gate: str, on: bool) -> None:  # noqa: FBT001
        super().drive(gate, on)
        self.chip.rtc[gate] = int(on)

    def start(self) -> None:
        super().start()
        if self.chip.cause is not ResetCause.POWERON_RESET:
            for gate in (CHARGE_GATE, DISCHARGE_GATE):
                if self.chip.rtc.get(gate):
                    self.chip.pins.drive(gate, True)  # noqa: FBT003


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


class _NoWatchdog(Bms):
    """The call stands in another board's branch of the preprocessor."""

    def arm_watchdog(self) -> None:
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


class _FedElsewhere(Bms):
    """The watchdog is fed by the task that samples the current, which goes on by itself."""

    def sample_current(self) -> None:
        super().sample_current()
        self.chip.feed()


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


class _TellsTheLastReset(Bms):
    """The flag is what the chip says of its last reset, and nothing ends that but the next one."""

    def flags(self) -> int:
        bitten = self.chip.cause is ResetCause.TG1WDT_SYS_RESET
        flags = super().flags()
        return flags | BIT["WatchdogReset"] * bitten


@variant(
    "watchdog-reset-told-for-ever",
    "D21",
    "S3",
    "the flag of a watchdog reset has no time of its own",
    shows=r"BMS_Status\.WatchdogReset",
    duts=BOTH,
)
def watchdog_reset_told_for_ever(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_TellsTheLastReset)


class _CountsBrownOuts(Bms):
    """After three brown-outs it stays safe; they are counted in RTC memory, and never set back."""

    _MOST = 3

    def start(self) -> None:
        rtc = self.chip.rtc
        if self.chip.cause is ResetCause.RTCWDT_BROWN_OUT_RESET:
            rtc["brown-outs"] = rtc.get("brown-outs", 0) + 1
        super().start()

    def _is_safe(self) -> bool:
        safe: bool = self.chip.rtc.get("brown-outs", 0) >= self._MOST
        return safe

    def allows_charge(self) -> bool:
        return super().allows_charge() and not self._is_safe()

    def allows_discharge(self) -> bool:
        return super().allows_discharge() and not self._is_safe()


@variant(
    "third-brown-out-is-the-last",
    "D58",
    "S4",
    "the counter of brown-outs is not set back by a good start",
    shows=r"supply_dip.*path (was open|did not close)",
)
def third_brown_out_is_the_last(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_CountsBrownOuts)


class _AlertsByTheEdge(Protections):
    """The first scan is judged; then only an alert's edge is, and the self-test takes those."""

    _SELF_TEST_SCANS = 9
    _were_out: Sequence[bool] = ()

    def look_at_scan(self, readings: Readings) -> None:
        values = [group.read(readings) for group in self.by_scan]
        pairs = zip(self.by_scan, values, strict=True)
        out = [not (group.low < min(v) and max(v) < group.high) for group, v in pairs]
        were_out = self._were_out or [False] * len(out)
        self._were_out = out
        if 1 < readings.scans < self._SELF_TEST_SCANS:
            return
        groups = [
            group
            for group, is_out, was_out in zip(self.by_scan, out, were_out, strict=True)
            if (is_out and not was_out) or group.is_busy()
        ]
        self.look_at(groups, readings)


@variant(
    "alert-of-the-self-test-lost",
    "D58",
    "S1",
    "alerts are taken by their edge, and the self-test acknowledges them",
    shows=r"fault_while_starting.*(was closed|was 0|did not)",
)
def alert_of_the_self_test_lost(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_AlertsByTheEdge)


class _AsksNoSensor(Protections):
    """What is pending is asked of cells and current; the sensors have a task of their own."""

    _SENSORS = ("hottest", "coldest", "sensors open", "sensors short")

    def _pending(self) -> list[Rule]:
        rules = [d.rule for d in self.busy if d.pending]
        return [rule for rule in rules if rule.reads not in self._SENSORS]

    def pends_on_charge(self) -> bool:
        return any(rule.opens_charge for rule in self._pending())

    def pends_on_discharge(self) -> bool:
        return any(rule.opens_discharge for rule in self._pending())


@variant(
    "closes-on-a-hot-battery",
    "D18",
    "S2",
    "a start does not ask the sensors before it closes",
    shows=r"start_with_fault.*(OT[CD]|UT[CD]|TS[OS]).*path (was closed|closed)",
)
def closes_on_a_hot_battery(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_AsksNoSensor)


class _QuietStart(Bms):
    """For a quick start, lines of level I are left out until the paths may close: "ready" too."""

    def log(self, level: str, tag: str, text: str) -> None:
        if level != "I" or self.ticks >= self.image.closing_ticks:
            super().log(level, tag, text)


@variant(
    "never-says-ready",
    "D53",
    "S4",
    "the console's level is raised only once the paths may close",
    shows=r"did not say .*ready",
)
def never_says_ready(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_QuietStart)
