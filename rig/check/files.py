"""Reads descriptions of any kind and gathers what is wrong with them. Touches no bench."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig.bench.description import BenchFile, read_bench
from rig.check.fit import Fit
from rig.check.left_out import left_out_mistakes
from rig.check.plans import PlanCheck
from rig.check.report import Report, counted, joined, spans_of
from rig.description import BrokenDescriptionError, Document, Location, Mistake
from rig.dut.profile import Profile, find_described, read_profile
from rig.errors import DescriptionError
from rig.plan.case import Case
from rig.plan.duration import expected_s
from rig.plan.expand import expand
from rig.plan.model import PlanFile, read_plan


def check(
    files: Sequence[Path | str],
    *,
    bench: Path | str | None = None,
    dut: Path | str | None = None,
    seed: int = 1,
) -> Report:
    """Check descriptions of any kind, and the plans among them against their BMS and bench.

    Parameters
    ----------
    files : sequence of paths
        Plans, profiles and benches, in any order.
    bench, dut : path or name, optional
        For the plans; by default what each plan is for, and that BMS's virtual bench.
    """
    mistakes: list[Mistake] = []
    refused: list[DescriptionError] = []
    good: list[str] = []
    cases: list[Case] = []
    spans: dict[str, tuple[float, float]] = {}
    expected = 0.0
    for file in files:
        try:
            found = _check_file(Path(file), bench, dut, seed)
            good.append(found.title)
            cases += found.cases
            spans = joined(spans, found.spans)
            expected += found.expected_s
        except BrokenDescriptionError as error:
            mistakes += [m for m in error.mistakes if m not in mistakes]
        except DescriptionError as error:
            refused.append(error)
    return Report(tuple(mistakes), tuple(refused), tuple(good), tuple(cases), spans, expected)


@dataclass(frozen=True, slots=True)
class _Found:
    title: str
    cases: Sequence[Case] = ()
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    expected_s: float = 0.0


def _check_file(path: Path, bench: Path | str | None, dut: Path | str | None, seed: int) -> _Found:
    kind = _kind(path)
    if kind == "profile":
        fit = Fit(read_profile(path), None)
        fit.refuse(fit.profile_mistakes())
        return _Found(f"{path}: the profile of {fit.profile.name} is well")
    if kind == "bench":
        return _check_bench(path, dut)
    return _check_plan(path, bench, dut, seed)


def _kind(path: Path) -> str:
    """Tell by the first words which kind of description it is; a broken file is read as a plan."""
    if (path / "profile.yaml").is_file():
        return "profile"
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return "plan"  # reading it names the mistake
    keys = set(re.findall(r"^([a-z][a-z ]*):", text, flags=re.MULTILINE))
    scores = {kind: len(keys & words) for kind, words in _WORDS.items()}
    return max(scores, key=lambda kind: scores[kind])


_WORDS = {
    "plan": {"plan", "cases", "for"},
    "bench": {"bench", "instruments", "wiring", "clock"},
    "profile": {"chip", "cells", "protections", "outputs", "nominal", "telemetry"},
}


def _check_bench(path: Path, dut: Path | str | None) -> _Found:
    document = read_bench(path)
    named = [dut] if dut is not None else list(document.model.duts)
    for name in named:
        fit = Fit(read_profile(name), document)
        fit.refuse(fit.bench_mistakes())
    suffix = f", and fits {', '.join(map(str, named))}" if named else ""
    return _Found(f"{path}: the bench {document.model.name} is well{suffix}")


def _check_plan(path: Path, bench: Path | str | None, dut: Path | str | None, seed: int) -> _Found:
    plan = read_plan(path)
    name = dut if dut is not None else plan.model.dut
    if name is None:
        what = "it does not say which BMS it is for"
        raise BrokenDescriptionError([plan.mistake((), what, 'add "for: …", or give --dut')])
    profile = _referred(plan, ("for",), read_profile, name)
    fit = Fit(profile, _bench_for(plan, profile.model, bench))
    cases = expand(plan.model, profile.model, seed)
    fit.refuse([
        *fit.profile_mistakes(),
        *fit.bench_mistakes(),
        *PlanCheck(plan, fit, cases).mistakes(),
        *left_out_mistakes(plan, profile.model, cases),
    ])  # fmt: skip
    on = f" on {fit.bench.name}" if fit.bench else ""
    title = f"{path}: {counted(cases)} for {name}{on}"
    takes_s = sum(expected_s(case, profile.model) for case in cases)
    return _Found(title, cases, spans_of(cases, profile.model), takes_s)


def _referred(plan: Document[PlanFile], where: Location, read: Any, name: Path | str) -> Any:
    """Read what the plan names; where there is no such thing, the mistake is the plan's."""
    try:
        return read(name)
    except BrokenDescriptionError as error:
        first = error.mistakes[0]
        if len(error.mistakes) == 1 and first.file == str(name) and plan.model.dut == name:
            raise BrokenDescriptionError([plan.mistake(where, first.what, first.mend)]) from None
        raise


def _bench_for(
    plan: Document[PlanFile], profile: Profile, bench: Path | str | None
) -> Document[BenchFile] | None:
    if bench is not None:
        return read_bench(bench)
    usual = f"virtual-{plan.model.dut or profile.name}"
    try:
        find_described(usual, "benches")
    except BrokenDescriptionError:
        return None
    return read_bench(usual)
