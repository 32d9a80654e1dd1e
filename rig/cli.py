"""The `rig` command: a thin front for pytest, the checker, the reports and the virtual bench.

Exit codes: 0 all passed; 1 a case failed; 2 a description or an option is wrong; 3 nothing failed,
but a case was inconclusive or in error, so nothing is proven.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rig.errors import RigError

_FAILED, _WRONG, _UNPROVEN = 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; errors that a person can mend are told without a traceback."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.takes_more:
        parser.error(f"unknown: {' '.join(rest)}")
    do: Callable[[argparse.Namespace, list[str]], int] = options.do
    try:
        return do(options, rest)
    except RigError as error:
        print(error, file=sys.stderr)
        return _WRONG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rig", description=__doc__, allow_abbrev=False)
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, do: Callable[..., int], text: str, *, more: bool = False) -> _Verb:
        added = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(do=do, takes_more=more)
        return added

    run = verb("run", _run, "run plans; other options go to pytest (-k, -x, --lf)", more=True)
    run.add_argument("plans", nargs="+", metavar="PLAN")

    check = verb("check", _check, "read descriptions and say what is wrong or what would run")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    check.add_argument("--bench")
    check.add_argument("--dut")
    check.add_argument("--seed", type=int, default=1)

    judge = verb("judge", _judge, "judge recorded evidence again")
    judge.add_argument("run", type=Path, metavar="RUN")
    judge.add_argument("--plan", type=Path, help="with the limits of this plan")
    judge.add_argument("--name", required=True, help="of the new judgement, kept with the run")

    report = verb("report", _report, "make the reports of a run again")
    report.add_argument("run", type=Path, metavar="RUN")
    report.add_argument("--out", type=Path, default=Path("out"))

    verify = verb("verify", _verify, "check a run folder's hashes and its journal")
    verify.add_argument("run", type=Path, metavar="RUN")

    virtual = verb("virtual", _virtual, "serve the virtual bench for any other client", more=True)
    virtual.add_argument("--dut", default="esp32-4s")

    new = verb("new", _new, "make a folder of your own for benches, DUTs and plans")
    new.add_argument("what", choices=["lab"])
    new.add_argument("folder", type=Path, metavar="DIR")
    return parser


_Verb = argparse.ArgumentParser


def _run(options: argparse.Namespace, rest: list[str]) -> int:
    import pytest

    import fixtures.plugin  # noqa: F401 -- before pytest, which would rewrite 180 modules' asserts

    # Hypothesis' plugin imports all of it at the end, for nothing here: half a second.
    own = ["--import-mode=importlib", "-p", "no:hypothesispytest"]
    return int(pytest.main([*options.plans, *own, *rest]))


def _check(options: argparse.Namespace, _: list[str]) -> int:
    from rig.check import check

    report = check(options.files, bench=options.bench, dut=options.dut, seed=options.seed)
    print(report.text())
    return 0 if report.ok else _WRONG


def _judge(options: argparse.Namespace, _: list[str]) -> int:
    from fixtures.rejudge import rejudge
    from rig.judge.verdict import Verdict

    path, judgements = rejudge(options.run, options.name, options.plan)
    counts = Counter(judgement.verdict for judgement in judgements.values())
    print(", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())))
    print(f"judgements: {path.as_posix()}")
    return _FAILED if counts[Verdict.FAIL] else 0 if set(counts) == {Verdict.PASS} else _UNPROVEN


def _report(options: argparse.Namespace, _: list[str]) -> int:
    from reports.write import write_reports

    print(f"report: {write_reports(options.run, options.out).as_posix()}")
    return 0


def _verify(options: argparse.Namespace, _: list[str]) -> int:
    from rig.evidence.run import verify

    problems = verify(options.run)
    print("\n".join(problems) or f"{options.run}: complete and unchanged since it was written")
    return 1 if problems else 0


def _virtual(options: argparse.Namespace, rest: list[str]) -> int:
    """Run the virtual bench in real time until Ctrl-C; it is a process of its own."""
    command = [sys.executable, "-m", "rig.virtual", "--dut", options.dut]
    if "--time" not in rest:
        command += ["--time", "real"]
    try:
        return subprocess.run([*command, *rest], check=False).returncode  # noqa: S603 -- our own
    except KeyboardInterrupt:
        return 0


def _new(options: argparse.Namespace, _: list[str]) -> int:
    """Copy the template of a lab: one bench, one DUT, one plan, to be edited."""
    import fixtures

    if options.folder.exists() and any(options.folder.iterdir()):
        raise RigError(
            "the folder is not empty", str(options.folder), "name one that does not exist yet"
        )
    template = Path(fixtures.__file__).parent / "lab"
    shutil.copytree(template, options.folder, dirs_exist_ok=True)
    print(f"{options.folder}: edit benches/, duts/ and testplans/, then:\n  cd {options.folder}")
    print("  rig check testplans/first.yaml\n  rig run testplans/first.yaml")
    return 0


if __name__ == "__main__":
    sys.exit(main())
