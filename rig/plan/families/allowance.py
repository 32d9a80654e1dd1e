"""A family about what charger and load are told to keep to: each curve, each end, each return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from rig.can_address import SignalAddress
from rig.dut.allowance import Allowance, CurrentLimit, Curve
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.instants import Mark
from rig.plan.families.choosing import delay_of, look_s, recovers_by_level, recovery_time_of
from rig.plan.families.draft import AFTER_S, Draft, Options, whose
from rig.plan.stimulus import REMOVED, home, opened, stimuli
from rig.quantities import CELL, TEMPERATURE, kind_of
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.set import Set

_LOOK_S = 0.25  # each point is looked at for so long at the least
_FOLLOWED = 0.6  # of its time, a partner has followed
_AGAIN_S = (0.5, 2.0)  # after a return, looked at how far the limit has risen


def limits(profile: Profile, options: Options) -> Iterator[Draft]:
    """Walk each cell and sensor through the curves; see the ends, the return, the warning."""
    allowance = profile.allowance
    if allowance is None:
        return
    seen = _Seen(profile, allowance)
    wanted = options.targets
    for target in (*profile.cell_names, *profile.temperature_names):
        if wanted is None or target in wanted:
            yield from _walks(seen, target)
    for way, limit in allowance.currents.items():
        if profile.supply is not None:
            yield _end_draft(seen, way, limit)
        yield from _return_drafts(seen, way, limit)
        yield from _warning_drafts(seen, way, limit)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The limits that the profile promises at given values, as an interval."""

    profile: Profile
    allowance: Allowance

    @property
    def look_s(self) -> float:
        """How long each point is looked at."""
        voltage = self.allowance.charge_voltage
        said = [limit.signal for limit in self.allowance.currents.values()]
        said += [voltage.signal] if voltage else []
        return look_s(self.profile, _LOOK_S, (signal.message for signal in said))

    def current(self, way: str, values: Mapping[str, float], soc: float | None = None) -> Interval:
        """Give the current limit one way; where its path may be open, 0 is right too."""
        profile, inputs = self.profile, self.allowance.seen_to
        limit = self.allowance.currents[way]
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
        limit, now = self.allowance.charge_voltage, self.profile.values_at(values)
        if limit is None:
            return None
        highest = max(now[q] for q in self.profile.cell_names)
        around = limit.by_cell.around(highest, self.allowance.seen_to.cell_v)
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
    curves = _curves_of(seen.allowance, target, upwards=upwards)
    at_home = home(seen.profile, target)
    corners = sorted({x for curve in curves for x in curve.corners}, reverse=not upwards)
    there = [x for x in corners if x != at_home and (x > at_home) is upwards]
    between = [round(0.5 * (a + b), 6) for a, b in pairwise(there)]
    return sorted({*there, *between}, reverse=not upwards)


def _curves_of(allowance: Allowance, target: str, *, upwards: bool) -> list[Curve]:
    charge, discharge = allowance.charge_current, allowance.discharge_current
    if kind_of(target) is TEMPERATURE:
        return [charge.by_temperature, discharge.by_temperature]
    if not upwards:
        return [discharge.by_cell]
    voltage = allowance.charge_voltage
    return [charge.by_cell, *([voltage.by_cell] if voltage else [])]


def _bears(seen: _Seen, target: str, value: float) -> bool:
    """Whether the value may be commanded, and something is still allowed there."""
    paths = {limit.path for limit in seen.allowance.currents.values()}
    return value in seen.profile.allowed(target) and not paths <= opened(
        seen.profile, {target: value}
    )


