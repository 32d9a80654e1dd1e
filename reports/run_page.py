"""The run page: one HTML file that says in ten seconds whether the BMS may be shipped, and why.

Made from evidence alone, so that last year's run can be shown too. No network, no server; works
without JavaScript. This module turns a run into plain values, templates/run.html into a page.
Must not judge: numbers and sentences are those of the judgements.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from reports import svg, words
from reports.answer import Answer, answer, group_of
from reports.differences import differences
from rig.errors import RigError
from rig.evidence import DAMAGED, NOT_RUN, Run, RunCase
from rig.judge.verdict import BLAMES, WORST_FIRST, BudgetRow, Finding, whose_error
from rig.trace.model import Link
from rig.trace.text import plain

SEVERITIES = ("blocker", "critical", "normal", "minor", "trivial")
OUTCOMES = ("fail", DAMAGED, *(v.value for v in WORST_FIRST[1:-1]), NOT_RUN, "pass")  # worst first
NOT_REACHED = "not reached"  # as `RunCase.counted` has it
MOST_FIGURES = 80  # waveforms in a page, else it takes too long to make and to open


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A line of an uncertainty budget, and its part of the variance."""

    name: str
    half_width: str
    distribution: str
    standard: str
    part: str
    source: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """One expectation as the page shows it."""

    expectation: str
    means: str
    outcome: str
    sentence: str
    value: str
    k: str
    allowed: str
    margin: str
    gauge: Markup
    budget: tuple[BudgetView, ...]


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as the page shows it."""

    anchor: str
    id: str
    title: str
    outcome: str
    counted: str  # its outcome, but for what the BMS kept from its stimulus: that is apart
    sentence: str
    family: str
    group: str
    has_protection: bool
    parameters: Mapping[str, str]
    traces_to: tuple[str, ...]
    severity: str
    whose: str  # of an error
    steps: tuple[str, ...]
    expected: tuple[str, ...]
    findings: tuple[FindingView, ...]
    notes: tuple[str, ...]
    figures: tuple[Markup, ...]
    sibling: str  # anchor of the case whose waveform stands for this one's
    virtual: str
    wall: str
    source: str
    folder: str
    href: str

    @property
    def main(self) -> FindingView | None:
        """The finding that a table shows: the first with a value, else none."""
        return next((f for f in self.findings if f.value), None)


@dataclass(frozen=True, slots=True)
class Family:
    """The cases of one family, and how many there are of each outcome."""

    name: str
    anchor: str
    cases: tuple[CaseView, ...]
    counts: Mapping[str, int]


Cell = tuple[int, str, int]  # cases, their worst outcome, how many have it


@dataclass(frozen=True, slots=True)
class Matrix:
    """What was tested: protections over families, and what belongs to no protection."""

    families: Sequence[Family]
    rows: Sequence[tuple[str, Sequence[Cell | None]]]
    rest: Sequence[tuple[Family, Cell]]


@dataclass(frozen=True, slots=True)
class Spread:
    """All values of one kind against the limits that they share."""

    protection: str
    family: str
    means: str
    count: int
    spread: str  # from the least to the greatest value
    expanded: str  # the largest U
    allowed: str
    worst: str  # margin of the worst
    worst_part: float
    worst_anchor: str
    strip: Markup


def write_run_page(run: Run, path: Path, *, every_plot: bool = False) -> Path:
    """Write the page to `path`, making its folder; `every_plot` draws each passed case too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page = run_page(run, base=path.parent, every_plot=every_plot)
    path.write_text(page, encoding="utf-8")
    return path


