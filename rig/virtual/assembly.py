"""Wires the benches: nets, instruments, links and the BMS. Must not decide when time passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rig.virtual.can_bus import CanBus, CanNode
from rig.virtual.carrier.board import Board
from rig.virtual.carrier.can_wire import CanWire
from rig.virtual.carrier.circuit import PowerPath
from rig.virtual.carrier.dc_link import MAIN, PRECHARGE, LinkedPowerPath
from rig.virtual.cells import LFP_20AH, NMC_20AH, CellString
from rig.virtual.clock import LocalClock
from rig.virtual.control import ControlPort
from rig.virtual.instruments import (
    AuxSupply,
    CellEmulator,
    Charger,
    Digitizer,
    ElectronicLoad,
    ScannerDmm,
    ScpiInstrument,
    ScpiServer,
    ThermistorSimulator,
)
from rig.virtual.kernel import Kernel
from rig.virtual.loop import Loop
from rig.virtual.plugging import plug_in
from rig.virtual.rfc2217 import ConsoleServer
from rig.virtual.seeds import Seeds
from rig.virtual.signal import Signal
from rig.virtual.socketcand import SocketcandServer
from rig.virtual.truth import Truth, TruthPort
from rig.virtual.uart import Uart

__all__ = ["BENCHES", "Setup", "SimulatedBench", "built"]

CELLS, MANY_CELLS = 4, 16
BITRATE = 500_000
BAUD = 115_200
_CRYSTAL_PPM = 50.0  # of a device that states nothing better (crystals are sold for 20 to 100)
_UPTIME_NS = 10 * 10**9  # what devices have on their clocks, about, when the bench comes up
_EPOCH_NS = 1_767_225_600 * 10**9  # 2026-01-01: what adapters, which stamp wall clock, show then
_SHUNT_V_PER_A = 0.001  # 1 mOhm in the pack's return, read by the meter
_SHUNT_TOLERANCE = 5e-4  # of its resistance [u]
_PROBE_V_PER_A = 0.01  # current probe, 10 mV/A
_ADAPTER_RESTART_NS = 100_000_000  # restart-ms 100 of the adapter's interface: Linux's default is 0
_HIGH_CHARGER = (80.0, 19.0)  # a GH80-19: 16 cells are beyond the usual one
_HIGH_SOC = 0.4  # of the pack with contactors: 3.80 V a cell, which its emulated ones show at rest
_AUX_OUTPUT = 2
_R25_OHMS = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a bench is started with."""

    dut: str
    seed: int = 1
    real: bool = False
    port_base: int = 0
    variant: str | None = None
    host: str = "127.0.0.1"
    digitizers: int = 1  # all with probes at the same nets, each with a clock of its own


