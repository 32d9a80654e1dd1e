"""Letting go got wrong: hysteresis, recovery, latches (docs/known-defects.md, chapter 5)."""

from __future__ import annotations

from collections.abc import Sequence

from rig.virtual.guests.reference.afe import Readings
from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.protections import Detector, Event, Protections
from rig.virtual.guests.variants import variant


@variant(
    "no-hysteresis",
    "D56",
    "S2",
    "the recovery level is the trip level, and nothing waits",
    shows=r"(OVP|UVP).*(path (closed|was closed)|(became|was) 0|cleared)",
)
def no_hysteresis(build: Build) -> Build:
    """Build it."""
    trip = {rule.short: rule.threshold for rule in build.image.rules}
    build = build.with_rule("OVP", release=trip["OVP"], release_ticks=1)
    return build.with_rule("UVP", release=trip["UVP"], release_ticks=1)


class _ClearedOnTheEdge(Detector):
    """The flag is cleared when the alert goes away, and only then: too early, and never again."""

    _was_good = True

    def has_recovered(self) -> bool:
        edge = self.good and not self._was_good
        self._was_good = self.good
        if not edge:
            return False
        return super().has_recovered()


@variant(
    "never-recovers",
    "D58",
    "S2",
    "the flag is cleared once, on the alert's edge; no retry",
    shows=r"did not (close|become 0)|did not say .*cleared",
)
def never_recovers(build: Build) -> Build:
    """Build it."""
    return build.patch(detector=_ClearedOnTheEdge)


class _OneRetry(Detector):
    """The retry counter is never set back."""

    _retries = 0

    def has_recovered(self) -> bool:
        recovered = super().has_recovered()
        if not recovered or self._retries >= 1:
            return False
        self._retries += 1
        return True


@variant(
    "recovers-only-once",
    "D58",
    "S2",
    "the counter of allowed retries is never set back",
    shows=r"did not (close|become 0)|did not say .*cleared",
)
def recovers_only_once(build: Build) -> Build:
    """Build it."""
    return build.patch(detector=_OneRetry)


class _GoodAddsUp(Detector):
    """The time of good values is not reset by a value that is not good yet."""

    def has_recovered(self) -> bool:
        self.good_ticks += self.good
        return self.good_ticks >= self.rule.release_ticks


@variant(
    "recovery-adds-up",
    "D60",
    "S2",
    "the recovery's timer is not reset by a relapse",
    shows=r"(path (closed|was closed)|(became|was) 0|cleared)",
)
def recovery_adds_up(build: Build) -> Build:
    """Build it."""
    return build.patch(detector=_GoodAddsUp)


class _AnyIsGood(Detector):
    """One healthy cell is enough to clear the fault of another."""

    def are_good(self, values: Sequence[float]) -> bool:
        release = self.rule.release
        return any(v < release if self.rule.above else v > release for v in values)


@variant(
    "one-healthy-cell-clears-all",
    "D80",
    "S1",
    "any cell within limits clears the fault",
    shows=r"(OVP|UVP|[OU]T[CD]|TS[OS]|OW).*(path (closed|was closed)|(became|was) 0|cleared)",
)
def one_healthy_cell_clears_all(build: Build) -> Build:
    """Build it."""
    return build.patch(detector=_AnyIsGood)


class _OffIsAnError(Bms):
    """The driver's bit "FET is off" is masked in among its errors."""

    _was_on = False

    def allows_discharge(self) -> bool:
        self._was_on = self._was_on or self.discharge_on
        has_error = self._was_on and not self.discharge_on
        allows = super().allows_discharge()
        return allows and not has_error


@variant(
    "discharge-never-again",
    "D68",
    "S2",
    'the bit "FET is off" counts as an error',
    shows=r"\bdischarge path (did not close|was open)|DischargePath",
)
def discharge_never_again(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_OffIsAnError)


class _ClearsEverything(Protections):
    """The branch that clears one fault calls what clears all of them."""

    def tick(self) -> list[Event]:
        events = super().tick()
        if any(not event.tripped for event in events):
            for detector in self.detectors.values():
                if not detector.rule.latches:
                    detector.clear()
            self.sum_up()
        return events


@variant(
    "one-recovery-clears-all",
    "D66",
    "S1",
    "the first fault that recovers takes all with it",
    shows=r"(pairs|two_faults).*(path (closed|was closed)|(became|was) 0|cleared)",
)
def one_recovery_clears_all(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_ClearsEverything)


class _BlindToTheLoad(Bms):
    """The load detection is read before its source is switched on."""

    def load_is_gone(self) -> bool:
        return True


@variant(
    "short-circuit-cleared-under-load",
    "3.load",
    "S1",
    "a latch is cleared while its load is there",
    shows=r"SCD.*(ERR load|discharge path (was closed|closed)|SCD (was|became) 0)",
)
def short_circuit_cleared_under_load(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_BlindToTheLoad)


class _WarningsAge(Detector):
    """A warning is kept up by what raises it, and dropped when that was not seen for 10 s."""

    _HELD_TICKS = 1000
    _unseen_ticks = 0

    def has_recovered(self) -> bool:
        warns = not (self.rule.opens_charge or self.rule.opens_discharge)
        self._unseen_ticks = 0 if self.pending else self._unseen_ticks + 1
        recovered = super().has_recovered()
        return recovered or (warns and self._unseen_ticks >= self._HELD_TICKS)


@variant(
    "warning-forgotten-between-its-levels",
    "D56",
    "S3",
    "a warning is dropped once it was not raised anew for 10 s",
    shows=r"VIM.*(Imbalance (was|became) 0|cleared)",
)
def warning_forgotten_between_its_levels(build: Build) -> Build:
    """Build it."""
    return build.patch(detector=_WarningsAge)


class _TimerOfTheNeighbour(Protections):
    """Each cell's run of good values is reset by a row of a table; cell 3 has that of cell 4."""

    _ROWS = (0, 1, 3, 3)
    _cells_v: Sequence[float] = ()

    def look_at_scan(self, readings: Readings) -> None:
        self._cells_v = readings.cells_v
        super().look_at_scan(readings)

    def tick(self) -> list[Event]:
        for detector in self.detectors.values():
            if (detector.rule.release_reads or detector.rule.reads) == "cells" and self._cells_v:
                self._count(detector)
        return super().tick()

    def _count(self, detector: Detector) -> None:
        runs = self._runs().setdefault(detector.rule.short, [0] * len(self._cells_v))
        good = [detector.are_good([volts]) for volts in self._cells_v]
        for cell, row in enumerate(self._ROWS):
            if not good[row]:
                runs[cell] = 0
            elif good[cell]:
                runs[cell] += 1
        if detector.tripped:
            detector.good_ticks = min(runs) - 1  # it counts this run itself

    def _runs(self) -> dict[str, list[int]]:
        runs: dict[str, list[int]] = self.__dict__.setdefault("_runs_of_good", {})
        return runs


@variant(
    "cell-3-does-not-wait",
    "D60",
    "S2",
    "the recovery's timer of cell 3 is reset by cell 4",
    shows=r"(OVP|UVP).*-cell3.*(path (closed|was closed)|(became|was) 0|cleared)",
)
def cell_3_does_not_wait(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_TimerOfTheNeighbour)
