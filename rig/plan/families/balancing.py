"""Families about balancing: which cells bleed, from which levels, when not, what is seen then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from rig.dut.profile import Balancing, Profile, Protection
from rig.expectations import Expectation
from rig.expectations.telemetry_agrees import agrees
from rig.plan.families.applicable import chosen
from rig.plan.families.bleeding import Levels, begins_after_rest, bleeding, bleeds, look
from rig.plan.families.draft import Draft, Options, family_of, random_phase
from rig.plan.families.provoked import at_each
from rig.plan.families.timing import AFTER_S
from rig.plan.stimulus import APPLIED
from rig.quantities import CELL, number_of
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set

_INSIDE_V = 0.002  # beyond the stated accuracy of a level, for the source's own error
_QUIET = ("temperature", "sense wire", "sensor open", "sensor short", "host message", "link")
_WAYS = (("charging", 1.0), ("discharging", -1.0))
_FLOWS = 5.0  # times the current that counts as rest


def _rules(profile: Profile) -> Balancing | None:
    return profile.balancing


# ---- which cells ---------------------------------------------------------------------------------
@family_of("balancing", _rules)
def balancing(profile: Profile, options: Options, rules: Balancing) -> Iterator[Draft]:  # noqa: ARG001
    """Just the high cells bleed, only at rest, and are read rightly meanwhile."""
    levels = Levels(profile, rules)
    draft = partial(_draft, profile, rules, tuple(_read_rightly(profile)))
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
        for doing, sign in _WAYS:
            flowing, high_one = {"current": sign * _FLOWS * rules.rest_below_a}, levels.high(1)
            yield draft((f"a cell is high while {doing}", doing), [high_one | flowing], ())
            ends = (f"{doing} begins while a cell bleeds", f"bleeding-{doing}")
            yield draft(ends, [high_one, flowing], ())


def _several(levels: Levels) -> Iterator[tuple[tuple[str, str], tuple[int, ...]]]:
    """Every second cell, the others, and all but the lowest."""
    odd = tuple(n for n in levels.cells if n % 2)
    even = tuple(n for n in levels.cells if not n % 2)
    yield ("every second cell is high", "every-second"), odd
    if even:
        yield ("the others are high", "others"), even
        yield ("all but the last are high", "all-but-one"), tuple(levels.cells[:-1])


def _draft(  # noqa: PLR0913, PLR0917 -- three of them are the family's
    profile: Profile,
    rules: Balancing,
    rightly: Sequence[Expectation],
    situation: tuple[str, str],
    stages: Sequence[Mapping[str, float]],
    expected: tuple[int, ...],
) -> Draft:
    """Go through the stages, then look which cells bleed, and what the BMS says of it.

    `situation` is said in full for the title, and in short for the case's id; `rightly` is expected
    of what is read while some bleed.
    """
    wait_s = rules.at_rest_s + rules.begins_within_s + 0.5
    steps: list[Step] = []
    for values in stages:
        steps += [Set(values=values, mark=APPLIED), Hold(duration_s=wait_s)]
    read = [Read(quantities=profile.cell_names)] if expected and rightly else []
    return Draft(
        title=f"{situation[0]}: bleeding cells are {', '.join(map(str, expected)) or 'none'}",
        parameters={"situation": situation[1]},
        steps=[*steps, *look(profile, "looked"), *read],
        expectations=[
            *bleeding(profile, expected, "looked"),
            *(rightly if expected else ()),
        ],
    )


def _read_rightly(profile: Profile) -> Iterator[Expectation]:
    """Every cell is reported rightly while some bleed: the bleed current falsifies no reading."""
    report = profile.telemetry.cell_voltage
    if report is None or report.accuracy is None:
        return
    # The console is asked for while one bleeds for long.
    yield agrees(report, profile.hierarchy.all_of(CELL))[0]


# ---- from and to which levels --------------------------------------------------------------------
@family_of("balancing levels", _rules)
def balancing_levels(profile: Profile, options: Options, rules: Balancing) -> Iterator[Draft]:  # noqa: ARG001
    """Come to each level from below and from above: it begins, goes on and ends where stated."""
    if rules.accuracy_v is None:
        return
    cells, away_v = profile.cell_names, rules.accuracy_v + _INSIDE_V
    if rules.spread_v is not None and rules.until_v is not None:
        base_v, high = round(rules.above_v + 0.02, 6), len(cells)
        stages = [
            {c: round(base_v + spread_v * (n == high), 6) for n, c in enumerate(cells, 1)}
            for spread_v in _around(rules.spread_v, rules.until_v, away_v)
        ]
        yield _levels_draft(profile, rules, "above the lowest", stages, high)
    apart_v, high = 4.0 * (rules.spread_v or 0.05), min(2, len(cells))
    stages = [
        {c: round(volts - apart_v * (n != high), 6) for n, c in enumerate(cells, 1)}
        for volts in _around(rules.above_v, rules.stops_below_v, away_v)
    ]
    yield _levels_draft(profile, rules, "voltage", stages, high)


def _around(start: float, stop: float, away: float) -> list[float]:
    """Short of the start, beyond it, short of the stop and beyond that; the stop may be 0."""
    return [start - away, start + away, max(stop + away, 0.0), max(stop - away, 0.0)]


def _levels_draft(
    profile: Profile, rules: Balancing, which: str, stages: Sequence[Mapping[str, float]], high: int
) -> Draft:
    steps: list[Step] = []
    expectations: list[Expectation] = []
    rest_s = rules.at_rest_s
    for n, (values, bleeds_now) in enumerate(zip(stages, (0, 1, 1, 0), strict=True), 1):
        wait_s = rules.begins_within_s + AFTER_S + rest_s
        steps += [Set(values=values), Hold(duration_s=wait_s), *look(profile, f"{n}")]
        expectations += bleeding(profile, (high,) * bleeds_now, f"{n}")
        rest_s = 0.0  # at rest it is from then on
    return Draft(
        title=f"bleeding begins and ends at the stated {which}",
        parameters={"level": which},
        steps=steps,
        expectations=expectations,
    )


# ---- when not ------------------------------------------------------------------------------------
@family_of("balancing rest", _rules)
def balancing_rest(profile: Profile, options: Options, rules: Balancing) -> Iterator[Draft]:  # noqa: ARG001
    """End a current: bleeding begins once the stated time of rest is over, not before."""
    if rules.rest_below_a is None or not rules.at_rest_s or rules.signal is None:
        return
    for doing, sign in _WAYS:
        amps, latest_s = sign * _FLOWS * rules.rest_below_a, rules.at_rest_s + rules.begins_within_s
        yield Draft(
            title=f"a high cell bleeds only once {doing} is over for the stated time",
            parameters={"after": doing},
            steps=[
                Set(values={"current": amps}),  # first: it may have been at rest for long enough
                Set(values=Levels(profile, rules).high(1), mark="flowing"),
                Hold(duration_s=latest_s),
                random_phase(profile),
                Set(values={"current": 0.0}, mark="rest"),
                Hold(duration_s=latest_s + AFTER_S),
            ],
            expectations=list(begins_after_rest(rules, 1, "flowing", "rest")),
        )


@family_of("balancing in a fault", _rules)
def balancing_in_a_fault(profile: Profile, options: Options, rules: Balancing) -> Iterator[Draft]:
    """Provoke each kind of fault while a cell bleeds: nothing bleeds from then on."""
    if not rules.not_in_a_fault:
        return
    kinds = set()
    for name, protection in chosen(profile, options, _is_a_quiet_fault):
        kind = (protection.watches, protection.direction)
        if kind not in kinds:
            kinds.add(kind)
            it, meanwhile = at_each(profile, name)[-1], bleeds(profile, rules, 1)
            yield it.draft(
                f"{it.short} while cell 1 bleeds: nothing bleeds any more",
                [*meanwhile.steps, *it.tripped(), *look(profile, "in it")],
                [*meanwhile.expectations, *bleeding(profile, (), "in it")],
            )


def _is_a_quiet_fault(protection: Protection) -> bool:
    """Whether it opens something, and neither current nor cell voltage brings it about."""
    return bool(protection.opens) and protection.watches in _QUIET


# ---- what is seen meanwhile ----------------------------------------------------------------------
@family_of("trips while bleeding", _rules)
def trips_while_bleeding(profile: Profile, options: Options, rules: Balancing) -> Iterator[Draft]:
    """Let a bleeding cell leave its range: its protection acts in time all the same."""
    for name, _ in chosen(profile, options, _watches_a_cell):
        it = at_each(profile, name)[0]
        meanwhile = bleeds(profile, rules, number_of(it.target) or 0)
        yield it.draft(
            f"{it.short} at a cell that bleeds acts in its time",
            [*meanwhile.steps, it.random_phase, *it.tripped()],
            [*meanwhile.expectations, *it.trips(), *it.flags_set()],
        )


def _watches_a_cell(protection: Protection) -> bool:
    return bool(protection.opens) and protection.kind is CELL and protection.each
