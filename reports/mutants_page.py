"""The page of `rig mutants`: which defects the plan finds, by which case, and what each is worth.

One HTML file made from the result alone; no network, no server; works without JavaScript.
Must not judge: what counts as found is the result's.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from reports import words
from reports.run_page import template
from rig.mutants import reverse
from rig.mutants.result import (
    ERROR,
    FOUND,
    INCONCLUSIVE,
    MISNAMED,
    MISSED,
    UNFINISHED,
    Result,
    Row,
    families_of,
)

# What a state looks like: the marks and colours of the run page's outcomes.
_LOOKS = {
    FOUND: "pass",
    MISSED: "fail",
    MISNAMED: "fail",
    INCONCLUSIVE: "inconclusive",
    ERROR: "error",
    UNFINISHED: "not-run",
}
_ORDER = (MISSED, MISNAMED, INCONCLUSIVE, ERROR, UNFINISHED, FOUND)  # worst first
_MOST_SPARE = 400  # cases in the list of those that could be cut


def write_mutants_page(result: Result, path: Path) -> Path:
    """Write the page to `path`, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(mutants_page(result), encoding="utf-8")
    return path


def mutants_page(result: Result) -> str:
    """Return the page as HTML."""
    return template("mutants.html").render(
        result=result,
        answer=_answer(result),
        rows=sorted(result.rows, key=lambda row: _ORDER.index(row.state)),
        counts=[(state, _LOOKS[state], result.count(state)) for state in _ORDER],
        looks=_LOOKS,
        repeat=_command,
        families=_families(result) if result.until != "fail" else [],
        choice=reverse.smallest_choice(result) if result.is_complete else [],
        spare=_spare(result) if result.is_complete else [],
        plural=words.plural,
        duration=words.duration,
    )


def _answer(result: Result) -> tuple[str, str, str]:
    """Outcome, word and reason of the box on top."""
    found, total = result.count(FOUND), len(result.rows)
    if not result.is_control_good:
        why = "the good firmware did not pass, so no finding counts"
        return "error", "Nothing is proven", why
    if found == total:
        return "pass", "All found", f"each of the {total} variants made at least one case fail"
    lost = total - found
    look = "fail" if sum(map(result.count, (MISSED, MISNAMED, INCONCLUSIVE))) else "error"
    return look, "Not all found", f"{lost} of {total} variants would have been shipped"


def _command(result: Result, row: Row) -> str:
    """The command that shows a row with full evidence."""
    chosen = f'"{result.plan}::{row.reported.case_id}"' if row.reported else result.plan
    is_variant = row is not result.control
    build = f" --variant {shlex.quote(row.variant.name)}" if is_variant else ""
    return f"rig run {chosen}{build} --seed {row.seed} --dut {result.dut} --bench {result.bench}"


def _families(result: Result) -> list[dict[str, object]]:
    """The families, and what each is worth."""
    found, alone = reverse.found_by_family(result), reverse.lost_without_family(result)
    control = result.control.outcomes if result.control else ()
    return [
        {
            "name": family,
            "cases": sum(f == family for f in result.cases.values()),
            "found": len(found[family]),
            "alone": alone[family],
            "virtual_s": sum(o.virtual_s for o in control if o.family == family),
        }
        for family in families_of(result)
    ]


def _spare(result: Result) -> list[tuple[str, int]]:
    """Cases that find nothing alone, with how many variants they find, the idlest first."""
    found = reverse.found_by_case(result)
    spare = [(case_id, len(found[case_id])) for case_id in reverse.spare_cases(result)]
    return sorted(spare, key=lambda case: case[1])[:_MOST_SPARE]
