"""Case families: each expands one idea of a test over everything that a profile promises.

A family is a function of profile and options that yields drafts; `rig.plan.expand` makes cases of
them. New ones plug in through the entry point group ``rig.families``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rig.dut.profile import Profile, Protection
from rig.plan.case import (
    Balances,
    ConsoleSays,
    Crossing,
    Dither,
    Expectation,
    Hold,
    Instant,
    Mark,
    MessageTiming,
    OutputState,
    Power,
    Read,
    Recovers,
    Set,
    SignalBecomes,
    SignalStays,
    Staircase,
    Stays,
    Step,
    TelemetryAgrees,
    ThresholdIs,
    Trips,
    Type,
)
from rig.plan.stimulus import (
    APPLIED,
    REMOVED,
    Stimulus,
    home,
    just_inside,
    opened,
    paths,
    stimuli,
)
from rig.quantity import Interval, format

_DITHER_S = 0.5  # spans every period of the BMS's tasks that anybody states (protections.md 2)
_AFTER_S = 0.3  # recorded beyond the latest allowed reaction
_NO_DELAY = Interval(0.0, 1.0, "s")  # where no delay is promised, a reaction must still be seen
_SLOW_ENOUGH_S = 0.6  # a pulse shorter than this can't be commanded reliably over a slow supply
_HOLD_DELAYS = 10.0  # protections.md 2, hold test: ten times the nominal delay
_DIP_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a plan says of a family."""

    protections: tuple[str, ...] | None = None  # None: all that the family can test
    targets: tuple[str, ...] | None = None  # "cell 3", "temperature 1"; None: each
    repeats: int = 1
    settings: Mapping[str, object] = field(default_factory=dict)  # a family's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A case before it has a plan, a seed and a record."""

    title: str
    protection: str | None
    parameters: Mapping[str, str]
    steps: Sequence[Step]
    expectations: Sequence[Expectation]
    severity: str = "normal"
    traces_to: tuple[str, ...] = ()


Family = Callable[[Profile, Options], Iterator[Draft]]


# ---- trip -------------------------------------------------------------------------------------
def trip(profile: Profile, options: Options) -> Iterator[Draft]:
    """Provoke each protection at each cell or sensor: it acts in its time, and says so."""
    for stimulus, protection in _each(profile, options):
        delay = _delay(protection)
        yield _draft(
            f"{stimulus.protection} at {stimulus.target} acts after {delay}",
            stimulus,
            protection,
            steps=[
                Dither(span_s=_DITHER_S),
                *stimulus.apply,
                Hold(duration_s=delay.high + _said_s(protection) + _AFTER_S),
            ],
            expectations=[
                *_trips(stimulus, protection),
                *_keeps(profile, stimulus, protection),
                *_says(stimulus, protection),
            ],
        )


