"""The virtual bench with more ground truth: `rig.virtual` as it is, and ears on its links.

    python benchmarks/witness.py --addresses FILE [--spread X] --dut esp32-4s --seed N

Started by `ground_truth.py` in place of `python -m rig.virtual`. The truth port then also tells
when each frame and console line really ended, when a typed line reached the BMS, when a sense wire
broke, and by how much this specimen measures wrongly. With --spread the firmware's delays are drawn
anew from the seed, up to that share of each. It changes nothing else, and the rig is told nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rig.virtual import __main__ as door
from rig.virtual import assembly, guests
from rig.virtual.can_bus import CanBus, Frame
from rig.virtual.carrier import reference
from rig.virtual.carrier.afe_chip import AfeChip, Tolerances
from rig.virtual.guests.reference import esp32_4s
from rig.virtual.guests.reference.can_telemetry import HOST_ALIVE_ID, STATUS_ID
from rig.virtual.guests.reference.image import Build
from rig.virtual.kernel import Kernel
from rig.virtual.seeds import Random, stream
from rig.virtual.truth import Truth
from rig.virtual.uart import Uart

VARIANT = "spread delays"
_LEAST_TICKS = 10  # shorter counts are no delays


class Ears:
    """Notes what passes on the links of the one bench of this process."""

    def __init__(self) -> None:
        self.truth: Truth | None = None
        self._flags = b""
        self._line = b""

    def note(self, name: str, **detail: object) -> None:
        """Keep that something happened now."""
        if self.truth is not None:
            self.truth.note(name, **detail)

    def frame(self, _end_ns: int, _sender: str, frame: Frame) -> None:
        """Note a status frame with other flags than the one before, and each of the host's."""
        flags = frame.data[2:5]
        if frame.can_id == HOST_ALIVE_ID or (frame.can_id == STATUS_ID and flags != self._flags):
            self.note("frame", can_id=frame.can_id, data=frame.data.hex())
        if frame.can_id == STATUS_ID:
            self._flags = flags

    def said(self, data: bytes) -> None:
        """Note a console line, at its end; not those that only tell the state."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            if b"state=" not in line:
                self.note("line", text=line.decode("ascii", "replace").strip())


EARS = Ears()


class HeardUart(Uart):
    """A UART that both ends' words are noted of."""

    def _reach_adapter(self, data: bytes) -> None:
        EARS.said(data)
        super()._reach_adapter(data)

    def _reach_controller(self, data: bytes) -> None:
        EARS.note("typed", text=data.decode("ascii", "replace").strip())
        super()._reach_controller(data)


class WitnessedBench(assembly.SimulatedBench):
    """The bench, heard from the first thing that is built on it, each time that it is built."""

    def __init__(
        self, setup: assembly.Setup, wire: Callable[[assembly.SimulatedBench], None]
    ) -> None:
        def heard(bench: assembly.SimulatedBench) -> None:
            EARS.truth, board, note = bench.truth, bench.board, bench.truth.note
            board.on_wire(lambda name: note("wire", cell=name, is_open=board.sense_open[name]))
            board.on_link(lambda name: note("link", link=name, state=board.links[name]))
            wire(bench)

        super().__init__(setup, heard)


class MeasuredChip(AfeChip):
    """A front end chip whose own errors are noted: reading = gain x value + offset, of ohms too."""

    def _draw_errors(self, random: Random, t: Tolerances, pull_up_ohm: float) -> None:
        super()._draw_errors(random, t, pull_up_ohm)
        errors = dict(zip(self._names, self._cell_errors, strict=True))
        errors["current"] = self._current_error
        for name, ohm in zip(self._sensors, self._pull_ups, strict=True):
            errors[name.replace("ntc", "temperature")] = (pull_up_ohm / ohm, 0.0)
        EARS.note("specimen", errors=errors)


def _heard_bus(kernel: Kernel, bitrate: int) -> CanBus:
    bus = CanBus(kernel, bitrate)
    bus.on_end = EARS.frame
    return bus


def spread_build(seed: int, spread: float) -> Build:
    """Draw a build whose every delay differs from the released one's by up to `spread` of it."""
    draw = stream(seed, "study: delays")

    def other(count: int) -> int:
        return round(count * (1.0 + draw.uniform(-spread, spread)))

    image = esp32_4s.RELEASED.image
    rules = tuple(
        replace(rule, ticks=other(rule.ticks)) if rule.ticks >= _LEAST_TICKS else rule
        for rule in image.rules
    )
    return esp32_4s.RELEASED.configure(
        rules=rules,
        host_timeout_ms=other(image.host_timeout_ms),
        watchdog_ns=other(image.watchdog_ns),
        front_end=replace(
            image.front_end,
            hard_delay_ms=other(image.front_end.hard_delay_ms),
            fresh_ms=other(image.front_end.fresh_ms),
        ),
    )


def _offer_build(seed: int, spread: float) -> None:
    """Offer that build by a name of its own."""
    build = spread_build(seed, spread) if spread else esp32_4s.RELEASED
    guest = guests.DUTS["esp32-4s"]
    builds: Mapping[str, Any] = {**guest.builds, VARIANT: build}
    guests.DUTS = {**guests.DUTS, "esp32-4s": replace(guest, builds=builds)}


def main() -> int:
    """Serve one bench until whoever started it has gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--addresses", type=Path, required=True)
    parser.add_argument("--spread", type=float, default=0.0)
    own, rest = parser.parse_known_args()
    seed = int(rest[rest.index("--seed") + 1])
    _offer_build(seed, own.spread)
    rest += ["--variant", VARIANT]
    for room, name, part in (
        (assembly, "SimulatedBench", WitnessedBench),
        (assembly, "CanBus", _heard_bus),
        (assembly, "Uart", HeardUart),
        (reference, "AfeChip", MeasuredChip),
    ):
        setattr(room, name, part)

    def built(setup: assembly.Setup) -> assembly.SimulatedBench:
        bench = assembly.built(setup)
        own.addresses.write_text(json.dumps(bench.addresses), encoding="utf-8")
        return bench

    door.built = built
    return door.main(rest)


if __name__ == "__main__":
    sys.exit(main())
