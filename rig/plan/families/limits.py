"""A family about the limits for charger and load: each curve, each end, each return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from rig.can_address import SignalAddress
from rig.dut.current_voltage_limits import CurrentLimit, CurrentVoltageLimits, Curve, Exceeded
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.signal_within import SignalWithin
from rig.plan.families.applicable import look_s, recovers_by_level
from rig.plan.families.draft import Draft, Options, family_of
from rig.plan.families.expecting import becomes, between, stays
from rig.plan.families.provoked import Provoked, at_each
from rig.plan.families.reset_steps import power_cycle
from rig.plan.families.timing import AFTER_S, LIMIT_AGAIN_S, LIMIT_SEEN_S
from rig.plan.stimulus import REMOVED, opened
from rig.quantities import CELL, TEMPERATURE, kind_of
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.set import Set

_FOLLOWED = 0.6  # of its time, charger or load has followed


@family_of("limits", lambda profile: profile.current_and_voltage_limits)
def limits(profile: Profile, options: Options, limits: CurrentVoltageLimits) -> Iterator[Draft]:
    """Walk each cell and sensor through the curves; see the ends, the return, the warning."""
    seen = _Seen(profile, limits)
    wanted = options.targets
    for target in (*profile.cell_names, *profile.temperature_names):
        if wanted is None or target in wanted:
            yield from _walks(seen, target)
    for way, limit in limits.currents.items():
        if profile.supply is not None:
            yield _end_draft(seen, way, limit)
        yield from _return_drafts(seen, way, limit)
        yield from _warning_drafts(seen, way, limit)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The limits that the profile claims at given values, as an interval."""

    profile: Profile
    limits: CurrentVoltageLimits

    @property
    def look_s(self) -> float:
        """How long each point is looked at."""
        voltage = self.limits.charge_voltage
        said = [limit.signal for limit in self.limits.currents.values()]
        said += [voltage.signal] if voltage else []
        return look_s(self.profile, LIMIT_SEEN_S, (signal.message for signal in said))

    def current(self, way: str, values: Mapping[str, float], soc: float | None = None) -> Interval:
        """Give the current limit one way; where its path may be open, 0 is right too."""
        profile, inputs = self.profile, self.limits.input_accuracy
        limit = self.limits.currents[way]
        now = profile.values_at(values)
        cells = [now[q] for q in profile.cell_names]
        parts = [limit.by_cell.around(max(cells) if way == "charge" else min(cells), inputs.cell_v)]
        parts += [
            limit.by_temperature.around(now[q], inputs.temperature_k)
            for q in profile.temperature_names
        ]
        if soc is not None:
            parts.append(limit.by_soc.around(soc, inputs.soc))
        low = min(limit.most_a, *(part.low for part in parts)) - limit.tolerance_a
        high = min(limit.most_a, *(part.high for part in parts)) + limit.tolerance_a
        if limit.path in self._perhaps_opened(values):
            low = 0.0
        return Interval(max(0.0, low), high, "A")

    def voltage(self, values: Mapping[str, float]) -> Interval | None:
        """Give the charge voltage limit."""
        limit, now = self.limits.charge_voltage, self.profile.values_at(values)
        if limit is None:
            return None
        highest = max(now[q] for q in self.profile.cell_names)
        around = limit.by_cell.around(highest, self.limits.input_accuracy.cell_v)
        return Interval(around.low - limit.tolerance_v, around.high + limit.tolerance_v, "V")

    def _perhaps_opened(self, values: Mapping[str, float]) -> set[str]:
        """Outputs that open at these values, or where tolerances may have it so."""
        found: set[str] = set()
        profile, now = self.profile, self.profile.values_at(values)
        moved = profile.hierarchy.apart(values)
        for p in profile.protections.values():
            near = p.threshold.tolerance if p.threshold else 0.0
            for quantity in p.quantities(profile) if p.threshold and not p.is_of_spread else ():
                if not moved.keys().isdisjoint(profile.hierarchy.parts(quantity)):
                    value = profile.hierarchy.value(quantity, now)
                    past = value - p.level if p.rising else p.level - value
                    found |= set(p.opens) if past > -near else set()
        return found


