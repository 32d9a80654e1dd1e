"""One instrument as a bench file names it: who drives it, where it answers, the most it may give.

Data only; `rig.rack` opens the session.
"""

from __future__ import annotations

import datetime
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from rig import bounds
from rig.description import Description, mistake_error
from rig.quantity import Amps, Seconds, Volts, bounded

__all__ = ["Address", "Calibration", "InstrumentEntry", "Ratings", "Resource"]

_SOCKET = re.compile(r"TCPIP\d*::[^:]+::(\d+)::SOCKET", re.IGNORECASE)
_RESOURCE = re.compile(r"(TCPIP|USB|GPIB|ASRL|PXI|VXI|VICP|PRLGX)\S*", re.IGNORECASE)
_MOST_PORT = 65_535


def _address(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise mistake_error(f'"{text}" is an empty address', "write where it answers")
    return text


def _resource(text: str) -> str:
    _address(text)
    if "$" not in text.replace("${", "") and "${" in text:  # what fills it is seen when it starts
        return text
    if not _RESOURCE.fullmatch(text):
        what = f'"{text}" is no VISA resource'
        raise mistake_error(what, 'write for example "TCPIP::192.168.0.123::7000::SOCKET"')
    if (socket := _SOCKET.fullmatch(text)) and not 0 < int(socket[1][:9]) <= _MOST_PORT:
        raise mistake_error(f"there is no port {socket[1]}", f"write 1 to {_MOST_PORT}")
    return text


Address = Annotated[str, AfterValidator(_address)]
Resource = Annotated[str, AfterValidator(_resource)]


class Ratings(Description):
    """The most that this instrument may be set to on this bench."""

    voltage_v: Annotated[Volts | None, Field(alias="voltage", gt=0)] = None
    current_a: Annotated[Amps | None, Field(alias="current", gt=0)] = None


class Calibration(Description):
    """Its calibration certificate."""

    certificate: str
    due: datetime.date


class InstrumentEntry(Description):
    """One instrument: who drives it, where it answers."""

    driver: str
    resource: Annotated[
        Resource,
        Field(description="VISA resource", examples=['"TCPIP::192.168.0.123::7000::SOCKET"']),
    ]
    limits: Ratings = Ratings()
    calibration: Calibration | None = None
    timeout_s: Annotated[Seconds, bounded(bounds.TIME_OUT), Field(alias="time-out")] = 5.0
    serial: str | None = None  # the unit that must be found there
