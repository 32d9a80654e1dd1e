"""Every judged time of over 1,000 trips, held against what the kernel knows to be true.

    python benchmarks/ground_truth.py [BENCHES] [--each] [--first SEED] [--jobs N] [--bench NAME]

Each bench of the study has a seed of its own: clocks, instrument errors, noise, latencies, the
BMS's tolerances and its delays are drawn anew. On each, every protection is provoked at every cell
and sensor, with a random phase and a random overdrive. The truth comes from the virtual bench's
truth port, which the rig never opens: exact kernel time of the output (the frame's end, the line's
end) less that of the quantity's crossing at the terminal.

Then the same traces are judged again with limits put around the true time, many close to it, so
that all three verdicts occur; none may contradict the truth. docs/ground-truth.md explains the
figures. Wanted: at least 95 % of the true times inside y ± U, and no contradiction: else it exits
with 1.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from happened import Happened, Timed, TrueEvents, messages_of

from rig.bench.connect import connect
from rig.bench.description import BenchFile, load_bench
from rig.case import Case
from rig.drive.drive import drive_case
from rig.dut.profile import Profile, Protection, load_profile
from rig.expectations.stays import Stays
from rig.expectations.threshold import ThresholdIs
from rig.judge.budget import BOUNDED, DIVISORS
from rig.judge.verdict import BudgetRow, Finding, Verdict
from rig.judging import judge_expectation, observed
from rig.plan.expand import expand
from rig.plan.model import load_plan
from rig.plan.stimulus import APPLIED
from rig.steps import Step
from rig.steps.set import Set
from rig.time_reference import Crossing
from rig.trace.model import Trace
from rig.virtual.carrier.afe_chip import Tolerances

BENCH = "virtual-esp32-4s"
BENCHES = 30  # of 40 trips and some more outputs each
LEAST_COVERAGE = 0.95
SPREAD = 0.10  # of the firmware's delays, about those it was released with
OVERDRIVE = {
    "V": (0.5, 1.0),
    "A": (0.6, 1.0),
    "°C": (0.4, 1.0),
}  # of the one that the family chooses
LIMITS_DRAWN = 4  # pairs of limits put around each true time
SHOWN = 20  # lines of a list
JUDGED = (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR)
LIMITS_WITHIN = 3.0  # this many U of it
WITNESS = Path(__file__).with_name("witness.py")
PLAN = """plan: ground truth
for: esp32-4s
cases:
  - {family: trip}
"""
STAIRS = """plan: ground truth
for: esp32-4s
cases:
  - {family: threshold, cells: [1, 4]}
"""
# The firmware's reading (rig/virtual/carrier/afe_chip.py), whose noise is part of where it trips.
READ_EVERY_S = {"cell": 0.05, "temperature": 0.05, "current": 0.01}
CHIP, PULL_UP_OHM = Tolerances(), 10_000.0
NOISE = {"cell": CHIP.cell_noise_v, "current": CHIP.current_noise_a}
STAIRS_EVERY = 3  # benches: a ramp takes as long as ten trips


# ---- one bench ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One judged time (or level, of a threshold) beside the true one."""

    seed: int
    case_id: str
    protection: str
    means: str  # "output", "CAN", "console"
    value: float
    expanded: float
    true: float
    rows: tuple[BudgetRow, ...]
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """Error over U: inside is -1 to 1."""
        return (self.value - self.true) / self.expanded

    @property
    def of_bound(self) -> float:
        """Error over what all contributions together may reach: above 1 a row is missing."""
        bounded = math.fsum(
            row.standard * DIVISORS[row.distribution]
            for row in self.rows
            if row.distribution in BOUNDED
        )
        rest = math.fsum(row.standard**2 for row in self.rows if row.distribution not in BOUNDED)
        return abs(self.value - self.true) / (bounded + 4.0 * math.sqrt(rest))


@dataclass(slots=True, kw_only=True)
class Found:
    """What one bench contributes to the study."""

    timings: list[Timing] = field(default_factory=list)
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    contradictions: list[str] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)  # nothing to compare, and why
    trips: int = 0
    stays: int = 0