# ---- along the curves -------------------------------------------------------------------------
def _walks(seen: _Seen, target: str) -> Iterator[Draft]:
    """Go away from nominal, so that every limit only falls: it does so at once."""
    for upwards in (True, False):
        points = [x for x in _points(seen, target, upwards=upwards) if _bears(seen, target, x)]
        if points:
            yield _walk_draft(seen, target, points, upwards=upwards)


def _points(seen: _Seen, target: str, *, upwards: bool) -> list[float]:
    """Give corners of the curves that this quantity moves along on one side, and between them."""
    curves = _curves_of(seen.limits, target, upwards=upwards)
    at_nominal = seen.profile.nominal_of(target)
    corners = sorted({x for curve in curves for x in curve.corners}, reverse=not upwards)
    there = [x for x in corners if x != at_nominal and (x > at_nominal) is upwards]
    between = [round(0.5 * (a + b), 6) for a, b in pairwise(there)]
    return sorted({*there, *between}, reverse=not upwards)


def _curves_of(limits: CurrentVoltageLimits, target: str, *, upwards: bool) -> list[Curve]:
    charge, discharge = limits.charge_current, limits.discharge_current
    if kind_of(target) is TEMPERATURE:
        return [charge.by_temperature, discharge.by_temperature]
    if not upwards:
        return [discharge.by_cell]
    voltage = limits.charge_voltage
    return [charge.by_cell, *([voltage.by_cell] if voltage else [])]


def _bears(seen: _Seen, target: str, value: float) -> bool:
    """Whether the value may be commanded, and something is still allowed there."""
    paths = {limit.path for limit in seen.limits.currents.values()}
    return value in seen.profile.allowed(target) and not paths <= opened(
        seen.profile, {target: value}
    )


def _walk_draft(seen: _Seen, target: str, points: list[float], *, upwards: bool) -> Draft:
    limits = seen.limits
    steps = [*_a_current(seen, upwards=upwards), Hold(duration_s=limits.full_within_s)]
    expectations: list[Expectation] = []

    def look(values: Mapping[str, float], wait_s: float, *spans: str) -> list[SignalWithin]:
        begin, end = spans
        steps.append(Hold(duration_s=wait_s, mark=begin))
        steps.append(Hold(duration_s=seen.look_s, mark=end))
        return list(_all_within(seen, values, begin, end))

    for number, value in enumerate(points, 1):
        values = {target: value}
        steps.append(Set(values=values))
        fallen = look(values, limits.within_s, f"point {number}", f"looked {number}")
        if _passes_others(target):
            risen = (f"risen {number}", f"looked again {number}")
            expectations += look(values, limits.full_within_s, *risen)
            fallen = [replace(within, low=0.0) for within in fallen]
        expectations += fallen
    side = "above" if upwards else "below"
    return Draft(
        title=f"limits follow {target} {side} nominal along their curves",
        parameters={"at": target, "side": side},
        steps=steps,
        expectations=expectations,
        severity="critical",
    )


def _a_current(seen: _Seen, *, upwards: bool) -> list[Step]:
    """Let a small current flow: at rest the cells' voltage would be taken for a state of charge."""
    balancing = seen.profile.balancing
    if not seen.profile.has_current or balancing is None or balancing.rest_below_a is None:
        return []
    return [Set(values={"current": (1.5 if upwards else -1.5) * balancing.rest_below_a})]


def _passes_others(target: str) -> bool:
    """Whether the bench may show other values for a moment on the way to the one it is to have.

    A decade box does, where it switches one resistor before the other: a limit may fall with them,
    and rises no faster than claimed. It shows at once that it falls far enough, but only once it
    has risen that it did not fall too far.
    """
    return kind_of(target) is TEMPERATURE


