"""Reads descriptions of any kind and gathers what is wrong with them. Touches no bench."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rig.bench.description import BenchFile, read_bench
from rig.case import Case
from rig.check.fit import Fit
from rig.check.left_out import left_out_mistakes
from rig.check.plans import PlanCheck
from rig.check.report import Report, counted, joined, spans_of
from rig.description import BrokenDescriptionError, Document, Location, Mistake
from rig.dut.profile import Profile, find_described, read_profile
from rig.errors import DescriptionError
from rig.plan.duration import expected_s
from rig.plan.expand import expand
from rig.plan.model import PlanFile, read_plan
from rig.yaml_data import is_file, is_folder, text_of


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
    mistakes: dict[Mistake, None] = {}  # once each, in their order
    refused: list[DescriptionError] = []
    good: list[str] = []
    cases: list[Case] = []
    spans: dict[str, tuple[float, float]] = {}
    expected = 0.0
    for file in _each(files, mistakes):
        try:
            found = _check_file(file, bench, dut, seed)
            good.append(found.title)
            cases += found.cases
            spans = joined(spans, found.spans)
            expected += found.expected_s
        except BrokenDescriptionError as error:
            mistakes |= dict.fromkeys(error.mistakes)
        except DescriptionError as error:
            refused.append(error)
    return Report(tuple(mistakes), tuple(refused), tuple(good), tuple(cases), spans, expected)


def _each(files: Sequence[Path | str], mistakes: dict[Mistake, None]) -> Iterator[Path]:
    """Give each file, and of a folder all of its descriptions; what a run left is none of them."""
    for path in map(Path, files):
        if not is_folder(path) or is_file(path / "profile.yaml"):
            yield path
            continue
        inside = sorted(p for p in path.rglob("*.y*ml") if p.suffix in (".yaml", ".yml"))
        found = [p for p in inside if not _is_apart(p.relative_to(path))]
        if not found:
            what, mend = "there is no description in this folder", "name one that holds YAML files"
            mistakes[Mistake(str(path), 1, 1, "", what, mend)] = None
        yield from found


def _is_apart(inner: Path) -> bool:
    """Whether a file lies in a hidden folder, or in the one that runs are written to."""
    return any(part.startswith(".") or part == "out" for part in inner.parts[:-1])


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
    if path.name == "profile.yaml" or is_file(path / "profile.yaml"):
        return "profile"
    try:
        text = text_of(path, str(path))
    except BrokenDescriptionError:
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
    for i, name in enumerate(named):
        fit = Fit(_referred(document, ("for", i), read_profile, name), document)
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
    fit.refuse([*fit.profile_mistakes(), *fit.bench_mistakes()])  # else no case means anything
    cases = expand(plan.model, profile.model, seed)
    fit.refuse([
        *PlanCheck(plan, fit, cases).mistakes(),
        *left_out_mistakes(plan, profile.model, cases),
    ])  # fmt: skip
    on = f" on {fit.bench.name}" if fit.bench else ""
    title = f"{path}: {counted(cases)} for {name}{on}"
    takes_s = sum(expected_s(case, profile.model) for case in cases)
    return _Found(title, cases, spans_of(cases, profile.model), takes_s)


def _referred(
    document: Document[PlanFile] | Document[BenchFile],
    where: Location,
    read: Callable[[Path | str], Document[Profile]],
    name: Path | str,
) -> Document[Profile]:
    """Read what a file names; where there is no such thing, the mistake is the file's."""
    try:
        return read(name)
    except BrokenDescriptionError as error:
        first = error.mistakes[0]
        dut = document.model.dut if isinstance(document.model, PlanFile) else document.model.duts
        is_its_own = name == dut or (isinstance(dut, tuple) and name in dut)
        if len(error.mistakes) == 1 and first.file == str(name) and is_its_own:
            mistake = document.mistake(where, first.what, first.mend)
            raise BrokenDescriptionError([mistake]) from None
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
