"""Seeded mutations of all shipped descriptions: `rig check` must end, and say what is wrong.

    python benchmarks/breakers/descriptions.py [--seed N] [--tries N] [--accepted CLASS]

Mutates benches, profiles and plans in values, units, types, tags, structure and bytes, and checks
each. Wanted: no traceback, no hang, no flood, and every refusal a line with place and mend. Mutants
of the classes named in `NEVER` mean nothing, so that none may be accepted; those accepted of the
others are counted by class and shown by --accepted.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml
from checked import Answer, Checker, Mutant, difference, tried

ROOT = Path(__file__).parents[2]
TRIES = 2500
NEVER = ("tag", "deep nesting", "alias bomb", "control character", "number too large", "10^9")
_QUANTITY = re.compile(
    r"(?<![\w.-])(-?\d+(?:\.\d+)?)( ?)(mV|V|kV|mA|A|ms|µs|s|h|K|°C|Ω|kΩ|Ah|%|ppm)\b"
)
_FREE = re.compile(r"#|^\s*(- )?(name|title|plan|bench|command|meaning): ")  # what may say anything
_SCALAR = re.compile(r"(?<=: )([^\s{}\[\],#&*!|>'\"][^{}\[\],#\n]*?)(?=[,}\n]|$)", re.MULTILINE)
_VALUES = (
    *("null", "~", "true", "no", "''", "' '", "[]", "{}", "[a, b]", "{a: b}", "- x", "0", "-1"),
    *(
        "1e5",
        "NaN",
        ".inf",
        "-.inf",
        "0x1F",
        "010",
        "1,5 V",
        "1;5",
        "3.65",
        "3 V ± 3 V",
        "1 V to 0 V",
    ),
    *('"a\\nb"', '"\\ud800"', '"\\u202e"', "*x", "%x", "@x", "`x`", "''''", "é", "−5 V", "5 μV"),
    *(
        "on",
        "yes",
        "Off",
        "12:30",
        "2027-02-30",
        "!x",
        "&x",
        "<<",
        "?",
        "a: b",
        "x" * 300,
        "V 5",
        "± 1 V",
    ),
)
_UNITS = (
    "nV",
    "mV",
    "V",
    "kV",
    "MV",
    "A",
    "mA",
    "kA",
    "s",
    "ms",
    "h",
    "°C",
    "K",
    "Ω",
    "%",
    "Hz",
    "",
    "v",
    "S",
)


@dataclass(frozen=True)
class Source:
    """A description, and what `rig check` needs beside it."""

    path: Path
    options: tuple[str, ...] = ()

    @property
    def is_profile(self) -> bool:
        """Whether it lies beside a DBC, in a folder of its own."""
        return self.path.name == "profile.yaml"


def sources() -> list[Source]:
    """Give all descriptions that are shipped."""
    lab = ROOT / "fixtures" / "lab"
    mine = ("--dut", str(lab / "duts" / "my-bms"))
    own = [*(ROOT / "testplans").glob("*.yaml"), *(ROOT / "fixtures/benches").glob("*.yaml")]
    labs = [*(lab / "testplans").glob("*.yaml"), *(lab / "benches").glob("*.yaml")]
    profiles = [*(ROOT / "fixtures/duts").glob("*/profile.yaml"), lab / "duts/my-bms/profile.yaml"]
    return [
        *(Source(path) for path in sorted(own)),
        *(Source(path, mine) for path in sorted(labs)),
        *(Source(path) for path in sorted(profiles)),
    ]


# ---- mutations: of a text; None where there is no place for it --------------------------------
def _replaced(
    pattern: re.Pattern[str], text: str, chance: random.Random, new: object
) -> str | None:
    """Replace one match, which is in no comment and no title."""
    found = [m for m in pattern.finditer(text) if not _FREE.search(_line_before(text, m.start()))]
    if not found:
        return None
    match = chance.choice(found)
    word = new(match) if callable(new) else str(new)
    return text[: match.start()] + str(word) + text[match.end() :]


def _line_before(text: str, position: int) -> str:
    return text[text.rfind("\n", 0, position) + 1 : position]


def _value(text: str, chance: random.Random) -> str | None:
    return _replaced(_SCALAR, text, chance, chance.choice(_VALUES))


def _unit(text: str, chance: random.Random) -> str | None:
    unit = chance.choice(_UNITS)
    return _replaced(_QUANTITY, text, chance, lambda m: f"{m[1]}{m[2]}{unit}")


def _number(text: str, chance: random.Random) -> str | None:
    new = chance.choice(("0", "1e-9", "3", "99", "1e3", "1000", "0.5"))
    return _replaced(_QUANTITY, text, chance, lambda m: f"{new}{m[2]}{m[3]}")


def _huge(text: str, chance: random.Random) -> str | None:
    return _replaced(
        _QUANTITY, text, chance, lambda m: f"{m[1]}e9{m[2]}{m[3]}" if float(m[1]) else "1e9 V"
    )


def _sign(text: str, chance: random.Random) -> str | None:
    minus = chance.choice("-−")
    return _replaced(_QUANTITY, text, chance, lambda m: f"{minus}{m[0].lstrip('-')}")


def _too_large(text: str, chance: random.Random) -> str | None:
    digits = chance.choice(("9" * 400, "1e400", "-1e999999", "9" * 6000, "1e99999999999999999999"))
    return _replaced(_QUANTITY, text, chance, lambda m: f"{digits}{m[2]}{m[3]}")


def _type(text: str, chance: random.Random) -> str | None:
    wrap = chance.choice(("[{}]", "{{x: {}}}", '"{}"', "[{0}, {0}]", "| {}", "> {}"))
    return _replaced(_SCALAR, text, chance, lambda m: wrap.format(m[0].strip()))


def _tag(text: str, chance: random.Random) -> str | None:
    tags = ("!!timestamp", "!!bool", "!!int", "!!float", "!!null", "!!binary", "!!set", "!!omap")
    tag = chance.choice((*tags, "!!python/object/apply:os.system", "!own", "!!str", "!<x>"))
    return _replaced(_SCALAR, text, chance, lambda m: f"{tag} {m[0]}")


def _deep(text: str, chance: random.Random) -> str | None:
    levels, pair = chance.choice((40, 400, 5000)), chance.choice(("[]", "{}"))
    opens, closes = ("[", "]") if pair == "[]" else ("{a: ", "}")
    return _replaced(_SCALAR, text, chance, opens * levels + "x" + closes * levels)


def _bomb(text: str, chance: random.Random) -> str | None:
    wide, rows = chance.choice(((9, 12), (9, 26), (3, 40)))
    lines = ["b0: &b0 [x, x, x]"]
    lines += [f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * wide)}]" for n in range(1, rows)]
    return "\n".join(lines) + "\n" + text


def _control(text: str, chance: random.Random) -> str | None:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice("\x00\x01\x07\x08\x1b\x7f\x9f\ufffe") + text[at:]


def _odd(text: str, chance: random.Random) -> str | None:
    odd = chance.choice(
        ("\t", "\xa0", "\u2028", "\u202e", "\u3000", "\ufeff", "\r", "“", "：", "\x85")
    )
    at = chance.randrange(len(text))
    return text[:at] + odd + text[at:]


def _lines(text: str, chance: random.Random) -> str | None:
    """Drop, repeat, swap, indent or move a line."""
    lines = text.splitlines()
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = chance.choice(("  ", "\t", " ", "    ")) + lines[at]
        case _:
            lines.insert(other, lines.pop(at))
    return "\n".join(lines) + "\n"


def _key(text: str, chance: random.Random) -> str | None:
    new = chance.choice(
        ("x", "<<", "''", "1", "~", "true", "[a]", "? k", "k" * 200, "name", "cell 99")
    )
    return _replaced(re.compile(r"(?<=[ {])[a-z][a-z ]*(?=: )"), text, chance, new)


def _characters(text: str, chance: random.Random) -> str | None:
    """Change a few characters at random."""
    letters = list(text)
    for _ in range(chance.randint(1, 3)):
        letters[chance.randrange(len(letters))] = chance.choice("aZ0 :-[]{}#&*!|>'\"%@`,.±°\n")
    return "".join(letters)


def _megabyte(text: str, chance: random.Random) -> str | None:
    return _replaced(
        _SCALAR, text, chance, chance.choice("m9 ").strip() * 1_000_000 or "9" * 100_000
    )


MUTATIONS: dict[str, tuple[Callable[[str, random.Random], str | None], int]] = {
    "value": (_value, 6),
    "unit": (_unit, 4),
    "number": (_number, 3),
    "10^9": (_huge, 3),
    "sign": (_sign, 3),
    "number too large": (_too_large, 1),
    "type": (_type, 3),
    "tag": (_tag, 2),
    "deep nesting": (_deep, 1),
    "alias bomb": (_bomb, 1),
    "control character": (_control, 1),
    "odd character": (_odd, 2),
    "lines": (_lines, 5),
    "key": (_key, 3),
    "characters": (_characters, 4),
    "a megabyte": (_megabyte, 1),
}
_AS_BYTES = {
    "truncated bytes": lambda raw, chance: raw[: chance.randrange(len(raw))],
    "flipped bit": lambda raw, chance: _flipped(raw, chance),
    "other encoding": lambda raw, chance: raw.decode().encode(
        chance.choice(("utf-16", "utf-32", "cp1252", "utf-8-sig", "utf-7")), "replace"
    ),
}


def _flipped(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + bytes((raw[at] ^ 1 << chance.randrange(8),)) + raw[at + 1 :]


def mutants(seed: int, tries: int) -> Iterator[tuple[str, Source, bytes]]:
    """Give class, source and bytes of each mutant; one that says the same as its source is none."""
    kinds = [kind for kind, (_, weight) in MUTATIONS.items() for _ in range(weight)]
    kinds += [kind for kind in _AS_BYTES for _ in range(2)]
    originals = [(source, source.path.read_bytes()) for source in sources()]
    made = number = 0
    while made < tries:
        number += 1
        chance = random.Random(f"{seed}/{number}")
        kind, (source, raw) = chance.choice(kinds), chance.choice(originals)
        if kind in _AS_BYTES:
            changed: bytes | None = _AS_BYTES[kind](raw, chance)
        else:
            text = MUTATIONS[kind][0](raw.decode(), chance)
            changed = None if text is None else text.encode("utf-8", "surrogatepass")
        if changed is not None and not _says_the_same(raw, changed):
            made += 1
            yield kind, source, changed


def _says_the_same(one: bytes, other: bytes) -> bool:
    """Whether only comments or blanks differ."""
    if len(other) > 2 * len(one):
        return False
    try:
        return list(yaml.parse(one.decode())) == [] or _events(one) == _events(other)
    except (yaml.YAMLError, UnicodeError, ValueError):
        return False


def _events(raw: bytes) -> list[tuple[object, ...]]:
    return [
        (type(e), getattr(e, "value", None), getattr(e, "tag", None), getattr(e, "anchor", None))
        for e in yaml.parse(raw.decode("utf-8-sig"), Loader=yaml.CSafeLoader)
    ]


# ---- checking -----------------------------------------------------------------------------------
def _place(source: Source, raw: bytes, folder: Path) -> Path:
    """Put a mutant where its source would lie, with its DBC beside it."""
    name = source.path.name if not source.is_profile else "profile.yaml"
    for dbc in source.path.parent.glob("*.dbc") if source.is_profile else ():
        shutil.copy(dbc, folder)
    target = folder / name
    target.write_bytes(raw)
    return target


def _checked(checker: Checker, source: Source, raw: bytes) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        return checker([str(_place(source, raw, Path(folder))), *source.options])


def _made(seed: int, tries: int) -> Iterator[Mutant]:
    for kind, source, raw in mutants(seed, tries):
        different = difference(source.path.read_bytes(), raw)
        what = f"{kind} of {source.path.relative_to(ROOT)}: {different}"
        yield Mutant(kind, what, partial(_checked, source=source, raw=raw))


def _refused(checker: Checker) -> list[str]:
    return [
        s.path.name for s in sources() if not _checked(checker, s, s.path.read_bytes()).accepted
    ]


def main() -> int:
    """Check all mutants and print what came of them."""
    return tried(__doc__, TRIES, _refused, _made, never=NEVER)


if __name__ == "__main__":
    sys.exit(main())