def _all_within(
    seen: _Seen, values: Mapping[str, float], begin: str, end: str
) -> Iterator[SignalWithin]:
    for way, limit in seen.limits.currents.items():
        yield _within(limit.signal, seen.current(way, values), begin, end)
    voltage = seen.voltage(values)
    if voltage is not None and seen.limits.charge_voltage is not None:
        yield _within(seen.limits.charge_voltage.signal, voltage, begin, end)


def _within(signal: SignalAddress, values: Interval, begin: str, end: str) -> SignalWithin:
    rounded = Interval(round(values.low, 6), round(values.high, 6), values.unit)
    return between(signal, rounded, begin, end)


# ---- at the ends of the state of charge -------------------------------------------------------
def _end_draft(seen: _Seen, way: str, limit: CurrentLimit) -> Draft:
    """Start with cells that rest full, or empty: the limit is what its curve has at that end."""
    profile, corners = seen.profile, limit.by_soc.corners
    end, at = (corners[-1], "full") if way == "charge" else (corners[0], "empty")
    values = dict.fromkeys(profile.cell_names, limit.end_v)
    soc = profile.telemetry.soc.address if profile.telemetry.soc else None
    reported = [
        said.message for said in (limit.signal, soc) if said
    ]  # the latter perhaps more rarely
    risen_s = profile.start.up_within_s + seen.limits.full_within_s
    return Draft(
        title=f"started {at}, it limits the {way} current",
        parameters={"at": at},
        steps=[
            *power_cycle(meanwhile=[Set(values=values)]),
            Hold(duration_s=risen_s, mark="risen"),
            Hold(duration_s=look_s(profile, 2.0 * LIMIT_SEEN_S, reported), mark="looked"),
        ],
        expectations=[
            _within(limit.signal, seen.current(way, values, end), "risen", "looked"),
            *_end_soc(seen, way, end),
        ],
    )


def _end_soc(seen: _Seen, way: str, end: float) -> Iterator[Expectation]:
    """The state of charge that it reports is beyond that end too."""
    report = seen.profile.telemetry.soc
    reported = report.address if report else None
    if report is None or reported is None:
        return
    soc = seen.limits.input_accuracy.soc
    low, high = (end - soc, 1.0) if way == "charge" else (0.0, end + soc)
    yield _within(
        reported, Interval(low / report.factor, high / report.factor, ""), "risen", "looked"
    )


# ---- back from an open path -------------------------------------------------------------------
def _return_drafts(seen: _Seen, way: str, limit: CurrentLimit) -> Iterator[Draft]:
    """Open its path and let it close: the limit rises from 0 no faster than claimed."""
    for name, p in seen.profile.protections.items():
        by_cell = p.kind is CELL and recovers_by_level(p)
        if by_cell and p.opens == (limit.path,):
            yield _return_draft(seen, way, limit, at_each(seen.profile, name)[0])
            return


def _return_draft(seen: _Seen, way: str, limit: CurrentLimit, it: Provoked) -> Draft:
    limits, after = seen.limits, it.recovery
    look = Hold(duration_s=seen.look_s)
    allowed_again = Interval(after.low, after.high + limits.within_s, "s")
    steps: list[Step] = [
        Hold(duration_s=limits.full_within_s, mark="risen"),
        *it.stimulus.apply,
        Hold(duration_s=it.delay.high + limits.within_s, mark="opened"),
        look.marked("blocked"),
        *it.stimulus.remove,
    ]
    expectations: list[Expectation] = [
        stays(limit.allowed, 1.0, None, "risen"),
        _within(limit.signal, Interval(0.0, 0.0, "A"), "opened", "blocked"),
        becomes(limit.allowed, 1.0, REMOVED, allowed_again),
    ]
    now_s = 0.0
    for number, wait_s in enumerate(LIMIT_AGAIN_S, 1):
        at_s = max(after.high + wait_s, now_s)
        risen, looked = f"rising {number}", f"looked {number}"
        steps += [Hold(duration_s=round(at_s - now_s, 6), mark=risen), look.marked(looked)]
        now_s = at_s + seen.look_s
        most_a = limits.rises_a * (now_s - after.low) + limit.tolerance_a
        expectations.append(_within(limit.signal, Interval(0.0, most_a, "A"), risen, looked))
    steps += [Hold(duration_s=limits.full_within_s, mark="full"), look.marked("looked")]
    expectations.append(_within(limit.signal, seen.current(way, {}), "full", "looked"))
    title = f"after {it.at_place} the {way} current limit rises slowly"
    return Draft(
        title=title,
        parameters={"after": it.short},
        steps=steps,
        expectations=expectations,
    )


