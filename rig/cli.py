"""The `rig` command: a thin front for pytest, the checker, the reports and the virtual bench.

Exit codes: 0 all passed; 1 a case failed; 2 a description or an option is wrong, or nothing was
chosen; 3 nothing failed, but a case was inconclusive or in error, or evidence is damaged, so that
nothing is proven. What a signal aborted: 128 + its number (130 Ctrl-C, 143 SIGTERM, 129 SIGHUP),
or 1 if a case had failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rig import ending, streams
from rig.errors import BenchError, DescriptionError, RigError
from rig.mutants.options import add_campaign_options, add_options

if TYPE_CHECKING:
    from rig.evidence.run import Run, RunCase

_FAILED, _WRONG, _UNPROVEN = 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; errors that a person can mend are shown without a traceback."""
    with streams.tolerant():
        try:
            with ending.watched():
                return _do(arguments)
        except RigError as error:
            print(error, file=sys.stderr)
            return _WRONG
        except KeyboardInterrupt as interrupt:
            print("interrupted", file=sys.stderr)
            return ending.exit_code(interrupt)


def _do(arguments: Sequence[str] | None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = _parser(resumes=any(a.partition("=")[0] == "--resume" for a in arguments))
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.takes_more:
        parser.error(f"unknown: {' '.join(rest)}")
    do: Callable[[argparse.Namespace, list[str]], int] = options.do
    return do(options, rest)


def _parser(*, resumes: bool = False) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rig", description=__doc__, allow_abbrev=False)
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, do: Callable[..., int], text: str, *, more: str = "") -> _Verb:
        added = verbs.add_parser(
            name, help=text, description=text, epilog=more or None, allow_abbrev=False
        )
        added.set_defaults(do=do, takes_more=bool(more))
        return added

    others = (
        "All other options are pytest's, and come after the plans: -x, --lf, --collect-only -q."
    )
    run = verb("run", _run, "run plans", more=others)
    if not resumes:  # a run that is resumed has its plans
        run.add_argument("plans", nargs="+", metavar="PLAN", help="a file, a folder, or FILE::CASE")
    run.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with a run that ended before its time"
    )
    for option, text in _OF_RUN.items():
        run.add_argument(option, help=text)

    run.add_argument(
        "--all-claims",
        action="store_true",
        help="exit code 3 where a claim of the profile was not looked at",
    )

    check = verb("check", _check, "read descriptions and say what is wrong or what would run")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    check.add_argument("--bench")
    check.add_argument("--dut")
    check.add_argument("--seed", type=int, default=1)

    judge = verb("judge", _judge, "judge recorded evidence again")
    judge.add_argument("run", type=Path, metavar="RUN")
    judge.add_argument("--plan", type=Path, help="with the limits of this plan")
    judge.add_argument("--name", required=True, help="of the new judgement, kept with the run")

    explain = verb(
        "explain", _explain, "say why a case did not pass, and find its shortest stimulus"
    )
    explain.add_argument("run", type=Path, metavar="RUN")
    explain.add_argument(
        "case",
        nargs="?",
        metavar="CASE",
        help="its id, a part of it, or its number; without it: what differs from the claims",
    )
    explain.add_argument("--as-recorded", action="store_true", help="search for nothing")
    explain.add_argument("--bench", help="simulated bench to search on (the run's own)")
    explain.add_argument("--out", type=Path, default=Path("out"))

    report = verb("report", _report, "make the reports of a run again")
    report.add_argument("run", type=Path, metavar="RUN")
    report.add_argument("--out", type=Path, default=Path("out"))

    verify = verb("verify", _verify, "check a run folder's hashes and its journal")
    verify.add_argument("run", type=Path, metavar="RUN")

    mutants = verb("mutants", _mutants, "run a plan against firmware that is wrong in known ways")
    add_options(mutants)

    campaign = verb("campaign", _campaign, "search at random for what a plan leaves unfound")
    add_campaign_options(campaign)

    virtual = verb("virtual", _virtual, "serve the virtual bench for any other client, till Ctrl-C")
    virtual.add_argument("--dut", default="esp32-4s", help="which BMS is in it (esp32-4s)")
    for option, text in _OF_VIRTUAL.items():
        virtual.add_argument(option, help=text)

    bench = verb("bench", _bench, "off BENCH: switch off all that a bench file names")
    bench.description = _BENCH
    bench.add_argument("what", choices=["off"])
    bench.add_argument("bench", metavar="BENCH", help="a path or a short name")

    new = verb("new", _new, "make a folder of your own for benches, DUTs and plans")
    new.add_argument("what", choices=["lab"])
    new.add_argument("folder", type=Path, metavar="DIR")
    return parser


_Verb = argparse.ArgumentParser

_BENCH = """Switch off all that a bench file names, in the safe order, and say what each instrument
answers. For an idle bench: a run that is on holds its instruments, so end that first (Ctrl-C, which
switches off too). Exit code 0: all is off; 3: an instrument did not say so, and is named."""