def study_bench(seed: int, name: str = BENCH) -> Found:
    """Drive all trips on the bench of one seed, and on some benches the ramps."""
    profile, found, draw = load_profile("esp32-4s"), Found(), random.Random(f"study {seed}")  # noqa: S311
    with tempfile.TemporaryDirectory() as own:
        folder = Path(own)
        addresses = folder / "addresses.json"
        with connect(_witnessed(addresses, name), profile, seed=seed) as bench:
            truth = TrueEvents(json.loads(addresses.read_text(encoding="utf-8"))["truth"])
            specimen = _specimen(truth)
            for planned in _planned(folder, PLAN, profile, seed):
                case = _driven_less(planned, profile, draw)
                truth.new_events()
                trace = drive_case(case, bench)
                if trace.error is not None:
                    found.oddities.append(f"seed {seed} {case.id}: {trace.error}")
                    continue
                found.trips += 1
                _compare(found, seed, Happened.of(truth, profile, case), trace, draw)
            for case in _stairs(folder, profile, seed) if seed % STAIRS_EVERY == 0 else ():
                _compare_level(found, seed, case, drive_case(case, bench), specimen, draw)
            truth.close()
    return found


def _specimen(truth: TrueEvents) -> Mapping[str, tuple[float, float]]:
    """What this specimen's front end makes of each quantity: a gain and an offset."""
    reported = [event["detail"] for event in truth.new_events() if event["name"] == "specimen"]
    errors: Mapping[str, tuple[float, float]] = reported[-1]["errors"]
    return errors


def _stairs(folder: Path, profile: Profile, seed: int) -> list[Case]:
    """Those threshold cases that find a level; the others look on either side of one."""
    return [
        case
        for case in _planned(folder, STAIRS, profile, seed)
        if any(isinstance(wanted, ThresholdIs) for wanted in case.expectations)
    ]


def _witnessed(addresses: Path, name: str) -> BenchFile:
    """A virtual bench's description, with the witness in place of its process."""
    description = load_bench(name)
    if description.start is None:
        raise SystemExit(f"{description.name} starts no process, so nobody knows its truth")
    witness = ["python", str(WITNESS), "--addresses", str(addresses), "--spread", str(SPREAD)]
    command = [*witness, *description.start.command[3:]]  # python -m rig.virtual ...
    return description.model_copy(
        update={"start": description.start.model_copy(update={"command": command})}
    )


def _planned(folder: Path, text: str, profile: Profile, seed: int) -> list[Case]:
    plan = folder / "plan.yaml"
    plan.write_text(text, encoding="utf-8")
    return expand(load_plan(plan), profile, seed)


def _driven_less(case: Case, profile: Profile, draw: random.Random) -> Case:
    """Go less far beyond the threshold, by a random share."""
    protection = profile.protections[case.protection or ""]
    since = next(e.since for e in case.expectations if isinstance(e, Timed))
    if not isinstance(since, Crossing):
        return case
    share = draw.uniform(*OVERDRIVE[protection.unit])

    def less(step: Step) -> Step:
        if not isinstance(step, Set) or step.mark != APPLIED:
            return step
        value = since.level + share * (step.values[since.quantity] - since.level)
        return replace(step, values={since.quantity: round(value, 4)})

    return replace(case, steps=tuple(less(step) for step in case.steps))


