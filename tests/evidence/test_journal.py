"""A journal tells what was lost, what was changed, and what can still be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rig.errors import EvidenceError
from rig.evidence.journal import FIRST, Journal, read_journal, resume_journal


def a_journal(path: Path, lines: int = 5) -> Path:
    with Journal(path) as journal:
        for number in range(lines):
            journal.write("event", {"text": f"Überspannung {number}"}, durable=number % 2 == 0)
    return path


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "journal.jsonl")

    entries, problems, end = read_journal(path)

    assert problems == []
    assert [e["text"] for e in entries] == [f"Überspannung {n}" for n in range(5)]
    assert entries[0]["previous"] == FIRST
    assert end == path.stat().st_size


@given(kept=st.integers(0, 10**4))
def test_a_journal_cut_anywhere_yields_its_whole_lines_and_no_problem(
    tmp_path_factory: pytest.TempPathFactory, kept: int
) -> None:
    path = a_journal(tmp_path_factory.mktemp("j") / "journal.jsonl")
    whole = path.read_bytes()
    torn = whole[: kept % (len(whole) + 1)]
    path.write_bytes(torn)

    entries, problems, end = read_journal(path)

    assert problems == []
    assert len(entries) == torn.count(b"\n")
    assert end == torn.rfind(b"\n") + 1


@example(place=561, flip=55)  # a character became a carriage return
@given(place=st.integers(0, 10**4), flip=st.integers(1, 255))
def test_no_byte_but_those_of_the_last_line_changes_unseen(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    path = a_journal(tmp_path_factory.mktemp("j") / "journal.jsonl")
    data = bytearray(path.read_bytes())
    last_line = data.rindex(b"\n", 0, len(data) - 1) + 1
    place %= last_line
    data[place] ^= flip
    path.write_bytes(data)

    entries, problems, _ = read_journal(path)

    assert problems
    assert len(entries) <= data[:place].count(b"\n") + 1


@pytest.mark.parametrize("gone", [0, 2, 3])
def test_a_line_taken_out_breaks_the_chain(tmp_path: Path, gone: int) -> None:
    path = a_journal(tmp_path / "journal.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for n, line in enumerate(lines) if n != gone))

    entries, problems, _ = read_journal(path)

    assert len(entries) == gone
    assert "broken" in problems[0]


def test_a_resumed_journal_goes_on_with_the_chain_after_a_torn_line(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "journal.jsonl")
    path.write_bytes(path.read_bytes()[:-9])

    with resume_journal(path) as journal:
        journal.write("event", {"text": "resumed"}, durable=True)

    entries, problems, _ = read_journal(path)
    assert problems == []
    assert [e["text"] for e in entries][3:] == ["Überspannung 3", "resumed"]


def test_a_damaged_journal_is_not_written_on(tmp_path: Path) -> None:
    path = a_journal(tmp_path / "journal.jsonl")
    path.write_bytes(path.read_bytes().replace(b"1", b"7", 1))

    with pytest.raises(EvidenceError, match="start a new run"):
        resume_journal(path)
