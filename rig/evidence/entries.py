"""The lines of a journal, each kind with what it must hold. Data only.

A line whose chain of hashes holds may still say nonsense: somebody may have written all of it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter, ValidationError

from rig.evidence.journal import Entry
from rig.evidence.meta import InstrumentFacts
from rig.judge.verdict import Verdict

JOURNAL = "bms-hil-rig/journal/1"  # what its first line says


def _in_our_time(time: datetime) -> datetime:
    """Refuse what no local time can be told of."""
    if not 1990 <= time.year <= 2200:
        raise ValueError("no time of a run")
    return time.astimezone(UTC)


Utc = Annotated[AwareDatetime, AfterValidator(_in_our_time)]
Seconds = Annotated[float, Field(ge=0.0, le=1e9, allow_inf_nan=False)]
# No way out of its folder, on no system.
PlainName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,149}$")]
InputName = Annotated[str, Field(pattern=r"^[^/\\:]{1,255}(/[^/\\:]{1,255})?$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """When a line was written, and how long its case took."""

    utc: Utc
    case_s: Seconds = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """The first line: which run, and the hashes of what it was made of."""

    wall: Wall
    run: str
    inputs: Mapping[InputName, Sha256]
    facts: Sha256 | None = None  # of run.json; None before the journal named its schema
    schema: str = JOURNAL
    kind: Literal["run-start"] = "run-start"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCase:
    """A case that is to run, and where its evidence will lie below cases/."""

    case: str
    folder: PlainName


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Every planned case, in order."""

    wall: Wall
    cases: tuple[PlannedCase, ...]
    kind: Literal["planned"] = "planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStart:
    """A case began."""

    wall: Wall
    case: str
    kind: Literal["case-start"] = "case-start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a try of a case came to, and the hashes of its files."""

    wall: Wall
    case: str
    verdict: Verdict
    sentence: str
    virtual_s: Seconds
    files: Mapping[PlainName, Sha256]
    number: Annotated[int, Field(alias="try", ge=1, le=10**6)] = 1
    kind: Literal["result"] = "result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Anything else; "connected" tells of the instruments, "unfinished" what a case left."""

    wall: Wall
    event: str
    instruments: tuple[InstrumentFacts, ...] = ()
    firmware: str = ""
    case: str = ""
    folder: PlainName = ""  # below unfinished/
    files: Mapping[PlainName, Sha256] = field(default_factory=dict)
    kind: Literal["event"] = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchFailed:
    """The bench failed outside a case."""

    wall: Wall
    error: str
    kind: Literal["bench-error"] = "bench-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """The last line of a run that came to its end."""

    wall: Wall
    kind: Literal["run-end"] = "run-end"


Line = RunStart | Planned | CaseStart | Result | Event | BenchFailed | RunEnd
_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])
L = TypeVar("L", bound=Line)


@dataclass(frozen=True, slots=True)
class Lines:
    """What a journal says, line by line, as far as it can be read."""

    lines: Sequence[Line]
    problems: list[str] = field(default_factory=list)

    def of(self, kind: type[L]) -> list[L]:
        """Those of one kind, in order."""
        return [line for line in self.lines if isinstance(line, kind)]


def understood(entries: Sequence[Entry]) -> Lines:
    """Read the entries of a journal; one that can't be read is a problem and left out."""
    lines, problems = [], []
    for number, entry in enumerate(entries, 1):
        try:
            lines.append(_LINE.validate_python(_own(entry)))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(map(str, first["loc"]))
            problems.append(
                f"journal.jsonl:{number}: damaged or of a newer rig: {place}: {first['msg']}"
            )
    return Lines(lines, problems)


def _own(entry: Entry) -> dict[str, Any]:
    """What a line says besides its place in the chain."""
    return {k: v for k, v in entry.items() if k not in {"number", "previous"}}
