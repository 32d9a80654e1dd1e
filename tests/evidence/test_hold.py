"""One process at a time writes a run folder; the right to it ends with the process that has it."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rig.errors import EvidenceError
from rig.evidence import RunFolder, load_run, verify
from tests.evidence.stored import a_stored_run

WRITES = """\
import sys
from pathlib import Path
from rig.evidence import RunFolder
folder = RunFolder.resume(Path(sys.argv[1]))
print("writes", flush=True)
{then}
"""
LASTS = "sys.stdin.read()"


@contextmanager
def a_writer(path: Path, then: str = LASTS) -> Iterator[subprocess.Popen[str]]:
    """Another process that goes on with a run."""
    command = [sys.executable, "-c", WRITES.format(then=then), str(path)]
    pipes = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipes, stdout=pipes, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "writes\n"
            yield process
        finally:
            process.kill()


def goes_on(path: Path) -> bool:
    with RunFolder.resume(path) as folder:
        return folder.path == path


def test_a_run_that_another_process_writes_is_refused_and_says_who(tmp_path: Path) -> None:
    path = a_stored_run(tmp_path, finished=False)
    journal = path / "journal.jsonl"

    with a_writer(path) as process:
        before = journal.read_bytes()
        with pytest.raises(EvidenceError) as reported:
            RunFolder.resume(path)
        assert journal.read_bytes() == before

    assert reported.value.what == (
        f"process {process.pid} on {platform.node()} is still writing this run"
    )


def test_the_run_that_began_it_holds_it_too(tmp_path: Path) -> None:
    with RunFolder.resume(a_stored_run(tmp_path, finished=False)) as folder:
        with pytest.raises(EvidenceError, match=f"process {os.getpid()} on "):
            RunFolder.resume(folder.path)

        folder.finish("aborted")
        assert goes_on(folder.path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_process_that_was_killed_keeps_nobody_out(tmp_path: Path) -> None:
    path = a_stored_run(tmp_path, finished=False)
    with a_writer(path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert (path / "staging").exists()  # nobody cleared up
    assert goes_on(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX copies a process")
def test_a_copy_of_a_process_holds_nothing_after_it(tmp_path: Path) -> None:
    path = a_stored_run(tmp_path, finished=False)
    outlives = "import os; os.fork() or sys.stdin.read(); sys.stdin.read()"
    with a_writer(path, outlives) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()

        assert goes_on(path)


def test_a_run_that_is_being_written_reads_and_copies_as_any_other(tmp_path: Path) -> None:
    path = a_stored_run(tmp_path / "lab", finished=False)
    with a_writer(path):
        assert load_run(path).problems == ()
        copy = shutil.copytree(path, tmp_path / "archive" / path.name)
        assert load_run(copy).problems == ()

        assert goes_on(copy)


def test_what_holds_a_run_is_no_part_of_its_evidence(tmp_path: Path) -> None:
    path = a_stored_run(tmp_path, finished=False)
    before = {p.relative_to(path) for p in path.rglob("*")}

    RunFolder.resume(path).finish()

    assert {p.relative_to(path) for p in path.rglob("*")} - before == {Path("manifest.json")}
    assert verify(path) == []


def test_a_run_that_is_refused_is_let_go_of(tmp_path: Path) -> None:
    path = a_stored_run(tmp_path, finished=False)
    plan = path / "inputs" / "plan.yaml"
    plan.write_bytes(plan.read_bytes() + b"\n")
    with pytest.raises(EvidenceError, match="changed since the run"):
        RunFolder.resume(path)
    plan.write_bytes(plan.read_bytes()[:-1])

    assert goes_on(path)