def hold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Hold just inside each threshold for long: nothing acts, nothing is said."""
    for stimulus, protection in _each(profile, options, only=_has_level):
        inside = just_inside(protection)
        shown = format(inside, protection.unit)
        yield _draft(
            f"{stimulus.target} held at {shown}, just inside, does not trip {protection.short}",
            stimulus,
            protection,
            steps=[
                Set(values={stimulus.target: inside}, mark=APPLIED),
                Hold(duration_s=_HOLD_DELAYS * max(_delay(protection).high, 0.5), mark="held"),
            ],
            expectations=[
                *_all_stay(profile, {stimulus.target: inside}, APPLIED, "held"),
                *_silent(protection, APPLIED, "held"),
            ],
        )


def pulse(profile: Profile, options: Options) -> Iterator[Draft]:
    """Go beyond the threshold for less than the delay, again and again: nothing acts."""
    for stimulus, protection in _each(profile, options, only=_is_slow):
        once: list[Step] = [
            *stimulus.apply,
            Hold(duration_s=0.5 * _delay(protection).low),
            *stimulus.remove,
            Hold(duration_s=2.0 * _DIP_S),
        ]
        yield _draft(
            f"{stimulus.target} beyond {protection.short} for half its delay, 3 times: no trip",
            stimulus,
            protection,
            steps=[Dither(span_s=_DITHER_S), *once, *once, *once, Hold(duration_s=0.5)],
            expectations=[
                *_all_stay(profile, {}, None, None),
                *_silent(protection, None, None),
            ],
        )


def dip(profile: Profile, options: Options) -> Iterator[Draft]:
    """Dip back while a trip is pending: the delay starts again from the last crossing."""
    for stimulus, protection in _each(profile, options, only=_is_slow):
        delay = _delay(protection)
        again: list[Step] = [
            Set(values={stimulus.target: home(profile, stimulus.target)}, mark="dip"),
            Hold(duration_s=_DIP_S),
            Set(values=stimulus.values, mark="again"),
        ]
        since = Crossing(
            quantity=stimulus.target,
            level=protection.level,
            rising=protection.rising,
            after="dip",
        )
        yield _draft(
            f"a dip of {stimulus.target} starts the delay of {protection.short} again",
            stimulus,
            protection,
            steps=[
                Dither(span_s=_DITHER_S),
                *stimulus.apply,
                Hold(duration_s=0.6 * delay.low),
                *again,
                Hold(duration_s=delay.high + _AFTER_S),
            ],
            expectations=[
                *_all_stay(profile, {}, None, "again"),
                *(
                    Trips(output=o, since=since, low_s=delay.low, high_s=delay.high)
                    for o in protection.opens
                ),
            ],
        )


# ---- thresholds -------------------------------------------------------------------------------
def threshold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Find each threshold by a staircase from the safe side."""
    for stimulus, protection in _each(profile, options, only=_is_findable(profile)):
        if protection.threshold is None:
            continue
        dwell_s = _delay(protection).high + 0.2
        span, tolerance = 2.5 * protection.threshold.tolerance, protection.threshold.tolerance
        step = tolerance / 5.0
        up = 1.0 if protection.rising else -1.0
        yield _draft(
            f"threshold of {protection.short} at {stimulus.target} is {protection.threshold}",
            stimulus,
            protection,
            steps=[
                Set(values={stimulus.target: round(protection.level - up * span, 6)}),
                Staircase(
                    quantity=stimulus.target,
                    start=round(protection.level - up * span, 6),
                    stop=round(protection.level + up * span, 6),
                    step=up * step,
                    dwell_s=dwell_s,
                    until=OutputState(output=protection.opens[0], is_open=True),
                    mark="found",
                ),
            ],
            expectations=[
                ThresholdIs(
                    quantity=stimulus.target,
                    output=protection.opens[0],
                    is_open=True,
                    level=protection.level,
                    tolerance=tolerance,
                    unit=protection.unit,
                    delay_s=_delay(protection).high,
                )
            ],
        )


