"""Code lines of each room: no blank line, no comment, no docstring.

``python benchmarks/code_lines.py [ROOM…]`` counts the rooms in which plans become verdicts and
reports; a room is a folder or a file.
"""

from __future__ import annotations

import io
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = (
    *("rig/plan", "rig/judge", "rig/judging.py", "rig/steps", "rig/expectations", "rig/case.py"),
    *("rig/facts.py", "rig/time_reference.py", "rig/quantities.py", "rig/dut/claims.py", "reports"),
)
# What stands on a line without making it one of code.
_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
_BEGINS = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


def code_lines(text: str) -> int:
    """Count the lines of a module that hold code."""
    held: set[int] = set()
    before = tokenize.ENCODING
    for token in tokenize.tokenize(io.BytesIO(text.encode()).readline):
        is_docstring = token.type == tokenize.STRING and before in _BEGINS
        if token.type not in _NO_CODE and not is_docstring:
            held.update(range(token.start[0], token.end[0] + 1))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            before = token.type
    return len(held)


def of_room(room: str) -> int | None:
    """Count a room; None where there is no such room."""
    path = ROOT / room
    if not path.exists():
        return None
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return sum(code_lines(file.read_text(encoding="utf-8")) for file in files)


def main(rooms: Iterable[str]) -> None:
    """Print each room and their sum."""
    counts = {room: found for room in rooms if (found := of_room(room)) is not None}
    for room, count in {**counts, "together": sum(counts.values())}.items():
        print(f"{room:20} {count:7,}")


if __name__ == "__main__":
    main(sys.argv[1:] or ROOMS)
