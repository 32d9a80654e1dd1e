"""SCPI as text: headers, arguments, numbers, channel lists, blocks. Must not know an instrument.

Rules from IEEE 488.2-1992 and SCPI-99 volume 1: a keyword has exactly a short and a long form;
after `;` the path of the header before it stays, `;:` goes back to the root, common commands (`*…`)
leave the path alone. What a real model does differently is its own module's matter.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

INFINITY = 9.9e37  # SCPI-99 volume 1, 7.2.1.4: overload
NOT_A_NUMBER = 9.91e37  # the same, 7.2.1.5

# Codes of the error queue (SCPI-99 volume 2, 21.8).
SYNTAX_ERROR = -102
DATA_TYPE_ERROR = -104
PARAMETER_NOT_ALLOWED = -108
MISSING_PARAMETER = -109
UNDEFINED_HEADER = -113
HEADER_SUFFIX_OUT_OF_RANGE = -114
CANNOT_QUERY = -115
INVALID_CHARACTER = -101
INVALID_SUFFIX = -131
EXECUTION_ERROR = -200
SETTINGS_CONFLICT = -221
DATA_OUT_OF_RANGE = -222
ILLEGAL_PARAMETER = -224
QUEUE_OVERFLOW = -350
INPUT_OVERRUN = -363

STANDARD_WORDING = {
    INVALID_CHARACTER: "Invalid character",
    SYNTAX_ERROR: "Syntax error",
    DATA_TYPE_ERROR: "Data type error",
    PARAMETER_NOT_ALLOWED: "Parameter not allowed",
    MISSING_PARAMETER: "Missing parameter",
    UNDEFINED_HEADER: "Undefined header",
    HEADER_SUFFIX_OUT_OF_RANGE: "Header suffix out of range",
    CANNOT_QUERY: "Query not allowed",
    INVALID_SUFFIX: "Invalid suffix",
    EXECUTION_ERROR: "Execution error",
    SETTINGS_CONFLICT: "Settings conflict",
    DATA_OUT_OF_RANGE: "Data out of range",
    ILLEGAL_PARAMETER: "Illegal parameter value",
    QUEUE_OVERFLOW: "Queue overflow",
    INPUT_OVERRUN: "Input buffer overrun",
}


class ScpiError(Exception):
    """A command that the instrument refuses; `code` goes to its error queue."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True)
class Unit:
    """One program message unit: a header with its path filled in, and its argument text."""

    header: str  # upper case, no leading colon, no question mark
    is_query: bool
    arguments: str


@dataclass(frozen=True, slots=True)
class Call:
    """What a command's action receives."""

    arguments: tuple[str, ...] = ()
    channels: tuple[int, ...] | None = None  # from `(@1,2)`, None if no list was sent
    suffixes: tuple[int | None, ...] = ()  # from numeric suffixes of the header, in order

    def only(self) -> str:
        """The one argument that the command takes; ScpiError for none or more."""
        if not self.arguments:
            raise ScpiError(MISSING_PARAMETER)
        if len(self.arguments) > 1:
            raise ScpiError(PARAMETER_NOT_ALLOWED)
        return self.arguments[0]

    def nothing(self) -> None:
        """Raise ScpiError for arguments where the command takes none."""
        if self.arguments:
            raise ScpiError(PARAMETER_NOT_ALLOWED)


Set = Callable[[Call], None]
Query = Callable[[Call], str | bytes | None]


@dataclass(frozen=True, slots=True)
class Command:
    """A header with what it does when set and when queried; None: the form doesn't exist."""

    pattern: str  # `[SOURce#:]VOLTage[:LEVel]`: capitals = short form, [] optional, # a suffix
    set: Set | None = None
    query: Query | None = None
    latency: str = "set"  # the instrument's latency class of the set form
    query_latency: str = "query"
    extra_ns: Callable[[Call], int] | None = None  # time that the action itself takes


@cache  # an instrument is built anew for each case, and this is half of the time that it takes
def header_expression(pattern: str) -> re.Pattern[str]:
    """Compile a header pattern of `Command` into the expression that accepts its spellings."""
    parts: list[str] = []
    for token in re.findall(r"\*?[A-Za-z_]+\d*|[\[\]:#]", pattern):
        if token in "[]:#":
            parts.append({"[": "(?:", "]": ")?", ":": ":", "#": r"(\d*)"}[token])
        else:
            short = "".join(c for c in token if not c.islower())
            forms = dict.fromkeys((short, token.upper()))
            parts.append("(?:" + "|".join(re.escape(form) for form in forms) + ")")
    return re.compile("".join(parts))


