"""Which drivers there are. A driver of your own needs no fork: an entry point "rig.instruments".

    [project.entry-points."rig.instruments"]
    acme-42 = "our_lab.acme42:INFO"          # a DriverInfo

Names are what a bench description writes after `driver:`. Must not open a session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points

from rig.clock import Clock
from rig.instruments.capabilities import (
    Digitizer,
    Instrument,
    Load,
    Meter,
    Relays,
    Resistors,
    Supply,
    VoltageSource,
)
from rig.instruments.drivers import (
    iet_prs,
    itech_it8500_plus,
    keysight_daq970a,
    keysight_e36312a,
    ngi_n83624,
    rigol_dho,
    tdk_genesys_plus,
)
from rig.instruments.session import Framing, Session
from rig.plugins import loaded

GROUP = "rig.instruments"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverInfo:
    """A driver, and what the bench has to know before it opens the session."""

    name: str
    title: str  # maker and model, for people
    capabilities: tuple[type, ...]  # which protocols of `capabilities` it fulfils
    create: Callable[[Session, Clock], Instrument]
    channels: tuple[int, ...]  # (0,): it has just one, and a description needs not name it
    framing: Framing
    most_v: float | None = None  # that it can be set to, on any channel; None: it sets none, or
    most_a: float | None = None  # its own name tells
    port: str = ""  # usual address of its SCPI socket, for people

    def can(self, wanted: tuple[type, ...]) -> bool:
        """Tell whether it can do any of these."""
        return not set(wanted).isdisjoint(self.capabilities)


_OURS = (
    DriverInfo(
        name="ngi-n83624",
        title="NGI N83624 cell emulator",
        capabilities=(VoltageSource,),
        create=ngi_n83624.NgiN83624,
        channels=ngi_n83624.NgiN83624.channels,
        framing=ngi_n83624.FRAMING,
        most_v=ngi_n83624.VOLTAGE.high,
        most_a=ngi_n83624.OCP.high,
        port="7000",
    ),
    DriverInfo(
        name="tdk-genesys-plus",
        title="TDK-Lambda Genesys+ supply",
        capabilities=(Supply,),
        create=tdk_genesys_plus.TdkGenesysPlus,
        channels=tdk_genesys_plus.TdkGenesysPlus.channels,
        framing=tdk_genesys_plus.FRAMING,
        port="8003",
    ),
    DriverInfo(
        name="keysight-e36312a",
        title="Keysight E36312A supply",
        capabilities=(Supply,),
        create=keysight_e36312a.KeysightE36312A,
        channels=keysight_e36312a.KeysightE36312A.channels,
        framing=keysight_e36312a.FRAMING,
        most_v=max(setting.high for setting in keysight_e36312a.VOLTAGE.values()),
        most_a=max(setting.high for setting in keysight_e36312a.CURRENT.values()),
        port="5025",
    ),
    DriverInfo(
        name="itech-it8500-plus",
        title="ITECH IT8500+ electronic load",
        capabilities=(Load,),
        create=itech_it8500_plus.ItechIt8500Plus,
        channels=itech_it8500_plus.ItechIt8500Plus.channels,
        framing=itech_it8500_plus.FRAMING,
        most_a=itech_it8500_plus.CURRENT.high,
    ),
    DriverInfo(
        name="iet-prs",
        title="IET Labs PRS-200/300 programmable resistor",
        capabilities=(Resistors,),
        create=iet_prs.IetPrs,
        channels=iet_prs.IetPrs.channels,
        framing=iet_prs.FRAMING,
    ),
    DriverInfo(
        name="rigol-dho",
        title="Rigol DHO oscilloscope",
        capabilities=(Digitizer,),
        create=rigol_dho.RigolDho,
        channels=rigol_dho.RigolDho.channels,
        framing=rigol_dho.FRAMING,
        port="5555",
    ),
    DriverInfo(
        name="keysight-daq970a",
        title="Keysight DAQ970A scanning meter",
        capabilities=(Meter, Relays),  # the relays with a card for them in one of its slots
        create=keysight_daq970a.KeysightDaq970a,
        channels=keysight_daq970a.KeysightDaq970a.channels,
        framing=keysight_daq970a.FRAMING,
        port="5025",
    ),
)


class _Drivers(Mapping[str, DriverInfo]):
    """Ours, and those of installed packages; these are imported only when they are asked for."""

    def __init__(self) -> None:
        self._ours = {info.name: info for info in _OURS}
        self._theirs = {point.name: point for point in entry_points(group=GROUP)}

    def __getitem__(self, name: str) -> DriverInfo:
        if name in self._ours:
            return self._ours[name]
        return loaded(self._theirs[name], "driver", DriverInfo)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ours | self._theirs)

    def __len__(self) -> int:
        return len(self._ours | self._theirs)


DRIVERS: Mapping[str, DriverInfo] = _Drivers()