def recovery_threshold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Find the level at which each protection lets go, by a staircase from the tripped side."""
    for stimulus, protection in _each(profile, options, only=_recovers_by_level):
        level = protection.recovers.level if protection.recovers else None
        if level is None:
            continue
        after_s = _after(protection).high
        up = -1.0 if protection.rising else 1.0
        at = protection.sign * level.value
        span = 2.5 * level.tolerance
        yield _draft(
            f"{protection.short} at {stimulus.target} lets go at {level}",
            stimulus,
            protection,
            steps=[
                *stimulus.apply,
                Hold(duration_s=_delay(protection).high + _AFTER_S, mark="tripped"),
                Set(values={stimulus.target: round(at - up * span, 6)}),
                Staircase(
                    quantity=stimulus.target,
                    start=round(at - up * span, 6),
                    stop=round(at + up * span, 6),
                    step=up * level.tolerance / 2.5,
                    dwell_s=after_s + 0.2,
                    until=OutputState(output=protection.opens[0], is_open=False),
                    mark="found",
                ),
            ],
            expectations=[
                ThresholdIs(
                    quantity=stimulus.target,
                    output=protection.opens[0],
                    is_open=False,
                    level=at,
                    tolerance=level.tolerance,
                    unit=protection.unit,
                    delay_s=after_s,
                )
            ],
        )


# ---- letting go -------------------------------------------------------------------------------
def recovery(profile: Profile, options: Options) -> Iterator[Draft]:
    """Take the cause away: the output closes again, in its time, and the flag goes."""
    for stimulus, protection in _each(profile, options, only=_recovers):
        after = _after(protection)
        since = _release(stimulus, protection)
        wait_s = after.high + protection.says_within_s + _AFTER_S
        if protection.recovers is not None and protection.recovers.when == "rebooted":
            wait_s += (profile.start.ready_within_s or 0.0) + (profile.start.closed_within_s or 0.0)
        yield _draft(
            f"{protection.short} at {stimulus.target} lets go after {after}",
            stimulus,
            protection,
            steps=[
                Dither(span_s=_DITHER_S),
                *stimulus.apply,
                Hold(duration_s=_delay(protection).high + 0.1, mark="tripped"),
                *stimulus.remove,
                Hold(duration_s=wait_s),
            ],
            expectations=[
                *(
                    Recovers(output=o, since=since, low_s=after.low, high_s=after.high)
                    for o in protection.opens
                ),
                *_keeps(profile, stimulus, protection),
                *_unsays(protection, since, after.high),
            ],
        )


def hysteresis(profile: Profile, options: Options) -> Iterator[Draft]:
    """Come back between threshold and recovery level: the protection must not let go."""
    for stimulus, protection in _each(profile, options, only=_recovers_by_level):
        level = protection.recovery_level
        if level is None or protection.threshold is None:
            continue
        between = round(0.5 * (level + protection.level), 6)
        wait_s = 3.0 * max(_after(protection).high, _delay(protection).high)
        yield _draft(
            f"{protection.short} at {stimulus.target} holds at {format(between, protection.unit)}",
            stimulus,
            protection,
            steps=[
                Dither(span_s=_DITHER_S),
                *stimulus.apply,
                Hold(duration_s=_delay(protection).high + _AFTER_S, mark="tripped"),
                Set(values={stimulus.target: between}, mark="between"),
                Hold(duration_s=wait_s, mark="waited"),
            ],
            expectations=[
                *(
                    Stays(output=o, is_open=True, begin="tripped", end="waited")
                    for o in protection.opens
                ),
                *(
                    SignalStays(message=m, signal=s, value=float(v), begin="between", end="waited")
                    for m, s, v in _signals(protection)
                ),
            ],
        )


def latch(profile: Profile, options: Options) -> Iterator[Draft]:
    """A latched protection stays, cause gone or not, until it is cleared by the named means."""
    for stimulus, protection in _each(profile, options, only=lambda p: p.latched is not None):
        for means in protection.latched.cleared_by if protection.latched else ():
            clear, since, high_s = _clear(profile, means)
            yield _draft(
                f"{protection.short} stays latched until {means}",
                stimulus,
                protection,
                parameters={"cleared by": means},
                steps=[
                    *stimulus.apply,
                    Hold(duration_s=_delay(protection).high + _AFTER_S, mark="tripped"),
                    *stimulus.remove,
                    Hold(duration_s=10.0, mark="waited"),
                    *clear,
                    Hold(duration_s=high_s + _AFTER_S),
                ],
                expectations=[
                    *(
                        Stays(output=o, is_open=True, begin="tripped", end="waited")
                        for o in protection.opens
                    ),
                    *(
                        Recovers(output=o, since=since, low_s=0.0, high_s=high_s)
                        for o in protection.opens
                    ),
                ],
            )


def _clear(profile: Profile, means: str) -> tuple[list[Step], Instant, float]:
    """Steps that clear a latch, since when it counts, and the longest it may take."""
    start_s = (profile.start.ready_within_s or 0.0) + (profile.start.closed_within_s or 0.0)
    if means == "power cycle":
        off: list[Step] = [Power(on=False), Hold(duration_s=0.5), Power(on=True, mark="cleared")]
        return off, Mark(mark="cleared"), start_s
    line = profile.console.commands[means] if profile.console else means
    return [Type(line=line, mark="cleared")], Mark(mark="cleared"), 1.0


# ---- several at once --------------------------------------------------------------------------
def two_faults(profile: Profile, options: Options) -> Iterator[Draft]:
    """Two causes at once: the reaction is the union of both, and both are said."""
    candidates = [
        (s, p)
        for name, p in _chosen(profile, options, _is_slow)
        for s in stimuli(profile, name)[-1:]  # the last cell or sensor ...
    ]
    for i, (first, p) in enumerate(candidates):
        for second, q in candidates[i + 1 :]:
            other = stimuli(profile, second.protection)[0]  # ... and the first
            if first.target == other.target:
                continue
            values = {**first.values, **other.values}
            yield _draft(
                f"{p.short} at {first.target} and {q.short} at {other.target} at once",
                first,
                p,
                parameters={"with": q.short, "at": other.target},
                steps=[
                    Dither(span_s=_DITHER_S),
                    Set(values=values, mark=APPLIED),
                    Hold(
                        duration_s=max(_delay(p).high, _delay(q).high)
                        + max(_said_s(p), _said_s(q))
                        + _AFTER_S
                    ),
                ],
                expectations=[
                    *_union(profile, [(first, p), (other, q)]),
                    *_says(first, p),
                    *_says(other, q),
                ],
            )


def _union(profile: Profile, both: Sequence[tuple[Stimulus, Protection]]) -> Iterator[Expectation]:
    """Each output opens at the earliest of the reactions that open it; the others stay."""
    values = {q: v for stimulus, _ in both for q, v in stimulus.values.items()}
    for output in paths(profile):
        causes = [(s, p) for s, p in both if output in p.opens]
        if causes:
            stimulus, first = min(causes, key=lambda c: _delay(c[1]).high)
            low_s = min(_delay(p).low for _, p in causes)
            yield Trips(output=output, since=stimulus.since, low_s=low_s, high_s=_delay(first).high)
        elif output not in opened(profile, values):
            yield Stays(output=output, is_open=False)


# ---- start ------------------------------------------------------------------------------------
def power_up(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Start it: open until it is ready, then closed in time."""
    start = profile.start
    if profile.supply is None or start.closed_within_s is None:
        return
    ready_s, closed_s = start.ready_within_s or 0.0, start.closed_within_s
    said: list[Expectation] = []
    if profile.console is not None and profile.console.ready and start.ready_within_s:
        ready = profile.console.ready
        said = [ConsoleSays(pattern=ready, since=Mark(mark="on"), high_s=start.ready_within_s)]
    yield Draft(
        title=f"after power-up it is ready within {format(ready_s, 's')} and closes its outputs",
        protection=None,
        parameters={},
        steps=[
            Power(on=False, mark="off"),
            Hold(duration_s=0.5),
            Dither(span_s=_DITHER_S, mark="before"),
            Power(on=True, mark="on"),
            Hold(duration_s=ready_s + closed_s + _AFTER_S),
        ],
        expectations=[
            *said,
            *(
                Recovers(output=o, since=Mark(mark="on"), low_s=0.0, high_s=ready_s + closed_s)
                for o in paths(profile)
            ),
        ],
        severity="critical",
    )


