"""What a stranger is sent to is there: a file of this repository, or what is public.

A page that is named by its file name must lie here, and a row of a list of defects must stand on
the page that says where each was met.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = "tests/evidence/golden/"  # as it was stored: what it says is no longer ours to change
# Of linux-can/socketcand, and what a test calls a page that it makes.
PUBLIC = ("doc/protocol.md", "page.md")
_PAGE = re.compile(r"(?<![\w*{}/.-])((?:\.\./)*(?:[\w.-]+/)*[\w-]+\.md)\b")
_ROW = re.compile(r"\b(?:D\d{2,3}|1\.6\.\d{1,2})\b(?=[^\d.])")
# Rules of ruff, and a standard's clause, look like rows.
_NOT_ROWS = re.compile(r"noqa|lint\.ignore|dunder|IEEE|^\"(rig|tests)/")
_OUTSIDE = re.compile(r"\breference/[\w-]+\.(?!py)|\.\./shared\b")


def _texts() -> Iterator[tuple[str, str]]:
    """Give each line of each text that is kept here, behind where it stands."""
    git = ["git", "ls-files", "-z"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        path = ROOT / name
        if not name or name.startswith(KEPT) or not path.is_file() or path == Path(__file__):
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        yield from ((f"{name}:{n}", line) for n, line in enumerate(text.splitlines(), 1))


def _is_here(page: str, where: str) -> bool:
    beside = (ROOT / where.partition(":")[0]).parent
    return page in PUBLIC or any(
        (folder / page).is_file() for folder in (ROOT, ROOT / "docs", beside)
    )


def test_a_page_that_is_named_is_here() -> None:
    """Not beside the clone, nor in somebody's notes."""
    missing = [
        f"{where}: {line.strip()}"
        for where, line in _texts()
        if _OUTSIDE.search(line) or not all(_is_here(page, where) for page in _PAGE.findall(line))
    ]

    assert missing == []


def test_a_row_of_the_list_of_defects_has_its_source() -> None:
    """Whoever reads D62 finds who met it."""
    page = (ROOT / "docs/known-defects.md").read_text("utf-8")
    rows = set(re.findall(r"^\| (D\d+|1\.6\.\d+) \|", page, re.MULTILINE))

    named = {
        row for where, line in _texts() if not _NOT_ROWS.search(line) for row in _ROW.findall(line)
    }

    assert len(rows) > 100
    assert named - rows == set()