def _compare(
    found: Found, seed: int, happened: Happened, trace: Trace, draw: random.Random
) -> None:
    case, messages = happened.case, messages_of(happened.profile)
    for wanted in case.expectations:
        finding = judge_expectation(wanted, observed(case, trace, messages))
        where = f"seed {seed} {case.id} {finding.means}"
        if isinstance(wanted, Stays):
            found.stays += 1
            if (finding.verdict is Verdict.PASS) != happened.stayed(wanted):
                found.contradictions.append(f"{where}: {finding.sentence}")
            continue
        if not isinstance(wanted, Timed):
            continue
        try:
            true_s = (happened.effect(wanted) - happened.cause(wanted.since)) * 1e-9
        except LookupError as reason:
            found.oddities.append(f"{where}: {reason}; judged: {finding.sentence}")
            continue
        _check(found, where, "claimed", finding, true_s)
        if finding.measurement is None:
            found.oddities.append(f"{where}: true {true_s:.6f} s; judged: {finding.sentence}")
            continue
        timing = Timing(
            seed=seed,
            case_id=case.id,
            protection=happened.profile.protections[case.protection or ""].short,
            means=finding.means,
            value=finding.measurement.value,
            expanded=finding.measurement.expanded,
            true=true_s,
            rows=finding.budget,
        )
        found.timings.append(timing)
        for low_s, high_s in _limits(timing, draw):
            narrowed = replace(wanted, low_s=low_s, high_s=high_s)
            again = judge_expectation(narrowed, observed(case, trace, messages))
            _check(found, where, "drawn", again, true_s)


def _compare_level(  # noqa: PLR0913, PLR0917
    found: Found,
    seed: int,
    case: Case,
    trace: Trace,
    specimen: Mapping[str, tuple[float, float]],
    draw: random.Random,
) -> None:
    """Hold a threshold that was found against the level at which this specimen reads it."""
    profile = load_profile("esp32-4s")
    protection = profile.protections[case.protection or ""]
    wanted = next(e for e in case.expectations if isinstance(e, ThresholdIs))
    noise, beyond = _noise(wanted.quantity, protection, profile)
    read = wanted.level + (beyond if protection.rising else -beyond)
    true = _true_level(wanted.quantity, read, specimen[wanted.quantity], profile)
    finding = judge_expectation(wanted, observed(case, trace, messages_of(profile)))
    where = f"seed {seed} {case.id}"
    if finding.measurement is None:
        found.oddities.append(f"{where}: true {true:.4f}; judged: {finding.sentence}")
        return
    _check(found, where, "claimed", finding, true, blur=noise)
    timing = Timing(
        seed=seed,
        case_id=case.id,
        protection=protection.short,
        means="threshold",
        value=finding.measurement.value,
        expanded=finding.measurement.expanded,
        true=true,
        rows=finding.budget,
        unit=wanted.unit,
    )
    found.timings.append(timing)
    for _ in range(LIMITS_DRAWN):
        width = draw.uniform(1.0, 10.0) * timing.expanded
        off = draw.uniform(-LIMITS_WITHIN, LIMITS_WITHIN) * timing.expanded
        level = true + off + draw.choice((-width, width))
        narrowed = replace(wanted, level=level, tolerance=width)
        again = judge_expectation(narrowed, observed(case, trace, messages_of(profile)))
        _check(found, where, "drawn", again, true, blur=noise)


def _true_level(quantity: str, read: float, error: tuple[float, float], profile: Profile) -> float:
    """Level at the terminal at which this specimen reads `read`; a thermistor errs in ohms."""
    gain, offset = error
    if quantity.partition(" ")[0] != "temperature":
        return (read - offset) / gain
    curve = profile.temperatures
    assert curve is not None  # noqa: S101 -- there is a temperature
    return curve.degc_at(curve.ohm_at(read) / gain)


def _noise(quantity: str, protection: Protection, profile: Profile) -> tuple[float, float]:
    """Standard deviation of the BMS's reading; how far beyond its threshold it trips half the time.

    Each reading of the whole delay must be beyond it, so the least of n counts.
    """
    kind = quantity.split()[0]
    delay = protection.delay
    assert delay is not None  # noqa: S101 -- whatever has a threshold here has a delay
    readings = 0.5 * (delay.low + delay.high) / READ_EVERY_S[kind]
    if kind == "temperature":
        curve, level = profile.temperatures, protection.level
        assert curve is not None  # noqa: S101 -- there is a temperature
        ohm = curve.ohm_at(level)
        share = ohm / (ohm + PULL_UP_OHM)
        kelvin_per_part = 1e3 * (curve.degc_at(ohm * 0.999) - level)
        noise = CHIP.ratio_noise * kelvin_per_part / (share * (1.0 - share))
    else:
        noise = NOISE[kind]
    return noise, noise * statistics.NormalDist().inv_cdf(0.5 ** (1.0 / readings))