def start_with_fault(profile: Profile, options: Options) -> Iterator[Draft]:
    """Start it with a cause present: the output that it opens never closes."""
    if profile.supply is None:
        return
    start = profile.start
    wait_s = (start.ready_within_s or 0.0) + (start.closed_within_s or 0.0)
    for stimulus, protection in _each(profile, options, only=_can_be_there_at_start):
        affected = opened(profile, stimulus.values) | set(protection.opens)
        free = [o for o in paths(profile) if o not in affected]
        on = Mark(mark="on")
        yield _draft(
            f"started with {stimulus.protection} at {stimulus.target} its output never closes",
            stimulus,
            protection,
            steps=[
                Power(on=False),
                Hold(duration_s=0.5, mark="off"),
                *stimulus.apply,
                Power(on=True, mark="on"),
                Hold(duration_s=wait_s + 2.0 * _delay(protection).high, mark="waited"),
            ],
            expectations=[
                *(
                    Stays(output=o, is_open=True, begin="off", end="waited")
                    for o in protection.opens
                ),
                *(Recovers(output=o, since=on, low_s=0.0, high_s=wait_s) for o in free),
            ],
        )


# ---- what it reports --------------------------------------------------------------------------
def message_timing(profile: Profile, options: Options) -> Iterator[Draft]:
    """Every message keeps its period, length, counter and CRC, in quiet and while tripping."""
    situations: list[tuple[str, list[Step]]] = [("quiet", [Hold(duration_s=10.0)])]
    for stimulus, protection in _each(profile, options, only=_is_slow):
        if protection.says:
            wait_s = _delay(protection).high + 1.0
            provoked: list[Step] = [
                *stimulus.apply,
                Hold(duration_s=wait_s),
                *stimulus.remove,
                Hold(duration_s=5.0),
            ]
            situations.append((f"around {protection.short}", provoked))
            break
    for name, promise in profile.messages.items():
        for situation, steps in situations:
            yield Draft(
                title=f"{name} comes every {promise.period}, {situation}",
                protection=None,
                parameters={"message": name, "when": situation},
                steps=steps,
                expectations=[
                    MessageTiming(
                        message=name,
                        period_s=promise.period.value,
                        tolerance_s=promise.period.tolerance,
                        length=promise.length,
                        counter=promise.counter,
                        counter_last=promise.counter_last,
                        crc=promise.crc,
                        crc_data_id=promise.crc_data_id,
                    )
                ],
                traces_to=promise.traces_to,
            )


