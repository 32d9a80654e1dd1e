"""Families about balancing: which cells bleed, from which levels, when not, what is seen then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial

from rig.can_address import SignalAddress
from rig.dut.profile import Balancing, Profile, Protection
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.telemetry_agrees import agrees
from rig.instants import Mark
from rig.plan.families.choosing import chosen, delay_of, look_s
from rig.plan.families.draft import AFTER_S, Draft, Options, draft_of, phase_s
from rig.plan.families.expecting import says, trips, until_said_s
from rig.plan.stimulus import APPLIED, Stimulus, stimuli
from rig.quantities import BALANCE, BLEED, CELL, number_of, numbered
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.set import Set

_TOLD_S = 0.5  # so long, at the least, the BMS's own word must hold
_INSIDE_V = 0.002  # beyond the stated accuracy of a level, for the source's own error
_REST_SHARE = 0.9  # of the stated time of rest, which has no tolerance of its own
_QUIET = ("temperature", "sense wire", "sensor open", "sensor short", "host message", "link")


# ---- which cells ---------------------------------------------------------------------------------
def balancing(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Just the high cells bleed, only at rest, and are read rightly meanwhile."""
    rules = profile.balancing
    if rules is None:
        return
    levels = _Levels(profile, rules)
    draft = partial(_draft, profile, tuple(_read_rightly(profile)))
    for n in levels.cells:
        yield draft((f"{CELL.at(n)} is high", CELL.at(n)), [levels.high(n)], (n,))
    for situation, high in _several(levels):
        yield draft(situation, [levels.high(*high)], high)
    yield draft(("all cells are equal", "equal"), [levels.equal], ())
    yield draft(("a cell is high but low in charge", "low-charge"), [levels.low], ())
    yield draft(("a bleeding cell falls low", "falls-low"), [levels.high(1), levels.emptied], ())
    if rules.spread_v:
        yield draft(("a bleeding cell is level", "level"), [levels.high(1), levels.equal], ())
    if rules.rest_below_a is not None and profile.has_current:
        for doing, sign in (("charging", 1.0), ("discharging", -1.0)):
            flowing = {"current": sign * 5.0 * rules.rest_below_a}
            stages = [levels.high(1) | flowing]
            yield draft((f"a cell is high while {doing}", doing), stages, ())
            stages = [levels.high(1), flowing]
            ends = (f"{doing} begins while a cell bleeds", f"bleeding-{doing}")
            yield draft(ends, stages, ())


def _several(levels: _Levels) -> Iterator[tuple[tuple[str, str], tuple[int, ...]]]:
    """Every second cell, the others, and all but the lowest."""
    odd = tuple(n for n in levels.cells if n % 2)
    even = tuple(n for n in levels.cells if not n % 2)
    yield ("every second cell is high", "every-second"), odd
    if even:
        yield ("the others are high", "others"), even
        yield ("all but the last are high", "all-but-one"), tuple(levels.cells[:-1])


class _Levels:
    """Cell voltages that make cells bleed, and that don't."""

    def __init__(self, profile: Profile, rules: Balancing) -> None:
        self.cells = range(1, profile.cells.count + 1)
        margin = rules.spread_v or 0.05
        room = _room_above(profile, rules.above_v)
        self._high_v = round(rules.above_v + min(4.0 * margin, room), 6)
        self._rest_v = round(rules.above_v + 0.01, 6) if rules.spread_v else profile.nominal.cells_v
        self._margin_v = margin
        self._below_v = round(rules.above_v - 0.05, 6)
        self._stopped_v = round(rules.stops_below_v - 0.02, 6)
        self._equal_v = self._rest_v if rules.spread_v else self._below_v

    def high(self, *high: int) -> dict[str, float]:
        """Give levels at which just these cells bleed."""
        return {CELL.at(n): self._high_v if n in high else self._rest_v for n in self.cells}

    @property
    def equal(self) -> dict[str, float]:
        """Give levels at which no cell is above another."""
        return {CELL.at(n): self._equal_v for n in self.cells}

    @property
    def low(self) -> dict[str, float]:
        """Give levels far apart, all of them too low to bleed at."""
        return self._one_above(2, self._below_v)

    @property
    def emptied(self) -> dict[str, float]:
        """Give levels at which a cell that bled must stop, though it is above the others."""
        return self._one_above(1, self._stopped_v)

    def _one_above(self, high: int, volts: float) -> dict[str, float]:
        lower_v = round(volts - 2.0 * self._margin_v, 6)
        return {CELL.at(n): volts if n == high else lower_v for n in self.cells}