@cache
def template() -> Template:
    """Compile the page's template, once in a process."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.get_template("run.html")


def run_page(run: Run, *, base: Path | None = None, every_plot: bool = False) -> str:
    """Return the page as HTML; links to evidence are relative to `base`."""
    cases = _case_views(run, base or Path.cwd(), every_plot=every_plot)
    verdict, families = answer(run), _families(cases)
    return template().render(
        run=run,
        meta=run.meta,
        answer=verdict,
        unlooked=_unlooked(verdict),
        budget=words.duration(verdict.no_time.budget_s) if verdict.no_time else "",
        title=_title(run, verdict),
        counts=[(o, run.counts[o]) for o in OUTCOMES],
        not_reached=sum(view.counted == NOT_REACHED for view in cases),
        total=len(run.cases),
        groups={word: _groups(cases, word) for word in (*OUTCOMES, NOT_REACHED)},
        errors=[(w, _groups([c for c in cases if c.whose == w], "error")) for w in BLAMES],
        families=families,
        matrix=_matrix(families),
        spreads=_spreads(run),
        differences=differences(run),
        anchor_of={view.id: view.anchor for view in cases},
        rule=_rule(run),
        facts=_facts(run),
        duration=words.duration,
        plural=words.plural,
        svg_css=_drawn(svg.CSS),
        svg_variables=_drawn(svg.VARIABLES),
        evidence=os.path.relpath(run.path, base or Path.cwd()),
    )


def _shown(value: object) -> object:
    """Show what a console, a plan or damage put into a text: no page holds an escape code."""
    return plain(value) if type(value) is str else value


def _drawn(picture: str) -> Markup:
    """Mark our own SVG as safe: texts of plans and traces were escaped when it was drawn."""
    return Markup(picture)  # noqa: S704


# ---- cases --------------------------------------------------------------------------------------
def _case_views(run: Run, base: Path, *, every_plot: bool) -> list[CaseView]:
    """All cases; with a waveform those that need an eye, and examples of what passed."""
    chosen = {c.number for c in run.cases} if every_plot else _worth_a_plot(run)
    views = [
        _with_trace(_view(case, base), case) if case.number in chosen else _view(case, base)
        for case in run.cases
    ]
    examples: dict[str, str] = {}
    for view in views:
        if view.figures and view.outcome == "pass":
            examples.setdefault(view.family, view.anchor)
            examples[view.family + view.group] = view.anchor
    return [view if view.figures else _with_example(view, examples) for view in views]


def _worth_a_plot(run: Run) -> set[int]:
    """Numbers of the cases to draw: first what did not pass, then the first of its kind."""
    recorded = [c for c in run.cases if c.has_trace]
    chosen = [c.number for c in recorded if c.outcome != "pass"]
    seen: set[str] = set()
    for case in recorded:
        kinds = {f"family {case.case.family}", f"group {group_of(case)}"}
        if case.outcome == "pass" and not kinds <= seen:
            seen |= kinds
            chosen.append(case.number)
    return set(chosen[:MOST_FIGURES])


def _with_example(view: CaseView, examples: Mapping[str, str]) -> CaseView:
    like = examples.get(view.family + view.group) or examples.get(view.family, "")
    return replace(view, sibling=like if view.outcome == "pass" else "")


def _with_trace(view: CaseView, case: RunCase) -> CaseView:
    if not case.has_trace or case.judgement is None:
        return view
    try:
        trace = case.trace()
    except (RigError, OSError, ValueError, KeyError) as error:
        return replace(view, notes=(f"the recorded trace can't be read: {error}",))
    spans = [None, svg.close_up_s(case.case, trace, case.judgement)]
    figures = [
        svg.waveform_svg(case.case, trace, case.judgement, name=f"{view.anchor}{n}", span_s=span)
        for n, span in enumerate(spans)
        if n == 0 or span
    ]
    drawn = tuple(_drawn(figure) for figure in figures)
    notes = (*view.notes, *map(_listened, trace.links.values()))
    return replace(view, notes=notes, figures=drawn)


def _listened(link: Link) -> str:
    alive = "" if link.alive else ", receiver not alive"
    note = f", {link.note}" if link.note else ""
    received = words.plural(link.received, "message")
    return f"{link.name}: {received} received, {link.dropped} dropped{alive}{note}"


def _view(run_case: RunCase, base: Path) -> CaseView:
    case, judgement = run_case.case, run_case.judgement
    findings = judgement.findings if judgement else ()
    return CaseView(
        anchor=f"c{run_case.number}",
        id=case.id,
        title=case.title,
        outcome=run_case.outcome,
        counted=run_case.counted,
        sentence=run_case.sentence or _why_not(run_case),
        family=case.family,
        group=group_of(run_case),
        has_protection=case.protection is not None,
        parameters=case.parameters,
        traces_to=case.traces_to,
        severity=case.severity,
        whose=(whose_error(judgement.sentence) if judgement else None) or BLAMES[0],
        steps=tuple(step.sentence() for step in case.steps),
        expected=() if findings else tuple(e.sentence() for e in case.expectations),
        findings=tuple(_finding(f) for f in findings),
        notes=tuple(left.sentence() for left in run_case.unfinished),
        figures=(),
        sibling="",
        virtual=words.duration(run_case.virtual_s),
        wall=f"{run_case.wall_s * 1e3:.0f} ms",
        source=case.source,
        folder=f"cases/{run_case.folder.name}",
        href=Path(os.path.relpath(run_case.folder, base)).as_posix(),
    )


def _why_not(case: RunCase) -> str:
    if case.damage:
        return f"damaged: {'; '.join(case.damage)}"
    return f"planned, but the run ended {'in' if case.unfinished else 'before'} it"


def _finding(found: Finding) -> FindingView:
    value = found.measurement
    part = words.margin(value, found.low, found.high) if value else None
    gauge = svg.gauge_svg(value.value, value.expanded, found.low, found.high) if value else ""
    return FindingView(
        expectation=found.expectation,
        means=found.means,
        outcome=found.verdict.value,
        sentence=found.sentence,
        value=words.worst(found) + words.measured(value, found.low, found.high) if value else "",
        k=f"{value.coverage_factor:.3g}" if value else "",
        allowed=words.limits(found.low, found.high, value),
        margin="" if part is None else _percent(part),
        gauge=_drawn(gauge),
        budget=_budget(found),
    )


def _budget(found: Finding) -> tuple[BudgetView, ...]:
    if found.measurement is None:
        return ()
    unit, rows = found.measurement.unit, found.budget
    variance = sum(row.standard**2 for row in rows) or 1.0
    ranked = sorted(rows, key=lambda row: row.standard, reverse=True)
    return tuple(_budget_row(row, unit, row.standard**2 / variance) for row in ranked)


def _budget_row(row: BudgetRow, unit: str, part: float) -> BudgetView:
    # A half-width may be in another unit than the result (volts that become time over a slew).
    return BudgetView(
        name=row.name,
        half_width=f"{row.half_width:.2g}",
        distribution=row.distribution,
        standard=_two_digits(row.standard, unit),
        part=f"{100 * part:.0f} %",
        source=row.source,
    )


def _two_digits(value: float, unit: str) -> str:
    scale = words.scale_for(unit, value)
    return f"{value / scale.factor:.2g} {scale.unit}".rstrip()


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %".replace("-", "−")


# ---- groups -------------------------------------------------------------------------------------
def _groups(cases: Iterable[CaseView], counted: str) -> list[tuple[str, list[CaseView]]]:
    """Cases counted together by what they test, both in the order of severity, worst first."""
    groups: dict[str, list[CaseView]] = defaultdict(list)
    for case in sorted((c for c in cases if c.counted == counted), key=_severity):
        groups[case.group].append(case)
    return sorted(groups.items(), key=lambda item: (_severity(item[1][0]), item[0]))


def _severity(case: CaseView) -> int:
    return SEVERITIES.index(case.severity) if case.severity in SEVERITIES else len(SEVERITIES)


def _families(cases: Sequence[CaseView]) -> list[Family]:
    members: dict[str, list[CaseView]] = defaultdict(list)
    for case in cases:
        members[case.family].append(case)
    return [
        Family(name, f"f{n}", tuple(found), _count(found))
        for n, (name, found) in enumerate(members.items(), 1)
    ]


def _count(cases: Iterable[CaseView]) -> dict[str, int]:
    found = [c.outcome for c in cases]
    return {o: found.count(o) for o in OUTCOMES if o in found}


def _matrix(families: Sequence[Family]) -> Matrix:
    """Per protection and family: how many cases, the worst outcome, how many have it."""
    wide = [f for f in families if any(c.has_protection for c in f.cases)]
    groups = dict.fromkeys(c.group for f in wide for c in f.cases if c.has_protection)
    rows = [
        (
            group,
            [_cell([c for c in f.cases if c.has_protection and c.group == group]) for f in wide],
        )
        for group in groups
    ]
    rest = [(f, _cell([c for c in f.cases if not c.has_protection])) for f in families]
    return Matrix(wide, rows, [(f, cell) for f, cell in rest if cell])


def _cell(cases: Sequence[CaseView]) -> Cell | None:
    if not cases:
        return None
    counts = _count(cases)
    worst = next(o for o in OUTCOMES if o in counts)
    return len(cases), worst, counts[worst]


# ---- spreads ------------------------------------------------------------------------------------
def _spreads(run: Run) -> list[Spread]:
    """Values that share protection, family, means and limits; the means are never mixed."""
    found: dict[tuple[object, ...], list[tuple[RunCase, Finding]]] = defaultdict(list)
    for case in run.cases:
        for finding in case.judgement.findings if case.judgement else ():
            if finding.measurement and finding.high is not None:
                unit = finding.measurement.unit
                key = (group_of(case), case.case.family, finding.means)
                found[*key, unit, finding.low, finding.high].append((case, finding))
    return sorted((_spread(members) for members in found.values()), key=lambda s: s.worst_part)


def _spread(members: Sequence[tuple[RunCase, Finding]]) -> Spread:
    case, first = members[0]
    low, high = first.low, first.high
    values = sorted(
        (m for _, f in members if (m := f.measurement)), key=lambda measured: measured.value
    )
    worst, worst_case = min(
        (
            (words.margin(f.measurement, low, high) or 0.0, c.number)
            for c, f in members
            if f.measurement
        )
    )
    least, most = (words.parted(m, low, high) for m in (values[0], values[-1]))
    largest = max(values, key=lambda measured: measured.expanded)
    _, u, unit = words.parted(largest, low, high)
    return Spread(
        protection=group_of(case),
        family=case.case.family,
        means=first.means,
        count=len(members),
        spread=f"{least[0]} to {most[0]}" if len(values) > 1 else least[0],
        expanded=f"{u} {unit}".rstrip(),
        allowed=words.limits(low, high, first.measurement),
        worst=_percent(worst),
        worst_part=worst,
        worst_anchor=f"c{worst_case}",
        strip=_drawn(
            svg.strip_svg([(m.value, m.expanded) for m in values], low or 0.0, high or 0.0)
        ),
    )


# ---- promises -----------------------------------------------------------------------------------
def _unlooked(verdict: Answer) -> list[tuple[str, list[str]]]:
    """Promises that no case looked at, by the plan's reason; those without one come first."""
    reasons: dict[str, list[str]] = {"": list(verdict.not_looked_at)}
    for promise, reason in verdict.left_out.items():
        reasons.setdefault(reason, []).append(promise)
    return [(reason, promises) for reason, promises in reasons.items() if promises]


