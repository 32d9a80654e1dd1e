"""Room for evidence, and what is left where there is none; on the real disk, and a real limit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rig.errors import StorageError
from rig.evidence import storage
from rig.evidence.journal import Journal, read_journal, resume_journal
from rig.evidence.storage import check_room, reserve, storing


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let the operating system refuse what makes a file larger; a write before it is cut off."""
    if sys.platform == "win32":
        pytest.skip("Windows limits no file's size")
    else:
        import resource

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_that_has_no_room_is_refused_with_what_it_needs(tmp_path: Path) -> None:
    reserve(tmp_path, 1)

    with pytest.raises(StorageError, match=r"MiB left, and 1000000000 cases need 125000016 MiB"):
        reserve(tmp_path, 10**9)


def test_a_case_is_begun_only_where_the_run_can_still_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_room(tmp_path)

    monkeypatch.setattr(storage, "LEAST", 1 << 60)
    with pytest.raises(StorageError, match="MiB left, and another case needs 1099511627776 MiB"):
        check_room(tmp_path)


def test_a_write_that_fails_is_told_with_the_place_and_how_to_go_on(tmp_path: Path) -> None:
    with no_file_beyond(10), pytest.raises(StorageError) as reported, storing(tmp_path):
        (tmp_path / "large").write_bytes(bytes(100))

    assert reported.value.what.startswith("File too large (")
    assert reported.value.where == tmp_path.as_posix()
    assert "rig run --resume" in reported.value.mend
    assert isinstance(reported.value.__cause__, OSError)


@pytest.mark.parametrize("more", [0, 1, 50, 99])
def test_a_line_of_the_journal_is_written_whole_or_not_at_all(tmp_path: Path, more: int) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write("event", {"event": "a"}, durable=True)
        before = path.read_bytes()

        with no_file_beyond(len(before) + more), pytest.raises(OSError, match="too large"):
            journal.write("event", {"event": "b" * 1000}, durable=True)
        assert path.read_bytes() == before

        journal.write("event", {"event": "c"}, durable=True)  # there is room again
    entries, problems, _ = read_journal(path)
    assert [entry["event"] for entry in entries] == ["a", "c"]
    assert problems == []


def test_a_journal_goes_on_after_a_line_that_had_no_room(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write("event", {"event": "a"}, durable=True)
        with no_file_beyond(path.stat().st_size + 9), pytest.raises(OSError, match="too large"):
            journal.write("event", {"event": "b"}, durable=True)

    with resume_journal(path) as journal:
        journal.write("event", {"event": "c"}, durable=True)

    entries, problems, _ = read_journal(path)
    assert [entry["event"] for entry in entries] == ["a", "c"]
    assert problems == []