def _room_above(profile: Profile, above_v: float) -> float:
    """Half the way to the lowest level at which a high cell trips something."""
    lowest = [
        p.level - p.threshold.tolerance
        for p in profile.protections.values()
        if p.kind is CELL and p.rising and p.threshold
    ]
    return 0.5 * (min(lowest) - above_v) if lowest else above_v


# ---- from and to which levels --------------------------------------------------------------------
def balancing_levels(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Come to each level from below and from above: it begins, goes on and ends where stated."""
    rules = profile.balancing
    if rules is None or rules.accuracy_v is None:
        return
    cells, away_v = profile.cell_names, rules.accuracy_v + _INSIDE_V
    if rules.spread_v is not None and rules.until_v is not None:
        base_v, high = round(rules.above_v + 0.02, 6), len(cells)
        spreads = _around(rules.spread_v, rules.until_v, away_v)
        stages = [
            {c: round(base_v + spread_v * (n == high), 6) for n, c in enumerate(cells, 1)}
            for spread_v in spreads
        ]
        yield _levels_draft(profile, "above the lowest", stages, high)
    apart_v, high = 4.0 * (rules.spread_v or 0.05), min(2, len(cells))
    stages = [
        {c: round(volts - apart_v * (n != high), 6) for n, c in enumerate(cells, 1)}
        for volts in _around(rules.above_v, rules.stops_below_v, away_v)
    ]
    yield _levels_draft(profile, "voltage", stages, high)


def _around(start: float, stop: float, away: float) -> list[float]:
    """Short of the start, beyond it, short of the stop and beyond that; the stop may be 0."""
    return [start - away, start + away, max(stop + away, 0.0), max(stop - away, 0.0)]


def _levels_draft(
    profile: Profile, which: str, stages: Sequence[Mapping[str, float]], high: int
) -> Draft:
    steps: list[Step] = []
    expectations: list[Expectation] = []
    begins_s = profile.balancing.begins_within_s if profile.balancing else 0.0
    rest_s = profile.balancing.at_rest_s if profile.balancing else 0.0
    for index, (values, bleeds) in enumerate(zip(stages, (False, True, True, False), strict=True)):
        cells = (high,) if bleeds else ()
        wait_s = begins_s + AFTER_S + (0.0 if index else rest_s)
        steps += [Set(values=values), Hold(duration_s=wait_s), *_look(profile, f"{index + 1}")]
        expectations += _bleeding(profile, cells, f"{index + 1}")
    return Draft(
        title=f"bleeding begins and ends at the stated {which}",
        protection=None,
        parameters={"level": which},
        steps=steps,
        expectations=expectations,
        traces_to=profile.balancing.traces_to if profile.balancing else (),
    )


# ---- when not ------------------------------------------------------------------------------------
def balancing_rest(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """End a current: bleeding begins once the stated time of rest is over, not before."""
    rules = profile.balancing
    if rules is None or rules.rest_below_a is None or not rules.at_rest_s or rules.signal is None:
        return
    for doing, sign in (("charging", 1.0), ("discharging", -1.0)):
        amps, latest_s = sign * 5.0 * rules.rest_below_a, rules.at_rest_s + rules.begins_within_s
        high = _Levels(profile, rules).high(1)
        yield Draft(
            title=f"a high cell bleeds only once {doing} is over for the stated time",
            protection=None,
            parameters={"after": doing},
            steps=[
                Set(values={"current": amps}),  # first: it may have been at rest for long enough
                Set(values=high, mark="flowing"),
                Hold(duration_s=latest_s),
                RandomPhase(span_s=phase_s(profile)),
                Set(values={"current": 0.0}, mark="rest"),
                Hold(duration_s=latest_s + AFTER_S),
            ],
            expectations=list(begins_after_rest(rules, 1, "flowing", "rest")),
            traces_to=rules.traces_to,
        )


def begins_after_rest(
    rules: Balancing, cell: int, flowing: str, rest: str
) -> Iterator[Expectation]:
    """The BMS tells no bleeding of the cell from one mark to the other, then so in its time.

    Nothing where it does not tell: a meter's readings now and then miss when bleeding began.
    """
    signal = rules.signal_for(cell)
    if signal is None:
        return
    yield SignalStays(signal=signal, value=0.0, begin=flowing, end=rest)
    yield SignalBecomes(
        signal=signal,
        value=1.0,
        since=Mark(mark=rest),
        low_s=_REST_SHARE * rules.at_rest_s,
        high_s=rules.at_rest_s + rules.begins_within_s,
    )


def balancing_in_a_fault(profile: Profile, options: Options) -> Iterator[Draft]:
    """Provoke each kind of fault while a cell bleeds: nothing bleeds from then on."""
    rules = profile.balancing
    if rules is None or not rules.not_in_a_fault:
        return
    kinds = set()
    for name, protection in chosen(profile, options, _is_a_quiet_fault):
        kind = (protection.watches, protection.direction)
        if kind not in kinds:
            kinds.add(kind)
            yield _fault_draft(profile, stimuli(profile, name)[-1], protection)


def _is_a_quiet_fault(protection: Protection) -> bool:
    """Whether it opens something, and neither current nor cell voltage brings it about."""
    return bool(protection.opens) and protection.watches in _QUIET


def _fault_draft(profile: Profile, stimulus: Stimulus, protection: Protection) -> Draft:
    rules = profile.balancing
    assert rules is not None  # noqa: S101  its family has looked
    wait_s = until_said_s(protection, delay_of(protection))
    return draft_of(
        f"{protection.short} while cell 1 bleeds: nothing bleeds any more",
        stimulus,
        protection,
        steps=[
            Set(values=_Levels(profile, rules).high(1)),
            Hold(duration_s=rules.at_rest_s + rules.begins_within_s),
            *_look(profile, "before"),
            *stimulus.apply,
            Hold(duration_s=wait_s),
            *_look(profile, "in it"),
        ],
        expectations=[
            *_bleeding(profile, (1,), "before"),
            *_bleeding(profile, (), "in it"),
        ],
    )


# ---- what is seen meanwhile ----------------------------------------------------------------------
def trips_while_bleeding(profile: Profile, options: Options) -> Iterator[Draft]:
    """Let a bleeding cell leave its range: its protection acts in time all the same."""
    rules = profile.balancing
    if rules is None:
        return
    for name, protection in chosen(profile, options, _watches_a_cell):
        stimulus = stimuli(profile, name)[0]
        high = number_of(stimulus.target) or 0
        wait_s = until_said_s(protection, delay_of(protection))
        yield draft_of(
            f"{protection.short} at a cell that bleeds acts in its time",
            stimulus,
            protection,
            steps=[
                Set(values=_Levels(profile, rules).high(high)),
                Hold(duration_s=rules.at_rest_s + rules.begins_within_s),
                *_look(profile, "before"),
                RandomPhase(span_s=phase_s(profile)),
                *stimulus.apply,
                Hold(duration_s=wait_s),
            ],
            expectations=[
                *_bleeding(profile, (high,), "before"),
                *trips(stimulus, protection),
                *says(stimulus, protection),
            ],
        )


def _watches_a_cell(protection: Protection) -> bool:
    return bool(protection.opens) and protection.kind is CELL and protection.each


# ---- what they share -----------------------------------------------------------------------------
def _draft(
    profile: Profile,
    rightly: Sequence[Expectation],
    situation: tuple[str, str],
    stages: Sequence[Mapping[str, float]],
    expected: tuple[int, ...],
) -> Draft:
    """Go through the stages, then look which cells bleed, and what the BMS says of it.

    `situation` is said in full for the title, and in short for the case's id; `rightly` is expected
    of what is read while some bleed.
    """
    rules = profile.balancing
    wait_s = (rules.at_rest_s + rules.begins_within_s if rules else 0.0) + 0.5
    steps: list[Step] = []
    for values in stages:
        steps += [Set(values=values, mark=APPLIED), Hold(duration_s=wait_s)]
    which = ", ".join(map(str, expected)) or "none"
    return Draft(
        title=f"{situation[0]}: bleeding cells are {which}",
        protection=None,
        parameters={"situation": situation[1]},
        steps=[*steps, *_look(profile, "looked"), *_read_cells(profile, expected)],
        expectations=[
            *_bleeding(profile, expected, "looked"),
            *(rightly if expected else ()),
        ],
        traces_to=rules.traces_to if rules else (),
    )


def bleed_outputs(profile: Profile) -> tuple[str, ...]:
    """Name of what is read of each cell to see whether it bleeds: its output, else its current."""
    rules = profile.balancing
    return profile.names_of(BALANCE if rules and rules.output else BLEED)


def _look(profile: Profile, mark: str) -> list[Step]:
    """Read which cells bleed, and let the BMS say so for a while."""
    return [
        Hold(duration_s=0.0, mark=f"{mark} settled"),
        Read(quantities=bleed_outputs(profile), mark=mark),
        Hold(duration_s=_told_s(profile), mark=f"{mark} told"),
    ]


def _told_s(profile: Profile) -> float:
    rules, count = profile.balancing, profile.cells.count
    messages = _messages(rules.signal, count) if rules and rules.signal else ()
    return look_s(profile, _TOLD_S, messages)


@lru_cache(maxsize=1 << 4)  # asked in case after case
def _messages(signal: str, cells: int) -> tuple[str, ...]:
    numbers = range(1, cells + 1)
    return tuple(dict.fromkeys(SignalAddress(numbered(signal, n)).message for n in numbers))


def _bleeding(profile: Profile, cells: tuple[int, ...], mark: str) -> Iterator[Expectation]:
    """Just these cells bleed at the mark, by what they draw and by what the BMS says."""
    yield Balances(cells=cells, at=mark)
    rules = profile.balancing
    if rules is None or rules.signal is None:
        return
    bleeding = set(cells)
    others = tuple(n for n in range(1, profile.cells.count + 1) if n not in bleeding)
    for value, some in ((1.0, cells), (0.0, others)):
        if some:
            yield SignalStays(
                signal=SignalAddress(rules.signal),
                value=value,
                of=CELL.some(some),
                begin=f"{mark} settled",
                end=f"{mark} told",
            )


def _read_cells(profile: Profile, bleeding: tuple[int, ...]) -> list[Step]:
    report = profile.telemetry.cell_voltage
    read = bool(bleeding) and report is not None and report.accuracy is not None
    return [Read(quantities=profile.cell_names)] if read else []


def _read_rightly(profile: Profile) -> Iterator[Expectation]:
    """Every cell is told rightly while some bleed: the bleed current falsifies no reading."""
    report = profile.telemetry.cell_voltage
    if report is None or report.accuracy is None:
        return
    # The console is asked for while one bleeds for long.
    yield agrees(report, profile.hierarchy.all_of(CELL))[0]
