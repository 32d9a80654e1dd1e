"""Mistakes of a description: where each stands, what is wrong, how to mend it; in one line each.

What a file holds may be hostile, or a megabyte: a line shows its beginning and end, and characters
that move the cursor as their escapes. Must not read a file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from rig.errors import DescriptionError
from rig.former_words import word_of_today

MOST_REPORTED = 100  # mistakes of one answer: whoever mends so many begins at the first
_MOST_WHAT, _MOST_MEND = 400, 1000  # characters of a line
_MOST_NAMES = 100  # of a hint


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where it stands, what is wrong, how to mend it."""

    file: str
    line: int  # from 1; 0: of no file, such as a name that was given as an option
    column: int
    field: str
    what: str
    mend: str

    def __str__(self) -> str:
        file, field = in_one_line(self.file, _MOST_WHAT), in_one_line(self.field, _MOST_WHAT)
        what, mend = in_one_line(self.what, _MOST_WHAT), in_one_line(self.mend, _MOST_MEND)
        named = f" {field}:" if field else ""
        place = f"{file}:{self.line}:{self.column}:" if self.line else f"{file}:"
        return f"{place}{named} {what}; {mend}"


def in_one_line(text: str, most: int) -> str:
    """Show a text of a file in a line: no control characters, and not more than its ends."""
    if len(text) > most:
        half = most // 2 - 20
        text = f"{text[:half]}… ({len(text):,} characters) …{text[-half:]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def reported(mistakes: Sequence[Mistake]) -> list[str]:
    """Give a line for each mistake, up to `MOST_REPORTED`, and one that counts the rest."""
    lines = [str(m) for m in mistakes[:MOST_REPORTED]]
    if left := mistakes[MOST_REPORTED:]:
        files = ", ".join(in_one_line(f, _MOST_WHAT) for f in dict.fromkeys(m.file for m in left))
        lines.append(f"… and {len(left):,} more mistake{'s' * (len(left) != 1)} in {files}")
    return lines


class BrokenDescriptionError(DescriptionError):
    """A description with mistakes: all of them, in the order of the file."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes), key=_place))
        files = ", ".join(dict.fromkeys(m.file for m in self.mistakes))
        count = len(self.mistakes)
        what = f"{count} mistake{'s' if count != 1 else ''}"
        super().__init__(what, files, "see each line; nothing was started")

    def __str__(self) -> str:
        return "\n".join(reported(self.mistakes))

    def __reduce__(self) -> tuple[Any, ...]:
        return BrokenDescriptionError, (self.mistakes,)


def _place(mistake: Mistake) -> tuple[Any, ...]:
    """By place; at one place in the order of the numbers in its words: cell 2 before cell 10."""
    parts = re.split(r"(\d+)", mistake.what)
    words = [(len(p), p) if i % 2 else (0, p) for i, p in enumerate(parts)]
    return mistake.file, mistake.line, mistake.column, words


def mistake_error(what: str, mend: str, *, at_key: bool = False) -> PydanticCustomError:
    """Make the error for a model's validator to raise: what is wrong, and what would be right."""
    kind = "mistake_at_key" if at_key else "mistake"
    return PydanticCustomError(kind, "{what}", {"what": what, "mend": mend})


# ---- what would be right ------------------------------------------------------------------------
def nearest(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that `word` was probably meant to be; case, '_' and '-' don't count."""
    plain = {_plain(k): k for k in known}
    hits = difflib.get_close_matches(_plain(word[:200]), plain, n=1, cutoff=0.6)
    return plain[hits[0]] if hits else None


def _plain(word: str) -> str:
    return re.sub(r"[\s_-]+", " ", word).casefold().strip()


def suggest(word: str, known: Iterable[str], kind: str = "known") -> str:
    """Say what would be right in place of `word`: the nearest, and all there are."""
    names = list(dict.fromkeys(known))
    if not names:
        return "remove it: there are none"
    if new := word_of_today(word, names):
        return f'it is called "{new}" now'
    hit = nearest(word, names)
    runs = _runs(names)
    listed = ", ".join(runs[:_MOST_NAMES]) + (", …" if len(runs) > _MOST_NAMES else "")
    return f'did you mean "{hit}"? ({kind}: {listed})' if hit else f"{kind}: {listed}"


def _runs(names: Sequence[str]) -> list[str]:
    """Write "cell 1", "cell 2", "cell 3" as "cell 1 to 3"."""
    runs: list[list[str]] = []
    for name in names:
        if runs and _follows(runs[-1][-1], name):
            runs[-1].append(name)
        else:
            runs.append([name])
    shown: list[str] = []
    for run in runs:
        is_long = len(run) > 2
        shown += [f"{run[0]} to {run[-1].rpartition(' ')[2]}"] if is_long else run
    return shown


def _follows(one: str, other: str) -> bool:
    (stem, _, number), (its_stem, _, its_number) = one.rpartition(" "), other.rpartition(" ")
    digits = number.isdecimal() and its_number.isdecimal()
    return digits and stem == its_stem and int(its_number) == int(number) + 1
