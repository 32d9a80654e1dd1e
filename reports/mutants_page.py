"""The page of `rig mutants`: which defects the plan finds, by which case, and what each is worth.

One HTML file made from the result alone; no network, no server; works without JavaScript.
Must not judge: what counts as found is the result's.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports import words
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


@dataclass(frozen=True, slots=True)
class RowView:
    """A variant as the page shows it."""

    name: str
    row: str
    severity: str
    title: str
    state: str
    look: str
    case_id: str
    sentence: str
    wall: str
    virtual: str
    ran: int
    families: str  # that found it, of a full matrix
    repeat: str  # the command that shows it with full evidence


@dataclass(frozen=True, slots=True)
class FamilyView:
    """A family and what it is worth."""

    name: str
    cases: int
    found: int
    alone: Sequence[str]
    virtual: str


def write_mutants_page(result: Result, path: Path) -> Path:
    """Write the page to `path`, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(mutants_page(result), encoding="utf-8")
    return path


def mutants_page(result: Result) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = sorted(result.rows, key=lambda row: _ORDER.index(row.state))
    control = result.control
    return environment.get_template("mutants.html").render(
        result=result,
        answer=_answer(result),
        rows=[_row(result, row) for row in rows],
        counts=[(state, _LOOKS[state], result.count(state)) for state in _ORDER],
        control=control and _row(result, control),
        families=_families(result) if result.until != "fail" else [],
        choice=reverse.smallest_choice(result) if result.is_complete else [],
        spare=_spare(result) if result.is_complete else [],
        plural=words.plural,
        wall=words.duration(result.wall_s),
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


def _row(result: Result, row: Row) -> RowView:
    told = row.told
    wall_s, virtual_s = row.until_found
    case_id = told.case_id if told else ""
    variant = row.variant.name if row is not result.control else ""
    return RowView(
        name=row.variant.name,
        row=row.variant.row,
        severity=row.variant.severity,
        title=row.variant.title,
        state=row.state,
        look=_LOOKS[row.state],
        case_id=case_id,
        sentence=told.sentence if told else row.trouble,
        wall=words.duration(wall_s),
        virtual=words.duration(virtual_s),
        ran=len(row.outcomes),
        families=", ".join(dict.fromkeys(row.found_by.values())),
        repeat=_command(result, variant, row.seed, case_id),
    )


def _command(result: Result, variant: str, seed: int, case_id: str) -> str:
    chosen = f'"{result.plan}::{case_id}"' if case_id else result.plan
    build = f" --variant {shlex.quote(variant)}" if variant else ""
    return f"rig run {chosen}{build} --seed {seed} --dut {result.dut} --bench {result.bench}"


def _families(result: Result) -> list[FamilyView]:
    found, alone = reverse.found_by_family(result), reverse.lost_without_family(result)
    control = result.control.outcomes if result.control else ()
    return [
        FamilyView(
            name=family,
            cases=sum(f == family for f in result.cases.values()),
            found=len(found[family]),
            alone=alone[family],
            virtual=words.duration(sum(o.virtual_s for o in control if o.family == family)),
        )
        for family in families_of(result)
    ]


def _spare(result: Result) -> list[tuple[str, int]]:
    """Cases that find nothing alone, with how many variants they find, the idlest first."""
    found = reverse.found_by_case(result)
    spare = [(case_id, len(found[case_id])) for case_id in reverse.spare_cases(result)]
    return sorted(spare, key=lambda case: case[1])[:_MOST_SPARE]
