"""The one launcher: what it learns, and what it says when there is nothing to learn."""

from __future__ import annotations

import os
import sys

import pytest

from rig.bench.launch import BenchProcess
from rig.errors import BenchError


def python(code: str) -> list[str]:
    return ["python", "-c", code]


def test_the_first_line_names_the_endpoints() -> None:
    code = """import sys; print('{"clock": "127.0.0.1:5"}', flush=True); sys.stdin.read()"""

    with BenchProcess(python(code)) as process:
        assert process.endpoints == {"clock": "127.0.0.1:5"}


def test_the_process_ends_when_its_input_closes() -> None:
    process = BenchProcess(python("import sys; print('{}', flush=True); sys.stdin.read()"))

    process.close()

    assert process._process.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no way to ask for a group")
def test_a_ctrl_c_in_the_terminal_is_not_for_the_bench() -> None:
    code = """import os; print('{"group": %d}' % os.getpgid(0), flush=True); input()"""

    with BenchProcess(python(code)) as process:
        assert process.endpoints["group"] != str(os.getpgid(0))


def test_a_process_that_died_in_the_middle_is_quoted_at_the_end() -> None:
    code = """import sys; print('{"clock": "x"}', flush=True); sys.exit("it broke")"""
    process = BenchProcess(python(code))
    process._process.wait(10.0)

    with pytest.raises(BenchError, match="exit code 1 in the middle of the run\nit broke"):
        process.close()


def test_python_means_the_interpreter_that_runs_the_rig() -> None:
    code = (
        "import sys, json; print(json.dumps({'exe': sys.executable}), flush=True); sys.stdin.read()"
    )

    with BenchProcess(python(code)) as process:
        assert process.endpoints["exe"] == sys.executable


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("raise SystemExit('no port is free')", "exit code 1 before it was ready\nno port is free"),
        ("print('hello')", "first line is no JSON object: 'hello'"),
        ("print('[1, 2]')", "first line is no JSON object"),
    ],
    ids=["it ends", "it chats", "a list"],
)
def test_a_process_that_fails_is_quoted(code: str, what: str) -> None:
    with pytest.raises(BenchError) as caught:
        BenchProcess(python(code))

    assert what in caught.value.what
    assert "python" in caught.value.where


def test_a_process_that_says_nothing_is_given_up_and_ended() -> None:
    with pytest.raises(BenchError, match=r"said nothing within 0.2 s"):
        BenchProcess(python("import sys; sys.stdin.read()"), ready_within_s=0.2)


def test_a_command_that_does_not_exist_is_no_traceback() -> None:
    with pytest.raises(BenchError, match="can't be started"):
        BenchProcess(["no-such-program-here"])


def test_a_process_that_only_closes_its_output_is_a_failure_of_the_bench(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rig.bench.launch.END_WITHIN_S", 0.2)

    with pytest.raises(BenchError, match="closed its output before it was ready"):
        BenchProcess(python("import os, sys; os.close(1); sys.stdin.read(); sys.stdin.read()"))
