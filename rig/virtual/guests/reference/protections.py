"""The protections of `esp32-4s`: rules as data, a debounce for each channel, trip and release.

Counts run in the main task, on the newest values. Must not touch a pin: what is open follows from
`blocks_charge` and `blocks_discharge`, and who drives the gates is the main task's business.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rig.virtual.guests.esp32 import ticks_since
from rig.virtual.guests.reference.afe import Readings
from rig.virtual.guests.reference.quantities import BY_CURRENT, BY_SCAN, Quantities

# Bits of bytes 2 and 3 of BMS_Status, in order, then those of byte 5.
FLAGS = (
    *("OV", "UV", "OCC", "OCD", "SCD", "OTC", "OTD", "UTC"),
    *("UTD", "OpenWire", "SensorOpen", "SensorShort", "Imbalance", "CommTimeout"),
    *("WatchdogReset", "AnyFault"),
    *("AfeLost", "StorageFault", "LimitExceeded", "SafetyLatch", "HostRequest"),
)
BIT = {name: 1 << index for index, name in enumerate(FLAGS)}
# How a value stands in an event: 1 mV, 10 mA, 0.1 degC; what has none is sent as 0.
_EVENT_LSB = dict.fromkeys(("cells", "modules", "stack", "spread"), 1e3)
_EVENT_LSB |= dict.fromkeys(("hottest", "coldest"), 10.0)
_EVENT_LSB |= dict.fromkeys(("charge", "discharge"), 100.0)
# Readings with a value for each cell, module or sensor.
BY_CHANNEL = ("cells", "modules", "wires open", "sensors open", "sensors short")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One protection as it is compiled in.

    `ticks` and `release_ticks` are runs of the main task in a row, each with a bad (good) value; a
    leaky one counts down on a good value instead of starting again.
    """

    short: str
    flag: str
    reads: str  # a method of Quantities, or an event: "short circuit", "host lost", …
    above: bool  # trips above the threshold; else below
    threshold: float
    ticks: int
    release: float = 0.5
    release_ticks: int = 201
    release_reads: str = ""  # where it recovers by another reading than it trips by
    leaky: bool = False
    opens_charge: bool = False
    opens_discharge: bool = False
    opens_contactors: bool = False  # where the BMS has them
    latches: bool = False
    shows: str = ""  # behind the short name in the log, with {n} and {value}

    @property
    def event_lsb_per_unit(self) -> float:
        """How many LSB of an event one unit of its value is."""
        return _EVENT_LSB.get(self.reads, 0.0)


@dataclass(frozen=True, slots=True)
class Event:
    """A protection that tripped or recovered."""

    rule: Rule
    tripped: bool
    channel: int = 0  # counts from 0
    value: float = 0.0


class Debounce:
    """Counts bad values in a row, up to `limit`; one good value starts the count again."""

    __slots__ = ("count", "limit")

    def __init__(self, limit: int) -> None:
        self.count, self.limit = 0, limit

    def step(self, *, bad: bool) -> int:
        """Take one value and return the count."""
        self.count = self.count + 1 if bad else 0
        return self.count


class LeakyDebounce(Debounce):
    """Goes up by one on a bad value and down by one on a good one, as foxBMS counts.

    So a value that is bad for more than half of the time trips in the end (as foxBMS 2 counts).
    """

    __slots__ = ()

    def step(self, *, bad: bool) -> int:
        """Take one value and return the count, which stays within 0 and the limit."""
        self.count = min(self.count + 1, self.limit) if bad else max(self.count - 1, 0)
        return self.count