def _walk_draft(seen: _Seen, target: str, points: list[float], *, upwards: bool) -> Draft:
    allowance = seen.allowance
    steps: list[Step] = [
        *_a_current(seen, upwards=upwards),
        Hold(duration_s=allowance.full_within_s),
    ]
    expectations: list[Expectation] = []
    for number, value in enumerate(points, 1):
        settled, looked = f"point {number}", f"looked {number}"
        steps += [
            Set(values={target: value}),
            Hold(duration_s=allowance.within_s, mark=settled),
            Hold(duration_s=seen.look_s, mark=looked),
        ]
        if _passes_others(target):
            risen, looked_again = f"risen {number}", f"looked again {number}"
            steps += [
                Hold(duration_s=allowance.full_within_s, mark=risen),
                Hold(duration_s=seen.look_s, mark=looked_again),
            ]
            expectations += _all_within(seen, {target: value}, risen, looked_again)
            expectations += map(_at_most, _all_within(seen, {target: value}, settled, looked))
        else:
            expectations += _all_within(seen, {target: value}, settled, looked)
    side = "above" if upwards else "below"
    return Draft(
        title=f"limits follow {target} {side} nominal along their curves",
        protection=None,
        parameters={"at": target, "side": side},
        steps=steps,
        expectations=expectations,
        severity="critical",
        traces_to=allowance.traces_to,
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
    and rises no faster than promised. It shows at once that it falls far enough, but only once it
    has risen that it did not fall too far.
    """
    return kind_of(target) is TEMPERATURE


def _at_most(within: SignalWithin) -> SignalWithin:
    return replace(within, low=0.0)


def _all_within(
    seen: _Seen, values: Mapping[str, float], begin: str, end: str
) -> Iterator[SignalWithin]:
    for way, limit in seen.allowance.currents.items():
        yield _within(limit.signal, seen.current(way, values), begin, end)
    voltage = seen.voltage(values)
    if voltage is not None and seen.allowance.charge_voltage is not None:
        yield _within(seen.allowance.charge_voltage.signal, voltage, begin, end)


def _within(signal: SignalAddress, between: Interval, begin: str, end: str) -> SignalWithin:
    return SignalWithin(
        signal=signal,
        low=round(between.low, 6),
        high=round(between.high, 6),
        unit=between.unit,
        begin=begin,
        end=end,
    )


# ---- at the ends of the state of charge -------------------------------------------------------
def _end_draft(seen: _Seen, way: str, limit: CurrentLimit) -> Draft:
    """Start with cells that rest full, or empty: the limit is what its curve has at that end."""
    profile, allowance = seen.profile, seen.allowance
    corners = limit.by_soc.corners
    end = corners[-1] if way == "charge" else corners[0]
    values = dict.fromkeys(profile.cell_names, limit.end_v)
    ready_s = profile.start.up_within_s
    return Draft(
        title=f"started {'full' if way == 'charge' else 'empty'}, it limits the {way} current",
        protection=None,
        parameters={"at": "full" if way == "charge" else "empty"},
        steps=[
            Power(on=False),
            Set(values=values),
            Hold(duration_s=0.5),
            Power(on=True),
            Hold(duration_s=ready_s + allowance.full_within_s, mark="risen"),
            Hold(duration_s=_end_look_s(seen, limit), mark="looked"),
        ],
        expectations=[
            _within(limit.signal, seen.current(way, values, end), "risen", "looked"),
            *_end_soc(seen, way, end),
        ],
        traces_to=allowance.traces_to,
    )


def _end_look_s(seen: _Seen, limit: CurrentLimit) -> float:
    """How long the limit and the state of charge are looked at; the latter may come more rarely."""
    report = seen.profile.telemetry.soc
    told = [limit.signal.message, (report.message if report else None) or ""]
    return look_s(seen.profile, 2.0 * _LOOK_S, told)


def _end_soc(seen: _Seen, way: str, end: float) -> Iterator[Expectation]:
    """The state of charge that it tells is beyond that end too."""
    report = seen.profile.telemetry.soc
    told = report.address if report else None
    if report is None or told is None:
        return
    soc = seen.allowance.seen_to.soc
    low, high = (end - soc, 1.0) if way == "charge" else (0.0, end + soc)
    between = Interval(low / report.factor, high / report.factor, "")
    yield _within(told, between, "risen", "looked")


# ---- back from an open path -------------------------------------------------------------------
def _return_drafts(seen: _Seen, way: str, limit: CurrentLimit) -> Iterator[Draft]:
    """Open its path and let it close: the limit rises from 0 no faster than promised."""
    for name, p in seen.profile.protections.items():
        by_cell = p.kind is CELL and recovers_by_level(p)
        if by_cell and p.opens == (limit.path,):
            yield _return_draft(seen, way, limit, name)
            return


def _return_draft(seen: _Seen, way: str, limit: CurrentLimit, name: str) -> Draft:
    profile, allowance, p = seen.profile, seen.allowance, seen.profile.protections[name]
    stimulus = stimuli(profile, name)[0]
    after = recovery_time_of(p)
    steps: list[Step] = [
        Hold(duration_s=allowance.full_within_s, mark="risen"),
        *stimulus.apply,
        Hold(duration_s=delay_of(p).high + allowance.within_s, mark="opened"),
        Hold(duration_s=seen.look_s, mark="blocked"),
        *stimulus.remove,
    ]
    expectations: list[Expectation] = [
        SignalStays(signal=limit.allowed, value=1.0, end="risen"),
        _within(limit.signal, Interval(0.0, 0.0, "A"), "opened", "blocked"),
        SignalBecomes(
            signal=limit.allowed,
            value=1.0,
            since=Mark(mark=REMOVED),
            low_s=after.low,
            high_s=after.high + allowance.within_s,
        ),
    ]
    now_s = 0.0
    for number, wait_s in enumerate(_AGAIN_S, 1):
        at_s = max(after.high + wait_s, now_s)
        risen, looked = f"rising {number}", f"looked {number}"
        steps += [
            Hold(duration_s=round(at_s - now_s, 6), mark=risen),
            Hold(duration_s=seen.look_s, mark=looked),
        ]
        now_s = at_s + seen.look_s
        most_a = allowance.rises_a * (now_s - after.low) + limit.tolerance_a
        expectations.append(_within(limit.signal, Interval(0.0, most_a, "A"), risen, looked))
    steps += [
        Hold(duration_s=allowance.full_within_s, mark="full"),
        Hold(duration_s=seen.look_s, mark="looked"),
    ]
    expectations.append(_within(limit.signal, seen.current(way, {}), "full", "looked"))
    return Draft(
        title=f"after {whose(p.short, stimulus.target)} the {way} current limit rises slowly",
        protection=None,
        parameters={"after": p.short},
        steps=steps,
        expectations=expectations,
        traces_to=allowance.traces_to,
    )


# ---- a partner that does not keep to it -------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Fall:
    """A sensor that warms until the limit has fallen under a current that flows."""

    target: str
    warm_degc: float
    current_a: float  # within the limit before, beyond it after; with the case's sign
    followed_a: float  # within both


def _warning_drafts(seen: _Seen, way: str, limit: CurrentLimit) -> Iterator[Draft]:
    fall = _fall(seen, way, limit)
    if seen.allowance.exceeded is None or fall is None:
        return
    yield _ignored_draft(seen, way, fall)
    yield _followed_draft(seen, way, fall)


def _fall(seen: _Seen, way: str, limit: CurrentLimit) -> _Fall | None:
    profile, exceeded = seen.profile, seen.allowance.exceeded
    if not profile.has_current or not profile.temperature_names or exceeded is None:
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


def _ignored_draft(seen: _Seen, way: str, fall: _Fall) -> Draft:
    """Keep the current up: the warning comes, but not before a partner could have followed."""
    allowance, exceeded = seen.allowance, seen.allowance.exceeded
    assert exceeded is not None  # noqa: S101 -- its only caller looked
    return Draft(
        title=f"a {way} current that stays beyond a fallen limit is told, after the partner's time",
        protection=None,
        parameters={"way": way, "partner": "ignores"},
        steps=[
            *_flowing(allowance, fall),
            Set(values={fall.target: fall.warm_degc}, mark="fallen"),
            Hold(duration_s=exceeded.after.high + AFTER_S, mark="ignored"),
            Set(values={"current": fall.followed_a}, mark="followed"),
            Hold(duration_s=exceeded.clears_within_s + AFTER_S),
        ],
        expectations=[
            SignalStays(signal=exceeded.says, value=0.0, end="flowing"),
            SignalBecomes(
                signal=exceeded.says,
                value=1.0,
                since=Mark(mark="fallen"),
                low_s=exceeded.after.low,
                high_s=exceeded.after.high,
            ),
            SignalBecomes(
                signal=exceeded.says,
                value=0.0,
                since=Mark(mark="followed"),
                high_s=exceeded.clears_within_s,
            ),
        ],
        traces_to=allowance.traces_to,
    )


def _followed_draft(seen: _Seen, way: str, fall: _Fall) -> Draft:
    """Follow in time: no warning, neither then nor later, nor within the margin before."""
    allowance, exceeded = seen.allowance, seen.allowance.exceeded
    assert exceeded is not None  # noqa: S101 -- its only caller looked
    most_a = seen.current(way, {}).high + 0.5 * exceeded.margin_a
    sign = 1.0 if fall.current_a > 0.0 else -1.0
    return Draft(
        title=f"a {way} current that follows a falling limit in time is not told of",
        protection=None,
        parameters={"way": way, "partner": "follows"},
        steps=[
            Hold(duration_s=allowance.full_within_s),
            Set(values={"current": round(sign * most_a, 3)}),
            Hold(duration_s=exceeded.after.high + AFTER_S),
            Set(values={"current": fall.current_a}),
            Set(values={fall.target: fall.warm_degc}, mark="fallen"),
            Hold(duration_s=_FOLLOWED * exceeded.after.low),
            Set(values={"current": fall.followed_a}, mark="followed"),
            Hold(duration_s=exceeded.after.high),
        ],
        expectations=[SignalStays(signal=exceeded.says, value=0.0)],
        traces_to=allowance.traces_to,
    )


def _flowing(allowance: Allowance, fall: _Fall) -> list[Step]:
    return [
        Hold(duration_s=allowance.full_within_s),
        Set(values={"current": fall.current_a}),
        Hold(duration_s=1.0, mark="flowing"),
    ]
