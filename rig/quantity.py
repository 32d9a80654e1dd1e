"""Quantities as a person writes them ("3.65 V ± 10 mV") and SI floats, one into the other.

Also the pydantic types that do so in a description (``Volts``, ``Seconds``, ``Claim`` ...), and
the one place where a number without a unit, or with the wrong one, is refused. Knows no BMS.

Units inside: V, A, s, Ω, Hz, bit/s, °C (temperatures), K (their differences), Ah (charge: every
data sheet of a cell speaks of it), 1 (ratios: %, ppm), V/A and V/V (scales).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from rig.bounds import DATA_BIT_RATE, FINEST_TOLERANCE, PERIOD, POSSIBLE, Bound
from rig.mistakes import mistake_error

_PREFIXES = {"n": "1e-9", "µ": "1e-6", "m": "1e-3", "": "1", "k": "1e3", "M": "1e6"}


def _prefixed(unit: str, prefixes: str) -> dict[str, Decimal]:
    return {p + unit: Decimal(_PREFIXES[p]) for p in ["", *prefixes]}


# SI unit -> how it may be written -> factor. Letter case counts: ms and Ms, mV and MV differ.
_WRITTEN: dict[str, dict[str, Decimal]] = {
    "V": _prefixed("V", "nµmk"),
    "A": _prefixed("A", "nµmk"),
    "s": _prefixed("s", "nµm") | {"min": Decimal(60), "h": Decimal(3600)},
    "Ω": _prefixed("Ω", "mkM") | _prefixed("ohm", "mkM"),
    "Hz": _prefixed("Hz", "mkM"),
    "bit/s": _prefixed("bit/s", "kM"),
    "°C": {"°C": Decimal(1), "degC": Decimal(1)},
    # A difference of temperatures: 1.5 °C of tolerance is 1.5 K.
    "K": {"K": Decimal(1), "mK": Decimal("1e-3"), "°C": Decimal(1), "degC": Decimal(1)},
    "Ah": _prefixed("Ah", "m"),
    "1": {"%": Decimal("1e-2"), "ppm": Decimal("1e-6")},
    "V/A": {"V/A": Decimal(1), "mV/A": Decimal("1e-3"), "µV/A": Decimal("1e-6")},
    "V/V": {"V/V": Decimal(1), "mV/V": Decimal("1e-3")},
}
_NAMES = {
    "V": "a voltage",
    "A": "a current",
    "s": "a time",
    "Ω": "a resistance",
    "Hz": "a frequency",
    "bit/s": "a bit rate",
    "°C": "a temperature",
    "K": "a difference of temperatures",
    "Ah": "a charge",
    "1": "a ratio",
    "V/A": "a scale in volts per ampere",
    "V/V": "a ratio of voltages",
}
_EXAMPLES = {
    "V": "3.65 V",
    "A": "30 A",
    "s": "800 ms",
    "Ω": "10 kΩ",
    "Hz": "50 Hz",
    "bit/s": "500 kbit/s",
    "°C": "25 °C",
    "K": "1.5 K",
    "Ah": "20 Ah",
    "1": "50 ppm",
    "V/A": "10 mV/A",
    "V/V": "0.6 V/V",
}
_TOLERANCE_EXAMPLES = {"V": "10 mV", "A": "500 mA", "s": "100 ms", "°C": "1.5 K", "Ω": "100 Ω"}

_DIFFERENCES = {"°C": "K"}  # of two values in this unit; any other unit is its own

_SAME: Mapping[int, str] = {
    ord("−"): "-",
    0x03BC: "µ",  # Greek mu, as micro sign
    0x2126: "Ω",  # the ohm sign, as Greek omega
    0x00A0: " ",
    0x202F: " ",
    ord("℃"): "°C",
    0x00BA: "°",  # the masculine ordinal, and the ring above
    0x02DA: "°",
}
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*((?:[^\W\d_]|[°%]).*)?")


def unit_of_difference(unit: str) -> str:
    """Give the unit of a difference of two values in `unit`, as of a tolerance: K for °C."""
    return _DIFFERENCES.get(unit, unit)


class QuantityError(ValueError):
    """A text is no such quantity: what is wrong, and what would be right."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what, mend)
        self.what, self.mend = what, mend

    def __str__(self) -> str:
        return f"{self.what}; {self.mend}"