@dataclass(slots=True)
class Detector:
    """One rule at work.

    Attributes
    ----------
    pending : bool
        A value is bad now, whether or not it has lasted.
    busy : bool
        It needs the main task's attention.
    bad, counts : list
        For each channel: whether its newest value is bad, and its debounce.
    good : bool
        Every newest value is beyond the recovery level.
    good_ticks : int
        Runs of the main task in a row in which they were.
    """

    rule: Rule
    debounce: type[Debounce] = Debounce
    tripped: bool = False
    pending: bool = False
    busy: bool = False
    _values: Sequence[float] = ()
    bad: list[bool] = field(default_factory=list)
    good: bool = True
    good_ticks: int = 0
    counts: list[Debounce] = field(default_factory=list)

    def look(self, values: Sequence[float], release_values: Sequence[float]) -> None:
        """Take new values, in the rule's unit. An invalid one (NaN) is neither bad nor good."""
        bad = self.are_bad(values)
        self.good = self.are_good(release_values)
        self._values, self.bad = values, bad
        self.pending = True in bad
        self.busy = self.busy or self.pending

    def are_bad(self, values: Sequence[float]) -> list[bool]:
        """Compare each value with the threshold."""
        limit = self.rule.threshold
        if self.rule.above:
            return [value > limit for value in values]
        return [value < limit for value in values]

    def are_good(self, values: Sequence[float]) -> bool:
        """Tell whether every value is back beyond the recovery level."""
        release = self.rule.release
        if self.rule.above:
            return all(value < release for value in values)
        return all(value > release for value in values)

    def tick(self) -> Event | None:
        """Count one run of the main task."""
        return self._tick_tripped() if self.tripped else self.tick_armed()

    def clear(self) -> None:
        """Forget a latched trip."""
        self.tripped, self.good_ticks = False, 0

    def tick_armed(self) -> Event | None:
        """Count one run of the main task while nothing has tripped."""
        if len(self.counts) != len(self.bad):
            self.counts = [self.debounce(self.rule.ticks) for _ in self.bad]
        event = None
        counting = False
        for channel, bad in enumerate(self.bad):
            count = self.counts[channel].step(bad=bad)
            counting = counting or count > 0
            if event is None and count >= self.rule.ticks:
                event = Event(self.rule, True, channel, self._values[channel])  # noqa: FBT003
        self.busy = counting
        if event is not None:
            self.tripped, self.busy, self.good_ticks = True, True, 0
            self.counts.clear()
        return event

    def _tick_tripped(self) -> Event | None:
        if self.rule.latches:
            return None
        if not self.has_recovered():
            return None
        self.clear()
        self.busy = self.pending
        return Event(self.rule, False)  # noqa: FBT003

    def has_recovered(self) -> bool:
        """Count good values in a row; one that is not good starts the count again."""
        self.good_ticks = self.good_ticks + 1 if self.good else 0
        return self.good_ticks >= self.rule.release_ticks


class Group:
    """The detectors that read the same thing, and the range in which none of them is concerned."""

    def __init__(self, reads: str, detectors: Sequence[Detector], quantities: Quantities) -> None:
        self.reads, self.read = reads, quantities.reader(reads)
        self._detectors, self._quantities = detectors, quantities
        self.find_range()

    def find_range(self) -> None:
        """Find the range anew, where a rule was changed."""
        rules = [detector.rule for detector in self._detectors]
        self.low = max((r.threshold for r in rules if not r.above), default=-math.inf)
        self.high = min((r.threshold for r in rules if r.above), default=math.inf)

    def is_busy(self) -> bool:
        """Tell whether one of them needs the main task's attention."""
        return any(detector.busy for detector in self._detectors)

    def look(self, values: Sequence[float], readings: Readings) -> None:
        """Have each detector look at new values."""
        for detector in self._detectors:
            by = detector.rule.release_reads
            release = self._quantities.reader(by)(readings) if by else values
            detector.look(values, release)