def _limits(timing: Timing, draw: random.Random) -> Iterator[tuple[float, float]]:
    """Limits of which one lies within some U of the true time, on either side of it."""
    for _ in range(LIMITS_DRAWN):
        off_s = draw.uniform(-LIMITS_WITHIN, LIMITS_WITHIN) * timing.expanded
        width_s = draw.uniform(2.0, 20.0) * timing.expanded
        near = timing.true + off_s
        low_s, high_s = (near, near + width_s) if draw.random() < 0.5 else (near - width_s, near)
        if low_s > 0.0:
            yield low_s, high_s


def _check(  # noqa: PLR0913, PLR0917
    found: Found, where: str, limits: str, finding: Finding, true: float, blur: float = 0.0
) -> None:
    """Count a verdict, and whether the truth (known to within `blur`) contradicts it."""
    low, high = finding.low, finding.high
    found.verdicts[limits, finding.verdict.value] += 1
    if low is None or high is None:
        return
    surely_outside = true < low - blur or true > high + blur
    surely_inside = low + blur < true < high - blur
    if (finding.verdict is Verdict.PASS and surely_outside) or (
        finding.verdict is Verdict.FAIL and surely_inside
    ):
        found.contradictions.append(f"{where}: true {true:.7f}; {finding.sentence}")


# ---- figures ------------------------------------------------------------------------------------
def clopper_pearson_low(hits: int, of: int, confidence: float = 0.95) -> float:
    """Return the one-sided lower bound of a share (Clopper and Pearson 1934)."""
    if hits == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _at_least(hits, of, middle) < 1.0 - confidence:
            low = middle
        else:
            high = middle
    return low


def _at_least(hits: int, of: int, share: float) -> float:
    """Probability of `hits` or more out of `of`."""
    if share <= 0.0 or share >= 1.0:
        return float(share >= 1.0)

    def log_p(k: int) -> float:
        choose = math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
        return choose + k * math.log(share) + (of - k) * math.log1p(-share)

    return math.fsum(math.exp(log_p(k)) for k in range(hits, of + 1))


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3f} ms" if seconds >= 1e-4 else f"{seconds * 1e6:.2f} µs"


def _groups(timings: Iterable[Timing], *names: str) -> dict[tuple[str, ...], list[Timing]]:
    groups: dict[tuple[str, ...], list[Timing]] = defaultdict(list)
    for timing in timings:
        groups[tuple(str(getattr(timing, name)) for name in names)].append(timing)
    return groups


def _size(timings: Sequence[Timing]) -> str:
    """Median U, where all have one unit."""
    units = {t.unit for t in timings}
    if len(units) > 1:
        return ""
    median = statistics.median(t.expanded for t in timings)
    return _time(median) if units == {"s"} else f"{median:.3g} {units.pop()}"


HEAD = (
    f"{'':<18}{'n':>6}{'inside':>9}{'95 % >':>8}{'median':>9}{'95 %':>7}{'max':>7}"
    f"{'bias':>7}{'bounds':>8}{'median U':>13}"
)


def _line(name: str, timings: Sequence[Timing]) -> str:
    ratios = [abs(t.ratio) for t in timings]
    inside = sum(r <= 1.0 for r in ratios)
    return (
        f"{name:<18}{len(ratios):>6}{inside / len(ratios):>9.2%}"
        f"{clopper_pearson_low(inside, len(ratios)):>8.2%}"
        f"{statistics.median(ratios):>9.2f}{_quantile(ratios, 0.95):>7.2f}{max(ratios):>7.2f}"
        f"{statistics.fmean(t.ratio for t in timings):>7.2f}"
        f"{max(t.of_bound for t in timings):>8.2f}"
        f"{_size(timings):>13}"
    ).rstrip()


