"""What `rig check` finds: mistakes in descriptions, what would run, the most it would command.

Reads files and touches no bench. A plan that would command more than bench or profile allow is
refused here, naming the step; the bench checks each command again before it sends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import cantools

from rig.bench.description import BenchFile, read_bench
from rig.bench.limits import Allowed, limits_of
from rig.description import BrokenDescriptionError, Document, Location, Mistake, suggest
from rig.dut.profile import Profile, find_described, read_profile
from rig.errors import DescriptionError
from rig.plan.case import (
    Await,
    Case,
    MessageTiming,
    Read,
    Set,
    SignalBecomes,
    SignalStays,
    SignalValue,
    Staircase,
    Step,
)
from rig.plan.expand import expand
from rig.plan.model import PlanFile, read_plan
from rig.quantity import format as shown

_UNITS = {"cell": "V", "temperature": "°C", "current": "A", "supply": "V"}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    mistakes: tuple[Mistake, ...] = ()
    refusals: tuple[str, ...] = ()  # mistakes that have no place in a file
    good: tuple[str, ...] = ()  # a line for each description that is well
    cases: tuple[Case, ...] = ()
    extremes: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # least, most

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.mistakes or self.refusals)

    def text(self) -> str:
        """Write it for people: the mistakes, or what would run."""
        lines = [*map(str, self.mistakes), *self.refusals]
        if lines:
            count = len(lines)
            return "\n".join([*lines, f"{count} mistake{'s' * (count != 1)}; nothing was touched"])
        lines = list(self.good)
        if self.cases:
            lines += [f"  {case.id}  {case.title}" for case in self.cases]
            lines.append(_total(self.cases))
            lines.append("would command at most: " + _extremes(self.extremes))
        return "\n".join(lines)


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
    refusals: list[str] = []
    good: list[str] = []
    cases: list[Case] = []
    spans: dict[str, tuple[float, float]] = {}
    for file in files:
        try:
            found = _check_file(Path(file), bench, dut, seed)
            good.append(found.title)
            cases += found.cases
            spans = _joined(spans, found.spans)
        except BrokenDescriptionError as error:
            mistakes += [m for m in error.mistakes if m not in mistakes]
        except DescriptionError as error:
            refusals.append(str(error))
    return Report(tuple(mistakes), tuple(refusals), tuple(good), tuple(cases), spans)


@dataclass(frozen=True, slots=True)
class _Found:
    title: str
    cases: Sequence[Case] = ()
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def _check_file(path: Path, bench: Path | str | None, dut: Path | str | None, seed: int) -> _Found:
    kind = _kind(path)
    if kind == "profile":
        against = _Against(read_profile(path), None)
        against.refuse(against.profile_mistakes())
        return _Found(f"{path}: the profile of {against.profile.name} is well")
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
        against = _Against(read_profile(name), document)
        against.refuse(against.bench_mistakes())
    suffix = f", and fits {', '.join(map(str, named))}" if named else ""
    return _Found(f"{path}: the bench {document.model.name} is well{suffix}")


def _check_plan(path: Path, bench: Path | str | None, dut: Path | str | None, seed: int) -> _Found:
    plan = read_plan(path)
    name = dut if dut is not None else plan.model.dut
    if name is None:
        what = "it does not say which BMS it is for"
        raise BrokenDescriptionError([plan.mistake((), what, 'add "for: …", or give --dut')])
    profile = _referred(plan, ("for",), read_profile, name)
    against = _Against(profile, _bench_for(plan, profile.model, bench))
    cases = expand(plan.model, profile.model, seed)
    against.refuse([
        *against.profile_mistakes(),
        *against.bench_mistakes(),
        *_PlanCheck(plan, against, cases).mistakes(),
    ])  # fmt: skip
    on = f" on {against.bench.name}" if against.bench else ""
    return _Found(f"{path}: {_counted(cases)} for {name}{on}", cases, _spans(cases, profile.model))


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


# ---- profile and bench ---------------------------------------------------------------------------
class _Against:
    """A profile, and a bench where there is one: what they say of each other."""

    def __init__(self, profile: Document[Profile], bench: Document[BenchFile] | None) -> None:
        self.profile_document, self.bench_document = profile, bench
        self.profile = profile.model
        self.bench = bench.model if bench else None

    @staticmethod
    def refuse(mistakes: Iterable[Mistake]) -> None:
        """Raise if there are any."""
        if found := list(mistakes):
            raise BrokenDescriptionError(found)

    @cached_property
    def messages(self) -> dict[str, Any]:
        """Messages of the DBC, by name; none where it can't be read."""
        path = self.profile.dbc_path
        if path is None or not path.is_file():
            return {}
        try:
            database = cantools.database.load_file(path)
        except (cantools.Error, UnicodeDecodeError, ValueError):
            return {}
        return {message.name: message for message in database.messages}  # type: ignore[union-attr]

    def profile_mistakes(self) -> Iterator[Mistake]:
        """Hold the profile against its DBC."""
        path, document = self.profile.dbc_path, self.profile_document
        if path is None:
            return
        if not path.is_file():
            yield document.mistake(("can", "dbc"), f"there is no file {path}", "put it there")
            return
        if not self.messages:
            what = f"{path} is no DBC with messages"
            yield document.mistake(("can", "dbc"), what, "open it with a DBC editor")
            return
        for where, name in self.profile.signals().items():
            if found := self.unknown_signal(name):
                yield document.mistake(where, *found)
        yield from self._lengths()

    def _lengths(self) -> Iterator[Mistake]:
        document, can = self.profile_document, self.profile.can
        for name, promise in self.profile.messages.items():
            where: Location = ("messages", name)
            if found := self.unknown_message(name):
                yield document.key_mistake(where, *found)
            elif promise.length != (length := self.messages[name].length):
                what = f"the DBC gives {name} {length} bytes, not {promise.length}"
                yield document.mistake((*where, "length"), what, "correct one of the two")
        for name in can.receives if can else ():
            if found := self.unknown_message(name):
                yield document.key_mistake(("can", "receives", name), *found)

    def unknown_message(self, name: str) -> tuple[str, str] | None:
        """Say that the DBC has no such message, if it hasn't."""
        if not self.messages or name in self.messages:
            return None
        return f'the DBC has no message "{name}"', suggest(name, self.messages)

    def unknown_signal(self, name: str) -> tuple[str, str] | None:
        """Say what is wrong with "Message.Signal", if anything is."""
        message, _, signal = name.partition(".")
        if (found := self.unknown_message(message)) or not self.messages:
            return found
        signals = [s.name for s in self.messages[message].signals]
        if signal in signals:
            return None
        return f'{message} has no signal "{signal}"', suggest(signal, signals)

    def bench_mistakes(self) -> Iterator[Mistake]:
        """Hold the bench against the profile."""
        if self.bench_document is None or self.bench is None:
            return
        document, bench, profile = self.bench_document, self.bench, self.profile
        terms = [*profile.settable, *profile.outputs, "current", "supply", "pack"]
        for term in bench.wiring:
            if term not in terms:
                what = f'{profile.name} has no terminal "{term}"'
                yield document.key_mistake(("wiring", term), what, suggest(term, terms))
        for quantity in profile.settable:
            yield from self._driven(quantity)
        for link in ("can", "console"):
            if getattr(profile, link) is not None and getattr(bench, link) is None:
                what = f"{profile.name} has a {link} link, and the bench has none"
                yield document.mistake((link,), what, f"add {link}:")
        yield from self._nominal()

    def _driven(self, quantity: str) -> Iterator[Mistake]:
        assert self.bench is not None  # noqa: S101 -- its only caller looked
        assert self.bench_document is not None  # noqa: S101
        wiring = self.bench.wiring.get(quantity)
        wanted = ("charge", "discharge") if quantity == "current" else ("from",)
        wired = {key for key, _ in wiring.wires()} if wiring else set()
        for key in wanted:
            if key not in wired:
                what = f"nothing drives {quantity} of {self.profile.name}: no {key}"
                mend = f"add {quantity}: {{{key}: instrument channel}}"
                yield self.bench_document.mistake(("wiring", quantity), what, mend)

    def _nominal(self) -> Iterator[Mistake]:
        """What every case starts from must be allowed too."""
        assert self.bench_document is not None  # noqa: S101 -- its only caller looked
        for quantity, value in self.profile.nominal_values.items():
            if found := self.beyond(quantity, value):
                yield self.bench_document.mistake(
                    ("limits",), f"at rest, {found}", "raise the limit"
                )

    @cached_property
    def ranges(self) -> Mapping[str, Allowed]:
        """What may be commanded, by quantity."""
        if self.bench is not None:
            return limits_of(self.bench, self.profile).ranges
        by = f"the profile {self.profile.name}"
        allowed = {q: self.profile.allowed(q) for q in self.profile.settable}
        return {
            q: Allowed(low=a.low, high=a.high, low_from=by, high_from=by)
            for q, a in allowed.items()
        }

    def beyond(self, quantity: str, value: float) -> str | None:
        """Say that a value is beyond a limit, whose and where it stands; None if it isn't."""
        allowed = self.ranges.get(quantity)
        if allowed is None or allowed.low <= value <= allowed.high:
            return None
        low = value < allowed.low
        limit, source = (
            (allowed.low, allowed.low_from) if low else (allowed.high, allowed.high_from)
        )
        kind, unit = quantity.split()[0], _UNITS[quantity.split()[0]]
        return (
            f"{quantity} would be {shown(value, unit)}; {source} allows"
            f" {'no less than' if low else 'at most'} {shown(limit, unit)}"
            f" ({self._where_limit(kind, source, value)})"
        )

    def _where_limit(self, kind: str, source: str, value: float) -> str:
        """Find the line of the limit."""
        if source.startswith("the profile"):
            key = "charge current" if value > 0 else "discharge current"
            keys = {"cell": "cell voltage", "temperature": "temperature", "current": key}
            where = ("limits", keys[kind]) if kind in keys else ("supply", "voltage")
            return self.profile_document.at(where)
        assert self.bench_document is not None  # noqa: S101 -- who else has limits
        if source.startswith("the bench"):
            key = "cell voltage" if kind == "cell" else kind
            return self.bench_document.at(("limits", key))
        return self.bench_document.at(("instruments", source.split(" (")[0], "limits"))


