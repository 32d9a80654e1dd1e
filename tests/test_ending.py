"""Signals that end a run: raised once, in the main thread, and never in a block that holds them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rig import ending

NUMBERS = [pytest.param(n, id=signal.Signals(n).name) for n in ending.NUMBERS]


@pytest.fixture(autouse=True)
def _in_the_foreground() -> Iterator[None]:
    """Undo that a shell makes whatever it starts in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_that_ends_a_run_is_raised_where_the_program_is(number: int) -> None:
    with pytest.raises(ending.Ended) as caught, ending.watched():
        signal.raise_signal(number)

    assert caught.value.number == number
    assert ending.exit_code(caught.value) == 128 + number


@pytest.mark.parametrize("number", NUMBERS)
def test_a_block_that_holds_signals_runs_to_its_end(number: int) -> None:
    done: list[str] = []

    def work() -> None:
        with ending.watched(), ending.held():
            with ending.held():
                signal.raise_signal(number)
                done.append("inner")
            done.append("outer")
        done.append("after")

    with pytest.raises(ending.Ended):
        work()

    assert done == ["inner", "outer"]


def test_a_second_signal_does_not_cut_what_the_first_began() -> None:
    with ending.watched():
        with pytest.raises(ending.Ended):
            signal.raise_signal(signal.SIGINT)

        signal.raise_signal(signal.SIGINT)  # raises nothing

        with pytest.raises(ending.Ended):  # nor is the first forgotten
            ending.check()


def test_what_was_there_before_is_there_again() -> None:
    before = [signal.getsignal(number) for number in ending.NUMBERS]

    with ending.watched(), ending.watched():
        assert [signal.getsignal(number) for number in ending.NUMBERS] != before

    assert [signal.getsignal(number) for number in ending.NUMBERS] == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGHUP")
def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending.watched():
            signal.raise_signal(signal.SIGHUP)
            ending.check()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupt_from_elsewhere_counts_as_ctrl_c() -> None:
    assert ending.exit_code(KeyboardInterrupt()) == 130


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_a_command_that_a_signal_ends_says_so_by_its_exit_code() -> None:
    code = (
        "import signal, sys; from rig import cli;"
        "cli._check = lambda *_: signal.raise_signal(signal.SIGTERM);"
        "sys.exit(cli.main(['check', 'testplans/smoke.yaml']))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (143, "interrupted\n")
