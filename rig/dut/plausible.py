"""Figures of a profile held against its other figures: what would gainsay itself can't be meant.

Such a claim would fail a good BMS, or pass whatever it does. Bounds of single figures stand in
`rig.bounds`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rig.description import Document, Location, Mistake
from rig.quantities import CURRENT, PACK
from rig.quantity import Toleranced
from rig.quantity import format as shown

if TYPE_CHECKING:  # the profile asks here when it is read
    from rig.dut.profile import Profile, Protection, Report

_MOST_CURRENT_ERROR = 0.2  # of the largest current allowed: with more, none can be told
_MOST_PACK_ERROR_V = 0.5  # for each cell: the most that a cell's own report may claim


def implausible(document: Document[Profile]) -> Iterator[Mistake]:
    """Find figures that gainsay each other."""
    for name, protection in document.model.protections.items():
        yield from _at_rest(document, name, protection)
        yield from _recovery(document, name, protection)
        yield from _outputs(document, name, protection)
    yield from _accuracies(document)
    yield from _balancing(document)
    yield from _supply(document)


# ---- protections --------------------------------------------------------------------------------
def _at_rest(document: Document[Profile], name: str, protection: Protection) -> Iterator[Mistake]:
    """What every case starts from must lie on the safe side of each threshold, clear of it."""
    profile, threshold = document.model, protection.threshold
    if threshold is None:
        return
    where: Location = ("protections", name, "threshold")
    if protection.unit != "°C" and threshold.low <= 0.0:
        what = f"{threshold} reaches to 0 {threshold.unit} and below: a magnitude has no sign"
        yield document.mistake(where, what, "write the value alone, with a smaller tolerance")
        return
    rest = _rest(profile, protection)
    if rest is None or _clear_of(threshold, rest, above=protection.direction == "above"):
        return
    what = f"at rest it is {shown(rest, threshold.unit)}, within or beyond the threshold of {name}"
    yield document.mistake(
        where, f"{what}: {threshold}", _NOMINAL.get(protection.watches, "change nominal, or this")
    )


_NOMINAL = {
    "cell voltage": "change nominal: cells, or this",
    "temperature": "change nominal: temperatures, or this",
    "charge current": "change nominal: current, or this",
    "discharge current": "change nominal: current, or this",
    "cell spread": "at rest all cells are alike: write direction: above, and a wider spread",
}


def _rest(profile: Profile, protection: Protection) -> float | None:
    """Give what a protection sees at rest, as the profile counts it; None: nothing."""
    if protection.is_of_spread:
        return 0.0
    quantities = protection.quantities(profile)
    if not quantities or (protection.kind is CURRENT and not profile.has_current):
        return None
    return protection.sign * profile.nominal_of(quantities[0])


def _clear_of(level: Toleranced, value: float, *, above: bool) -> bool:
    return value < level.low if above else value > level.high


def _recovery(document: Document[Profile], name: str, protection: Protection) -> Iterator[Mistake]:
    """A recovery level that can be commanded, and told from the threshold."""
    level = protection.recovers.level if protection.recovers else None
    threshold = protection.threshold
    if level is None or threshold is None:
        return
    key = "below" if protection.recovers and protection.recovers.below else "above"
    where: Location = ("protections", name, "recovers", key)
    quantities = protection.quantities(document.model)
    if not protection.is_of_spread and quantities:
        allowed = document.model.allowed(quantities[0])
        if protection.sign * level.value not in allowed:
            what = f"{level} is beyond the limits of {allowed}"
            yield document.mistake(where, what, "correct it, or the limits")
            return
    if abs(threshold.value - level.value) <= threshold.tolerance + level.tolerance:
        what = f"{level} and the threshold {threshold} overlap: one can't be told from the other"
        yield document.mistake(where, what, "move them apart, or narrow the tolerances")


def _outputs(document: Document[Profile], name: str, protection: Protection) -> Iterator[Mistake]:
    """What opens nothing is a warning, and says so by what it keeps: all that others open."""
    profile, where = document.model, ("protections", name)
    if both := [output for output in protection.opens if output in protection.keeps]:
        what = f"it opens and keeps {both[0]} at once"
        yield document.mistake((*where, "keeps"), what, "keep one of the two")
    if protection.opens:
        return
    opened = {output for p in profile.protections.values() for output in p.opens}
    paths = [output for output in profile.outputs if output in opened]
    all_paths = ", ".join(paths or profile.start.closes)
    if not set(paths) <= set(protection.keeps):
        what = "it opens nothing, and does not say that it is a warning"
        mend = f"write what it opens, or, of a warning, keeps: [{all_paths}]"
        yield document.mistake((*where, "opens"), what, mend)
    elif not (protection.flags or protection.console):
        what = "it opens nothing and says nothing, so that nothing shows it"
        yield document.mistake(where, what, "add flags: or console:, or remove it")


# ---- reports ------------------------------------------------------------------------------------
def _accuracies(document: Document[Profile]) -> Iterator[Mistake]:
    """An accuracy must leave something of what it is the accuracy of."""
    profile = document.model
    most = {
        PACK.name: (_MOST_PACK_ERROR_V * profile.cells.count, "500 mV for each cell"),
        CURRENT.name: (
            _MOST_CURRENT_ERROR * max(profile.limits.charge_a, profile.limits.discharge_a),
            "a fifth of the largest current",
        ),
    }
    for name, report in profile.telemetry.reports().items():
        limit, why = most.get(name, (None, ""))
        if limit is not None and report.accuracy is not None and report.accuracy > limit:
            what = f"{shown(report.accuracy, report.unit)} is more than {why}"
            yield document.mistake(("telemetry", name, "accuracy"), what, "correct it")
        yield from _range(document, name, report)


def _range(document: Document[Profile], name: str, report: Report) -> Iterator[Mistake]:
    if report.within is None or report.accuracy is None:
        return
    width = report.within.high - report.within.low
    if report.accuracy > 0.25 * width:
        what = f"its accuracy is more than a quarter of its range {report.within}"
        yield document.mistake(("telemetry", name, "accuracy"), what, "correct one of the two")


# ---- balancing and supply -----------------------------------------------------------------------
def _balancing(document: Document[Profile]) -> Iterator[Mistake]:
    rules = document.model.balancing
    if rules is None:
        return
    where, gap = ("balancing",), rules.above_v - rules.stops_below_v
    if gap <= 0.0:
        what = f"it stops below {shown(rules.stops_below_v, 'V')}, above where it begins"
        mend = f"write less than {shown(rules.above_v, 'V')}"
        yield document.mistake((*where, "stops below"), what, mend)
    elif rules.accuracy_v is not None and rules.accuracy_v >= gap:
        what = f"where it begins and where it stops lie only {shown(gap, 'V')} apart"
        yield document.mistake((*where, "accuracy"), what, "write less, or move them apart")
    spread, until = rules.spread_v, rules.until_v
    if spread is not None and until is not None and until >= spread:
        what = f"it ends at a spread of {shown(until, 'V')}, at which it begins"
        mend = f"write less than {shown(spread, 'V')}"
        yield document.mistake((*where, "until above lowest"), what, mend)


def _supply(document: Document[Profile]) -> Iterator[Mistake]:
    """A supply dips below what it is, and works with less than it is."""
    profile = document.model
    if profile.resets is None or profile.supply is None:
        return
    supply_v = profile.supply.volts
    for name, cause in profile.resets.causes.items():
        if cause.dips_to_v is not None and cause.dips_to_v >= supply_v:
            where: Location = ("resets", "causes", name, "dips to")
            what = f"the supply has {shown(supply_v, 'V')}: that is no dip"
            yield document.mistake(where, what, "write less")
    works = profile.resets.works_above_v
    if works is not None and works >= supply_v:
        what = f"the supply has {shown(supply_v, 'V')} and is never above that"
        yield document.mistake(("resets", "works above"), what, "write less")