# ---- plan ----------------------------------------------------------------------------------------
class _PlanCheck:
    """The cases of a plan, held against limits, wiring and DBC."""

    def __init__(self, plan: Document[PlanFile], against: _Against, cases: Sequence[Case]) -> None:
        self._plan, self._against, self._cases = plan, against, cases
        self._indices = {case.source: i for i, case in enumerate(plan.model.cases)}
        self._said: set[tuple[Any, ...]] = set()

    def mistakes(self) -> Iterator[Mistake]:
        """Find them; of a family that makes many cases, each kind of mistake is named once."""
        for case in self._cases:
            for number, step in enumerate(case.steps, start=1):
                yield from self._limits(case, number, step)
                yield from self._step_names(case, number, step)
            yield from self._expectation_names(case)
            yield from self._recorded(case)

    def _limits(self, case: Case, number: int, step: Step) -> Iterator[Mistake]:
        for quantity, value in _commanded(step):
            if found := self._against.beyond(quantity, value):
                what = f"step {number}: {found}; nothing was switched on"
                mend = "change the step, or the limit if BMS and bench bear it"
                yield from self._once(case, number, quantity, found, (what, mend))

    def _step_names(self, case: Case, number: int, step: Step) -> Iterator[Mistake]:
        until = step.until if isinstance(step, Await | Staircase) else None
        if isinstance(until, SignalValue):
            yield from self._signal(case, number, f"{until.message}.{until.signal}")
        bench = self._against.bench
        if bench is None:
            return
        wanted = list(_metered(step))
        for name in wanted:
            wiring = bench.wiring.get(name)
            if wiring is None or wiring.meter is None:
                what = f"step {number} reads {name}, and {bench.name} has no meter there"
                mend = self._wire(name, "meter", "dmm 101")
                yield from self._once(case, number, name, "meter", (what, mend))

    def _expectation_names(self, case: Case) -> Iterator[Mistake]:
        for expectation in case.expectations:
            if isinstance(expectation, SignalBecomes | SignalStays):
                name = f"{expectation.message}.{expectation.signal}"
                yield from self._signal(case, None, name)
            elif isinstance(expectation, MessageTiming):
                yield from self._message(case, expectation.message)

    def _message(self, case: Case, name: str) -> Iterator[Mistake]:
        if found := self._against.unknown_message(name):
            yield from self._once(case, None, name, "message", found)

    def _signal(self, case: Case, number: int | None, name: str) -> Iterator[Mistake]:
        if found := self._against.unknown_signal(name):
            yield from self._once(case, number, name, "signal", found)

    def _recorded(self, case: Case) -> Iterator[Mistake]:
        """Outputs are judged by their waveform, so each needs a tap."""
        bench = self._against.bench
        for name in case.outputs if bench is not None else ():
            wiring = bench.wiring.get(name) if bench else None
            if wiring is None or wiring.tap is None:
                what = f"{name} is judged, and {bench.name if bench else ''} has no tap there"
                mend = self._wire(name, "tap", "digitizer 5")
                yield from self._once(case, None, name, "tap", (what, mend))

    def _wire(self, name: str, key: str, example: str) -> str:
        assert self._against.bench_document is not None  # noqa: S101 -- it was found without
        where = self._against.bench_document.at(("wiring", name))
        return f"add {name}: {{{key}: {example}}} to the wiring ({where}), or choose another bench"

    def _once(
        self, case: Case, number: int | None, name: str, kind: str, said: tuple[str, str]
    ) -> Iterator[Mistake]:
        index = self._indices.get(case.source, 0)
        planned = self._plan.model.cases[index]
        written = planned.family is None
        where: Location = ("cases", index)
        if written and number is not None:
            where = (*where, "steps", number - 1)
            where = (*where, "set", name) if "would be" in said[0] else where
        elif written:
            places = [i for i, entry in enumerate(planned.expect) if name in entry]
            where = (*where, "expect", *places[:1], *([name] if places else []))
        key = (index, name, kind, number if written else None)
        if key in self._said:
            return
        self._said.add(key)
        what = said[0] if written else f"{case.id}: {said[0]}"
        yield self._plan.mistake(where, what, said[1])


