"""What the breakers see: a bench that feeds its BMS, and a run that drives its cases."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.breakers.served import Served, served
from benchmarks.breakers.trying import RigRun

PLAN = "benchmarks/breakers/short.yaml"
SUPPLY_ON = ("VOLT 12,(@2)", "CURR 1,(@2)", "OUTP 1,(@2)")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "bench", "stepped", 1) as bench:
        yield bench


@contextmanager
def running(tmp_path: Path, bench: Path) -> Iterator[RigRun]:
    run = RigRun.started(tmp_path / "out", PLAN, "--bench", str(bench))
    try:
        yield run
    finally:
        run.kill()


def tell(address: str, *commands: str) -> None:
    host, port = address.removeprefix("TCPIP::").removesuffix("::SOCKET").split("::")
    with socket.create_connection((host, int(port)), 10.0) as link, link.makefile("rb") as answers:
        for command in commands:
            link.sendall(f"{command};*OPC?\n".encode())
            answers.readline()


def test_a_bench_whose_supply_alone_is_on_is_on(bench: Served) -> None:
    was_on = bench.is_on()

    tell(bench.addresses["aux"], *SUPPLY_ON)
    bench.settle()

    assert (was_on, bench.is_on()) == (False, True)


def test_a_run_drives_once_its_bench_is_connected(tmp_path: Path, bench: Served) -> None:
    with running(tmp_path, bench.bench) as run:
        assert run.until(run.is_driving), run.said

        assert run.until(bench.is_on), run.said


def test_a_run_whose_bench_does_not_answer_drives_nothing(tmp_path: Path, bench: Served) -> None:
    text = bench.bench.read_text(encoding="utf-8")
    silent = text.replace("print(open(sys.argv[1]).read(), flush=True); ", "")
    assert silent != text
    bench.bench.write_text(silent, encoding="utf-8")

    with running(tmp_path, bench.bench) as run:
        assert run.until(lambda: any(e["kind"] == "case-start" for e in run.journal())), run.said

        assert not run.is_driving()
