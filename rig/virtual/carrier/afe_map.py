"""What the data sheet of the analog front end chip says: registers, scales, address and CRC.

All that its driver may know of it; the chip itself is `afe_chip.py`.

======  =====================================================  =====================
at      register                                               after power-on
======  =====================================================  =====================
0x00    CONTROL: converter on, range, settings mode            0x05
0x02    OV_LIMIT, u16, 0.1 mV                                  0xFFFF: no limit
0x04    OV_DELAY, u8, 1 ms                                     0xFF
0x05    NTC_ON, u8, a bit for each sensor                      0x01: the first alone
0x08    CELL_GAIN, s8, 1e-4; CELL_OFFSET, s8, 1 mV             trimmed at the factory
0x0A    CURRENT_GAIN, u8, 1e-4                                 trimmed at the factory
0x10    STATUS: power-on, over-voltage; cleared by writing 1   0x80
0x12    CURRENT, s16, 10 mA, charge positive
0x14    PACK, u16, 1 mV
0x16    OPEN_WIRES, u16, a bit for each cell, by a current into each tap (as the LTC6804's ADOW)
0x18    CELL 1, u16, 0.1 mV, and the others after it
        NTC 1 after the last cell, u16, ratio to the reference
======  =====================================================  =====================

Limits and delays are taken in settings mode alone, in which the current is not converted. A value
that there is not yet reads 0xFFFF, a current 0x8000.

The CRC is the one of SMBus (packet error code, version 3.1, 5.4), which the bq769x0 uses too: the
polynomial 0x07 over everything since the start condition, the address bytes included.
"""

from __future__ import annotations

CONTROL, OV_LIMIT, OV_DELAY, NTC_ON = 0x00, 0x02, 0x04, 0x05
CELL_GAIN, CELL_OFFSET, CURRENT_GAIN = 0x08, 0x09, 0x0A
STATUS, CURRENT, PACK, OPEN_WIRES, CELLS = 0x10, 0x12, 0x14, 0x16, 0x18
CONVERTER_ON, WIDE_RANGE, SETTINGS_MODE = 0x01, 0x04, 0x80  # of CONTROL
POWER_ON, OVERVOLTAGE = 0x80, 0x01  # of STATUS
TRIM_LSB = 1e-4
OFFSET_LSB_V, CELL_LSB_V, PACK_LSB_V, CURRENT_LSB_A = 1e-3, 1e-4, 1e-3, 1e-2
NO_LIMIT, NO_VALUE, NO_CURRENT = 0xFFFF, 0xFFFF, -0x8000
RATIO_FULL = 0xFFFE
UNUSED_NTC = 0x8000  # what a sensor input that is not switched on reads

POLYNOMIAL = 0x07
ADDRESS = 0x08  # 7 bits; that of most of the bq769x0 family
WRITE, READ = ADDRESS << 1, ADDRESS << 1 | 1


def _table() -> bytes:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc << 1) ^ (POLYNOMIAL if crc & 0x80 else 0)
            crc &= 0xFF
        table.append(crc)
    return bytes(table)


TABLE = _table()


def crc8(data: bytes, crc: int = 0) -> int:
    """Reckon the CRC over bytes, going on from `crc`."""
    table = TABLE
    for byte in data:
        crc = table[crc ^ byte]
    return crc


# Over the address bytes alone, by register: a transaction goes on from there.
OF_READ = bytes(crc8(bytes((WRITE, register, READ))) for register in range(256))
OF_WRITE = bytes(crc8(bytes((WRITE, register))) for register in range(256))