class Protections:
    """All detectors of one start of the firmware.

    Attributes
    ----------
    detectors : dict of Detector
        By the short name of their rule, in the rules' order.
    by_scan : list of Group
        Those that look at each scan of cells and sensors.
    busy : list of Detector
        Those that the next run of the main task counts.
    flags : int
        Bits of BMS_Status of all that has tripped.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        detector: type[Detector] = Detector,
        debounce: type[Debounce] = Debounce,
        leaky: type[Debounce] = LeakyDebounce,
        quantities: type[Quantities] = Quantities,
    ) -> None:
        self.detectors = {
            rule.short: detector(rule, leaky if rule.leaky else debounce) for rule in rules
        }
        self._quantities = quantities()
        self.by_scan = self._groups(BY_SCAN)
        self._by_current = self._groups(BY_CURRENT)
        self.busy: list[Detector] = []
        self.flags = 0
        self.blocks_charge = self.blocks_discharge = self.blocks_contactors = False

    def _groups(self, known: Sequence[str]) -> list[Group]:
        by: dict[str, list[Detector]] = {}
        for detector in self.detectors.values():
            by.setdefault(detector.rule.reads, []).append(detector)
        return [Group(reads, by[reads], self._quantities) for reads in known if reads in by]

    def look_at_scan(self, readings: Readings) -> None:
        """Take a new scan of cells and sensors."""
        self.look_at(self.by_scan, readings)

    def look_at_current(self, readings: Readings) -> None:
        """Take a new current."""
        self.look_at(self._by_current, readings)

    def tell(self, short: str, *, bad: bool) -> None:
        """Tell a rule that is judged elsewhere (a comparator, a time-out) what holds now."""
        detector = self.detectors.get(short)
        if detector is not None and (bad or detector.busy):
            value = (float(bad),)
            detector.look(value, value)
            self._gather()

    def tick(self) -> list[Event]:
        """Count one run of the main task and return what happened in it, in the rules' order."""
        if not self.busy:
            return []
        events = [event for d in self.counting() if (event := d.tick()) is not None]
        self.busy = [d for d in self.busy if d.busy]
        if events:
            self.sum_up()
        return events

    def reconfigure(self, rules: Iterable[Rule]) -> None:
        """Take changed figures of rules; counts and trips go on."""
        for rule in rules:
            self.detectors[rule.short].rule = rule
        self.find_ranges()

    def find_ranges(self) -> None:
        """Find anew the range in which no rule of a group is concerned."""
        for group in (*self.by_scan, *self._by_current):
            group.find_range()

    def clear_latched(self) -> list[Event]:
        """Forget every latched trip; what still holds will trip again."""
        latched = [d for d in self.detectors.values() if d.tripped and d.rule.latches]
        for detector in latched:
            detector.clear()
        self.sum_up()
        return [Event(d.rule, False) for d in latched]  # noqa: FBT003

    def pends_on_charge(self) -> bool:
        """Tell whether a value that would open the charge path is bad now."""
        return any(d.pending and d.rule.opens_charge for d in self.busy)

    def pends_on_discharge(self) -> bool:
        """Tell whether a value that would open the discharge path is bad now."""
        return any(d.pending and d.rule.opens_discharge for d in self.busy)

    def look_at(self, groups: Sequence[Group], readings: Readings) -> None:
        """Take new readings; where nothing is near a limit, that costs two comparisons a group."""
        none_busy = not self.busy
        changed = False
        for group in groups:
            values = group.read(readings)
            quiet = group.low < min(values) and max(values) < group.high
            if quiet and (none_busy or not group.is_busy()):
                continue
            group.look(values, readings)
            changed = True
        if changed:
            self._gather()

    def counting(self) -> list[Detector]:
        """Tell which detectors this run of the main task counts: whatever else has tripped."""
        return self.busy

    def _gather(self) -> None:
        self.busy = [d for d in self.detectors.values() if d.busy]

    def sum_up(self) -> None:
        """Gather flags and paths over all that tripped; none hides another."""
        tripped = self.tripped_rules()
        self.blocks_charge = any(self.opens_charge(rule) for rule in tripped)
        self.blocks_discharge = any(self.opens_discharge(rule) for rule in tripped)
        self.blocks_contactors = any(rule.opens_contactors for rule in tripped)
        flags = 0
        for rule in tripped:
            flags |= self.bits_of(rule)
        if self.blocks_charge or self.blocks_discharge:
            flags |= BIT["AnyFault"]
        self.flags = flags

    def tripped_rules(self) -> list[Rule]:
        """Give the rules that have tripped, in their order."""
        return [d.rule for d in self.detectors.values() if d.tripped]

    def opens_charge(self, rule: Rule) -> bool:
        """Tell whether a rule that has tripped opens the charge path."""
        return rule.opens_charge

    def opens_discharge(self, rule: Rule) -> bool:
        """Tell whether a rule that has tripped opens the discharge path."""
        return rule.opens_discharge

    def bits_of(self, rule: Rule) -> int:
        """Give the bits of BMS_Status that a rule sets."""
        return BIT[rule.flag]


class HostWatch:
    """Whether the charger or vehicle controller is heard (message HostAlive).

    Times are readings of the chip's tick counter, which wraps.

    Attributes
    ----------
    last_ms : int or None
        When it was last heard; None until the first frame: not armed.
    back : int
        Frames in a row since it was lost.
    """

    def __init__(self, *, timeout_ms: int, frames_to_return: int) -> None:
        self.timeout_ms, self.frames_to_return = timeout_ms, frames_to_return
        self.last_ms: int | None = None
        self.back = 0
        self.lost = False

    def hear(self, now_ms: int) -> None:
        """Take one HostAlive."""
        in_time = self.last_ms is not None and not self.is_late(now_ms, self.last_ms)
        self.back = self.back + 1 if in_time else 1
        self.last_ms = now_ms

    def look(self, now_ms: int) -> bool:
        """Tell whether the host is lost."""
        if self.last_ms is None:
            return False
        if self.is_late(now_ms, self.last_ms):
            self.lost, self.back = True, 0
        elif self.lost and self.is_back():
            self.lost = False
        return self.lost

    def is_back(self) -> bool:
        """Tell whether the host was heard often enough to be there again."""
        return self.back >= self.frames_to_return

    def is_late(self, now_ms: int, last_ms: int) -> bool:
        """Tell whether the host's last frame is too long ago, by two ticks in ms."""
        return ticks_since(now_ms, last_ms) > self.timeout_ms