def telemetry(profile: Profile, options: Options) -> Iterator[Draft]:
    """What it reports agrees with the meter, over the whole range that is promised."""
    points = int(str(options.settings.get("points", 9)))
    quantities = {
        "cell voltage": profile.cell_names,
        "temperature": profile.temperature_names,
        "current": ("current",),
    }
    for name, report in profile.telemetry.reports().items():
        if name not in quantities or report.accuracy is None or report.within is None:
            continue
        allowed = profile.allowed(quantities[name][0])
        low, high = max(report.within.low, allowed.low), min(report.within.high, allowed.high)
        levels = _levels(profile, name, low, high, points)
        settle_s = report.settles_s + 0.3
        steps: list[Step] = []
        for value in levels:
            steps += [
                Set(values=dict.fromkeys(quantities[name], value)),
                Hold(duration_s=settle_s),
                Read(quantities=quantities[name]),
            ]
        yield Draft(
            title=f"{name} reported from {format(low, report.unit)} to {format(high, report.unit)}",
            protection=None,
            parameters={"quantity": name},
            steps=steps,
            expectations=[
                TelemetryAgrees(
                    quantity=quantity,
                    accuracy=report.accuracy,
                    relative=report.relative,
                    unit=report.unit,
                    message=report.message,
                    signal=report.signal_for(n),
                    pattern=report.pattern_for(n),
                    factor=report.factor,
                    settle_s=report.settles_s,
                )
                for n, quantity in enumerate(quantities[name], 1)
            ],
            traces_to=report.traces_to,
        )


def _levels(profile: Profile, name: str, low: float, high: float, points: int) -> list[float]:
    """Values to look at; a current only where no protection acts, or there would be none."""
    levels = [round(low + (high - low) * i / (points - 1), 6) for i in range(points)]
    if name != "current":
        return levels
    stages = [p.level for p in profile.protections.values() if p.unit == "A"]
    most = min([x for x in stages if x > 0], default=high) * 0.9
    least = max([x for x in stages if x < 0], default=low) * 0.9
    return [round(least + (most - least) * i / (points - 1), 6) for i in range(points)]


