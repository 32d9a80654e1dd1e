"""A result as the terminal shows it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rig.mutants import reverse
from rig.mutants.result import (
    ERROR,
    FOUND,
    INCONCLUSIVE,
    MISNAMED,
    MISSED,
    RELEASED,
    UNFINISHED,
    Result,
    Row,
)

_SENTENCE = 90  # characters of a finding that fit beside the rest
_MOST_CLAIMS = 12
_HEAD = ("variant", "sev", "row", "found", "by", "wall", "virtual", "what it said")


def text_of(result: Result, *, width: int = 200) -> str:
    """Give the table, the summary and what was asked for beyond: families, spare cases."""
    rows = [_cells(row) for row in [*result.rows, *([result.control] if result.control else [])]]
    lines = [*_table([_HEAD, *rows], width), "", *summary(result)]
    if result.until != "fail":
        lines += ["", *_families(result)]
    if result.is_complete:
        lines += _spare(result)
    lines += ["", *_claims(result)] if result.untested else []
    return "\n".join(lines)


def summary(result: Result) -> Iterator[str]:
    """What came out, in a few lines."""
    total = len(result.rows)
    states = {s: result.count(s) for s in (MISSED, MISNAMED, INCONCLUSIVE, ERROR, UNFINISHED)}
    rest = ", ".join(f"{n} {state}" for state, n in states.items() if n)
    yield (
        f"{result.plan} on {result.dut}: {result.count(FOUND)} of {total} variants found"
        + (f"; {rest}" if rest else "")
        + f"; {result.wall_s:.0f} s"
    )
    if not result.is_control_good:
        yield from _bad_control(result.control)


def _bad_control(control: Row | None) -> Iterator[str]:
    reported = control.reported if control else None
    if control is not None and not control.finished and reported is None:
        yield "the good firmware was not run to the end"
        return
    yield "*** THE GOOD FIRMWARE DID NOT PASS: nothing that this plan found counts before it does"
    if reported is not None:
        yield f"*** {reported.verdict} {reported.case_id}: {reported.sentence}"
    elif control is not None and control.trouble:
        yield f"*** {control.trouble}"


def progress(done: int, total: int, found: int, wall_s: float, last: str) -> str:
    """One line while it runs."""
    return f"{done} of {total} variants, {found} found, {wall_s:.0f} s; last: {last}"


def row_line(row: Row) -> str:
    """One finished build, in one line."""
    return "  ".join(filter(None, _cells(row)))


def _cells(row: Row) -> tuple[str, ...]:
    reported, variant = row.reported, row.variant
    wall_s, virtual_s = row.until_found
    passed = row.state == MISSED and variant.name == RELEASED.name
    state = "passed" if passed else row.state
    sentence = reported.sentence if reported else row.trouble or variant.title
    return (
        variant.name,
        variant.severity,
        variant.row,
        state,
        reported.case_id if reported else "",
        f"{wall_s:.1f} s",
        f"{virtual_s:.0f} s",
        _short(sentence),
    )


def _short(sentence: str) -> str:
    first = sentence.partition("\n")[0]
    return first if len(first) <= _SENTENCE else first[: _SENTENCE - 1] + "…"


def _table(rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(w) for cell, w in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()[:width]


def _families(result: Result) -> Iterator[str]:
    yield "without this family these variants are unfound:"
    for family, lost in reverse.lost_without_family(result).items():
        names = ", ".join(lost) or "none: does it earn its time?"
        yield f"  {family}: {names}"


def _spare(result: Result) -> Iterator[str]:
    spare = reverse.spare_cases(result)
    total = len(result.cases)
    yield f"{len(spare)} of {total} cases found nothing that the others do not find (see the page)"


def _claims(result: Result) -> Iterator[str]:
    yield f"{len(result.untested)} claims of the profile that no case tests:"
    yield from (f"  {claim}" for claim in result.untested[:_MOST_CLAIMS])
    if (more := len(result.untested) - _MOST_CLAIMS) > 0:
        yield f"  and {more} more: see the page"