# ---- a current that does not keep to it -------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Fall:
    """A sensor that warms until the limit has fallen under a current that flows."""

    target: str
    warm_degc: float
    current_a: float  # within the limit before, beyond it after; with the case's sign
    followed_a: float  # within both


def _warning_drafts(seen: _Seen, way: str, limit: CurrentLimit) -> Iterator[Draft]:
    exceeded = seen.limits.exceeded
    if exceeded is not None and (fall := _fall(seen, exceeded, way, limit)) is not None:
        yield _ignored_draft(seen, exceeded, way, fall)
        yield _followed_draft(seen, exceeded, way, fall)


def _fall(seen: _Seen, exceeded: Exceeded, way: str, limit: CurrentLimit) -> _Fall | None:
    profile = seen.profile
    if not profile.has_current or not profile.temperature_names:
        return None
    (warm, most_a), (hot, least_a) = limit.by_temperature.points[-2:]
    target = profile.temperature_names[-1]
    warm_degc = round(warm + 0.6 * (hot - warm), 6)
    fallen = seen.current(way, {target: warm_degc})
    over_a = fallen.high * (1.0 + exceeded.relative) + exceeded.margin_a + 1.0
    if not least_a < over_a < most_a or limit.path in opened(profile, {target: warm_degc}):
        return None
    sign = 1.0 if way == "charge" else -1.0
    return _Fall(target, warm_degc, round(sign * over_a, 1), round(sign * 0.5 * fallen.low, 1))


def _ignored_draft(seen: _Seen, exceeded: Exceeded, way: str, fall: _Fall) -> Draft:
    """Keep the current up: the warning comes, but not before the current could have followed."""
    return Draft(
        title=f"a {way} current that stays beyond a fallen limit is told, after the partner's time",
        parameters={"way": way, "partner": "ignores"},
        steps=[
            Hold(duration_s=seen.limits.full_within_s),
            Set(values={"current": fall.current_a}),
            Hold(duration_s=1.0, mark="flowing"),
            Set(values={fall.target: fall.warm_degc}, mark="fallen"),
            Hold(duration_s=exceeded.after.high + AFTER_S, mark="ignored"),
            Set(values={"current": fall.followed_a}, mark="followed"),
            Hold(duration_s=exceeded.clears_within_s + AFTER_S),
        ],
        expectations=[
            stays(exceeded.flag, 0.0, None, "flowing"),
            becomes(exceeded.flag, 1.0, "fallen", exceeded.after),
            becomes(exceeded.flag, 0.0, "followed", Interval(0.0, exceeded.clears_within_s, "s")),
        ],
    )


def _followed_draft(seen: _Seen, exceeded: Exceeded, way: str, fall: _Fall) -> Draft:
    """Follow in time: no warning, neither then nor later, nor within the margin before."""
    most_a = seen.current(way, {}).high + 0.5 * exceeded.margin_a
    sign = 1.0 if fall.current_a > 0.0 else -1.0
    return Draft(
        title=f"a {way} current that follows a falling limit in time is not told of",
        parameters={"way": way, "partner": "follows"},
        steps=[
            Hold(duration_s=seen.limits.full_within_s),
            Set(values={"current": round(sign * most_a, 3)}),
            Hold(duration_s=exceeded.after.high + AFTER_S),
            Set(values={"current": fall.current_a}),
            Set(values={fall.target: fall.warm_degc}, mark="fallen"),
            Hold(duration_s=_FOLLOWED * exceeded.after.low),
            Set(values={"current": fall.followed_a}, mark="followed"),
            Hold(duration_s=exceeded.after.high),
        ],
        expectations=[stays(exceeded.flag, 0.0)],
    )
