"""Families about charge and health: what the cells make of it, what is counted, full, empty, worn.

All of them go by the profile's section ``energy:``, and find nothing where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rig.dut.charge import CELL_SUM, HEALTH, REMAINING, SOC, SOC_STEP, percent_of, signals_of
from rig.dut.energy import ChargeClaims, Energy, FullClaims, HealthClaims
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.counts_charge import counts
from rig.expectations.follows_cells import follows
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_steady import SignalSteady
from rig.plan.families.applicable import look_s
from rig.plan.families.contactor_requests import close_request
from rig.plan.families.draft import Draft, Options, family_of
from rig.plan.families.expecting import becomes, between, stay
from rig.plan.families.reset_steps import power_cycle
from rig.plan.families.timing import STANDS_S
from rig.plan.stimulus import just_inside, paths
from rig.quantities import TEMPERATURE
from rig.quantity import Interval, format
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set
from rig.time_reference import Mark

_SHARE = 0.9  # of the lowest threshold: a current that trips nothing


# ---- what the cells' voltages make of it --------------------------------------------------------
@family_of("from cells", lambda profile: profile.energy)
def from_cells(profile: Profile, options: Options, energy: Energy) -> Iterator[Draft]:  # noqa: ARG001
    """Start it at every point of its table and between: charge follows; so does the sum."""
    charge = energy.state_of_charge
    named = [name for name in (SOC, REMAINING) if name in signals_of(profile)]
    yield Draft(
        title="started anywhere on its table, it tells the charge that the voltage stands for",
        parameters={"situation": "open-circuit"},
        steps=[step for volts in _sweep_v(profile, energy) for step in _started_at(profile, volts)],
        expectations=[follows(profile, name) for name in named],
        traces_to=charge.traces_to,
    )
    if energy.cell_sum is not None:
        yield Draft(
            title="the sum of the cells is told, whichever of them moves",
            parameters={"situation": "cell-sum"},
            steps=list(_cell_levels(profile, energy.cell_sum.settles_s)),
            expectations=[follows(profile, CELL_SUM)],
            traces_to=energy.cell_sum.traces_to,
        )


def _sweep_v(profile: Profile, energy: Energy) -> list[float]:
    """Voltages at, between and just beyond the points of the table, rising."""
    points = [volts for volts, _ in energy.state_of_charge.curve]
    between = [0.5 * (low_v + high_v) for low_v, high_v in pairwise(points)]
    span_v = points[-1] - points[0]
    ends = [points[0] - 0.05 * span_v, points[-1] + 0.01 * span_v]
    allowed = profile.allowed(profile.cell_names[0])
    return sorted(round(v, 4) for v in (*points, *between, *ends) if v in allowed)


def _started_at(profile: Profile, volts: float) -> list[Step]:
    """Start it anew with all cells at one voltage, and read them."""
    return [*_start_at(profile, volts), Read(quantities=profile.cell_names)]


def _conducting_at(profile: Profile, volts: float, mark: str) -> list[Step]:
    """Start it anew with all cells at one voltage; from `mark` on, current can flow."""
    *before, last = [*_start_at(profile, volts), *close_request(profile)]
    return [*before, last.marked(mark)]


def _start_at(profile: Profile, volts: float) -> list[Step]:
    cells = Set(values=dict.fromkeys(profile.cell_names, volts))
    return [*power_cycle(meanwhile=[cells]), Hold(duration_s=profile.start.up_within_s)]


def _cell_levels(profile: Profile, settles_s: float) -> Iterator[Step]:
    """Each cell alone apart from the others, then all at both ends of what is reported."""
    report, nominal_v = profile.telemetry.cell_voltage, profile.nominal.cells_v
    within = report.within if report else None
    ends = [within.low, within.high] if within else []
    cells = profile.cell_names
    levels = [{c: nominal_v - 0.1 * (c == moved) for c in cells} for moved in cells]
    levels += [{c: round(end_v + 0.011 * i, 4) for i, c in enumerate(cells)} for end_v in ends[:1]]
    levels += [{c: round(end_v - 0.011 * i, 4) for i, c in enumerate(cells)} for end_v in ends[1:]]
    for values in levels:
        yield Set(values=values)
        yield Hold(duration_s=settles_s + _told_s(profile))
        yield Read(quantities=cells)


def _told_s(profile: Profile) -> float:
    return look_s(profile, STANDS_S, profile.messages)


# ---- what is counted ----------------------------------------------------------------------------
@family_of("charge counted", lambda p: p.energy.state_of_charge if p.energy else None)
def charge_counted(
    profile: Profile,
    options: Options,  # noqa: ARG001
    charge: ChargeClaims,
) -> Iterator[Draft]:
    """Draw a known charge and give it back, fast and slowly; and once more after a correction."""
    most, rest = _currents(profile), charge.corrected_at_rest
    rest_s = rest.after_s + 2.0 if rest else 5.0
    counted_s = _uncorrected_s(charge, profile.nominal.cells_v, rest_s)
    yield _there_and_back(profile, ("fast", most), rest_s=counted_s, long_s=30.0)
    yield _there_and_back(profile, ("slow", _small(profile, charge)), rest_s=2.0, long_s=120.0)
    if (steep_v := _steep(charge)) is not None:
        yield _after_rest(profile, most, rest_s, steep_v)


def _currents(profile: Profile) -> tuple[float, float]:
    """Give the greatest discharge and charge current that trip nothing."""
    allowed = profile.allowed("current")
    stages = [p.level for p in profile.protections.values() if p.unit == "A"]
    charge_a = min([x for x in stages if x > 0], default=allowed.high)
    discharge_a = max([x for x in stages if x < 0], default=allowed.low)
    return round(_SHARE * discharge_a, 2), round(_SHARE * charge_a, 2)


def _small(profile: Profile, charge: ChargeClaims) -> tuple[float, float]:
    """Give a small current, both ways: some times what may count as rest, or a 50th of 1 C."""
    rest = charge.corrected_at_rest
    amps = 3.0 * rest.below_a if rest else (profile.cells.capacity_ah or 1.0) / 50.0
    return -round(amps, 3), round(amps, 3)


def _there_and_back(
    profile: Profile, named: tuple[str, tuple[float, float]], *, rest_s: float, long_s: float
) -> Draft:
    """Draw charge, rest without being corrected, give the same charge back."""
    how, (discharge_a, charge_a) = named
    back_s = long_s * -discharge_a / charge_a
    reported = [name for name in (SOC, REMAINING) if name in signals_of(profile)]
    spans = [("begun", "drawn"), ("rested", "back"), ("begun", "back")]
    moves = [("begun", "drawn", False), ("rested", "back", True)]
    said = f"{format(-discharge_a, 'A')} and {format(charge_a, 'A')}"
    return Draft(
        title=f"charge drawn and given back at {said} is counted both ways",
        parameters={"situation": how},
        steps=[
            Hold(duration_s=_told_s(profile), mark="begun"),
            *_flow(discharge_a, long_s),
            Hold(duration_s=_told_s(profile), mark="drawn"),
            Hold(duration_s=rest_s, mark="rested"),
            *_flow(charge_a, back_s),
            Hold(duration_s=_told_s(profile), mark="back"),
        ],
        expectations=[
            *(counts(profile, name, *span) for name in reported for span in spans),
            *(_ordered(profile, name, move) for name in reported for move in moves),
            _small_steps(profile, "begun", "back"),
            *stay(paths(profile), is_open=False),
        ],
    )


def _after_rest(
    profile: Profile, most: tuple[float, float], rest_s: float, steep_v: float
) -> Draft:
    """Draw charge where the curve is steep, rest until it is corrected, charge on from there."""
    discharge_a, charge_a = most
    reported = [name for name in (SOC, REMAINING) if name in signals_of(profile)]
    return Draft(
        title="rest corrects what was counted where the curve is steep; charging goes on from"
        " there",
        parameters={"situation": "after-rest"},
        steps=[
            *_conducting_at(profile, steep_v, "begun"),
            *_flow(discharge_a, 40.0),
            Hold(duration_s=_told_s(profile), mark="drawn"),
            Hold(duration_s=rest_s, mark="rested"),
            Read(quantities=profile.cell_names),
            *_flow(charge_a, 30.0),
            Hold(duration_s=_told_s(profile), mark="back"),
        ],
        expectations=[
            *(follows(profile, name) for name in reported),
            *(counts(profile, name, "begun", "drawn") for name in reported),
            *(counts(profile, name, "rested", "back") for name in reported),
            _ordered(profile, SOC, ("begun", "drawn", False)),
            _ordered(profile, SOC, ("rested", "back", True)),
            _small_steps(profile, "begun", "drawn"),
            _small_steps(profile, "rested", "back"),
        ],
    )


def _steep(charge: ChargeClaims) -> float | None:
    """Find the voltage at which the curve is steepest, away from empty and full.

    None where rest corrects nothing: nowhere at all, or as the curve is too flat even there.
    """
    rest, parts = charge.corrected_at_rest, list(pairwise(charge.curve))
    inner = [p for p in parts if p[0][1] > 0.0 and p[1][1] < 1.0] or parts
    low, high = max(inner, key=_slope_v)
    if rest is None or _slope_v((low, high)) <= rest.steeper_v:
        return None
    return round(0.5 * (low[0] + high[0]), 4)


def _uncorrected_s(charge: ChargeClaims, volts: float, rest_s: float) -> float:
    """Give a rest that corrects nothing at this voltage: a short one where the curve is steep."""
    rest = charge.corrected_at_rest
    here = [part for part in pairwise(charge.curve) if part[0][0] <= volts <= part[1][0]]
    if rest is None or all(_slope_v(part) <= rest.steeper_v for part in here):
        return rest_s
    return 0.5 * rest.after_s


def _slope_v(part: tuple[tuple[float, float], tuple[float, float]]) -> float:
    """Give how far the voltage rises for each percent of charge."""
    (low_v, low_soc), (high_v, high_soc) = part
    return 0.01 * (high_v - low_v) / (high_soc - low_soc)


def _flow(amps: float, seconds: float) -> list[Step]:
    """Let a current flow, read while it does: soon after it began, and before it ends."""
    early_s = round(min(1.0, 0.1 * seconds), 1)
    return [
        Set(values={"current": amps}),
        Hold(duration_s=early_s),
        Read(quantities=("current",)),
        Hold(duration_s=round(seconds - early_s, 1)),
        Read(quantities=("current",)),
        Set(values={"current": 0.0}),
    ]


# ---- full and empty -----------------------------------------------------------------------------
@family_of("full", lambda p: p.energy.full if p.energy else None)
def full(profile: Profile, options: Options, claim: FullClaims) -> Iterator[Draft]:  # noqa: ARG001
    """Hold it at full: it is reported in time and once; neither a peak nor half of it will do."""
    tail_a, wait_s = 0.5 * claim.below_a, claim.for_s + claim.within_s + 1.0
    above = dict.fromkeys(profile.cell_names, round(claim.above_v + 0.02, 4))
    below = dict.fromkeys(profile.cell_names, round(claim.above_v - 0.02, 4))
    nominal = dict.fromkeys(profile.cell_names, profile.nominal.cells_v)
    peaks = [Set(values=above), Hold(duration_s=0.2), Set(values=nominal), Hold(duration_s=1.0)]
    begun, over = (Hold(duration_s=_told_s(profile), mark=mark) for mark in ("begun", "over"))
    yield Draft(
        title="peaks of the voltage make nothing full",
        parameters={"situation": "peaks"},
        steps=[Set(values={"current": tail_a}), begun, *peaks * 5, over],
        expectations=list(_not_full(profile, claim)),
    )
    yield Draft(
        title="neither a voltage nor a current below what is stated makes it full alone",
        parameters={"situation": "half"},
        steps=[
            Set(values={"current": tail_a} | below),
            begun,
            Hold(duration_s=wait_s),
            Set(values={"current": 2.0 * claim.below_a} | above),
            Hold(duration_s=wait_s, mark="over"),
        ],
        expectations=list(_not_full(profile, claim)),
    )
    yield Draft(
        title=f"full is told once it has lasted {format(claim.for_s, 's')}, and once only",
        parameters={"situation": "dwell"},
        steps=[
            Set(values={"current": tail_a}),
            Set(values=above, mark="high"),
            Hold(duration_s=wait_s, mark="told"),
            Hold(duration_s=claim.for_s, mark="over"),
        ],
        expectations=list(_becomes_full(profile, claim)),
    )


def _not_full(profile: Profile, claim: FullClaims) -> Iterator[Expectation]:
    soc, most_span = signals_of(profile)[SOC], percent_of(profile, 0.01)
    yield SignalSteady(signal=soc, most_span=most_span, begin="begun", end="over")
    if claim.console is not None:
        yield ConsoleNeverSays(pattern=claim.console)


def _becomes_full(profile: Profile, claim: FullClaims) -> Iterator[Expectation]:
    signal, top = signals_of(profile)[SOC], percent_of(profile, 1.0)
    time = Interval(claim.for_s, claim.for_s + claim.within_s, "s")
    yield becomes(signal, top, "high", time)
    yield between(signal, Interval(percent_of(profile, 0.995), top, ""), "told", "over")
    if (line := claim.console) is not None:
        since = Mark(mark="high")
        yield ConsoleSays(pattern=line, since=since, low_s=time.low, high_s=time.high)
        yield ConsoleNeverSays(pattern=line, begin="told", end="over")


@family_of("charge ends", lambda profile: profile.energy)
def charge_ends(profile: Profile, options: Options, energy: Energy) -> Iterator[Draft]:  # noqa: ARG001
    """Run past empty, past the reserve and past full: every value stays within 0 and rated."""
    capacity_ah = profile.cells.capacity_ah or 0.0
    remaining = energy.remaining_capacity
    reserve = remaining.reserve_ah / capacity_ah if remaining else 0.0
    discharge_a, charge_a = (0.5 * amps for amps in _currents(profile))
    past = 0.4  # percent of the capacity that flow, half of it beyond the end
    starts = {"empty": 0.002, "full": 0.998} | ({"reserve": reserve + 0.002} if reserve else {})
    for name, soc in starts.items():
        amps = charge_a if name == "full" else discharge_a
        seconds = 36.0 * past * capacity_ah / abs(amps)
        turned_a = discharge_a if name == "full" else charge_a
        yield Draft(
            title=f"past {name}, charge and remaining capacity stay between 0 and rated",
            parameters={"situation": name},
            steps=[
                *_conducting_at(profile, _volts_at(energy, soc), "begun"),
                *_flow(amps, seconds),
                Hold(duration_s=_told_s(profile), mark="there"),
                *_flow(turned_a, 0.5 * seconds * abs(amps / turned_a)),
                Hold(duration_s=_told_s(profile), mark="back"),
            ],
            expectations=list(_within_ends(profile, rising=name == "full")),
            traces_to=remaining.traces_to if remaining else energy.state_of_charge.traces_to,
        )


def _within_ends(profile: Profile, *, rising: bool) -> Iterator[Expectation]:
    tops = {SOC: percent_of(profile, 1.0), REMAINING: profile.cells.capacity_ah or 0.0}
    for name in (name for name in tops if name in signals_of(profile)):
        yield between(signals_of(profile)[name], Interval(0.0, tops[name], ""), "begun", "back")
        yield _ordered(profile, name, ("begun", "there", rising))
        yield _ordered(profile, name, ("there", "back", not rising))
    yield counts(profile, SOC, "there", "back")


def _volts_at(energy: Energy, soc: float) -> float:
    """Find the voltage that stands for a state of charge."""
    for (low_v, low), (high_v, high) in pairwise(energy.state_of_charge.curve):
        if soc <= high:
            return round(low_v + (high_v - low_v) * (soc - low) / (high - low), 4)
    return energy.state_of_charge.curve[-1][0]


# ---- health -------------------------------------------------------------------------------------
@family_of("health", lambda p: p.energy.health if p.energy else None)
def health(profile: Profile, options: Options, top: HealthClaims) -> Iterator[Draft]:  # noqa: ARG001
    """Run it for a while at the edges of each temperature range: nobody ages in minutes."""
    signal = signals_of(profile)[HEALTH]
    discharge_a, _ = _currents(profile)
    steps: list[Step] = [Hold(duration_s=_told_s(profile), mark="begun")]
    for degc in _edges_degc(profile):
        steps += [
            Set(values=dict.fromkeys(profile.temperature_names, degc)),
            *([Set(values={"current": 0.5 * discharge_a})] if profile.has_current else []),
            Hold(duration_s=15.0),
        ]
    yield Draft(
        title="health does not fall in minutes, in cold or heat",
        parameters={"situation": "temperatures"},
        steps=[*steps, Hold(duration_s=0.0, mark="over")],
        expectations=[
            SignalSteady(
                signal=signal, most_span=top.per_hour / top.factor, begin="begun", end="over"
            ),
            between(signal, Interval(0.0, 1.0 / top.factor, "")),
        ],
    )


def _edges_degc(profile: Profile) -> list[float]:
    """Temperatures just inside each limit, rising."""
    limits = [p for p in profile.protections.values() if p.kind is TEMPERATURE]
    edges = {round(just_inside(p), 2) for p in limits} if profile.temperature_names else set()
    return sorted(edges) or [profile.nominal.temperatures_degc]


# ---- what they share ----------------------------------------------------------------------------
def _ordered(profile: Profile, name: str, move: tuple[str, str, bool]) -> SignalOrdered:
    """Expect a quantity to move one way, but for the rounding of its last step."""
    begin, end, rising = move
    remaining = profile.energy.remaining_capacity if profile.energy else None
    slack = percent_of(profile, SOC_STEP)
    if name == REMAINING and remaining:
        slack = remaining.resolution_ah
    signal = signals_of(profile)[name]
    return SignalOrdered(signal=signal, rising=rising, slack=slack, begin=begin, end=end)


def _small_steps(profile: Profile, begin: str, end: str) -> SignalSteady:
    """Expect that counting takes small steps."""
    assert profile.energy is not None  # noqa: S101  each family has looked
    most_step = percent_of(profile, profile.energy.state_of_charge.counts.largest_step)
    return SignalSteady(signal=signals_of(profile)[SOC], most_step=most_step, begin=begin, end=end)