def _commanded(step: Step) -> Iterator[tuple[str, float]]:
    if isinstance(step, Set):
        yield from step.values.items()
    elif isinstance(step, Staircase):
        yield step.quantity, step.start
        yield step.quantity, step.stop


def _metered(step: Step) -> Iterator[str]:
    """What a step reads with a meter; a sensor's value is read back from what plays it."""
    if isinstance(step, Read):
        yield from (
            n for n in step.quantities if not n.startswith(("bleed", "temperature", "current"))
        )
    if isinstance(step, Staircase) and not step.quantity.startswith(("temperature", "current")):
        yield step.quantity
    if isinstance(step, Await | Staircase) and step.until.kind == "output":
        yield step.until.output


# ---- the summary ---------------------------------------------------------------------------------
def _spans(cases: Iterable[Case], profile: Profile) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each kind of quantity, what cases start from included."""
    spans: dict[str, tuple[float, float]] = {}
    for quantity, value in profile.nominal_values.items():
        spans = _joined(spans, {quantity.split()[0]: (value, value)})
    for case in cases:
        for step in case.steps:
            for quantity, value in _commanded(step):
                spans = _joined(spans, {quantity.split()[0]: (value, value)})
    return spans


def _joined(
    one: Mapping[str, tuple[float, float]], other: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    joined = dict(one)
    for kind, (low, high) in other.items():
        a, b = joined.get(kind, (low, high))
        joined[kind] = (min(a, low), max(b, high))
    return joined


def _extremes(spans: Mapping[str, tuple[float, float]]) -> str:
    names = {"cell": "cell voltage", "temperature": "temperature", "current": "current"}
    return ", ".join(
        f"{names.get(kind, kind)} {shown(low, _UNITS[kind])} to {shown(high, _UNITS[kind])}"
        for kind, (low, high) in spans.items()
    )


def _total(cases: Sequence[Case]) -> str:
    seconds = sum(case.duration_s for case in cases)
    minutes, left = divmod(round(seconds), 60)
    return f"{_counted(cases)}, at most {minutes} min {left} s of bench time, their starts apart"


def _counted(cases: Sequence[Case]) -> str:
    return f"{len(cases)} case{'s' * (len(cases) != 1)}"
