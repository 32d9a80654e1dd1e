"""`rig bench off`: what a run that was killed left on is off, by the bench file alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig.bench.description import load_bench
from rig.bench.wiring import off_order, relays_of
from rig.cli import main
from rig.clock import SteppedClock, WallClock
from rig.instruments.capabilities import Relays, Supply, VoltageSource
from rig.rack import Rack
from tests.links import VirtualBench

VIRTUAL = Path("fixtures/benches/virtual-esp32-4s.yaml")


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBench]:
    with ExitStack() as stack:
        yield VirtualBench(stack, seed=1)


def a_lab(board: VirtualBench, folder: Path, **moved: str) -> Path:
    """Bench file of a lab whose instruments answer at the addresses of the virtual ones."""
    lab = yaml.safe_load(VIRTUAL.read_text(encoding="utf-8"))
    lab |= {"bench": "lab", "clock": "wall"}
    del lab["start"], lab["can"], lab["console"]
    for role, entry in lab["instruments"].items():
        entry["resource"] = moved.get(role, board.addresses[role])
    path = folder / "lab.yaml"
    path.write_text(yaml.safe_dump(lab, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def leave_all_on(path: Path) -> None:
    """Leave a bench as a run does that was killed: cells, supply and charger on, a link cut."""
    bench = load_bench(path)
    relays = relays_of(bench)
    rack = Rack(bench.instruments, WallClock(), order=off_order(bench), relays=relays)
    with closing(rack):
        rack.connect()
        rack.claim_relays()
        emulator = rack.get("emulator", VoltageSource)
        emulator.set_voltage(dict.fromkeys((1, 2, 3, 4), 3.3))
        emulator.output((1, 2, 3, 4), on=True)
        rack.get("aux", Supply).set_level(2, 12.0, 1.0)
        rack.get("aux", Supply).output(2, on=True)
        rack.get("charger", Supply).set_level(0, 14.0, 5.0)
        rack.get("charger", Supply).output(0, on=True)
        rack.get("dmm", Relays).switch(203, closed=True)


def seen(board: VirtualBench) -> dict[str, float]:
    """What lies at the board's terminals half a second later."""
    with closing(SteppedClock(board.addresses["clock"])) as clock:
        clock.sleep_until(clock.now_ns() + 500_000_000)
    nets = ("cell 1", "cell 4", "aux", "current")
    return {net: round(board.truth(do="value", net=net)["value"], 2) for net in nets}


def closed_relays(board: VirtualBench) -> str:
    return board.tell("dmm", "ROUT:CLOS? (@201,202,203,204)")


def test_what_a_dead_run_left_on_is_off_and_each_instrument_says_so(
    board: VirtualBench, tmp_path: Path, capsys: Any
) -> None:
    path = a_lab(board, tmp_path)
    leave_all_on(path)
    before = seen(board)
    assert before["cell 4"] > 3.2
    assert before["aux"] > 11.0

    code = main(["bench", "off", str(path)])

    assert seen(board) == {"cell 1": 0.0, "cell 4": 0.0, "aux": 0.0, "current": 0.0}
    assert closed_relays(board) == "0,0,0,0"
    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        "charger: output off",
        "load: input off",
        "aux: output off",
        "emulator: cells off",
        "dmm: relays at rest",
        "thermistors: feeds nothing",
        "digitizer: feeds nothing",
    ]


def test_an_instrument_that_does_not_answer_is_named_and_the_others_are_off(
    board: VirtualBench, tmp_path: Path, capsys: Any
) -> None:
    leave_all_on(a_lab(board, tmp_path))
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        nobody = f"TCPIP::127.0.0.1::{free.getsockname()[1]}::SOCKET"
    path = a_lab(board, tmp_path, charger=nobody)

    code = main(["bench", "off", str(path)])

    left = seen(board)
    assert (left["cell 1"], left["cell 4"], left["aux"]) == (0.0, 0.0, 0.0)
    assert code == 3
    said = capsys.readouterr().out
    assert f"charger: charger ({nobody}): opening the session: the connection was refused" in said
    assert "emulator: cells off" in said
    assert said.endswith("NOT KNOWN TO BE OFF: charger. Switch off by hand, at the mains.\n")


def test_a_wrong_file_touches_nothing(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text("bench: lab\n", encoding="utf-8")

    assert main(["bench", "off", str(path)]) == 2

    assert "instruments" in capsys.readouterr().err
