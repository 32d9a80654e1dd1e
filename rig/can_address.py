"""Addresses of what is said on CAN: "Status.Soc", or "Cells.Voltage1 of module 3 on stack".

An address is its text, the same in a plan, a profile, a finding and a stored case; that of the
BMS's own bus doesn't name it. A module is one of several that send by one DBC, each at identifiers
of its own. Must not know a DBC: whether there is such a message is asked elsewhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

OWN_BUS = "can"  # name of the bus that the profile's own messages are on
_TEXT = re.compile(r"(.*?)(?: of module ([1-9][0-9]*))?(?: on (.+))?", re.DOTALL)


def bus_told(bus: str) -> str:
    """Give a bus's name as a sentence has it."""
    return "CAN" if bus == OWN_BUS else bus


class _Parts(NamedTuple):
    name: str
    module: int | None
    bus: str


class Address(str):
    """A text that names a bus, and a module on it; equal where it is the same text."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Read an address; text that is none is kept, and is the name of nothing."""
        return super().__new__(cls, _text(*_parts(text)))

    @property
    def bus(self) -> str:
        """Its name on the bench."""
        return _parts(self).bus

    @property
    def module(self) -> int | None:
        """Its number, from 1; None: its identifiers are those that the DBC gives."""
        return _parts(self).module

    @property
    def whole(self) -> Self:
        """The same of all modules: as the DBC has it."""
        return type(self)(_text(_parts(self).name, None, self.bus))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


class MessageAddress(Address):
    """Where a message comes: "Status", "Cells of module 3 on stack"."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The message's, in its DBC."""
        return _parts(self).name

    def signal(self, name: str) -> SignalAddress:
        """Give the address of one of its signals."""
        own, module, bus = _parts(self)
        return SignalAddress(_text(f"{own}.{name}", module, bus))


class SignalAddress(Address):
    """Where a signal comes: "Status.Soc", "Cells.Voltage1 of module 3 on stack"."""

    __slots__ = ()

    @property
    def message(self) -> MessageAddress:
        """The address of its message."""
        name, module, bus = _parts(self)
        return MessageAddress(_text(name.partition(".")[0], module, bus))

    @property
    def name(self) -> str:
        """The signal's, in its message."""
        return _parts(self).name.partition(".")[2]


@lru_cache(maxsize=1 << 14)
def _parts(text: str) -> _Parts:
    found = _TEXT.fullmatch(text)
    assert found is not None  # noqa: S101 -- any text matches
    name, module, bus = found.groups()
    return _Parts(name, int(module) if module else None, bus or OWN_BUS)


def _text(name: str, module: int | None, bus: str) -> str:
    of = "" if module is None else f" of module {module}"
    return f"{name}{of}" if bus == OWN_BUS else f"{name}{of} on {bus}"
