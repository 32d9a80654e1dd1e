"""Quantities: what a person may write, what is refused and how, and that writing reads back."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rig.quantity import (
    Interval,
    QuantityError,
    Toleranced,
    format,
    parse,
    parse_interval,
    parse_range,
    parse_toleranced,
)

UNITS = ("V", "A", "s", "Ω", "Hz", "bit/s", "°C", "K", "Ah", "1", "V/A", "V/V")


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("4.25 V", "V", 4.25),
        ("800 ms", "s", 0.8),
        ("25 °C", "°C", 25.0),
        ("-20 degC", "°C", -20.0),
        ("10 kΩ", "Ω", 10_000.0),
        ("10 kohm", "Ω", 10_000.0),
        ("500 kbit/s", "bit/s", 500_000.0),
        ("20 Ah", "Ah", 20.0),
        ("50 ppm", "1", 50e-6),
        ("0.5 %", "1", 0.005),
        ("-20 A", "A", -20.0),
        ("−20 A", "A", -20.0),  # a typographic minus
        ("200 us", "s", 200e-6),
        ("200 µs", "s", 200e-6),
        ("200 μs", "s", 200e-6),  # Greek mu
        ("1.5 °C", "K", 1.5),
        ("10 mV/A", "V/A", 0.01),
        ("2 min", "s", 120.0),
        (".5V", "V", 0.5),
        ("1.1 mV", "V", 0.0011),  # not 0.0011000000000000001
        ("1e3 ms", "s", 1.0),
        ("25 ℃", "°C", 25.0),
        ("25 ºC", "°C", 25.0),  # a masculine ordinal, as Spanish keyboards give it
        ("25 ˚C", "°C", 25.0),
    ],
)
def test_a_quantity_as_a_person_writes_it(text: str, unit: str, value: float) -> None:
    assert parse(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        (3.65, "V", '"3.65" has no unit; write for example "3.65 V"'),
        ("3.6", "V", '"3.6" has no unit; write for example "3.6 V"'),
        ("2", "s", '"2" has no unit; write for example "2 s"'),
        ("800", "s", '"800" has no unit; write for example "800 ms"'),
        ("800 mV", "s", '"800 mV" is a voltage, a time is wanted; write for example "800 ms"'),
        ("3700 mv", "V", '"3700 mv": the unit is spelt mV, not mv; letter case counts'),
        ("3,70 V", "V", '"3,70 V" has a decimal comma; write a point: "3.70 V"'),
        ("500000", "bit/s", '"500000" has no unit; write for example "500000 bit/s"'),
        ("10000", "Ω", '"10000" has no unit; write for example "10000 Ω"'),
        ("fast", "s", '"fast" is not a time; write for example "800 ms"'),
        (True, "s", 'true is not a time; write for example "800 ms"'),
        (None, "V", 'nothing is not a voltage; write for example "3.65 V"'),
        ([1], "V", 'a list is not a voltage; write for example "3.65 V"'),
        ("", "V", '"" is not a voltage; write for example "3.65 V"'),
        ("1e999 V", "V", '"1e999" is too large; write a finite value'),
    ],
)
def test_a_wrong_quantity_says_what_would_be_right(text: object, unit: str, message: str) -> None:
    with pytest.raises(QuantityError) as refused:
        parse(text, unit)

    assert str(refused.value) == message


@pytest.mark.parametrize("sign", ["±", "+-", "+/-"])
def test_a_tolerance_has_its_own_unit(sign: str) -> None:
    assert parse_toleranced(f"3.65 V {sign} 10 mV", "V") == Toleranced(3.65, 0.01, "V")


def test_a_toleranced_value_knows_its_bounds_without_binary_dust() -> None:
    threshold = parse_toleranced("3.65 V ± 10 mV", "V")

    assert (threshold.low, threshold.high) == (3.64, 3.66)
    assert str(threshold) == "3.650 V ± 10 mV"


def test_a_temperature_is_toleranced_in_kelvin_or_degrees() -> None:
    assert parse_toleranced("45 °C ± 1.5 K", "°C") == parse_toleranced("45 ± 1.5 °C", "°C")


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("3.65 V", "V", '"3.65 V" has no tolerance; write for example "3.65 V ± 10 mV"'),
        (3.65, "V", '"3.65" has no unit; write for example "3.65 V ± 10 mV"'),
        ("3.65 s", "V", '"3.65 s" is a time, a voltage is wanted; write for example "3.65 V"'),
        ("1 V ± -1 V", "V", '"1 V ± -1 V" has a negative tolerance; write it without the sign'),
    ],
)
def test_a_missing_tolerance_is_a_mistake(text: object, unit: str, message: str) -> None:
    with pytest.raises(QuantityError) as refused:
        parse_toleranced(text, unit)

    assert str(refused.value) == message


def test_a_range_may_lend_its_unit_to_its_beginning() -> None:
    assert parse_range("0 V to 4.5 V", "V") == parse_range("0 to 4.5 V", "V")
    for dots in ("..", "...", "…", " .. "):
        assert parse_range(f"0{dots}4.5 V", "V") == parse_range("0 to 4.5 V", "V")


@pytest.mark.parametrize("text", ["4.5 V to 0 V", "4.5 V", "0 s to 4.5 V", ""])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_range(text, "V")


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("1.0 s ± 100 ms", Interval(0.9, 1.1, "s", 1.0)),
        ("200 µs to 500 µs", Interval(200e-6, 500e-6, "s")),
        ("at most 2 s", Interval(0.0, 2.0, "s")),
        ("≤ 2 s", Interval(0.0, 2.0, "s")),
    ],
)
def test_a_promise_has_three_forms(text: str, interval: Interval) -> None:
    assert parse_interval(text, "s") == interval


def test_a_promise_must_say_how_far_it_may_be_off() -> None:
    with pytest.raises(QuantityError, match="does not say how far it may be off"):
        parse_interval("1.0 s", "s")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.65, "V", "3.650 V"),
        (0.01, "V", "10 mV"),
        (0.16, "s", "160 ms"),
        (200e-6, "s", "200 µs"),
        (1.28, "s", "1.28 s"),
        (-20.0, "A", "-20 A"),
        (25.0, "°C", "25 °C"),
        (500_000.0, "bit/s", "500 kbit/s"),
        (50e-6, "1", "50 ppm"),
        (0.0, "s", "0 s"),
    ],
)
def test_a_value_is_written_for_people(value: float, unit: str, text: str) -> None:
    assert format(value, unit) == text


@given(st.floats(-1e6, 1e6, allow_subnormal=False), st.sampled_from(UNITS))
@example(value=0.9996, unit="s")
@example(value=10_000.0, unit="s")
@example(value=1.0, unit="1")
@example(value=999.96e-6, unit="s")
def test_what_is_written_reads_back(value: float, unit: str) -> None:
    read = parse(format(value, unit), unit)

    assert math.isclose(read, value, rel_tol=6e-4, abs_tol=0.6e-9)


@given(st.text(max_size=20), st.sampled_from(UNITS))
def test_any_text_is_read_or_refused_with_advice(text: str, unit: str) -> None:
    for read in (parse, parse_toleranced, parse_range, parse_interval):
        refused = _refusal(read, text, unit)
        assert refused is None or (refused.what and refused.mend)


def _refusal(read: Callable[[object, str], object], text: str, unit: str) -> QuantityError | None:
    try:
        read(text, unit)
    except QuantityError as error:
        return error
    return None
