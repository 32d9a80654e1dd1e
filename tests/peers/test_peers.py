"""What each of them does to a run: nothing is lost, the worst counts, all places agree."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from rig.evidence import load_run, verify
from tests.fixtures import harness
from tests.fixtures.harness import BENCH, Ended, a_test
from tests.fixtures.test_side_by_side import PLAN
from tests.fixtures.test_tries import SECOND_PASSES
from tests.warm import plainly_ran

NO_FLAKY = ("-p", "no:flaky")  # it runs each test itself, so that no rerun comes to its turn
# Which of two plugins is imported first is a part of what is asked here.
pytest_in = partial(harness.pytest_in, start=plainly_ran, without=())
QUIET = ("-p", "no:randomly", *NO_FLAKY)


def _second_passes(folder: Path, *arguments: str) -> Ended:
    a_test(folder, SECOND_PASSES.format(first="if len(tries) == 1: holds(bms, True)"))
    return pytest_in(folder, "test_own.py", *BENCH, *arguments)


def _failed_once_of_two(ended: Ended) -> None:
    (case,) = ended.run.cases
    assert [t.verdict for t in case.tries] == ["fail", "pass"], ended.out
    assert ended.code == 1, ended.out
    assert ended.answer == "NO"
    assert ended.junit == (1, 0, 0)
    assert "failed 1 of 2 tries" in ended.out
    assert ended.is_whole()


@pytest.mark.parametrize("lanes", [(), ("-n", "2")], ids=["one lane", "two lanes"])
def test_rerunfailures_keeps_every_try(tmp_path: Path, lanes: tuple[str, ...]) -> None:
    _failed_once_of_two(_second_passes(tmp_path, *QUIET, "--reruns", "2", *lanes))


def test_rerunfailures_reruns_a_yaml_case_and_keeps_every_try(tmp_path: Path) -> None:
    (tmp_path / "night.yaml").write_text(PLAN, encoding="utf-8")

    ended = pytest_in(tmp_path, "night.yaml", *BENCH, *QUIET, "--reruns", "2")

    assert [len(case.tries) for case in ended.run.cases] == [1, 1, 1, 3], ended.out
    assert "failed 3 of 3 tries" in ended.out
    assert ended.code == 1


def test_flaky_keeps_every_try(tmp_path: Path) -> None:
    _failed_once_of_two(
        _second_passes(tmp_path, "-p", "no:randomly", "--force-flaky", "--max-runs=3")
    )


@pytest.mark.parametrize("lanes", [(), ("-n", "2")], ids=["one lane", "two lanes"])
def test_repeat_makes_tries_of_one_case(tmp_path: Path, lanes: tuple[str, ...]) -> None:
    ended = _second_passes(tmp_path, *QUIET, "--count", "2", *lanes)

    _failed_once_of_two(ended)
    assert "1 failed, 1 passed" in ended.summary


def test_repeat_leaves_the_name_of_a_case_as_it_is(tmp_path: Path) -> None:
    a_test(
        tmp_path,
        "@pytest.mark.parametrize('volts', [1, 2])\ndef test_it(bms, volts): holds(bms)\n",
    )

    ended = pytest_in(tmp_path, "test_own.py", *BENCH, *QUIET, "--count", "2")

    assert list(ended.verdicts) == ["test_it[1]", "test_it[2]"]
    assert [len(case.tries) for case in ended.run.cases] == [2, 2]


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
@pytest.mark.parametrize(
    ("marker", "count"), [("", ("--count", "3")), ("@pytest.mark.repeat(3)\n", ())]
)
def test_a_run_goes_on_with_the_repeats_that_were_not_done(
    tmp_path: Path, marker: str, count: tuple[str, ...]
) -> None:
    a_test(tmp_path, f"{marker}def test_it(bms): holds(bms)\n")
    (tmp_path / "conftest.py").write_text(
        "import os, pathlib\n"
        "def pytest_runtest_logfinish():\n"
        "    once = pathlib.Path('struck')\n"
        "    if not once.exists():\n"
        "        once.touch()\n"
        "        os.kill(os.getpid(), 15)\n",
        encoding="utf-8",
    )
    cut = pytest_in(tmp_path, "test_own.py", *BENCH, *QUIET, *count)
    assert [len(case.tries) for case in cut.run.cases] == [1], cut.out
    assert cut.answer == "NOT PROVEN"

    on = [sys.executable, "-m", "rig.cli", "run", "--resume", str(cut.run.path), *QUIET]
    done = subprocess.run(on, cwd=tmp_path, capture_output=True, text=True, timeout=240)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    [case] = load_run(cut.run.path).cases
    repeats = [each.case.source.partition("::")[2] for each in case.tries if each.case]
    assert sorted(repeats) == ["test_it[1-3]", "test_it[2-3]", "test_it[3-3]"]
    assert verify(cut.run.path) == []


@pytest.mark.parametrize("lanes", [(), ("-n", "2")], ids=["one lane", "two lanes"])
def test_randomly_leaves_the_order_of_the_plan_to_the_evidence(
    tmp_path: Path, lanes: tuple[str, ...]
) -> None:
    (tmp_path / "night.yaml").write_text(PLAN, encoding="utf-8")
    order = pytest_in(tmp_path, "night.yaml", *BENCH, "--out", "plain", *QUIET)

    ended = pytest_in(tmp_path, "night.yaml", *BENCH, *NO_FLAKY, *lanes)

    plain = tmp_path / "plain" / "runs" / "virtual-esp32-4s-0001" / "inputs" / "cases.jsonl"
    mixed = ended.run.path / "inputs" / "cases.jsonl"
    assert plain.read_bytes() == mixed.read_bytes()
    assert list(ended.verdicts.values()) == ["pass", "pass", "pass", "fail"], ended.out
    assert order.code == ended.code == 1


def test_a_time_out_is_an_error_of_the_test(tmp_path: Path) -> None:
    a_test(tmp_path, "def test_it(bms):\n    holds(bms)\n    while True: pass\n")

    ended = pytest_in(tmp_path, "test_own.py", *BENCH, *QUIET, "--timeout", "15")

    assert ended.verdicts == {"test_it": "error"}, ended.out
    assert ended.sentence("test_it").startswith("test: Timeout")
    assert ended.code == 3


def test_a_time_out_on_the_bench_leaves_it_to_the_next_case(tmp_path: Path) -> None:
    a_test(
        tmp_path,
        "@pytest.mark.timeout(6)\n"
        "def test_long(bms):\n"
        "    steps = [Hold(duration_s=1.0)] * 10**6\n"
        "    bms.check(steps, [Stays(output='charge path', is_open=False)])\n"
        "def test_next(bms): holds(bms)\n",
    )

    ended = pytest_in(tmp_path, "test_own.py", *BENCH, *QUIET)

    assert ended.verdicts == {"test_long": "error", "test_next": "pass"}, ended.out
    assert ended.code == 3


@pytest.mark.parametrize("lanes", [(), ("-n", "2")], ids=["one lane", "two lanes"])
def test_html_reports_what_the_run_reports(tmp_path: Path, lanes: tuple[str, ...]) -> None:
    a_test(
        tmp_path,
        "def test_a(bms): holds(bms)\ndef test_b(bms): holds(bms); assert 1 > 2\n"
        "def test_c(bms): 1 / 0\n",
    )

    ended = pytest_in(
        tmp_path,
        "test_own.py",
        *BENCH,
        *QUIET,
        "--html=report.html",
        "--self-contained-html",
        *lanes,
    )

    assert list(ended.verdicts.values()) == ["pass", "fail", "error"], ended.out
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "1 Passed" in page
    assert ended.code == 1


def test_all_of_them_at_once(tmp_path: Path) -> None:
    ended = _second_passes(
        tmp_path, *NO_FLAKY, "--reruns", "2", "--timeout", "60", "--html=report.html", "-n", "2"
    )

    _failed_once_of_two(ended)
