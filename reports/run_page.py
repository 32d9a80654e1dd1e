"""The run page: one HTML file that says in ten seconds whether the BMS may be shipped, and why.

Made from evidence alone, so that last year's run can be shown too. No network, no server; works
without JavaScript. This module turns a run into plain values, templates/run.html into a page.
Must not judge: numbers and sentences are those of the judgements.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from reports import svg, words
from reports.answer import Answer, answer, group_of
from reports.differences import SEVERITIES, differences
from rig.errors import RigError
from rig.evidence import DAMAGED, NOT_RUN, Run, RunCase
from rig.judge.verdict import ORIGINS, WORST_FIRST, BudgetRow, Finding, Origin, origin_of_error
from rig.trace.model import Link
from rig.trace.text import plain

OUTCOMES = ("fail", DAMAGED, *(v.value for v in WORST_FIRST[1:-1]), NOT_RUN, "pass")  # worst first
NOT_REACHED = "not reached"  # as `RunCase.counted` has it
MOST_FIGURES = 80  # waveforms in a page, else it takes too long to make and to open


@dataclass(frozen=True, kw_only=True)
class CaseView(RunCase):
    """A case as the page shows it: with what is drawn of it."""

    href: str
    notes: tuple[str, ...] = ()
    figures: tuple[Markup, ...] = ()
    sibling: str = ""  # anchor of the case whose waveform stands for this one's

    @property
    def sentence(self) -> str:
        """Why it came to its outcome."""
        if self.damage:
            return super().sentence or f"damaged: {'; '.join(self.damage)}"
        ended = "in" if self.unfinished else "before"
        return super().sentence or f"planned, but the run ended {ended} it"

    @property
    def group(self) -> str:
        """What it is counted under."""
        return group_of(self)

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return f"c{self.number}"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Its findings; none where it was not judged."""
        return self.judgement.findings if self.judgement else ()


@dataclass(frozen=True, slots=True)
class Family:
    """The cases of one family, and how many there are of each outcome."""

    name: str
    anchor: str
    cases: tuple[CaseView, ...]
    counts: Mapping[str, int]


Cell = tuple[int, str, int]  # cases, their worst outcome, how many have it


def write_run_page(run: Run, path: Path, *, every_plot: bool = False) -> Path:
    """Write the page to `path`, making its folder; `every_plot` draws each passed case too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page = run_page(run, base=path.parent, every_plot=every_plot)
    path.write_text(page, encoding="utf-8")
    return path


@cache
def template(name: str = "run.html") -> Template:
    """Compile a page's template, once in a process."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.get_template(name)


