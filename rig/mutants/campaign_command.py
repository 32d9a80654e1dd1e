"""The verb `rig campaign`: searches for what a plan leaves unfound, and proposes cases. Prints."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rig.errors import DescriptionError
from rig.judge.verdict import Verdict
from rig.mutants.campaign import Alarm, Campaign
from rig.mutants.command import hunt_for
from rig.mutants.hunt import Ground, ground
from rig.mutants.result import FOUND, UNFOUND, Result, Row, load_result
from rig.mutants.variants import chosen, listed
from rig.plan.writing import plan_text, written_out


def campaign(options: argparse.Namespace) -> int:
    """Search; store what came of it; return the exit code.

    Returns
    -------
    0 nothing new: the plan finds all that was found, and the good firmware passed; 1 a case was
    found that the plan lacks, or the good firmware failed one; 2 interrupted; 3 a bench failed.
    """
    where = ground(options.plan, dut=options.dut, bench=options.bench, seed=options.seed)
    rows = _rows(options, where)
    missed = [row.variant for row in rows if row.state in UNFOUND]
    unproven = [row.variant.name for row in rows if row.state not in {FOUND, *UNFOUND}]
    if unproven:
        print(f"left out, since the plan did not run to its end on them: {', '.join(unproven)}")
    print(f"{len(missed)} variants to find: {', '.join(v.name for v in missed) or 'none'}")
    running = Campaign(
        ground=where, missed=missed, hours=options.hours, jobs=options.jobs, on_batch=_show
    )
    running.run()
    print("\n".join(_reported(running)))
    for path in _stored(running, options.out):
        print(f"written:  {path.as_posix()}")
    if running.interrupted:
        return 2
    if running.finds or any(alarm.verdict is Verdict.FAIL for alarm in running.alarms):
        return 1
    broken = any(alarm.verdict is Verdict.ERROR for alarm in running.alarms)
    return 3 if running.troubles or broken else 0


def _rows(options: argparse.Namespace, where: Ground) -> Sequence[Row]:
    """What the plan says of each variant, by an earlier result or by running it now."""
    known = chosen(listed(where.bench, options.own), options.variants)
    if options.missed_of is not None:
        now = {variant.name: variant for variant in known}
        rows = _earlier(options.missed_of, where).rows
        return [replace(r, variant=now[r.variant.name]) for r in rows if r.variant.name in now]
    print(f"first {where.plan.as_posix()} itself, against {len(known)} variants", flush=True)
    running = hunt_for(where, known, jobs=options.jobs)
    if running.interrupted:  # it took the Ctrl-C for itself; without its end there is no campaign
        raise KeyboardInterrupt
    return running.result().rows


def _earlier(path: Path, where: Ground) -> Result:
    """Load a result of the same plan on the same BMS; another one says nothing of this plan."""
    result = load_result(path)
    dut = where.profile_path.parent.name
    if Path(result.plan).resolve() != where.plan.resolve() or result.dut != dut:
        raise DescriptionError(
            f"it is of {result.plan} on {result.dut}, not of {where.plan.as_posix()} on {dut}",
            f"--missed-of {path}",
            "name a result of this plan and BMS, or its plan with --plan",
        )
    return result


def _show(running: Campaign) -> None:
    print(
        f"{running.drawn} cases drawn, {running.virtual_s / 3600.0:.2f} of {running.hours:g} h,"
        f" {len(running.finds)} found, {len(running.alarms)} did not pass on the good firmware,"
        f" {running.lasted_s:.0f} s",
        file=sys.stderr,
        flush=True,
    )


def _reported(running: Campaign) -> Iterator[str]:
    for find in running.finds:
        yield f"found  {find.variant.name} ({find.variant.row}) by {find.drawn}: {find.sentence}"
        if find.case is None:
            yield f"       {find.variant.name} is not proposed: {find.why_not}"
    for alarm in running.alarms:
        yield f"{_word(alarm)}  {alarm.case.id}, {alarm.case.title}: {alarm.sentence}"
    yield from (f"trouble  {trouble}" for trouble in running.troubles)
    yield from (f"unfound  {variant.name}: {variant.title}" for variant in running.missed)
    alarms = sum(alarm.verdict is Verdict.FAIL for alarm in running.alarms)
    yield (
        f"{running.drawn} cases over {running.virtual_s / 3600.0:.2f} virtual hours in"
        f" {running.lasted_s:.0f} s: {len(running.finds)} variants found that the plan does not"
        f" find, {len(running.missed)} still unfound; {alarms} false alarms,"
        f" {len(running.alarms) - alarms} undecided on the good firmware"
    )


def _word(alarm: Alarm) -> str:
    return "FALSE ALARM" if alarm.verdict is Verdict.FAIL else f"undecided ({alarm.verdict})"


def _stored(running: Campaign, out: Path) -> Sequence[Path]:
    """Write the proposals and, where there are any, the cases that were false alarms."""
    out.mkdir(parents=True, exist_ok=True)
    dut = running.ground.profile_path.parent.name
    seed, profile = running.ground.seed, running.ground.profile
    paths = []
    if finds := [(find.case, find.title) for find in running.finds if find.case is not None]:
        why = "Proposed by rig campaign: each finds a variant that the plan does not find."
        cases = [written_out(case, title, profile) for case, title in finds]
        paths.append(out / "proposed.yaml")
        paths[-1].write_text(plan_text("proposed", dut, cases, why=why), encoding="utf-8")
    if running.alarms:
        why = "Drawn by rig campaign: the good firmware did not pass these."
        cases = [written_out(alarm.case, alarm.case.id, profile) for alarm in running.alarms]
        paths.append(out / "not-passed.yaml")
        paths[-1].write_text(plan_text("not passed", dut, cases, why=why), encoding="utf-8")
    facts = {
        "schema": "bms-hil-rig/campaign/2",
        "plan": running.ground.plan.as_posix(),
        "dut": dut,
        "seed": seed,
        "drawn": running.drawn,
        "virtual_s": round(running.virtual_s, 3),
        "wall_s": round(running.lasted_s, 3),
        "found": [
            {
                "variant": f.variant.name,
                "case": f.drawn,
                "seed": f.seed,
                "sentence": f.sentence,
                "proposed": f.case is not None,
            }
            for f in running.finds
        ],
        "unfound": [variant.name for variant in running.missed],
        "not_passed": [
            {"case": a.case.id, "verdict": a.verdict, "seed": a.seed, "sentence": a.sentence}
            for a in running.alarms
        ],
        "troubles": running.troubles,
    }
    paths.append(out / "campaign.json")
    paths[-1].write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    return paths