class SimulatedBench:
    """One bench: its ports, which stay open, and what is behind them, which can be built anew.

    Parameters
    ----------
    wire
        Builds what belongs to one BMS; called once more each time that a case begins.

    Attributes
    ----------
    addresses : dict[str, str]
        Where its ports are: what is said when it is ready.
    kernel, board, truth, clocks, seeds
        Built anew; nobody may keep one of them who outlives a case.
    """

    def __init__(self, setup: Setup, wire: Callable[[SimulatedBench], None]) -> None:
        self.setup, self._wire = setup, wire
        self.addresses: dict[str, str] = {}
        self.loop = Loop(Kernel(), real=setup.real, host=setup.host)
        self._instruments: dict[str, ScpiServer] = {}
        self._adapter: SocketcandServer | None = None
        self._console: ConsoleServer | None = None
        self._ports: tuple[ControlPort, TruthPort] | None = None
        self._build(Seeds(setup.seed, setup.seed))

    def begin(self, seed: int) -> None:
        """Build everything behind the ports anew, for a case with this seed.

        The instruments are then set up as they were when the first case began: what a rig programs
        and corrects while it connects holds for all its cases.
        """
        self._build(Seeds(self.setup.seed, seed))
        for server in self._instruments.values():
            server.set_up()

    def _build(self, seeds: Seeds) -> None:
        self.seeds, self.kernel = seeds, Kernel()
        self.loop.run_on(self.kernel)
        self.board, self.truth = Board(self.kernel), Truth(self.kernel)
        self.clocks: dict[str, LocalClock] = {}
        self.clock("rig")
        self._wire(self)

    # Parts

    def clock(
        self, name: str, *, epoch_ns: int = _UPTIME_NS, drift_ppm: float = _CRYSTAL_PPM
    ) -> LocalClock:
        """Draw the clock of a device, with an offset and a drift of its own.

        Parameters
        ----------
        epoch_ns
            What it shows when the bench comes up, give or take what `LocalClock.drawn` adds.
        drift_ppm
            Tolerance of its crystal; the drift drawn lies within it, on either side.
        """
        clock = LocalClock.drawn(
            self.kernel, self.setup.seed, name, epoch_ns=epoch_ns, drift_ppm=drift_ppm
        )
        self.clocks[name] = clock
        return clock

    def next_port(self) -> int:
        """Tell the next port: 0 for any free one, or one after the other from the base."""
        return self.setup.port_base and self.setup.port_base + len(self.addresses)

    def nets(self, pattern: str, count: int, *, first: int = 1) -> dict[int, Signal]:
        """Find numbered nets, as the channels from `first` on: "cell {}", 4 -> {1: …, …}."""
        return {first + n: self.board.nets[pattern.format(n + 1)] for n in range(count)}

    def instrument(self, name: str, kind: Callable[..., ScpiInstrument], **wiring: object) -> None:
        """Put an instrument on a port."""
        its_name, seeds = f"instrument {name}", self.seeds
        clock = self.clock(name, drift_ppm=getattr(kind, "CLOCK_PPM", _CRYSTAL_PPM))
        instrument = kind(self.kernel, clock, seeds.lasting(its_name), **wiring)
        instrument.draw_from(seeds.momentary(its_name))
        instrument.remembers = not self.setup.real  # real time never begins anew
        if (server := self._instruments.get(name)) is not None:
            server.plug(instrument)
            return
        server = ScpiServer(self.loop, instrument, self.next_port(), name=name)
        self._instruments[name] = server
        self.addresses[name] = f"TCPIP::{self.setup.host}::{server.port}::SOCKET"

    def can(self) -> CanNode:
        """Lay the bus, put the adapter on it and return the BMS's node."""
        bus = CanBus(self.kernel, BITRATE)
        node = bus.attach(self.setup.dut)
        CanWire(self.board, "can bus", bus, node)
        # Stepped time must not depend on the day; in real time a logger shows the date it is.
        epoch_ns = time.time_ns() if self.setup.real else _EPOCH_NS
        clock = self.clock("can", epoch_ns=epoch_ns)
        if self._adapter is not None:
            self._adapter.plug_into(bus, clock)
            return node
        server = self._adapter = SocketcandServer(
            self.loop, bus, clock, port=self.next_port(), restart_ns=_ADAPTER_RESTART_NS
        )
        self.addresses["can"] = f"socketcand://{self.setup.host}:{server.port}/{server.channel}"
        return node

    def console_and_dut(self, node: CanNode | None = None) -> None:
        """Put the BMS into its socket and its console on a port."""
        uart = Uart(self.kernel, BAUD)
        if self._console is None:
            self._console = ConsoleServer(self.loop, self.kernel, uart, port=self.next_port())
            self.addresses["console"] = f"rfc2217://{self.setup.host}:{self._console.port}"
        else:
            self._console.plug(self.kernel, uart)
        plug_in(
            self.setup.dut,
            self.setup.variant,
            kernel=self.kernel,
            board=self.board,
            seeds=self.seeds,
            uart=uart,
            auto_reset=self._console.auto_reset,
            can=node,
            note=self.truth.note,
        )

    def ports(self) -> None:
        """Open the rig's clock and the ground truth."""
        if self._ports is not None:
            control, truth = self._ports
            control.clock = self.clocks["rig"]
            truth.plug(self.truth, self.board, self.clocks)
            return
        control = ControlPort(self.loop, self.clocks["rig"], self.next_port(), begin=self.begin)
        self.addresses["clock"] = f"{self.setup.host}:{control.port}"
        truth = TruthPort(self.loop, self.truth, self.board, self.clocks, self.next_port())
        self.addresses["truth"] = f"{self.setup.host}:{truth.port}"
        self._ports = control, truth


