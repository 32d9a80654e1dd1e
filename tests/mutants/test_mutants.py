"""`rig mutants` on the virtual bench: what it prints, what it stores and how it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rig.bench.description import BenchFile, load_bench
from rig.cli import main
from rig.errors import DescriptionError
from rig.mutants.result import Variant, load_result
from rig.mutants.variants import chosen, listed, sampled
from rig.pool import Done, Ran, Work, cases_of, run_all
from rig.steps.hold import Hold

PLAN = """\
plan: a small one
for: esp32-4s
cases:
  - {family: power up}
  - {family: trip, protections: [cell overvoltage], cells: [1]}
"""
OWN = """\
from rig.virtual.guests.variants import variant

@variant("nothing-wrong", "own 1", "S4", "it is as good as the released one")
def nothing_wrong(build):
    return build
"""
ONE_SAMPLE = "trips-on-one-sample"
KNOWN = [Variant(name=name, row=f"D{i}", severity=f"S{3 - i}") for i, name in enumerate("abc")]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_a_defect_that_the_plan_finds_is_told_with_its_case(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["mutants", str(plan), "--variants", ONE_SAMPLE, "--out", str(tmp_path / "out")])

    said = capsys.readouterr().out
    assert code == 0, said
    assert "1 of 1 variants found" in said
    result = load_result(tmp_path / "out" / "mutants.json")
    [row] = result.rows
    assert row.finding is not None
    assert row.finding.case_id == "trip[OVP-cell1]"
    assert "charge path opened" in row.finding.sentence
    assert result.is_control_good
    assert any("UTC" in claim for claim in result.untested)


def test_a_variant_of_ones_own_that_no_case_finds_fails_the_command(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN, encoding="utf-8")

    options = ["--own", str(own), "--all-cases", "--jobs", "1", "--out", str(tmp_path)]
    code = main(["mutants", str(plan), *options])

    said = capsys.readouterr().out
    assert code == 1, said
    assert "0 of 1 variants found; 1 NOT found" in said
    assert "trip: none: does it earn its time?" in said


def test_what_a_family_alone_finds_is_told_after_the_first_findings(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--variants", f"{ONE_SAMPLE},silent-transmitter", "--each-family"]
    code = main(["mutants", str(plan), *options, "--jobs", "1", "--out", str(tmp_path)])

    said = capsys.readouterr().out
    assert code == 0, said
    assert f"  trip: {ONE_SAMPLE}\n" in said
    assert "  power up: silent-transmitter\n" in said
    rows = {row.variant.name: row for row in load_result(tmp_path / "mutants.json").rows}
    ran = [outcome.case_id for outcome in rows[ONE_SAMPLE].outcomes]
    assert sorted(ran) == ["power_up", "power_up[messages]", "trip[OVP-cell1]"]
    assert "What each family is worth" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_of_a_sample_the_good_firmware_runs_what_found_something(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--variants", ONE_SAMPLE, "--sample", "1", "--jobs", "1", "--out", str(tmp_path)]
    code = main(["mutants", str(plan), *options])

    assert code == 0, capsys.readouterr().out
    control = load_result(tmp_path / "mutants.json").control
    assert control is not None
    assert [(o.case_id, o.verdict) for o in control.outcomes] == [("trip[OVP-cell1]", "pass")]


def test_an_unknown_variant_is_refused_before_anything_runs(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mutants", str(plan), "--variants", "trips-on-one-sampel"]) == 2
    assert ONE_SAMPLE in capsys.readouterr().err


def test_two_defects_in_one_build_are_named_together() -> None:
    assert [v.name for v in chosen(KNOWN, "c,a+b")] == ["c", "a+b"]
    assert chosen(KNOWN, "a+b")[0].severity == "S2"


def test_a_variant_that_is_named_twice_runs_once() -> None:
    assert [v.name for v in chosen(KNOWN, "b,a,b,a+a,a+b,a+b")] == ["b", "a", "a+b"]


@pytest.mark.parametrize("option", ["--sample", "--jobs"])
@pytest.mark.parametrize("number", ["-1", "0", "1.5", "many"])
def test_a_number_of_things_is_at_least_1(
    option: str, number: str, plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["mutants", str(plan), f"{option}={number}"])

    assert f"{option}: '{number}' is no whole number of at least 1" in capsys.readouterr().err


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    drawn = {tuple(v.name for v in sampled(KNOWN, 2, seed)) for seed in range(20)}

    assert sampled(KNOWN, 2, 5) == sampled(KNOWN, 2, 5)
    assert drawn == {("a", "b"), ("a", "c"), ("b", "c")}
    assert sampled(KNOWN, 9, 1) == KNOWN


def test_a_lab_bench_has_no_variants() -> None:
    lab = load_bench("virtual-esp32-4s").model_copy(update={"start": None, "clock": "wall"})

    with pytest.raises(DescriptionError, match="can't be chosen"):
        listed(lab)


def a_foreign_bench(*command: str) -> BenchFile:
    bench = load_bench("virtual-esp32-4s")
    assert bench.start is not None
    return bench.model_copy(update={"start": bench.start.model_copy(update={"command": command})})


@pytest.mark.parametrize(
    ("code", "reported"),
    [
        pytest.param("print('usage: bench')", "no variant: 'usage: bench'", id="a text"),
        pytest.param("print('[1]')", r"no variant: '\[1\]'", id="another JSON"),
        pytest.param("""print('{"row": "D1"}')""", "no variant: ", id="without a name"),
        pytest.param("raise SystemExit('no such option')", "no such option", id="it refuses"),
        pytest.param("import time; time.sleep(60)", "not listed its variants", id="hangs"),
    ],
)
def test_what_a_foreign_bench_says_instead_of_its_variants_is_told(
    code: str, reported: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig.mutants.variants._LIST_WITHIN_S", 1.0)

    with pytest.raises(DescriptionError, match=reported) as caught:
        listed(a_foreign_bench("python", "-c", code))
    assert caught.value.where.endswith("--list-variants")


def test_a_foreign_bench_that_is_not_there_is_told() -> None:
    with pytest.raises(DescriptionError, match="no-such-bench --list-variants: it can't be"):
        listed(a_foreign_bench("no-such-bench"))


# ---- the pool -----------------------------------------------------------------------------------
def a_work(plan: Path | None, name: str, **given: object) -> Work:
    facts = {
        "bench": Path("fixtures/benches/virtual-esp32-4s.yaml").absolute(),
        "profile": Path("fixtures/duts/esp32-4s/profile.yaml").absolute(),
        "plan": plan,
        "seed": 3,
    }
    return Work(name=name, **(facts | given))  # type: ignore[arg-type]


def test_each_piece_of_work_is_done_once_whatever_the_number_of_workers(plan: Path) -> None:
    works = [a_work(plan, f"w{n}", seed=n, order=("power_up",)) for n in range(3)]
    works.append(a_work(plan, "bad", variant="no such build", order=("power_up",)))

    events = list(run_all(works, 2))

    assert sorted(e.work for e in events if isinstance(e, Done)) == ["bad", "w0", "w1", "w2"]
    verdicts = {e.work: e.verdict for e in events if isinstance(e, Ran)}
    assert verdicts == {"w0": "pass", "w1": "pass", "w2": "pass", "bad": "error"}


def test_equal_work_has_equal_results(plan: Path) -> None:
    def reported() -> list[tuple[str, str, float]]:
        work = a_work(plan, "again", variant=ONE_SAMPLE)
        ran = [event for event in run_all([work], 1) if isinstance(event, Ran)]
        return [(event.case_id, event.sentence, event.virtual_s) for event in ran]

    assert reported() == reported()


@pytest.mark.skipif(os.name == "nt", reason="Windows stops no process")
def test_a_worker_that_is_frozen_is_ended_and_the_rest_is_done(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = [a_work(plan, "frozen"), a_work(plan, "next", order=("power_up",))]
    events = run_all(works, 1)
    first = next(events)
    [worker] = multiprocessing.active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    ended_after_all = threading.Timer(30.0, worker.kill)
    ended_after_all.start()
    with monkeypatch.context() as patched:
        patched.setattr("rig.pool.FROZEN_AFTER_S", 1.0, raising=False)

        done = next(event for event in events if isinstance(event, Done))

    ended_after_all.cancel()
    assert (first.work, done.work) == ("frozen", "frozen")
    assert "said nothing for 1 s" in done.trouble
    assert not worker.is_alive()
    assert [(e.work, e.trouble) for e in events if isinstance(e, Done)] == [("next", "")]


def test_a_worker_whose_case_takes_long_is_not_frozen(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig.pool.BEAT_S", 0.1, raising=False)
    short, *_ = cases_of(a_work(plan, "one", order=("power_up",)))
    long = replace(short, id="long", steps=(*short.steps, Hold(duration_s=400.0)))
    events = run_all([a_work(None, "one", cases=(short, long))], 1)
    next(events)
    monkeypatch.setattr("rig.pool.FROZEN_AFTER_S", 1.0, raising=False)

    ran, done = events

    assert isinstance(ran, Ran)
    assert ran.wall_s > 1.5
    assert isinstance(done, Done)
    assert done.trouble == ""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for children in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_partial_table_and_no_process(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "rig.cli", "mutants", "testplans/nightly.yaml", "--jobs", "2"]
    process = subprocess.Popen(
        [*command, "--all-cases", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores SIGINT, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # Two workers with a bench each, and the tracker that Python adds.
    _until(lambda: len(_descendants(process.pid)) >= 5)
    started = _descendants(process.pid)

    process.send_signal(number)
    said, errors = process.communicate(timeout=50)

    assert process.returncode == 128 + number, errors
    assert "interrupted" in errors
    assert "unfinished" in said
    _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def _until(holds: Callable[[], bool]) -> None:
    deadline, pause = time.perf_counter() + 50.0, threading.Event()
    while not holds():
        assert time.perf_counter() < deadline
        pause.wait(0.02)


def _descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [one for child in map(int, children) for one in (child, *_descendants(child))]
