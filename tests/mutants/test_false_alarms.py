"""How the benchmark of false alarms deals its cases and keeps its books."""

from __future__ import annotations

import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.errors import DescriptionError
from rig.judge.verdict import Verdict
from rig.mutants.hunt import ground
from rig.pool import Ran


def _benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "false_alarms.py"
    spec = spec_from_file_location("false_alarms", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


alarms = _benchmark()


def a_run(case_id: str, verdict: Verdict = Verdict.PASS) -> Ran:
    return Ran(
        work="1",
        case_id=case_id,
        family="trip",
        verdict=verdict,
        sentence="",
        wall_s=0.1,
        virtual_s=2.0,
    )


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 12), st.data())
def test_every_case_is_dealt_equally_often_and_to_no_seed_twice(
    plan: int, seeds: int, data: st.DataObject
) -> None:
    cases = data.draw(st.integers(0, plan * seeds))
    ids = [f"case {n}" for n in range(plan)]

    hands = alarms.deal(ids, seeds, cases)

    assert sum(map(len, hands)) == cases
    assert all(len(set(hand)) == len(hand) for hand in hands)
    assert max(map(len, hands)) - min(map(len, hands)) <= 1
    often = Counter(case for hand in hands for case in hand)
    assert max(often[i] for i in ids) - min(often[i] for i in ids) <= 2


def test_more_cases_than_the_seeds_can_run_are_refused() -> None:
    with pytest.raises(DescriptionError, match="at most 6 cases"):
        alarms.deal(["a", "b", "c"], 2, 7)


def test_a_line_torn_by_a_kill_is_dropped_and_the_rest_counts(tmp_path: Path) -> None:
    path = tmp_path / "new" / "nightly.jsonl"
    journal = alarms.Journal.read(path)
    session = journal.begin({"commit": "c0ffee"}, any_commit=False)
    journal.add(session, 7, a_run("trip[a]"))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"seed": 7, "case": "trip[b]", "ver')

    again = alarms.Journal.read(path)

    assert again.done == {(7, "trip[a]")}
    assert path.read_bytes() == whole


def test_results_of_two_commits_are_mixed_only_on_purpose(tmp_path: Path) -> None:
    path = tmp_path / "nightly.jsonl"
    alarms.Journal.read(path).begin({"commit": "c0ffee"}, any_commit=False)

    with pytest.raises(DescriptionError, match="c0ffee, and this is decade"):
        alarms.Journal.read(path).begin({"commit": "decade"}, any_commit=False)
    assert alarms.Journal.read(path).begin({"commit": "decade"}, any_commit=True) == 2


def test_a_case_is_repeated_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    where = ground(Path("testplans/smoke.yaml"), dut=None, bench=None, seed=1)

    code = alarms.repeat(where, 5, "power_up")

    assert (code, capsys.readouterr().out) == (0, "pass power_up \n")
    with pytest.raises(DescriptionError, match="has no case d"):
        alarms.repeat(where, 5, "d")


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        pytest.param({Verdict.PASS: 1000, Verdict.ERROR: 1}, 0, id="1 of 1001 is undecided"),
        pytest.param({Verdict.PASS: 998, Verdict.INCONCLUSIVE: 2}, 1, id="2 of 1000 are undecided"),
        pytest.param({Verdict.PASS: 9999, Verdict.FAIL: 1}, 1, id="one false alarm"),
        pytest.param({}, 1, id="nothing ran"),
    ],
)
def test_one_false_alarm_or_more_than_a_thousandth_undecided_is_too_much(
    verdicts: dict[Verdict, int], code: int, tmp_path: Path
) -> None:
    runs = [{"seed": 1, "case": "a", "verdict": v, "sentence": ""} for v in verdicts]
    many = [run for run in runs for _ in range(verdicts[run["verdict"]])]  # type: ignore[index]

    assert alarms.report(alarms.Journal(tmp_path / "x", [], many), "nightly.yaml") == code
