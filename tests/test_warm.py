"""A run that is forked finds what one finds that was started, and ends as it does."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all are plain starts")

# How a process was started, as it sees that from within `python -m pytest`. Of the signals those
# that the C library takes for its own threads are left out: in a fork no library has any yet.
LOOKS = """\
import gc, json, os, signal, sys, warnings
from pathlib import Path

def pytest_unconfigure(config):
    main = sys.modules["__main__"]
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    Path("found.json").write_text(json.dumps({
        "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "flags": list(sys.flags),
        "executable": sys.executable, "prefix": sys.prefix, "cwd": os.getcwd(),
        "main": [main.__name__, main.__file__, main.__spec__.name, main.__package__],
        "environment": dict(os.environ),
        "group": os.getpgrp(), "session": os.getsid(0), "umask": os.umask(0o22),
        "handlers": {n: str(signal.getsignal(n)).partition(" at ")[0]
                     for n in signal.valid_signals() if n not in (9, 19)},
        "signals": {name: int(status[name], 16) % 2**31
                    for name in ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")},
        "limits": Path("/proc/self/limits").read_text(),
        "input": os.readlink("/proc/self/fd/0"),
        "kinds": [os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in (1, 2)],
        "open": sorted(map(int, os.listdir("/proc/self/fd"))),
        "streams": [[s.fileno(), s.encoding, s.errors, s.line_buffering, s.write_through,
                     s.isatty()] for s in streams],
        "recursion": sys.getrecursionlimit(), "gc": [gc.isenabled(), gc.get_threshold()],
        "filters": [str(f) for f in warnings.filters],
    }))
"""
ENDS = """\
import os, pytest, signal
def pytest_sessionstart():
    print("said", flush=True)
    {}
"""


def _found(folder: Path, start: Any, **more: str) -> dict[str, Any]:
    (folder / "conftest.py").write_text(LOOKS, encoding="utf-8")
    done = start("-m", "pytest", "-q", "--collect-only", "a b", "é", cwd=folder, **more)
    assert done.returncode == 4, done.stdout + done.stderr  # there is neither of the two
    found: dict[str, Any] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return found


def test_a_forked_run_finds_what_a_started_one_finds(tmp_path: Path) -> None:
    started = _found(tmp_path, warm.plainly_ran, OWN="1 2")
    forked = _found(tmp_path, warm.ran, OWN="1 2")

    assert forked == started
    assert started["environment"]["OWN"] == "1 2"


def test_who_stands_by_has_one_thread() -> None:
    tasks = Path(f"/proc/{warm._standing_by().process.pid}/task")

    warm.ran("-m", "pytest", "--version", cwd=Path())

    assert len(list(tasks.iterdir())) == 1


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("pytest.exit('enough', returncode=7)", 7),
        ("os._exit(9)", 9),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_it_ends_as_it_would(tmp_path: Path, ends: str, code: int) -> None:
    (tmp_path / "conftest.py").write_text(ENDS.format(ends), encoding="utf-8")

    done = [start("-m", "pytest", cwd=tmp_path) for start in (warm.ran, warm.plainly_ran)]

    assert [d.returncode for d in done] == [code, code]
    assert done[0].stdout == done[1].stdout
    assert "said" in done[0].stdout


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("-O", "-m", "pytest"), {}),
        (("-m", "json.tool"), {}),
        (("-m", "pytest"), {"PYTHONIOENCODING": "ascii"}),
        (("-m", "rig.cli"), {"LC_ALL": "C"}),
    ],
)
def test_what_python_reads_first_gets_a_start_of_its_own(
    arguments: tuple[str, ...], more: dict[str, str]
) -> None:
    assert not warm._can_be_warm(arguments, {**os.environ, **more})
    assert warm._can_be_warm(("-m", "rig.cli"), dict(os.environ))