def run_page(run: Run, *, base: Path | None = None, every_plot: bool = False) -> str:
    """Return the page as HTML; links to evidence are relative to `base`."""
    cases = _case_views(run, base or Path.cwd(), every_plot=every_plot)
    verdict, families = answer(run), _families(cases)
    return template().render(
        run=run,
        answer=verdict,
        unlooked=_unlooked(verdict),
        counts=[(o, run.counts[o]) for o in OUTCOMES],
        not_reached=sum(view.counted == NOT_REACHED for view in cases),
        groups={word: _groups(cases, word) for word in (*OUTCOMES, NOT_REACHED)},
        errors=[(w, _groups([c for c in cases if _origin(c) == w], "error")) for w in ORIGINS],
        families=families,
        matrix=_matrix(families),
        spreads=_spreads(run),
        differences=differences(run),
        anchor_of={view.case.id: view.anchor for view in cases},
        rule="; ".join(dict.fromkeys(c.judgement.rule for c in run.cases if c.judgement)),
        facts=_facts(run),
        words=words,
        gauge=_gauge,
        percent=_percent,
        budget_of=_budget,
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
    views = [_view(case, base) for case in run.cases]
    views = [_with_trace(view) if view.number in chosen else view for view in views]
    examples: dict[str, str] = {}
    for view in views:
        if view.figures and view.outcome == "pass":
            examples.setdefault(view.case.family, view.anchor)
            examples[view.case.family + view.group] = view.anchor
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
    family = view.case.family
    like = examples.get(family + view.group) or examples.get(family, "")
    return replace(view, sibling=like if view.outcome == "pass" else "")


def _with_trace(view: CaseView) -> CaseView:
    if not view.has_trace or view.judgement is None:
        return view
    try:
        trace = view.trace()
    except (RigError, OSError, ValueError, KeyError) as error:
        return replace(view, notes=(f"the recorded trace can't be read: {error}",))
    figures = svg.figures(view.case, trace, view.judgement, name=view.anchor)
    notes = (*view.notes, *map(_listened, trace.links.values()))
    return replace(view, notes=notes, figures=tuple(map(_drawn, figures)))


def _listened(link: Link) -> str:
    alive = "" if link.alive else ", receiver not alive"
    note = f", {link.note}" if link.note else ""
    received = words.plural(link.received, "message")
    return f"{link.name}: {received} received, {link.dropped} dropped{alive}{note}"


def _view(case: RunCase, base: Path) -> CaseView:
    return CaseView(
        **vars(case),
        href=Path(os.path.relpath(case.folder, base)).as_posix(),
        notes=tuple(left.sentence() for left in case.unfinished),
    )


def _origin(case: CaseView) -> Origin:
    return (origin_of_error(case.judgement.sentence) if case.judgement else None) or ORIGINS[0]


def _gauge(found: Finding) -> Markup:
    if (value := found.measurement) is None:
        return Markup()
    return _drawn(svg.gauge_svg(value.value, value.expanded, found.low, found.high))


def _budget(found: Finding) -> Iterator[tuple[BudgetRow, str, str]]:
    """Rows of an uncertainty budget, each with its u in the result and its part of the variance."""
    # A half-width may be in another unit than the result (volts that become time over a slew).
    unit = found.measurement.unit if found.measurement else ""
    variance = sum(row.standard**2 for row in found.budget) or 1.0
    for row in sorted(found.budget, key=lambda row: row.standard, reverse=True):
        scale = words.scale_for(unit, row.standard)
        standard = f"{row.standard / scale.factor:.2g} {scale.unit}".rstrip()
        yield row, standard, f"{100 * (row.standard**2 / variance):.0f} %"


def _percent(part: float | None) -> str:
    return "" if part is None else f"{100 * part:.0f} %".replace("-", "−")


# ---- groups -------------------------------------------------------------------------------------
def _groups(cases: Iterable[CaseView], counted: str) -> list[tuple[str, list[CaseView]]]:
    """Cases counted together by what they test, both in the order of severity, worst first."""
    groups: dict[str, list[CaseView]] = defaultdict(list)
    for case in sorted((c for c in cases if c.counted == counted), key=_severity):
        groups[case.group].append(case)
    return sorted(groups.items(), key=lambda item: (_severity(item[1][0]), item[0]))


def _severity(view: CaseView) -> int:
    return [*SEVERITIES, view.case.severity].index(view.case.severity)


def _families(cases: Sequence[CaseView]) -> list[Family]:
    members: dict[str, list[CaseView]] = defaultdict(list)
    for case in cases:
        members[case.case.family].append(case)
    return [
        Family(name, f"f{n}", tuple(found), _count(found))
        for n, (name, found) in enumerate(members.items(), 1)
    ]


def _count(cases: Iterable[CaseView]) -> dict[str, int]:
    found = [c.outcome for c in cases]
    return {o: found.count(o) for o in OUTCOMES if o in found}


def _matrix(families: Sequence[Family]) -> dict[str, object]:
    """Per protection and family: how many cases, the worst outcome, how many have it.

    What belongs to no protection is the `rest`.
    """
    watched = {f.name: [c for c in f.cases if c.case.protection is not None] for f in families}
    wide = [f for f in families if watched[f.name]]
    groups = dict.fromkeys(c.group for f in wide for c in watched[f.name])
    rows = [
        (group, [_cell([c for c in watched[f.name] if c.group == group]) for f in wide])
        for group in groups
    ]
    rest = [(f, _cell([c for c in f.cases if c.case.protection is None])) for f in families]
    return {"families": wide, "rows": rows, "rest": [(f, cell) for f, cell in rest if cell]}


def _cell(cases: Sequence[CaseView]) -> Cell | None:
    if not cases:
        return None
    counts = _count(cases)
    worst = next(o for o in OUTCOMES if o in counts)
    return len(cases), worst, counts[worst]


# ---- spreads ------------------------------------------------------------------------------------
def _spreads(run: Run) -> list[dict[str, object]]:
    """Values that share protection, family, means and limits; the means are never mixed."""
    found: dict[tuple[object, ...], list[tuple[RunCase, Finding]]] = defaultdict(list)
    for case in run.cases:
        for finding in case.judgement.findings if case.judgement else ():
            if finding.measurement and finding.high is not None:
                unit = finding.measurement.unit
                key = (group_of(case), case.case.family, finding.means)
                found[*key, unit, finding.low, finding.high].append((case, finding))
    spreads = sorted(map(_spread, found.values()), key=lambda spread: spread[0])
    return [shown for _, shown in spreads]


def _spread(members: Sequence[tuple[RunCase, Finding]]) -> tuple[float, dict[str, object]]:
    """The margin of the worst value, and what is shown of all of them."""
    case, first = members[0]
    low, high = first.low, first.high
    measured = [(m, c.number) for c, f in members if (m := f.measurement)]
    worst, worst_case = min((words.margin(m, low, high) or 0.0, number) for m, number in measured)
    values = sorted((m for m, _ in measured), key=lambda m: m.value)
    least, most = (words.parted(m, low, high)[0] for m in (values[0], values[-1]))
    _, u, unit = words.parted(max(values, key=lambda m: m.expanded), low, high)
    strip = svg.strip_svg([(m.value, m.expanded) for m in values], low or 0.0, high or 0.0)
    return worst, {
        "protection": group_of(case),
        "family": case.case.family,
        "means": first.means,
        "count": len(members),
        "spread": f"{least} to {most}" if len(values) > 1 else least,
        "expanded": f"{u} {unit}".rstrip(),  # the largest
        "allowed": words.allowed(first),
        "worst": _percent(worst),
        "worst_anchor": f"c{worst_case}",
        "strip": _drawn(strip),
    }


# ---- claims -----------------------------------------------------------------------------------
def _unlooked(verdict: Answer) -> list[tuple[str, list[str]]]:
    """Claims that no case looked at, by the plan's reason; those without one come first."""
    reasons: dict[str, list[str]] = {"": list(verdict.not_looked_at)}
    for claim, reason in verdict.left_out.items():
        reasons.setdefault(reason, []).append(claim)
    return [(reason, claims) for reason, claims in reasons.items() if claims]


# ---- facts --------------------------------------------------------------------------------------
def _facts(run: Run) -> list[tuple[str, str]]:
    meta, ended = run.meta, "aborted, last heard of" if run.aborted else "ended"
    local = run.started.astimezone()
    dut = dict.fromkeys(x for x in (meta.dut_title, meta.dut) if x)
    facts = [
        ("Device under test", " · ".join(dut)),
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
