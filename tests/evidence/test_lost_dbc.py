"""A run whose frozen DBC is gone or changed: what its frames mean is unknown, no BMS at fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from fixtures.rejudge import _Decoders, rejudge
from rig.can_address import MessageAddress
from rig.dut.can_messages import Messages
from rig.evidence.run import Run
from rig.facts import DbcFile, DutFacts
from rig.judge.rules import NoEvidence
from rig.judge.verdict import Verdict
from tests.evidence.factories import a_case, some_frames
from tests.fixtures.harness import BENCH, pytest_in

DBC = Path(__file__).parents[2] / "fixtures" / "duts" / "esp32-4s" / "bms.dbc"
SMOKE = Path(__file__).parents[2] / "testplans" / "smoke.yaml"


def test_each_bus_of_a_case_is_read_by_its_own_dbc_with_the_step_of_its_modules(
    tmp_path: Path,
) -> None:
    (tmp_path / "inputs").mkdir()
    for name in ("bms.dbc", "module.dbc"):
        (tmp_path / "inputs" / name).write_bytes(DBC.read_bytes())
    gone = "inputs/module.dbc: it is not as it was"
    run = SimpleNamespace(path=tmp_path, inputs={"bms.dbc": "", "module.dbc": ""}, problems=[])
    dbcs = {"can": DbcFile(name="bms.dbc"), "stack": DbcFile(name="module.dbc", id_step=16)}
    case = a_case(dut=DutFacts(dbcs=dbcs))
    frames = replace(some_frames(0, 10**9), can_id=np.full(10, 0x120, np.uint32))
    [status] = {m.name for m in Messages(DBC).database.messages if m.frame_id == 0x100}
    address = MessageAddress(f"{status} of module 3 on stack")

    decoder = _Decoders(cast(Run, run)).of(case)

    assert decoder.rows(frames, address).size == frames.time_ns.size
    assert not decoder.rows(frames, MessageAddress(status)).size
    run.problems.append(gone)
    with pytest.raises(NoEvidence, match="frozen with the run"):
        _Decoders(cast(Run, run)).of(case).rows(frames, address)


def _changed(dbc: Path) -> None:
    dbc.write_bytes(dbc.read_bytes() + b"\n")


@pytest.mark.parametrize("meddle", [Path.unlink, _changed], ids=["gone", "changed"])
def test_what_needs_a_lost_dbc_is_an_error_and_no_fail(
    tmp_path: Path, meddle: Callable[[Path], None]
) -> None:
    ended = pytest_in(tmp_path, str(SMOKE), *BENCH, "-k", "trip and OVP")
    assert list(ended.verdicts.values()) == ["pass"]
    meddle(ended.run.path / "inputs" / "bms.dbc")

    again = rejudge(ended.run.path, "again", None)

    [judgement] = again.judgements.values()
    assert judgement.verdict is Verdict.ERROR
    assert "the DBC that was frozen with the run" in judgement.sentence
    by_means = {found.means: found.verdict for found in judgement.findings}
    assert by_means["output"] == "pass"
    assert by_means["CAN"] == "error"
