"""Instruments by role: each for all that it can do, all off in order, and what drivers know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from rig.bench.description import BenchFile, load_bench
from rig.bench.wiring import off_order, relays_of
from rig.clock import WallClock
from rig.errors import BenchError
from rig.instruments.capabilities import Identity, Measured, Relays, Supply, VoltageSource
from rig.instruments.entry import InstrumentEntry
from rig.instruments.registry import DriverInfo
from rig.instruments.session import Framing, Session
from rig.rack import Rack
from tests.instruments.peer import Peer, a_dictionary


class Mainframe:
    """Supplies and relays under one roof; said to nobody."""

    channels = (1, 2, 201)
    settle_s = relay_s = 0.0

    def __init__(self, session: Session, clock: WallClock) -> None:
        self.session, self.clock = session, clock

    def identity(self) -> Identity:
        return Identity(manufacturer="Acme", model="42", serial="1", firmware="")

    def prepare(self) -> None: ...

    def safe(self) -> None: ...

    def energised(self) -> tuple[int, ...]:
        return ()

    def check(self) -> None: ...

    def protect(self, channel: int, over_v: float, over_a: float) -> None: ...

    def set_level(self, channel: int, volts: float, amps: float) -> None: ...

    def set_voltage(self, channel: int, volts: float) -> None: ...

    def set_current(self, channel: int, amps: float) -> None: ...

    def most(self, channel: int) -> tuple[float, float]:
        raise NotImplementedError

    def output(self, channel: int, *, on: bool) -> None: ...

    def measure(self, channel: int) -> tuple[Measured, Measured]:
        raise NotImplementedError

    def is_tripped(self, channel: int) -> bool:
        raise NotImplementedError

    def claim(self, channels: Iterable[int]) -> None: ...

    def switch(self, channel: int, *, closed: bool) -> None: ...


def a_rack(
    kind: Any,
    *capabilities: type,
    order: tuple[str, ...] = ("frame",),
    peers: Mapping[str, Peer] | None = None,
    serial: str | None = None,
) -> Rack:
    info = DriverInfo(
        name="acme",
        title="Acme 42",
        capabilities=capabilities,
        create=kind,
        channels=Mainframe.channels,
        framing=Framing(),
    )
    ports = {role: peer.port for role, peer in (peers or {}).items()}
    entries = {
        role: InstrumentEntry.model_validate(
            {
                "driver": "acme",
                "resource": f"TCPIP::127.0.0.1::{ports.get(role, 1)}::SOCKET",
                "serial": serial,
            }
        )
        for role in sorted(order)
    }
    return Rack(entries, WallClock(), order=order, drivers={"acme": info})


# ---- roles --------------------------------------------------------------------------------------
def test_an_instrument_that_can_do_two_things_is_there_for_both() -> None:
    rack = a_rack(Mainframe, Supply, Relays)

    assert list(rack.having(Supply)) == list(rack.having(Relays)) == ["frame"]
    assert rack.get("frame", Supply) is rack.get("frame", Relays)  # type: ignore[comparison-overlap]
    assert rack.having(VoltageSource) == {}


@pytest.mark.parametrize("capability", [VoltageSource, Relays])
def test_what_a_driver_does_not_promise_or_does_not_keep_is_refused_by_name(
    capability: type,
) -> None:
    rack = a_rack(Mainframe, Supply, VoltageSource)

    with pytest.raises(BenchError, match=f"frame is no {capability.__name__}"):
        rack.get("frame", capability)


# ---- the order of switching off -----------------------------------------------------------------
def test_off_is_current_then_supply_then_cells_then_relays_then_the_rest() -> None:
    assert off_order(load_bench("virtual-esp32-4s")) == [
        *("charger", "load", "aux", "emulator", "dmm"),
        *("thermistors", "digitizer"),
    ]


def wired(**lines: Mapping[str, str]) -> BenchFile:
    """A bench with two emulators, wired as told."""
    bench = load_bench("virtual-esp32-4s")
    entry = bench.instruments["emulator"]
    data = {name.replace("_", " "): line for name, line in lines.items()}
    return type(bench).model_validate(
        {
            "bench": "own",
            "start": {"command": ["x"]},
            "instruments": {
                "low": {"driver": entry.driver, "resource": "${a}"},
                "high": {"driver": entry.driver, "resource": "${b}"},
                "mains": {"driver": "keysight-e36312a", "resource": "${c}"},
            },
            "wiring": data,
            "limits": {
                "cell voltage": "4 V",
                "current": "0 A",
                "temperature": "0 °C to 50 °C",
                "supply": "12 V",
            },
        }
    )


def test_of_two_emulators_the_one_at_the_top_of_the_stack_comes_first() -> None:
    bench = wired(cell_1={"from": "low 1"}, cell_2={"from": "high 1"}, supply={"from": "mains 1"})

    assert off_order(bench) == ["mains", "high", "low"]


def test_a_supply_that_is_wired_to_nothing_is_switched_off_too() -> None:
    assert off_order(wired(cell_1={"from": "low 1"})) == ["mains", "low", "high"]


def test_relays_are_known_by_their_wires() -> None:
    assert relays_of(load_bench("virtual-esp32-4s")) == {"dmm": [201, 202, 203, 204]}


class Stubborn(Mainframe):
    """Its name says how it takes being switched off."""

    log: ClassVar[list[str]] = []

    def safe(self) -> None:
        self.log.append(self.session.name)
        if self.session.name == "refuses":
            raise BenchError("it refused", self.session.where, "look at it")

    def energised(self) -> tuple[int, ...]:
        return (2,) if self.session.name == "stays on" else ()


def test_each_is_tried_in_order_and_only_its_own_word_counts() -> None:
    order = ("refuses", "stays on", "goes off")
    with ExitStack() as stack:
        peers = {role: stack.enter_context(closing(Peer(a_dictionary({})))) for role in order}
        rack = stack.enter_context(closing(a_rack(Stubborn, Supply, order=order, peers=peers)))
        Stubborn.log.clear()

        found = rack.switch_off()

    assert Stubborn.log == [off.role for off in found] == list(order)
    assert "it refused" in found[0].trouble
    assert found[1].trouble.endswith("channel 2 is still on")
    assert (found[2].what, found[2].trouble) == ("output off", "")


def test_a_unit_of_another_serial_number_is_not_spoken_to() -> None:
    with closing(Peer(a_dictionary({}))) as peer:
        rack = a_rack(Stubborn, Supply, order=("frame",), peers={"frame": peer}, serial="2")
        Stubborn.log.clear()

        [off] = rack.switch_off()

    assert "serial number 1 answers, not 2" in off.trouble
    assert Stubborn.log == []
    assert not rack.sessions["frame"].is_open


# ---- what drivers know --------------------------------------------------------------------------
class Plain:
    """Keeps what it knows in its dictionary."""

    def __init__(self, session: Session, clock: WallClock) -> None:
        self.session, self.clock = session, clock
        self.ranges = {1: [5.0, 1.0]}
        self.is_on = False


@dataclass(slots=True)
class Slotted:
    """Keeps it in slots."""

    session: Session
    clock: WallClock
    ranges: dict[int, list[float]] = field(default_factory=lambda: {1: [5.0, 1.0]})
    is_on: bool = False


@pytest.mark.parametrize("kind", [Plain, Slotted])
def test_what_a_case_taught_a_driver_is_forgotten_each_time(kind: Any) -> None:
    made: list[Any] = []

    def create(session: Session, clock: Any) -> Any:
        made.append(kind(session, clock))
        return made[-1]

    rack = a_rack(create)
    [driver] = made
    known = rack.known()

    for _ in range(2):
        driver.ranges[1].append(7.0)
        driver.ranges[2] = []
        driver.is_on = True
        if kind is Plain:
            driver.later = "learnt"
        rack.know_again(known)

        assert (driver.ranges, driver.is_on) == ({1: [5.0, 1.0]}, False)
        assert driver.session is rack.sessions["frame"]
        assert driver.clock is rack.clock
        assert not hasattr(driver, "later")
