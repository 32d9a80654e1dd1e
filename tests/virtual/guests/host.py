"""A host that speaks to a BMS on the desk: HostAlive with counter and checksum."""

from __future__ import annotations

from rig.virtual.guests.reference.can_telemetry import e2e_p01_crc

HOST_ALIVE = 0x305


def host_alive(counter: int, *, request: int = 0, length: int = 8) -> bytes:
    """Make the data of one frame, sealed over `length` bytes."""
    data = bytes((0, counter % 15 | request << 4, 0, 0, 0, 0, 0, 0))[:length]
    return bytes((e2e_p01_crc(HOST_ALIVE, data),)) + data[1:]
