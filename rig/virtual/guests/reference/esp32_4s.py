"""The released build of the reference BMS `esp32-4s`: 4 LFP cells, 20 Ah, FETs in both paths."""

from __future__ import annotations

from typing import Any

from rig.virtual.guests.esp32 import BootLog
from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.image import Build, Image, Parts
from rig.virtual.guests.reference.protections import Rule
from rig.virtual.guests.reference.settings import DelayTable, StoredSetting

# Ticks are runs of the 10 ms main task. From the crossing at the terminals to the gate it takes
# (ticks - 1) * 10 ms, and before that up to 50 ms (10 ms for currents) until the front end has
# sampled the bad value and up to 10 ms until the main task sees it. So 98 ticks on cells are
# 970 to 1030 ms. Recoveries are counted so that "for 2 s" is never less than 2 s.
RULES = (
    Rule(short="OVP", flag="OV", reads="cells", above=True, threshold=3.65, ticks=98,
         release=3.50, opens_charge=True, shows="cell {n} {value:.3f} V"),
    Rule(short="UVP", flag="UV", reads="cells", above=False, threshold=2.50, ticks=98,
         release=3.00, opens_discharge=True, shows="cell {n} {value:.3f} V"),
    Rule(short="OCC1", flag="OCC", reads="charge", above=True, threshold=22.0, ticks=100,
         release=1.0, release_ticks=501, opens_charge=True, shows="{value:.2f} A"),
    Rule(short="OCC2", flag="OCC", reads="charge", above=True, threshold=30.0, ticks=16,
         release=1.0, release_ticks=501, opens_charge=True, shows="{value:.2f} A"),
    Rule(short="OCD1", flag="OCD", reads="discharge", above=True, threshold=30.0, ticks=128,
         release=1.0, release_ticks=501, release_reads="magnitude", opens_discharge=True,
         shows="{value:.2f} A"),
    Rule(short="OCD2", flag="OCD", reads="discharge", above=True, threshold=50.0, ticks=16,
         release=1.0, release_ticks=501, release_reads="magnitude", opens_discharge=True,
         shows="{value:.2f} A"),
    Rule(short="SCD", flag="SCD", reads="short circuit", above=True, threshold=0.5, ticks=1,
         latches=True, opens_discharge=True),
    Rule(short="OTC", flag="OTC", reads="hottest", above=True, threshold=45.0, ticks=198,
         release=40.0, opens_charge=True, shows="{value:.1f} degC"),
    Rule(short="OTD", flag="OTD", reads="hottest", above=True, threshold=60.0, ticks=198,
         release=55.0, opens_discharge=True, shows="{value:.1f} degC"),
    Rule(short="UTC", flag="UTC", reads="coldest", above=False, threshold=0.0, ticks=198,
         release=5.0, opens_charge=True, shows="{value:.1f} degC"),
    Rule(short="UTD", flag="UTD", reads="coldest", above=False, threshold=-20.0, ticks=198,
         release=-15.0, opens_discharge=True, shows="{value:.1f} degC"),
    Rule(short="OW", flag="OpenWire", reads="wires open", above=True, threshold=0.5, ticks=100,
         opens_charge=True, opens_discharge=True, shows="cell {n}"),
    Rule(short="TSO", flag="SensorOpen", reads="sensors open", above=True, threshold=0.5, ticks=50,
         opens_charge=True, opens_discharge=True, shows="sensor {n}"),
    Rule(short="TSS", flag="SensorShort", reads="sensors short", above=True, threshold=0.5,
         ticks=50, opens_charge=True, opens_discharge=True, shows="sensor {n}"),
    Rule(short="VIM", flag="Imbalance", reads="spread", above=True, threshold=0.300, ticks=498,
         release=0.200, shows="{value:.3f} V"),
    Rule(short="CTO", flag="CommTimeout", reads="host lost", above=True, threshold=0.5, ticks=1,
         release_ticks=1, opens_charge=True),
    Rule(short="STO", flag="StorageFault", reads="settings lost", above=True, threshold=0.5,
         ticks=1, latches=True, opens_charge=True, opens_discharge=True),
    Rule(short="ATO", flag="AfeLost", reads="front end lost", above=True, threshold=0.5, ticks=1,
         opens_charge=True, opens_discharge=True),
    Rule(short="OVP2", flag="OV", reads="hard overvoltage", above=True, threshold=0.5, ticks=1,
         release=3.50, release_reads="cells", opens_charge=True),
)  # fmt: skip

