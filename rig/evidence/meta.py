"""What a run says of itself besides its cases: who, where, with what. Data only, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentFacts:
    """One instrument of the bench: what it answered to ``*IDN?`` and how it is calibrated."""

    role: str  # the bench's name for it: "emulator"
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    certificate: str = ""  # number of the calibration certificate
    calibration_due: str = ""  # ISO date


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMeta:
    """Facts of a run. Empty means unknown, never "none"."""

    dut: str
    plans: tuple[str, ...]
    seed: int
    dut_title: str = ""
    dut_serial: str = ""
    firmware: str = ""  # version, as read back
    firmware_source: str = ""  # how it was read back: "console: version", "sha256 of the image"
    variant: str = ""  # build that a simulated bench was asked for
    operator: str = ""
    host: str = ""
    command: str = ""  # what was typed to start the run
    clock: str = ""  # "stepped" or "wall"
    versions: Mapping[str, str] = field(default_factory=dict)  # rig, python, pyvisa, ...
    instruments: tuple[InstrumentFacts, ...] = ()


INSTRUMENTS_JSON: TypeAdapter[tuple[InstrumentFacts, ...]] = TypeAdapter(
    tuple[InstrumentFacts, ...]
)
