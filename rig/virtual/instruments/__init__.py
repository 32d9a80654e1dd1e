"""Simulated instruments, each in the dialect of one real model. Must not know any BMS."""

from rig.virtual.instruments.iet_prs import ThermistorSimulator
from rig.virtual.instruments.instrument import ScpiInstrument
from rig.virtual.instruments.itech_it8514 import ElectronicLoad
from rig.virtual.instruments.keysight_daq970a import ScannerDmm
from rig.virtual.instruments.keysight_e36312a import AuxSupply
from rig.virtual.instruments.ngi_n83624 import CellEmulator
from rig.virtual.instruments.rigol_dho import Digitizer
from rig.virtual.instruments.server import ScpiServer
from rig.virtual.instruments.tdk_genesys import Charger

__all__ = [
    "AuxSupply",
    "CellEmulator",
    "Charger",
    "Digitizer",
    "ElectronicLoad",
    "ScannerDmm",
    "ScpiInstrument",
    "ScpiServer",
    "ThermistorSimulator",
]
