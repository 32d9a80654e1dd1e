"""Seeded mutations of our DBCs: whatever they hold, `rig check` must end, and say what is wrong.

    python benchmarks/breakers/dbcs.py [--seed N] [--tries N] [--accepted CLASS]

Mutates bits, scales, ranges, names, structure and bytes of the DBC beside a profile, and checks the
profile with a plan. Wanted: no traceback, no hang, no flood, every refusal a line with place and
mend. What is accepted is counted by class: a range or a comment may change without harm.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from checked import Answer, Checker, Mutant, difference, tried

ROOT = Path(__file__).parents[2]
TRIES = 400
NEVER = ("bits", "zero scale", "truncated bytes", "no message")
PLANS = {"esp32-4s": "testplans/smoke.yaml", "esp32-16s": "testplans/release-16s.yaml"}
_SIGNAL = re.compile(
    r"(?P<head> SG_ \w+[^:\n]*: )(?P<start>\d+)\|(?P<length>\d+)@(?P<order>[01])(?P<sign>[+-])"
    r" \((?P<scale>[^,]+),(?P<offset>[^)]+)\)"
)
_MESSAGE = re.compile(r"(?<=^BO_ )(?P<id>\d+) (?P<name>\w+): (?P<length>\d+)", re.MULTILINE)
_HUGE = ("99999999999", "1" * 400, "-1", "1e999", "0x7", "4294967296", "65", "")

Mutation = Callable[[str, random.Random], str]


def _replaced(
    pattern: re.Pattern[str], group: str, text: str, chance: random.Random, new: str
) -> str:
    match = chance.choice(list(pattern.finditer(text)))
    return text[: match.start(group)] + new + text[match.end(group) :]


def _bits(text: str, chance: random.Random) -> str:
    """Begin a signal, or end it, beyond its message."""
    group = chance.choice(("start", "length"))
    return _replaced(
        _SIGNAL, group, text, chance, chance.choice(("65", "512", "99999999999", "4096"))
    )


def _overlap(text: str, chance: random.Random) -> str:
    return _replaced(_SIGNAL, "start", text, chance, str(chance.randrange(64)))


def _order(text: str, chance: random.Random) -> str:
    group, new = chance.choice((("order", "0"), ("order", "1"), ("sign", "-"), ("sign", "+")))
    return _replaced(_SIGNAL, group, text, chance, new)


def _scale(text: str, chance: random.Random) -> str:
    new = chance.choice(("-1", "1e308", "1e-300", "NaN", "inf", "2", "1e999", "x"))
    return _replaced(_SIGNAL, chance.choice(("scale", "offset")), text, chance, new)


def _zero_scale(text: str, chance: random.Random) -> str:
    return _replaced(_SIGNAL, "scale", text, chance, "0")


def _message(text: str, chance: random.Random) -> str:
    group = chance.choice(("id", "name", "length"))
    new = chance.choice((*_HUGE, "0", "9", "BMS_Status", "x y"))
    return _replaced(_MESSAGE, group, text, chance, new)


def _no_message(text: str, _: random.Random) -> str:
    return text[: text.index("BO_ ")]


def _lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines()
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            lines.insert(other, lines.pop(at))
    return "\n".join(lines) + "\n"


def _word(text: str, chance: random.Random) -> str:
    words = list(re.finditer(r"\w+", text))
    match = chance.choice(words)
    new = chance.choice((*_HUGE, "x", chance.choice(words)[0], '"', "m0", "M", ";", "ü"))
    return text[: match.start()] + new + text[match.end() :]


def _characters(text: str, chance: random.Random) -> str:
    letters = list(text)
    for _ in range(chance.randint(1, 4)):
        letters[chance.randrange(len(letters))] = chance.choice('aZ0 :|@+-(),"[];_\n\x00\x1b')
    return "".join(letters)


MUTATIONS: dict[str, Mutation] = {
    "bits": _bits,
    "overlap": _overlap,
    "order and sign": _order,
    "scale": _scale,
    "zero scale": _zero_scale,
    "message": _message,
    "no message": _no_message,
    "lines": _lines,
    "word": _word,
    "characters": _characters,
}


def mutants(seed: int, tries: int) -> Iterator[tuple[str, str, bytes]]:
    """Give class, BMS and bytes of each mutant."""
    kinds = [*MUTATIONS, "truncated bytes", "random bytes"]
    made = number = 0
    while made < tries:
        number += 1
        chance = random.Random(f"{seed}/{number}")
        kind, dut = chance.choice(kinds), chance.choice(list(PLANS))
        raw = _ours(dut)
        changed = _mutated(kind, raw, chance)
        if changed != raw:
            made += 1
            yield kind, dut, changed


def _mutated(kind: str, raw: bytes, chance: random.Random) -> bytes:
    if kind == "truncated bytes":  # before its last message ends, or nothing is lost
        return raw[: chance.randrange(raw.rindex(b"\nBO_ "))]
    if kind == "random bytes":
        return chance.randbytes(chance.choice((0, 1, 100, 5000)))
    return MUTATIONS[kind](raw.decode(), chance).encode()


def _checked(checker: Checker, dut: str, raw: bytes) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / dut
        place.mkdir()
        shutil.copy(ROOT / "fixtures/duts" / dut / "profile.yaml", place)
        (place / "bms.dbc").write_bytes(raw)
        return checker([str(place), str(ROOT / PLANS[dut]), "--dut", str(place)])


def _made(seed: int, tries: int) -> Iterator[Mutant]:
    for kind, dut, raw in mutants(seed, tries):
        what = f"{kind} of {dut}: {difference(_ours(dut), raw)}"
        yield Mutant(kind, what, partial(_checked, dut=dut, raw=raw))


def _ours(dut: str) -> bytes:
    return (ROOT / "fixtures/duts" / dut / "bms.dbc").read_bytes()


def _refused(checker: Checker) -> list[str]:
    return [dut for dut in PLANS if not _checked(checker, dut, _ours(dut)).accepted]


def main() -> int:
    """Check all mutants and print what came of them."""
    return tried(__doc__, TRIES, _refused, _made, never=NEVER)


if __name__ == "__main__":
    sys.exit(main())