# ---- facts --------------------------------------------------------------------------------------
def _title(run: Run, verdict: Answer) -> str:
    return f"{verdict.word} · {run.run_id} · {run.meta.dut}"


def _rule(run: Run) -> str:
    rules = dict.fromkeys(c.judgement.rule for c in run.cases if c.judgement)
    return "; ".join(rules)


def _facts(run: Run) -> list[tuple[str, str]]:
    meta, ended = run.meta, "aborted, last heard of" if run.aborted else "ended"
    local = run.started.astimezone()
    facts = [
        (
            "Device under test",
            " · ".join(dict.fromkeys(x for x in (meta.dut_title, meta.dut) if x)),
        ),
        ("Serial number", meta.dut_serial),
        ("Firmware", f"{meta.firmware} ({meta.firmware_source})" if meta.firmware else "unknown"),
        ("Bench", run.bench),
        ("Plan", ", ".join(meta.plans)),
        ("Seed", str(meta.seed)),
        ("Started", f"{run.started:%Y-%m-%d %H:%M:%S} UTC ({local:%H:%M:%S %Z})"),
        ("Took", f"{words.duration(run.wall_s)} ({ended} {run.ended:%H:%M:%S} UTC)"),
        ("Time the BMS lived through", f"{words.duration(run.virtual_s)}, {meta.clock} clock"),
        ("Operator", meta.operator),
        ("Host", meta.host),
        ("Command", meta.command),
        ("Versions", ", ".join(f"{k} {v}" for k, v in meta.versions.items())),
    ]
    return [(name, value) for name, value in facts if value]
