"""What a plan found of which variant: data, and what can be read off it. See docs/mutants.md.

Reports read this as JSON. Must not run anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from rig.documents import Document, parsed_object
from rig.errors import DescriptionError, EvidenceError
from rig.judge.verdict import Verdict

Control = Literal["plan", "findings"]
# Each variant up to its first finding ("fail"), or through all cases ("end"); for "each family" the
# rest of the plan too, until one variant is known that this family alone finds.
Extent = Literal["fail", "end", "each family"]
SCHEMA = "bms-hil-rig/mutants/1"  # see MUTANTS
FOUND, MISSED, MISNAMED, INCONCLUSIVE, ERROR, UNFINISHED = (
    "found",
    "NOT found",
    "misnamed",
    "inconclusive",
    "error",
    "unfinished",
)
UNFOUND = frozenset((MISSED, MISNAMED, INCONCLUSIVE))  # the plan ran to its end: that is proven


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A build of the firmware that is wrong in one known way."""

    name: str
    row: str = ""  # of the list of defects
    severity: str = ""
    title: str = ""
    shows: str = ""  # a regular expression that a report of the right finding matches


RELEASED = Variant(name="released", title="the good firmware: everything must pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One case on one build."""

    case_id: str
    family: str
    verdict: Verdict
    sentence: str  # "" for a pass
    names_it: bool = True  # of a fail: its findings name what the variant gets wrong
    wall_s: float
    virtual_s: float

    @property
    def finds(self) -> bool:
        """Whether it finds the variant: it fails, for what the variant gets wrong."""
        return self.verdict is Verdict.FAIL and self.names_it


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One build, and what the plan's cases said of it, in the order they ran."""

    variant: Variant
    seed: int
    outcomes: tuple[Outcome, ...]
    wall_s: float
    trouble: str = ""  # why not all ran that should have
    finished: bool = True  # False: interrupted

    @property
    def finding(self) -> Outcome | None:
        """The first case that failed for what is wrong."""
        return next((o for o in self.outcomes if o.finds), None)

    @property
    def state(self) -> str:
        """Found or not. Only a `fail` finds; what is undecided or in error proves nothing."""
        verdicts = {outcome.verdict for outcome in self.outcomes}
        if self.finding is not None:
            return FOUND
        if not self.finished:
            return UNFINISHED
        if self.trouble or Verdict.ERROR in verdicts or not verdicts:
            return ERROR
        if Verdict.FAIL in verdicts:
            return MISNAMED
        return INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else MISSED

    @property
    def reported(self) -> Outcome | None:
        """The outcome that says the most: the finding, else an error, else what is undecided."""
        order = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE)
        reported = next((o for v in order for o in self.outcomes if o.verdict is v), None)
        return self.finding or reported

    @property
    def until_found(self) -> tuple[float, float]:
        """Wall and virtual time up to the end of the first finding, or of everything."""
        wall_s = virtual_s = 0.0
        for outcome in self.outcomes:
            wall_s, virtual_s = wall_s + outcome.wall_s, virtual_s + outcome.virtual_s
            if outcome.finds:
                break
        return wall_s, virtual_s

    @property
    def found_by(self) -> dict[str, str]:
        """Ids of the cases that found it, with their families."""
        return {o.case_id: o.family for o in self.outcomes if o.finds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A plan against the variants of a BMS."""

    schema: str = SCHEMA
    plan: str
    dut: str
    bench: str
    seed: int
    until: Extent
    command: str
    wall_s: float
    cases: Mapping[str, str]  # id -> family, of the plan
    control: Row | None  # the released firmware, which must pass
    rows: tuple[Row, ...]
    controlled: Control = "plan"  # what it ran: the whole plan, or just the cases with findings
    untested: tuple[str, ...] = ()  # claims of the profile that no case tests

    @property
    def is_complete(self) -> bool:
        """Every case ran on every build, so that the reverse can be told."""
        return self.until == "end" and all(row.finished for row in self.rows)

    def count(self, state: str) -> int:
        """How many variants are in this state."""
        return sum(row.state == state for row in self.rows)

    @property
    def is_control_good(self) -> bool:
        """The released firmware passed every case."""
        row = self.control
        if row is None or not row.finished or row.trouble:
            return False
        return bool(row.outcomes) and row.reported is None

    @property
    def exit_code(self) -> int:
        """0 all found; 1 one slipped through or the good firmware failed; 3 nothing is proven."""
        states = {row.state for row in self.rows}
        control = self.control.state if self.control else ERROR
        if states & UNFOUND or control in {FOUND, INCONCLUSIVE}:
            return 1
        return 0 if states == {FOUND} and self.is_control_good else 3


RESULT_JSON: TypeAdapter[Result] = TypeAdapter(Result)
MUTANTS = Document("mutants", 1, RESULT_JSON)


def load_result(path: Path) -> Result:
    """Read an earlier result; DescriptionError where it is none."""
    try:
        data = path.read_bytes()
        MUTANTS.check_schema(parsed_object(data, str(path)).get("schema"), str(path))
        return RESULT_JSON.validate_json(data)
    except (OSError, ValidationError) as error:
        raise DescriptionError(
            f"it is no result of rig mutants: {error}", str(path), "name a mutants.json"
        ) from None
    except EvidenceError as error:
        what = f"it is no result of rig mutants: {error.what}"
        raise DescriptionError(what, str(path), error.mend) from None


def save_result(result: Result, path: Path) -> None:
    """Write a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(RESULT_JSON.dump_json(result) + b"\n")


def families_of(result: Result) -> Sequence[str]:
    """Give the plan's families, in its order."""
    return list(dict.fromkeys(result.cases.values()))