def esp32_4s(bench: SimulatedBench) -> None:
    """Wire the reference BMS: emulated cells at its sense pins, a real pack in its power path."""
    nets = _common_nets(bench, sensors=2)
    _power_nets(bench)
    battery = CellString(LFP_20AH, CELLS, spread=bench.seeds.lasting("battery"))
    path = PowerPath(bench.kernel, bench.board, battery)
    cells, gates = bench.nets("cell {}", CELLS), (nets["charge gate"], nets["discharge gate"])

    _emulator(bench, currents=bench.nets("bleed {}", CELLS))
    bench.instrument("charger", Charger, apply=path.charger_set, measure=path.charger_measure)
    _aux_supply(bench)
    bench.instrument("load", ElectronicLoad, apply=path.load_set, measure=path.load_measure)
    bench.instrument("thermistors", ThermistorSimulator, channels=bench.nets("ntc {}", 2))
    scope = dict(enumerate((*cells.values(), *gates, nets["current"], nets["pack"]), start=1))
    _digitizers(bench, scope, {7: _PROBE_V_PER_A})
    meter = dict(enumerate((*cells.values(), nets["pack"], *gates, nets["current"]), start=101))
    shunt = {108: _shunt_v_per_a(bench)}
    bench.instrument(
        "dmm", ScannerDmm, channels=meter, volts_per_unit=shunt, relays=_link_relays(bench)
    )
    bench.console_and_dut(bench.can())
    bench.ports()


def esp32_16s(bench: SimulatedBench) -> None:
    """Wire the BMS with contactors: 16 emulated cells, a link with a capacitor behind the pack.

    The digitizer has channels for two of the cells only; a second meter reads the rest.
    """
    nets = _common_nets(bench, sensors=4, cells=MANY_CELLS)
    _power_nets(bench, MAIN, PRECHARGE, cells=MANY_CELLS)
    battery = CellString(NMC_20AH, MANY_CELLS, soc=_HIGH_SOC, spread=bench.seeds.lasting("battery"))
    path = LinkedPowerPath(bench.kernel, bench.board, battery)
    switches = [nets[name] for name in ("charge gate", "discharge gate", MAIN, PRECHARGE)]
    ends = (nets["cell 1"], nets["cell 16"])

    _emulator(bench, currents=bench.nets("bleed {}", MANY_CELLS), cells=MANY_CELLS)
    power = {"apply": path.charger_set, "measure": path.charger_measure}
    bench.instrument("charger", Charger, **power, rated=_HIGH_CHARGER)
    _aux_supply(bench)
    bench.instrument("load", ElectronicLoad, apply=path.load_set, measure=path.load_measure)
    bench.instrument("thermistors", ThermistorSimulator, channels=bench.nets("ntc {}", 4))
    scope = dict(enumerate((*ends, *switches, nets["current"], nets["pack terminal"]), start=1))
    _digitizers(bench, scope, {7: _PROBE_V_PER_A})
    meter = dict(
        enumerate((nets["pack"], *switches, nets["current"], nets["pack terminal"]), start=101)
    )
    shunt = {106: _shunt_v_per_a(bench)}
    bench.instrument(
        "dmm", ScannerDmm, channels=meter, volts_per_unit=shunt, relays=_link_relays(bench)
    )
    cells = bench.nets("cell {}", MANY_CELLS, first=101)
    bench.instrument("cell_dmm", ScannerDmm, channels=cells)
    bench.console_and_dut(bench.can())
    bench.ports()