@dataclass(slots=True)
class CommandTable:
    """All commands of one instrument; looks headers up and remembers what it found."""

    commands: Sequence[Command]
    _expressions: list[re.Pattern[str]] = field(init=False)
    _found: dict[str, tuple[Command, tuple[int | None, ...]] | None] = field(
        init=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        self._expressions = [header_expression(command.pattern) for command in self.commands]

    def find(self, header: str) -> tuple[Command, tuple[int | None, ...]] | None:
        """The command of a full header, with the numeric suffixes that it carries."""
        if header not in self._found:
            if len(self._found) > 10_000:  # a client that sends garbage must not fill the memory
                self._found.clear()
            self._found[header] = self._search(header)
        return self._found[header]

    def _search(self, header: str) -> tuple[Command, tuple[int | None, ...]] | None:
        for command, expression in zip(self.commands, self._expressions, strict=True):
            match = expression.fullmatch(header)
            if match:
                return command, tuple(int(s) if s else None for s in match.groups())
        return None


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a separator that stands neither in quotes nor in parentheses."""
    parts, start, depth, quote = [], 0, 0, ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "()":
            depth += 1 if c == "(" else -1
        elif c == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


_UNIT = re.compile(r"(?P<colon>:?)(?P<header>\*?[A-Za-z_][A-Za-z0-9_:]*)(?P<query>\??)(?P<rest>.*)")


def parse_message(line: str) -> list[Unit | ScpiError]:
    """Split a program message into its units, following the path rule.

    Ends with the first unit that can't be read, as its error: the rest of such a message is
    discarded (IEEE 488.2, 6.1.6.1: a command error returns the parser to its start).
    """
    units: list[Unit | ScpiError] = []
    path: tuple[str, ...] = ()
    for part in split_outside(line, ";"):
        text = part.strip()
        if not text:
            continue
        unit = _parse_unit(text, path)
        units.append(unit)
        if isinstance(unit, ScpiError):
            break
        if not unit.header.startswith("*"):
            path = tuple(unit.header.split(":")[:-1])
    return units


def _parse_unit(text: str, path: tuple[str, ...]) -> Unit | ScpiError:
    match = _UNIT.fullmatch(text)
    if match is None or not text.isascii():
        return ScpiError(INVALID_CHARACTER if not text.isascii() else SYNTAX_ERROR, text)
    header, rest = match["header"].upper(), match["rest"]
    if rest and not rest[0].isspace() and rest[0] not in "(":
        return ScpiError(SYNTAX_ERROR, text)
    if not match["colon"] and not header.startswith("*"):
        header = ":".join((*path, header))
    return Unit(header, bool(match["query"]), rest.strip())


_CHANNEL_LIST = re.compile(r"(?P<before>.*?),?\s*\(\s*@(?P<list>[^()]*)\)\s*", re.DOTALL)


def parse_arguments(
    text: str, *, ranges: bool = True
) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    """Split arguments at commas, and read a trailing `(@…)` into channel numbers.

    Parameters
    ----------
    ranges
        Whether `(@1:3)` is understood.
    """
    channels = None
    match = _CHANNEL_LIST.fullmatch(text)
    if match:
        text, channels = match["before"], parse_channels(match["list"], ranges=ranges)
    if not text.strip():
        return (), channels
    return tuple(part.strip() for part in split_outside(text, ",")), channels


def parse_channels(text: str, *, ranges: bool = True) -> tuple[int, ...]:
    """Read `1,3:5` as channel numbers, in the order written; ScpiError for anything else."""
    channels: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        if not first.strip().isdecimal() or (colon and not (ranges and last.strip().isdecimal())):
            raise ScpiError(SYNTAX_ERROR, text)
        low, high = int(first), int(last) if colon else int(first)
        if abs(high - low) > 10_000:
            raise ScpiError(DATA_OUT_OF_RANGE, text)
        channels += range(low, high + 1) if low <= high else range(low, high - 1, -1)
    return tuple(channels)


_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:\s*[eE]\s*[+-]?\d+)?)\s*([A-Za-z/%]*)")
_MULTIPLIERS = {"": 1.0, "U": 1e-6, "M": 1e-3, "K": 1e3, "MA": 1e6}


def parse_number(text: str, unit: str = "") -> float:
    """Read an NRf number; a suffix, with a SCPI multiplier, is accepted where `unit` is given.

    Raises
    ------
    ScpiError
        It is no number, or has another suffix.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ScpiError(DATA_TYPE_ERROR, text)
    digits, suffix = match[1].replace(" ", ""), match[2].upper()
    if not suffix:
        return float(digits)
    scale = _MULTIPLIERS.get(suffix.removesuffix(unit.upper())) if unit else None
    if scale is None or not suffix.endswith(unit.upper()):
        raise ScpiError(INVALID_SUFFIX, text)
    return float(digits) * scale


def parse_boolean(text: str) -> bool:
    """Read ON, OFF or a number, of which anything but 0 is on."""
    word = text.strip().upper()
    if word in {"ON", "OFF"}:
        return word == "ON"
    return round(parse_number(word)) != 0


def parse_choice(text: str, choices: Iterable[str]) -> str:
    """Find a keyword among `choices` (`POSitive`) by its short or long form, return the short."""
    word = text.strip().upper()
    for choice in choices:
        short = "".join(c for c in choice if not c.islower())
        if word in {short, choice.upper()}:
            return short
    raise ScpiError(ILLEGAL_PARAMETER, text)


def within(value: float, low: float, high: float) -> float:
    """Return the value; ScpiError outside the range that the instrument accepts."""
    if not low <= value <= high:
        raise ScpiError(DATA_OUT_OF_RANGE, f"{value:g}")
    return value


def limit_or_number(
    text: str, low: float, high: float, unit: str = "", default: float | None = None
) -> float:
    """Read a number, MIN, MAX or (where there is one) DEF, and check its range."""
    word = text.strip().upper()
    named = {"MIN": low, "MINIMUM": low, "MAX": high, "MAXIMUM": high}
    if default is not None:
        named |= {"DEF": default, "DEFAULT": default}
    return named[word] if word in named else within(parse_number(text, unit), low, high)


def definite_block(data: bytes, *, digits: int | None = None) -> bytes:
    """Pack data as an IEEE 488.2 definite length block: `#`, digit count, byte count, bytes.

    Parameters
    ----------
    digits
        Width of the byte count; Rigol always writes nine.
    """
    count = str(len(data)) if digits is None else f"{len(data):0{digits}d}"
    if len(count) > 9:
        raise ValueError(f"a definite block holds at most 999999999 bytes, not {len(data)}")
    return b"#%d%s" % (len(count), count.encode()) + data


def nr3(value: float, decimals: int = 8) -> str:
    """Write a number as Keysight meters do: `+4.25000000E+00`."""
    return f"{value:+.{decimals}E}"
