"""How long a served bench lives: until a signal, or as long as the rig that started it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

from rig.bench.launch import BenchProcess

VIRTUAL = [sys.executable, "-m", "rig.virtual", "--dut", "pbmslsuite-o", "--time", "real"]
RIG_VIRTUAL = [sys.executable, "-m", "rig.cli", "virtual", "--dut", "pbmslsuite-o"]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")


@contextmanager
def served(
    command: list[str], stdin: int | IO[Any] | None = subprocess.DEVNULL, *, nohup: bool = False
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A served bench and the address of its truth port."""

    def ignore_hangup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=ignore_hangup if nohup else None,
    )
    with process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())["truth"]
        finally:
            process.kill()


def answers(address: str) -> bool:
    """Whether the bench at this address still tells the truth."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), 20.0) as link:
            link.sendall(b'{"do": "nets"}\n')
            return bool(link.makefile("rb").readline())
    except OSError:
        return False


@pytest.mark.parametrize("command", [VIRTUAL, RIG_VIRTUAL], ids=["rig.virtual", "rig virtual"])
@pytest.mark.parametrize("stdin", [subprocess.DEVNULL, subprocess.PIPE], ids=["null", "pipe"])
def test_a_served_bench_lives_until_a_signal_whatever_its_input_is(
    command: list[str], stdin: int
) -> None:
    with served(command, stdin) as (process, truth):
        if process.stdin is not None:
            process.stdin.close()

        assert [answers(truth) for _ in range(20)] == [True] * 20
        process.terminate()
        assert process.wait(20.0) == 0
        assert not answers(truth)


@posix
@pytest.mark.parametrize("command", [VIRTUAL, RIG_VIRTUAL], ids=["rig.virtual", "rig virtual"])
def test_a_closed_terminal_ends_a_served_bench(command: list[str]) -> None:
    with served(command) as (process, truth):
        process.send_signal(signal.SIGHUP)

        assert process.wait(20.0) == 0
        assert not answers(truth)


@posix
@pytest.mark.parametrize("command", [VIRTUAL, RIG_VIRTUAL], ids=["rig.virtual", "rig virtual"])
def test_under_nohup_a_served_bench_outlives_its_terminal(command: list[str]) -> None:
    with served(command, nohup=True) as (process, truth):
        process.send_signal(signal.SIGHUP)

        assert [answers(truth) for _ in range(20)] == [True] * 20
        assert process.poll() is None


@posix
def test_a_bench_ends_with_the_command_that_serves_it_however_that_ended() -> None:
    with served(RIG_VIRTUAL) as (process, truth):
        process.kill()
        process.wait(20.0)
        assert process.stdout is not None

        process.stdout.read()  # until the bench has let go of it

        assert not answers(truth)


def test_the_rigs_own_bench_ends_when_the_rig_lets_go_of_it() -> None:
    with BenchProcess(["python", *VIRTUAL[1:]]) as process:
        truth = process.endpoints["truth"]
        assert answers(truth)

    assert not answers(truth)
    assert process._process.returncode == 0