def balancing(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Just the high cells bleed, only when allowed to."""
    rules = profile.balancing
    if rules is None:
        return
    cells = range(1, profile.cells.count + 1)
    margin = rules.spread_v or 0.05
    high_v = round(rules.above_v + 4.0 * margin, 6)
    rest_v = round(rules.above_v + 0.01, 6) if rules.spread_v else profile.nominal.cells_v
    below_v = round(rules.above_v - 0.05, 6)
    situations: list[tuple[str, dict[int, float], tuple[int, ...], float]] = [
        *((f"cell {n} is high", {n: high_v}, (n,), rest_v) for n in cells),
        ("cells 1 and 3 are high", {1: high_v, 3: high_v}, (1, 3), rest_v),
        ("all cells are equal", {}, (), rest_v if rules.spread_v else below_v),
        ("a cell is high but low in charge", {2: below_v}, (), below_v - 2.0 * margin),
    ]
    for title, raised, expected, others_v in situations:
        values = {f"cell {n}": raised.get(n, others_v) for n in cells}
        yield _balancing_draft(profile, title, values, expected)


def _balancing_draft(
    profile: Profile, title: str, values: Mapping[str, float], expected: tuple[int, ...]
) -> Draft:
    rules = profile.balancing
    wait_s = (rules.at_rest_s + rules.begins_within_s if rules else 0.0) + 0.5
    looked = tuple(
        rules.output.replace("{n}", str(n)) if rules and rules.output else f"bleed {n}"
        for n in range(1, profile.cells.count + 1)
    )
    which = ", ".join(map(str, expected)) or "none"
    return Draft(
        title=f"{title}: bleeding cells are {which}",
        protection=None,
        parameters={"situation": title},
        steps=[
            Set(values=dict(values), mark=APPLIED),
            Hold(duration_s=wait_s),
            Read(quantities=looked, mark="looked"),
        ],
        expectations=[Balances(cells=expected, at="looked")],
        traces_to=rules.traces_to if rules else (),
    )


# ---- what a stimulus leads to -----------------------------------------------------------------
def _trips(stimulus: Stimulus, protection: Protection) -> Iterator[Expectation]:
    delay = _delay(protection)
    for output in protection.opens:
        yield Trips(output=output, since=stimulus.since, low_s=delay.low, high_s=delay.high)


def _keeps(profile: Profile, stimulus: Stimulus, protection: Protection) -> Iterator[Expectation]:
    affected = opened(profile, stimulus.values) | set(protection.opens)
    for output in paths(profile):
        if output not in affected:
            yield Stays(output=output, is_open=False)


def _all_stay(
    profile: Profile, values: Mapping[str, float], begin: str | None, end: str | None
) -> Iterator[Expectation]:
    for output in paths(profile):
        if output not in opened(profile, values):
            yield Stays(output=output, is_open=False, begin=begin, end=end)


def _signals(protection: Protection) -> list[tuple[str, str, int]]:
    return [(*said.split(".", 1), value) for said, value in protection.says.items()]  # type: ignore[misc]


def _says(stimulus: Stimulus, protection: Protection) -> Iterator[Expectation]:
    """The flag on CAN and the line on the console, neither before the trip is due."""
    delay = _delay(protection)
    for message, signal, value in _signals(protection):
        yield SignalBecomes(
            message=message,
            signal=signal,
            value=float(value),
            since=stimulus.since,
            low_s=delay.low,
            high_s=delay.high + protection.says_within_s,
        )
    if protection.console is not None:
        yield ConsoleSays(
            pattern=protection.console,
            since=stimulus.since,
            low_s=delay.low,
            high_s=delay.high + protection.console_within_s,
        )


def _said_s(protection: Protection) -> float:
    """Longest time after a trip until flag and line have said so."""
    by_console_s = protection.console_within_s if protection.console else 0.0
    return max(protection.says_within_s if protection.says else 0.0, by_console_s)


def _unsays(protection: Protection, since: Instant, high_s: float) -> Iterator[Expectation]:
    for message, signal, value in _signals(protection):
        yield SignalBecomes(
            message=message,
            signal=signal,
            value=float(1 - value),
            since=since,
            high_s=high_s + protection.says_within_s,
        )


def _silent(protection: Protection, begin: str | None, end: str | None) -> Iterator[Expectation]:
    for message, signal, value in _signals(protection):
        yield SignalStays(
            message=message, signal=signal, value=float(1 - value), begin=begin, end=end
        )


def _release(stimulus: Stimulus, protection: Protection) -> Instant:
    """Instant from which a recovery's time counts."""
    level = protection.recovery_level
    if level is not None:
        return Crossing(
            quantity=stimulus.target, level=level, rising=not protection.rising, after="tripped"
        )
    if protection.unit == "A" and protection.recovers is not None:
        # The path opens, so the current is gone with the trip, not with the load.
        rest_a = protection.sign * (protection.recovers.below_a or 0.0)
        return Crossing(
            quantity="current", level=rest_a, rising=not protection.rising, after=APPLIED
        )
    return Mark(mark=REMOVED if stimulus.remove else APPLIED)


# ---- which protections a family can test ------------------------------------------------------
def _each(
    profile: Profile,
    options: Options,
    only: Callable[[Protection], bool] = lambda p: bool(p.opens or p.says),
) -> Iterator[tuple[Stimulus, Protection]]:
    for name, protection in _chosen(profile, options, only):
        for stimulus in stimuli(profile, name, options.targets):
            yield stimulus, protection


def _chosen(
    profile: Profile, options: Options, only: Callable[[Protection], bool]
) -> Iterable[tuple[str, Protection]]:
    for name, protection in profile.protections.items():
        if options.protections is not None and name not in options.protections:
            continue
        if only(protection):
            yield name, protection


def _has_level(protection: Protection) -> bool:
    return protection.threshold is not None and protection.watches != "cell spread"


def _is_slow(protection: Protection) -> bool:
    return _has_level(protection) and _delay(protection).low >= _SLOW_ENOUGH_S


def _is_findable(profile: Profile) -> Callable[[Protection], bool]:
    """A staircase finds a threshold only where no earlier stage acts on the way to it."""

    def test(protection: Protection) -> bool:
        if not _has_level(protection) or not protection.opens:
            return False
        target = protection.quantities(profile)[0]
        return protection.opens[0] not in opened(profile, {target: just_inside(protection)})

    return test


def _recovers(protection: Protection) -> bool:
    recovers = protection.recovers
    return bool(protection.opens) and recovers is not None and recovers.after is not None


def _recovers_by_level(protection: Protection) -> bool:
    has_one = protection.recovers is not None and protection.recovers.level is not None
    return _has_level(protection) and bool(protection.opens) and has_one


def _can_be_there_at_start(protection: Protection) -> bool:
    quiet = protection.watches in ("cell voltage", "temperature", "sense wire")
    return bool(protection.opens) and (quiet or protection.watches.startswith("sensor"))


def _delay(protection: Protection) -> Interval:
    return protection.delay or _NO_DELAY


def _after(protection: Protection) -> Interval:
    """Time that a recovery takes; where none is promised, it must come within some seconds."""
    after = protection.recovers.after if protection.recovers else None
    return after or Interval(0.0, 3.0, "s")


def _draft(  # noqa: PLR0913 -- the parts of a case, by name
    title: str,
    stimulus: Stimulus,
    protection: Protection,
    *,
    steps: Sequence[Step],
    expectations: Sequence[Expectation],
    parameters: Mapping[str, str] | None = None,
) -> Draft:
    return Draft(
        title=title,
        protection=stimulus.protection,
        parameters={"at": stimulus.target} | dict(parameters or {}),
        steps=steps,
        expectations=expectations,
        severity=protection.severity,
        traces_to=protection.traces_to,
    )


FAMILIES: dict[str, Family] = {
    "trip": trip,
    "hold": hold,
    "pulse": pulse,
    "dip": dip,
    "threshold": threshold,
    "recovery threshold": recovery_threshold,
    "recovery": recovery,
    "hysteresis": hysteresis,
    "latch": latch,
    "two faults": two_faults,
    "power up": power_up,
    "start with fault": start_with_fault,
    "message timing": message_timing,
    "telemetry": telemetry,
    "balancing": balancing,
}