class _Written:
    """A value that stands as a text in a description; in code it is made as itself."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        return {"type": "string", "description": "a quantity, with its unit"}


# ---- values -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Toleranced(_Written):
    """A value with a symmetric tolerance, both in `unit` (a temperature's tolerance is in K)."""

    value: float
    tolerance: float
    unit: str

    @property
    def low(self) -> float:
        """Least value within tolerance."""
        return _tidy(self.value - self.tolerance)

    @property
    def high(self) -> float:
        """Greatest value within tolerance."""
        return _tidy(self.value + self.tolerance)

    def __str__(self) -> str:
        tolerance = format(self.tolerance, unit_of_difference(self.unit))
        return f"{format(self.value, self.unit)} ± {tolerance}"


@dataclass(frozen=True, slots=True)
class Interval(_Written):
    """From `low` to `high`, both included, in `unit`; `nominal` where one was written."""

    low: float
    high: float
    unit: str
    nominal: float | None = None

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{format(self.low, self.unit)} to {format(self.high, self.unit)}"


def _tidy(value: float) -> float:
    """Take away what binary fractions add: 3.65 + 0.01 is 3.66, not 3.6599999999999997."""
    return float(f"{value:.12g}")


# ---- texts to values ----------------------------------------------------------------------------
def parse(text: object, unit: str) -> float:
    """Read one quantity.

    Parameters
    ----------
    text : object
        What stood in the description: "800 ms", "−20 A", "10 kohm".
    unit : str
        The SI unit wanted: a key of the table in this module's docstring.

    Returns
    -------
    float
        In `unit`.

    Raises
    ------
    QuantityError
        No number, no unit, an unknown unit, or the unit of something else.
    """
    number, written = _split(text, unit)
    if not written:
        raise QuantityError(
            f'"{text}" has no unit', f'write for example "{_with_unit(number, unit)}"'
        )
    return _tidy_product(number, _factor(text, written, unit))


def parse_toleranced(text: object, unit: str) -> Toleranced:
    """Read "3.65 V ± 10 mV" (or ``+-``, ``+/-``); the tolerance may not be left out.

    Raises
    ------
    QuantityError
        As `parse`; or it has no tolerance, or a negative one.
    """
    parts = re.split(r"\s*(?:±|\+/?-)\s*", _plain(text), maxsplit=1)
    if len(parts) == 1:
        number, written = _split(text, unit)
        if written:
            parse(text, unit)  # a wrong unit is the graver mistake
        example = f"{number} {written or _EXAMPLES[unit].split()[1]} ± {_tolerance_example(unit)}"
        missing = "tolerance" if written else "unit"
        raise QuantityError(f'"{text}" has no {missing}', f'write for example "{example}"')
    tolerance = parse(parts[1], unit_of_difference(unit))
    if tolerance < 0:
        raise QuantityError(f'"{text}" has a negative tolerance', "write it without the sign")
    return Toleranced(parse(_lend_unit(*parts), unit), tolerance, unit)


def parse_range(text: object, unit: str) -> Interval:
    """Read "0 V to 4.5 V" or "0 to 4.5 V"; the first may not be the greater.

    Raises
    ------
    QuantityError
        As `parse`; or it is no range.
    """
    parts = re.split(r"\s+to\s+|\s*\.{2,3}\s*|\s*…\s*", _plain(text), maxsplit=1)
    if len(parts) == 1:
        example = _EXAMPLES[unit]
        raise QuantityError(
            f'"{text}" is not a range',
            f'write two values, for example "0 {example.split()[1]} to {example}"',
        )
    low, high = parse(_lend_unit(*parts), unit), parse(parts[1], unit)
    if low > high:
        raise QuantityError(f'the range "{text}" ends before it begins', "swap the two values")
    return Interval(low, high, unit)


def parse_interval(text: object, unit: str) -> Interval:
    """Read a claim: "1.0 s ± 100 ms", "200 µs to 500 µs" or "at most 2 s".

    Raises
    ------
    QuantityError
        As `parse`; or it does not say how far it may be off, or "at most" a negative value.
    """
    plain = _plain(text)
    if most := re.fullmatch(r"(?:at most|up to|<=|≤)\s+(.*)", plain):
        high = parse(most[1], unit)
        if high < 0:
            raise QuantityError(f'"{text}" is below zero', "write a positive value")
        return Interval(0.0, high, unit)
    if re.search(r"±|\+/?-", plain):
        claimed = parse_toleranced(plain, unit)
        return Interval(claimed.low, claimed.high, unit, claimed.value)
    if re.search(r"\sto\s|\.\.|…", plain):
        return parse_range(plain, unit)
    value = format(parse(plain, unit), unit)
    raise QuantityError(
        f'"{text}" does not say how far it may be off',
        f'write for example "{value} ± {_tolerance_example(unit)}" or "at most {value}"',
    )


def _tolerance_example(unit: str) -> str:
    return _TOLERANCE_EXAMPLES.get(unit, _EXAMPLES[unit])


def _plain(text: object) -> str:
    """One space, one minus, one micro sign, whatever the keyboard gave."""
    if not isinstance(text, str):
        return str(text)
    plain = text.translate(_SAME)
    plain = re.sub(r"(?<=\d)(\s*)u(?=[VAs])", r"\1µ", plain)  # us, uV, uA
    return " ".join(plain.split())


def _split(text: object, unit: str) -> tuple[str, str]:
    plain = _plain(text)
    match = _QUANTITY.fullmatch(plain) if not isinstance(text, bool | list | dict) else None
    if match is None:
        _refuse(text, plain, unit)
    return match[1], match[2] or ""


def _refuse(text: object, plain: str, unit: str) -> NoReturn:
    if re.fullmatch(r"[+-]?\d+,\d+\s*\S*", plain):
        raise QuantityError(
            f'"{text}" has a decimal comma', f'write a point: "{plain.replace(",", ".")}"'
        )
    shown = f'"{text}"' if isinstance(text, str) else _kind(text)
    raise QuantityError(f"{shown} is not {_NAMES[unit]}", f'write for example "{_EXAMPLES[unit]}"')


def _kind(value: object) -> str:
    kinds = {bool: f"{value}".lower(), list: "a list", dict: "a mapping", type(None): "nothing"}
    return kinds.get(type(value), f'"{value}"')


def _factor(text: object, written: str, unit: str) -> Decimal:
    factors = _WRITTEN[unit]
    if written in factors:
        return factors[written]
    example = f'write for example "{_EXAMPLES[unit]}"'
    for other, spellings in _WRITTEN.items():
        if written in spellings:
            raise QuantityError(f'"{text}" is {_NAMES[other]}, {_NAMES[unit]} is wanted', example)
    folded = [known for known in factors if known.casefold() == written.casefold()]
    if len(folded) == 1:
        raise QuantityError(
            f'"{text}": the unit is spelt {folded[0]}, not {written}', "letter case counts"
        )
    known = ", ".join(factors)
    raise QuantityError(
        f'"{text}" has the unknown unit "{written}"', f"{_NAMES[unit]} is written in {known}"
    )


def _with_unit(number: str, unit: str) -> str:
    magnitude, usual = abs(float(number)), _EXAMPLES[unit].split()[1]
    is_plain = magnitude < 20 if unit == "s" else magnitude >= 1000
    return f"{number} {unit if is_plain else usual}"


def _tidy_product(number: str, factor: Decimal) -> float:
    try:
        value = float(Decimal(number) * factor)  # in decimal, so that 1.1 mV is 0.0011
    except DecimalException:
        value = math.inf
    if not math.isfinite(value):
        raise QuantityError(f'"{number}" is too large', "write a finite value")
    return value


def _lend_unit(first: str, second: str) -> str:
    """In "0.9 to 1.1 s" the unit stands for both."""
    match = _QUANTITY.fullmatch(second)
    if match and match[2] and re.fullmatch(_NUMBER, first):
        return f"{first} {match[2]}"
    return first


# ---- values to texts ----------------------------------------------------------------------------
_SCALED = frozenset({"V", "A", "s", "Ω", "Hz", "bit/s", "V/A"})


def duration(seconds: float) -> str:
    """How long something takes: "0.8 s", "42 s", "3 min 05 s", "45 min", "6 h 12 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60:02d} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format(value: float, unit: str) -> str:
    """Write a quantity for people: "3.650 V", "160 ms", "200 µs", "25 °C", "50 ppm".

    Volts from 1 V up keep three decimals (a BMS's thresholds are told apart by millivolts), all
    else four significant digits at most. What it writes, `parse` reads.
    """
    if unit == "1":
        scaled, prefix, shown = (
            (value * 1e2, "", "%") if abs(value) >= 1e-3 else (value * 1e6, "", "ppm")
        )
    else:
        scaled, prefix = _scale(value, unit) if unit in _SCALED else (value, "")
        shown = unit
    if unit == "V" and not prefix and value:
        return f"{scaled:.3f} V"
    return f"{_four_digits(scaled)} {prefix}{shown}"


def exact(value: float, unit: str) -> str:
    """Write a quantity in full: what it writes, `parse` reads to the last bit."""
    text = f"{value:.15g}"
    return f"{text if float(text) == value else repr(float(value))} {unit}"


def unitless(value: float) -> float | int:
    """Write a number that has no unit, of a signal: 1, not 1.0."""
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else value


def _scale(value: float, unit: str) -> tuple[float, str]:
    """Choose the prefix that leaves 1 to 999, of those in which the unit is read."""
    magnitude, written = abs(value), _WRITTEN[unit]
    steps = (
        ("M", 1e6),
        ("k", 1e4),
        ("", 0.9995),
        ("m", 0.9995e-3),
        ("µ", 0.9995e-6),
        ("n", 0.5e-9),
    )
    smallest = ""
    for prefix, least in steps:
        if prefix + unit in written:
            smallest = prefix
            if magnitude >= least:
                return value / float(_PREFIXES[prefix]), prefix
    return value / float(_PREFIXES[smallest]), smallest if magnitude else ""


def _four_digits(value: float) -> str:
    if not math.isfinite(value) or not value:
        return "0" if not value else str(value)
    places = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# ---- the types of a description -----------------------------------------------------------------
Reader = Callable[[object, str], Any]


def reader(read: Reader, unit: str, bound: Bound | None = None) -> Callable[[object], Any]:
    """Make a pydantic validator of `read`; also for a field whose unit depends on another one.

    What lies beyond `bound` is refused; without one, what is impossible in this unit at all.
    """
    code = reader_of_codes(read, unit)

    def validate(value: object) -> Any:
        found = code(value)
        _must_lie_within(bound or POSSIBLE[unit], found)
        return found

    return validate


def reader_of_codes(read: Reader, unit: str) -> Callable[[object], Any]:
    """Make a validator of what only looks like a quantity: 3276.7 °C, said while none is known."""

    def validate(value: object) -> Any:
        if isinstance(value, Toleranced | Interval) and value.unit == unit:
            return value  # a model that is built in code, not from a text
        try:
            return read(value, unit)
        except QuantityError as error:
            raise mistake_error(error.what, error.mend) from error

    return validate


def bounded(bound: Bound) -> AfterValidator:
    """Make the validator of a field whose value, or both ends of it, must lie within `bound`."""

    def validate(value: Any) -> Any:
        if value is not None:
            _must_lie_within(bound, value)
        return value

    return AfterValidator(validate)


def _must_lie_within(bound: Bound, found: Any) -> None:
    if isinstance(found, Toleranced | Interval):
        _must_be_wide(found)
    ends = (found.low, found.high) if isinstance(found, Toleranced | Interval) else (found,)
    for end in ends:
        if end not in bound:
            least = "more than" if bound.above_low else "at least"
            low, high = format(bound.low, bound.unit), format(bound.high, bound.unit)
            mend = f"write {least} {low}, and at most {high}"
            raise mistake_error(f"{format(end, bound.unit)} can't be meant: {bound.reason}", mend)


def _must_be_wide(found: Toleranced | Interval) -> None:
    """Nothing measured is exact, so nothing would ever meet, or miss, what is no wider than 0."""
    if isinstance(found, Toleranced) and found.tolerance == 0.0:
        raise mistake_error(
            "it has a tolerance of 0, and nothing measured is exact", "write how far off"
        )
    if isinstance(found, Interval) and found.low == found.high:
        raise mistake_error("it begins where it ends, and nothing measured is exact", "widen it")
    of_time = isinstance(found, Interval) and found.unit == "s"
    if isinstance(found, Toleranced) or of_time:
        finest = FINEST_TOLERANCE.get(found.unit, 0.0)
        if 0.5 * (found.high - found.low) < finest * (1.0 - 1e-9):
            least = format(finest, unit_of_difference(found.unit))
            what = "its tolerance is finer than anything here measures"
            raise mistake_error(what, f"write ± {least} at least")


def _is_a_factor(factor: float) -> float:
    if factor == 0.0 or not math.isfinite(factor):
        raise mistake_error("a factor of 0 makes every value 0", "write what one step stands for")
    return factor


def _is_regular(period: Toleranced) -> Toleranced:
    if period.tolerance > 0.5 * period.value:
        raise mistake_error(
            f"{period} is no period: its tolerance is more than half of it", "narrow the tolerance"
        )
    return period


def _schema(unit: str, example: str) -> WithJsonSchema:
    # A loose pattern: the rig's own message is better than an editor's "does not match".
    description = f"{_NAMES[unit]}, with its unit"
    return WithJsonSchema({"type": "string", "description": description, "examples": [example]})


def _plain_schema(unit: str) -> WithJsonSchema:
    return _schema(unit, _EXAMPLES[unit])


def _toleranced_schema(unit: str) -> WithJsonSchema:
    return _schema(unit, f"{_EXAMPLES[unit]} ± {_tolerance_example(unit)}")


def _range_schema(unit: str) -> WithJsonSchema:
    return _schema(unit, f"{_EXAMPLES[unit]} to {_EXAMPLES[unit]}")


Volts = Annotated[float, BeforeValidator(reader(parse, "V")), _plain_schema("V")]
Amps = Annotated[float, BeforeValidator(reader(parse, "A")), _plain_schema("A")]
Seconds = Annotated[float, BeforeValidator(reader(parse, "s")), _plain_schema("s")]
Ohms = Annotated[float, BeforeValidator(reader(parse, "Ω")), _plain_schema("Ω")]
BitRate = Annotated[float, BeforeValidator(reader(parse, "bit/s")), _plain_schema("bit/s")]
DataBitRate = Annotated[
    float, BeforeValidator(reader(parse, "bit/s", DATA_BIT_RATE)), _plain_schema("bit/s")
]
DegC = Annotated[float, BeforeValidator(reader(parse, "°C")), _plain_schema("°C")]
Kelvin = Annotated[float, BeforeValidator(reader(parse, "K")), _plain_schema("K")]
AmpHours = Annotated[float, BeforeValidator(reader(parse, "Ah")), _plain_schema("Ah")]
Ratio = Annotated[float, BeforeValidator(reader(parse, "1")), _plain_schema("1")]
VoltsPerAmp = Annotated[float, BeforeValidator(reader(parse, "V/A")), _plain_schema("V/A")]
VoltsPerVolt = Annotated[float, BeforeValidator(reader(parse, "V/V")), _plain_schema("V/V")]
Period = Annotated[
    Toleranced,
    PlainValidator(reader(parse_toleranced, "s")),
    bounded(PERIOD),
    AfterValidator(_is_regular),
    _toleranced_schema("s"),
]
VoltCode = Annotated[float, BeforeValidator(reader_of_codes(parse, "V")), _plain_schema("V")]
AmpCode = Annotated[float, BeforeValidator(reader_of_codes(parse, "A")), _plain_schema("A")]
DegCCode = Annotated[float, BeforeValidator(reader_of_codes(parse, "°C")), _plain_schema("°C")]
Factor = Annotated[float, AfterValidator(_is_a_factor)]  # of a raw value, of whatever unit
VoltRange = Annotated[Interval, PlainValidator(reader(parse_range, "V")), _range_schema("V")]
AmpRange = Annotated[Interval, PlainValidator(reader(parse_range, "A")), _range_schema("A")]
DegCRange = Annotated[Interval, PlainValidator(reader(parse_range, "°C")), _range_schema("°C")]
RatioRange = Annotated[Interval, PlainValidator(reader(parse_range, "1")), _range_schema("1")]
TimeWindow = Annotated[
    Interval, PlainValidator(reader(parse_interval, "s")), _toleranced_schema("s")
]  # a time claimed: "1.0 s ± 100 ms", "200 µs to 500 µs", "at most 2 s"
