"""A run whose frozen DBC is gone or changed: what its frames mean is unknown, no BMS at fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.rejudge import rejudge
from rig.judge.verdict import Verdict
from tests.fixtures.harness import BENCH, pytest_in

SMOKE = Path(__file__).parents[2] / "testplans" / "smoke.yaml"


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