def pbmslsuite_o(bench: SimulatedBench) -> None:
    """Wire the educational BMS: no CAN, no FETs; its pins are its outputs."""
    nets = _common_nets(bench, sensors=1)
    for name in ("led", *(f"balance {n + 1}" for n in range(CELLS))):
        bench.board.add(name, "V", 0.0)
    cells, balance = bench.nets("cell {}", CELLS), bench.nets("balance {}", CELLS)

    _emulator(bench)
    _aux_supply(bench)
    bench.instrument("thermistors", ThermistorSimulator, channels=bench.nets("ntc {}", 1))
    scope = (*cells.values(), nets["led"], *(balance[n] for n in (1, 2, 3)))
    _digitizers(bench, dict(enumerate(scope, start=1)))
    meter = (*cells.values(), *balance.values(), nets["led"])
    bench.instrument("dmm", ScannerDmm, channels=dict(enumerate(meter, start=101)))
    bench.console_and_dut()
    bench.ports()


def _digitizers(
    bench: SimulatedBench, scope: dict[int, Signal], volts_per_unit: dict[int, float] | None = None
) -> None:
    """Put `digitizer` at these nets, then `digitizer2` and so on."""
    for number in range(1, bench.setup.digitizers + 1):
        name = "digitizer" if number == 1 else f"digitizer{number}"
        bench.instrument(name, Digitizer, channels=scope, volts_per_unit=volts_per_unit)


def _link_relays(bench: SimulatedBench) -> dict[int, Callable[[bool], None]]:
    """Lay the links through form-C relays of the actuator, so that at rest they are healthy."""
    relays: dict[int, Callable[[bool], None]] = {}
    for first, link in ((201, "afe link"), (203, "can bus")):
        bench.board.add_link(link)
        for number, fault in enumerate(("open", "short"), start=first):
            relays[number] = _relay(bench.board, link, fault)
    return relays


def _relay(board: Board, link: str, fault: str) -> Callable[[bool], None]:
    return lambda moved: board.move_relay(link, fault, moved=moved)


def _power_nets(bench: SimulatedBench, *more: str, cells: int = CELLS) -> None:
    """Lay the nets of a power path, and of the transistors that bleed the cells."""
    bench.board.add("current", "A", 0.0)
    for name in ("pack", "charge gate", "discharge gate", *more):
        bench.board.add(name, "V", 0.0)
    for n in range(cells):
        bench.board.add(f"bleed {n + 1}", "A", 0.0)


def _shunt_v_per_a(bench: SimulatedBench) -> float:
    error = bench.seeds.lasting("shunt").uniform(-_SHUNT_TOLERANCE, _SHUNT_TOLERANCE)
    return _SHUNT_V_PER_A * (1.0 + error)


def _common_nets(bench: SimulatedBench, *, sensors: int, cells: int = CELLS) -> dict[str, Signal]:
    for n in range(cells):
        bench.board.add(f"cell {n + 1}", "V", 0.0)
    for n in range(sensors):
        bench.board.add(f"ntc {n + 1}", "ohm", _R25_OHMS)
    bench.board.add("aux", "V", 0.0)
    return bench.board.nets


def _emulator(
    bench: SimulatedBench, currents: dict[int, Signal] | None = None, cells: int = CELLS
) -> None:
    def open_relay(channel: int, is_open: bool) -> None:  # noqa: FBT001 (the emulator's signature)
        if channel <= cells:
            bench.board.break_wire(f"cell {channel}", is_open=is_open)

    bench.instrument(
        "emulator",
        CellEmulator,
        channels=bench.nets("cell {}", cells),
        currents=currents,
        open_relay=open_relay,
    )


def _aux_supply(bench: SimulatedBench) -> None:
    bench.instrument("aux", AuxSupply, channels={_AUX_OUTPUT: bench.board.nets["aux"]})


BENCHES: dict[str, Callable[[SimulatedBench], None]] = {
    "esp32-4s": esp32_4s,
    "esp32-16s": esp32_16s,
    "pbmslsuite-o": pbmslsuite_o,
}


def built(setup: Setup) -> SimulatedBench:
    """Build the bench of a BMS."""
    return SimulatedBench(setup, BENCHES[setup.dut])