_OF_RUN = {
    "--bench": "bench description: a path or a short name (the virtual one of the BMS)",
    "--dut": "DUT profile: a path, a folder or a short name (the one that the plan is for)",
    "--seed": "of every random choice (1)",
    "--variant": "build of a virtual bench's firmware, to look at one (the one released)",
    "--out": "where runs and reports go (out)",
    "-n": "benches side by side: a number, or auto for one a core; a lab's by --bench lab1,lab2",
    "--budget": "take the cases that find most within this time of the bench's clock: 45min (all)",
    "-k": 'only cases whose name matches, as pytest has it: "OCD2 and not cell1"',
    "-m": 'only cases of this family, protection, tag or severity: "cell_overvoltage and trip"',
}
_OF_VIRTUAL = {
    "--variant": "build of the firmware (the one released)",
    "--seed": "everything random comes from it (1)",
    "--time": "real, or stepped by its control port (real)",
    "--port-base": "first port (any free ones)",
    "--host": "address to listen on (127.0.0.1)",
}


def _given(options: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """Those options that were given, as they are handed on."""
    values = {name: getattr(options, name.lstrip("-").replace("-", "_")) for name in names}
    # With the sign between, a value may begin with a dash; a short option has none.
    return [
        f"{name}={value}" if name.startswith("--") else f"{name}{value}"
        for name, value in values.items()
        if value is not None
    ]


def _what_to_run(options: argparse.Namespace, rest: Sequence[str]) -> list[str]:
    """Plans and options of a run; of one that is resumed, those that it began with."""
    given = _given(options, _OF_RUN)
    if options.resume is not None:
        from fixtures.resume import arguments

        given += [word for word in rest if Path(word.partition("::")[0]).exists()]
        if given:
            raise DescriptionError(
                f"{' '.join(given)} is given, but a run goes on as it began",
                "--resume",
                "leave that away, or start a new run with it",
            )
        return arguments(options.resume)
    for plan in options.plans:
        if not Path(plan.partition("::")[0]).exists():
            raise DescriptionError(
                "there is no such file or folder", plan, "name the plans first, then the options"
            )
    return [*options.plans, *given]


def _run(options: argparse.Namespace, rest: list[str]) -> int:
    what = _what_to_run(options, rest)
    import pytest

    import fixtures.plugin  # noqa: F401 -- before pytest, which would rewrite 180 modules' asserts

    # Hypothesis' plugin imports all of it at the end, for nothing here: half a second.
    own = ["--import-mode=importlib", "-p", "no:hypothesispytest"]
    flags = ["--all-claims"] if options.all_claims else []
    code = pytest.main([*what, *own, *flags, *rest])
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        print(f"nothing ran: {' '.join(options.plans)} holds no plan", file=sys.stderr)
    wrong = {pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR}
    return _WRONG if code in wrong else int(code)


def _check(options: argparse.Namespace, _: list[str]) -> int:
    from rig.check import check

    report = check(options.files, bench=options.bench, dut=options.dut, seed=options.seed)
    print(report.text())
    return 0 if report.ok else _WRONG


def _judge(options: argparse.Namespace, _: list[str]) -> int:
    from fixtures.rejudge import rejudge
    from rig.judge.verdict import Verdict

    done = rejudge(options.run, options.name, options.plan)
    print(", ".join(f"{n} {outcome}" for outcome, n in done.counts.items()))
    print(f"judgements: {done.path.as_posix()}")
    whole = _tell_damage(done.run)
    if Verdict.FAIL in done.counts:
        return _FAILED
    return 0 if whole and set(done.counts) == {Verdict.PASS} else _UNPROVEN


def _explain(options: argparse.Namespace, _: list[str]) -> int:
    from reports.differences import differences, reported
    from reports.explain import explained, explained_svg, find_case
    from rig.evidence import load_run
    from rig.trace.text import plain

    run = load_run(options.run)
    code = 0 if _tell_damage(run) else _UNPROVEN
    if options.case is None:
        print("\n".join(reported(differences(run))))
        return code
    case = find_case(run, options.case)
    print(plain("\n".join(explained(run, case, braille=_shows_braille()))))
    folder = options.out / "explain" / f"{run.run_id}-{case.number:04d}"
    if svg := explained_svg(case):
        _writable(folder)
        (folder / "waveform.svg").write_text(svg, encoding="utf-8")
        print(f"\nwaveform: {(folder / 'waveform.svg').as_posix()}")
    if options.as_recorded or case.judgement is None:
        return code
    if any(found.verdict == "fail" for found in case.judgement.of_expectations):
        print("\n".join(_shortest(run, case, options.bench, folder)))
    return code


def _tell_damage(run: Run) -> bool:
    """Say what of a run's evidence is not whole; return whether all of it is."""
    from rig.trace.text import plain

    for note in run.notes:
        print(f"note: {plain(note)}")
    for problem in run.problems:
        print(f"damaged: {plain(problem)}", file=sys.stderr)
    return not run.problems


def _shortest(run: Run, case: RunCase, bench: str | None, folder: Path) -> Iterator[str]:
    """Search for the shortest stimulus, store it as a plan, and say how it is repeated."""
    from rig.bench.description import load_bench
    from rig.dut.profile import find_described
    from rig.shrink import shortest_plan, shrink_recorded

    path = find_described(bench, "benches") if bench else None
    found = shrink_recorded(run, case, bench=load_bench(path) if path else None)
    if found is None:
        yield "\nby itself it does not fail again on the simulated bench: its cause lies in a phase"
        yield "of the BMS's tasks that was another now, or in the bench it was recorded on"
        return
    plan = folder / "shortest.yaml"
    _writable(plan.parent)
    plan.write_text(shortest_plan(run, found), encoding="utf-8")
    yield f"\nshortest stimulus that still fails (of {found.trials} tried):"
    yield from (f"  {n}. {s.sentence()}" for n, s in enumerate(found.case.steps, 1))
    yield f"  expected: {found.case.expectations[0].sentence()}"
    if not found.is_shortest:
        yield "  (the search was cut short: it may be shorter still)"
    if not found.is_compared:
        yield "  (not compared with a good firmware: there was none that passes it)"
    options = {"--bench": bench, "--variant": run.meta.variant or None}
    given = "".join(f" {name} {value}" for name, value in options.items() if value)
    yield "to repeat it:"
    yield f"  rig run {plan.as_posix()} --dut {run.meta.dut} --seed {run.meta.seed}{given}"


def _shows_braille() -> bool:
    """Whether the terminal's encoding has Braille patterns; an old Windows code page has none."""
    try:
        "\u28ff".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _report(options: argparse.Namespace, _: list[str]) -> int:
    from reports.write import write_reports
    from rig.evidence import load_run

    run = load_run(options.run)
    print(f"report: {write_reports(run, _writable(options.out)).as_posix()}")
    return 0 if _tell_damage(run) else _UNPROVEN


def _verify(options: argparse.Namespace, _: list[str]) -> int:
    from rig.evidence.run import verified
    from rig.trace.text import plain

    problems, notes = verified(options.run)
    whole = f"{options.run}: complete and unchanged since it was written"
    print(plain("\n".join([*(f"note: {note}" for note in notes), *(problems or [whole])])))
    return _FAILED if problems else 0


def _mutants(options: argparse.Namespace, _: list[str]) -> int:
    from reports.mutants_page import write_mutants_page
    from rig.mutants.command import hunt

    result, interrupted = hunt(options, shlex.join(["rig", *sys.argv[1:]]))
    page = write_mutants_page(result, options.out / "index.html")
    print(f"data:     {(options.out / 'mutants.json').as_posix()}")
    print(f"report:   {page.as_posix()}")
    return ending.exit_code() if interrupted else result.exit_code


def _campaign(options: argparse.Namespace, _: list[str]) -> int:
    from rig.mutants.campaign_command import campaign

    return campaign(options)


def _bench(options: argparse.Namespace, _: list[str]) -> int:
    from rig.bench.off import bench_off

    try:
        found = bench_off(options.bench)
    except BenchError as error:
        print(error, file=sys.stderr)
        return _UNPROVEN
    for off in found:
        print(f"{off.role}: {off.trouble or off.what}")
    unknown = [off.role for off in found if off.trouble]
    if unknown:
        print(f"NOT KNOWN TO BE OFF: {', '.join(unknown)}. Switch off by hand, at the mains.")
    return _UNPROVEN if unknown else 0


def _virtual(options: argparse.Namespace, _: list[str]) -> int:
    """Run the virtual bench in real time until a signal; it is a process of its own, tied to us."""
    from rig.bench.launch import END_WITHIN_S, TIED

    options.time = options.time or "real"
    command = [sys.executable, "-m", "rig.virtual", "--dut", options.dut]
    command += _given(options, _OF_VIRTUAL)
    bench = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, **TIED})  # noqa: S603 -- our own
    try:
        return bench.wait()
    except KeyboardInterrupt:
        with contextlib.suppress(subprocess.TimeoutExpired):
            bench.communicate(timeout=END_WITHIN_S)  # closes its input
        return bench.returncode or 0
    finally:
        bench.kill()  # where it did not listen


def _writable(folder: Path) -> Path:
    """Make a folder, and prove that it can be written to; a RigError says why it can't."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        what = f"nothing can be written there: {error.strerror}"
        raise RigError(what, str(folder), "name another folder, or mend its permissions") from error
    return folder


def _new(options: argparse.Namespace, _: list[str]) -> int:
    """Copy the template of a lab: one bench, one DUT, one plan, to be edited."""
    import fixtures

    if any(_writable(options.folder).iterdir()):
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
