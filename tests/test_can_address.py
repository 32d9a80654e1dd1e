"""Addresses on CAN: their text says all of them, and is read back as it was."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rig.can_address import OWN_BUS, Address, MessageAddress, SignalAddress

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,15}", fullmatch=True)
BUSES = st.one_of(st.just(OWN_BUS), st.from_regex(r"\w(?:[\w .+-]{0,20}\w)?", fullmatch=True))
MODULES = st.one_of(st.none(), st.integers(1, 250))


def text_of(name: str, module: int | None, bus: str) -> str:
    of_module = "" if module is None else f" of module {module}"
    return f"{name}{of_module}" + ("" if bus == OWN_BUS else f" on {bus}")


@given(NAMES, NAMES, MODULES, BUSES)
def test_an_address_is_its_text_and_gives_its_parts(
    message: str, signal: str, module: int | None, bus: str
) -> None:
    text = text_of(f"{message}.{signal}", module, bus)
    address = SignalAddress(text)

    assert address == str(address) == f"{address}" == text
    assert (address.name, address.bus, address.module) == (signal, bus, module)
    assert (address.message.name, address.message.bus) == (message, bus)
    assert address.message == text_of(message, module, bus)
    assert address.message.signal(signal) == address
    assert SignalAddress(address) == address == pickle.loads(pickle.dumps(address))  # noqa: S301


@given(NAMES, BUSES)
def test_the_bms_own_bus_need_not_be_named(name: str, bus: str) -> None:
    assert (MessageAddress(f"{name} on {bus}") == name) is (bus == OWN_BUS)


@given(st.text())
def test_any_text_is_read_and_kept_so_that_a_mistake_is_shown_as_it_was_written(text: str) -> None:
    for kind in (SignalAddress, MessageAddress):
        assert kind(kind(text)) == kind(text)
    if " on " not in text:
        assert SignalAddress(text) == text


@pytest.mark.parametrize("kind", [SignalAddress, MessageAddress])
def test_it_is_stored_as_its_text_and_read_as_what_it_is(kind: type[Address]) -> None:
    adapter = TypeAdapter(dict[kind, list[kind]])  # type: ignore[valid-type]
    address = kind("Cells.Voltage1 of module 3 on stack")
    stored = adapter.dump_json({address: [address]})

    assert stored == f'{{"{address}":["{address}"]}}'.encode()
    [(key, [value])] = adapter.validate_json(stored).items()
    assert (type(key), type(value)) == (kind, kind)
    assert adapter.json_schema()["additionalProperties"]["items"] == {"type": "string"}