def _budget_lines(means: str, timings: Sequence[Timing]) -> Iterator[str]:
    """Mean share of each row in u_c², largest first."""
    shares: Counter[str] = Counter()
    sizes: dict[str, list[float]] = defaultdict(list)
    for timing in timings:
        total = math.fsum(row.standard**2 for row in timing.rows)
        for row in timing.rows:
            shares[row.name] += row.standard**2 / total / len(timings)  # type: ignore[assignment]
            sizes[row.name].append(row.standard)
    yield f"{means}: mean share of u_c², and median u of a row where it occurs"
    for name, share in shares.most_common():
        if share >= 0.001:
            yield f"  {name:<32}{share:>7.1%}{_time(statistics.median(sizes[name])):>13}"


def report(found: Found, wall_s: float, *, each: bool) -> bool:
    """Print the study; tell whether it came out as wanted."""
    timings = found.timings
    print(
        f"{found.trips} trips, {len(timings)} findings with a value,"
        f" {found.stays} outputs that stay: {wall_s:.0f} s"
    )
    print(f"\n|y - true| over U\n{HEAD}")
    by_means = {means: group for (means,), group in sorted(_groups(timings, "means").items())}
    for means, group in by_means.items():
        print(_line(means, group))
    if each:
        print()
        groups = _groups(timings, "means", "protection")
        for (means, protection), group in sorted(groups.items()):
            print(_line(f"{means:<11}{protection}", group))
    for means, group in by_means.items():
        if means != "threshold":
            print()
            print("\n".join(_budget_lines(means, group)))
    _report_verdicts(found)
    _report_beyond(timings)
    return not found.contradictions and all(_is_covered(*item) for item in by_means.items())


def _is_covered(means: str, timings: Sequence[Timing]) -> bool:
    """Whether enough true values lie inside; few thresholds are found, so chance is allowed for."""
    inside, count = sum(abs(t.ratio) <= 1.0 for t in timings), len(timings)
    if means == "threshold":
        return 1.0 - clopper_pearson_low(count - inside, count) >= LEAST_COVERAGE
    return inside >= LEAST_COVERAGE * count


def _report_verdicts(found: Found) -> None:
    print("\nverdicts")
    for limits in ("claimed", "drawn"):
        counts = (f"{found.verdicts[limits, word]} {word}" for word in JUDGED)
        print(f"  limits {limits:<9} " + ", ".join(counts))
    for odd in found.oddities[:SHOWN]:
        print("  nothing to compare:", odd)
    print(f"contradicted by the truth: {len(found.contradictions)}")
    for text in found.contradictions[:SHOWN]:
        print("  ", text)


def _report_beyond(timings: Sequence[Timing]) -> None:
    """Name what no contribution explains; a threshold's truth is known to its noise only."""
    beyond = [t for t in timings if t.means != "threshold" and t.of_bound > 1.0]
    print(f"beyond what all contributions together may reach: {len(beyond)}")
    for t in beyond[:SHOWN]:
        where = f"seed {t.seed} {t.case_id} {t.means}"
        print(f"  {where}: {t.value:.7f} s, true {t.true:.7f} s, U {t.expanded:.7f} s")


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("benches", nargs="?", type=int, default=BENCHES)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--first", type=int, default=1, help="seed of the first bench")
    parser.add_argument("--bench", default=BENCH, help="description of the benches")
    parser.add_argument("--each", action="store_true", help="show each protection by itself")
    options = parser.parse_args()
    began, whole = time.perf_counter(), Found()
    with ProcessPoolExecutor(options.jobs) as pool:
        seeds = range(options.first, options.first + options.benches)
        for part in pool.map(partial(study_bench, name=options.bench), seeds):
            whole.timings += part.timings
            whole.verdicts += part.verdicts
            whole.contradictions += part.contradictions
            whole.oddities += part.oddities
            whole.trips += part.trips
            whole.stays += part.stays
    wall_s = time.perf_counter() - began
    return 0 if report(whole, wall_s, each=options.each) else 1


if __name__ == "__main__":
    sys.exit(main())
