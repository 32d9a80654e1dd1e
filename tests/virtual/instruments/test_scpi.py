"""SCPI as text, against the rules of IEEE 488.2 and SCPI-99."""

import contextlib
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rig.virtual.instruments import scpi
from rig.virtual.instruments.scpi import Command, CommandTable, ScpiError, Unit

TABLE = CommandTable([
    Command("[SOURce#:]VOLTage[:LEVel][:IMMediate]"),
    Command("[SOURce#:]VOLTage:PROTection[:LEVel]"),
    Command("OUTPut#:ONOFF"),
    Command("*IDN"),
])  # fmt: skip


@pytest.mark.parametrize(
    ("header", "pattern", "suffixes"),
    [
        ("VOLT", 0, (None,)),
        ("VOLTAGE:LEVEL:IMMEDIATE", 0, (None,)),
        ("SOUR3:VOLT", 0, (3,)),
        ("SOURCE12:VOLT:IMM", 0, (12,)),
        ("VOLT:PROT", 1, (None,)),
        ("OUTP2:ONOFF", 2, (2,)),
        ("*IDN", 3, ()),
    ],
)
def test_a_header_is_found_in_its_short_and_long_forms(
    header: str, pattern: int, suffixes: tuple[int | None, ...]
) -> None:
    assert TABLE.find(header) == (TABLE.commands[pattern], suffixes)


@pytest.mark.parametrize(
    "header", ["VOL", "VOLTA", "VOLTAG", "SOU:VOLT", "VOLT:PROTE", "VOLT:", "OUTP:ONOF", "IDN"]
)
def test_a_form_between_short_and_long_is_no_header(header: str) -> None:
    assert TABLE.find(header) is None


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ("VOLT:LEV 1;PROT 2", ["VOLT:LEV", "VOLT:PROT"]),
        ("VOLT:LEV 1;:OUTP1:ONOFF 1", ["VOLT:LEV", "OUTP1:ONOFF"]),
        ("VOLT:LEV 1;*OPC;PROT 2", ["VOLT:LEV", "*OPC", "VOLT:PROT"]),
        (":sour:volt 1;volt:prot 2", ["SOUR:VOLT", "SOUR:VOLT:PROT"]),
        (";;VOLT 1;", ["VOLT"]),
    ],
)
def test_the_path_stays_after_a_semicolon(line: str, headers: list[str]) -> None:
    units = scpi.parse_message(line)

    assert [unit.header for unit in units if isinstance(unit, Unit)] == headers


def test_a_cyrillic_letter_is_an_invalid_character_and_ends_the_message() -> None:
    units = scpi.parse_message("*IDN?;*ОPC?;*RST")

    assert isinstance(units[0], Unit)
    assert isinstance(units[1], ScpiError)
    assert units[1].code == scpi.INVALID_CHARACTER
    assert len(units) == 2


@given(st.text(max_size=60))
@example('VOLT "a;b')
@example("VOLT ((@1)")
@example("\x00;:;::")
def test_no_text_makes_the_parser_fail(text: str) -> None:
    for unit in scpi.parse_message(text):
        if isinstance(unit, Unit):
            TABLE.find(unit.header)
            with contextlib.suppress(ScpiError):
                scpi.parse_arguments(unit.arguments)


@pytest.mark.parametrize(
    ("text", "arguments", "channels"),
    [
        ("3.65(@1,2,3)", ("3.65",), (1, 2, 3)),
        ("3.65,(@1:3)", ("3.65",), (1, 2, 3)),
        ("(@101,103:105)", (), (101, 103, 104, 105)),
        ("(@3:1)", (), (3, 2, 1)),
        ("10, 0.001 , (@101)", ("10", "0.001"), (101,)),
        ("CH1,5,1", ("CH1", "5", "1"), None),
        ("(@)", None, None),
        ("", (), None),
    ],
)
def test_arguments_and_channel_lists(
    text: str, arguments: tuple[str, ...] | None, channels: tuple[int, ...] | None
) -> None:
    if arguments is None:
        with pytest.raises(ScpiError):
            scpi.parse_arguments(text)
    else:
        assert scpi.parse_arguments(text) == (arguments, channels)


def test_a_dialect_without_ranges_refuses_them() -> None:
    with pytest.raises(ScpiError):
        scpi.parse_arguments("(@1:3)", ranges=False)


@given(st.lists(st.integers(0, 9999), min_size=1))
def test_a_channel_list_reads_back(channels: list[int]) -> None:
    assert scpi.parse_channels(",".join(map(str, channels))) == tuple(channels)


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(-0.0)
def test_a_number_reads_back(value: float) -> None:
    assert scpi.parse_number(repr(value)) == value
    assert math.isclose(scpi.parse_number(scpi.nr3(value)), value, rel_tol=1e-8, abs_tol=5e-300)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("5 V", "V", 5.0), ("5mV", "V", 0.005), ("100MS", "S", 0.1), ("1e3uV", "V", 1e-3)],
)
def test_a_suffix_scales_a_number(text: str, unit: str, value: float) -> None:
    assert scpi.parse_number(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "code"),
    [("abc", scpi.DATA_TYPE_ERROR), ("5 A", scpi.INVALID_SUFFIX), ("", scpi.DATA_TYPE_ERROR)],
)
def test_what_is_no_number_is_refused(text: str, code: int) -> None:
    with pytest.raises(ScpiError) as caught:
        scpi.parse_number(text, "V")

    assert caught.value.code == code


@given(st.binary(max_size=2000), st.sampled_from([None, 9]))
@example(b"\n" * 10, 9)
def test_a_definite_block_reads_back(data: bytes, digits: int | None) -> None:
    block = scpi.definite_block(data, digits=digits)

    width = int(block[1:2])
    assert block[:1] == b"#"
    assert int(block[2 : 2 + width]) == len(data)
    assert block[2 + width :] == data