# The front end's tables, as a bq769x0 has them (docs/known-defects.md 1.6.1): over- and
# undervoltage in whole seconds, overcurrent in discharge in ms.
OV_DELAYS = DelayTable(values=(1, 2, 4, 8), per_second=1)
UV_DELAYS = DelayTable(values=(1, 4, 8, 16), per_second=1)
OCD_DELAYS = DelayTable(values=(8, 20, 40, 80, 160, 320, 640, 1280), per_second=1000)

_MV = {"unit": "V", "per_unit": 1000}
_DA = {"unit": "A", "per_unit": 10}
_DDEGC = {"unit": "degC", "per_unit": 10}


def _trip(rule: str, unit: dict[str, Any], factory: int, low: int, high: int) -> StoredSetting:
    name = f"{rule.lower()}.trip"
    return StoredSetting(
        name=name, rule=rule, moves="threshold", factory=factory, low=low, high=high, **unit
    )


def _release(rule: str, unit: dict[str, Any], factory: int, low: int, high: int) -> StoredSetting:
    name = f"{rule.lower()}.release"
    return StoredSetting(
        name=name, rule=rule, moves="release", factory=factory, low=low, high=high, **unit
    )


def _delay(rule: str, factory: int, low: int, high: int, **more: Any) -> StoredSetting:
    name = f"{rule.lower()}.delay"
    return StoredSetting(
        name=name, rule=rule, moves="ticks", unit="s", per_unit=1000,
        factory=factory, low=low, high=high, **more,
    )  # fmt: skip


# In stored steps: mV, 0.1 A, 0.1 degC, ms.
SETTINGS = (
    _trip("OVP", _MV, 3650, 3450, 3850),
    _release("OVP", _MV, 3500, 3350, 3700),
    _delay("OVP", 1000, 1000, 4000, table=OV_DELAYS, lead_ticks=2),
    _trip("UVP", _MV, 2500, 2200, 2800),
    _release("UVP", _MV, 3000, 2700, 3100),
    _delay("UVP", 1000, 1000, 8000, table=UV_DELAYS, lead_ticks=2),
    _trip("OCC1", _DA, 220, 100, 280),
    _delay("OCC1", 1000, 500, 2000),
    _trip("OCD1", _DA, 300, 100, 450),
    _delay("OCD1", 1280, 320, 1280, table=OCD_DELAYS),
    _trip("OTC", _DDEGC, 450, 350, 550),
    _release("OTC", _DDEGC, 400, 300, 500),
    _delay("OTC", 2000, 1000, 4000, lead_ticks=2),
    _trip("UTC", _DDEGC, 0, -100, 100),
    _release("UTC", _DDEGC, 50, -50, 150),
    _delay("UTC", 2000, 1000, 4000, lead_ticks=2),
)

BOOT_LOG = BootLog(
    loads=(
        *("load:0x3fff0030,len:7084", "load:0x40078000,len:15584", "ho 0 tail 12 room 4"),
        *("load:0x40080400,len:4", "load:0x40080404,len:3876", "entry 0x4008064c"),
    )
)

RELEASED = Build(
    image=Image(
        name="esp32-4s",
        cells=4,
        sensors=2,
        rules=RULES,
        settings=SETTINGS,
        boot_log=BOOT_LOG,
    ),
    parts=Parts(program=Bms),
)
