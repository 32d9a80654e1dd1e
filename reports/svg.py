"""Waveforms as SVG: lanes on one time axis, with thresholds, allowed windows and what was judged.

Drawn from min-max data, so that no glitch of one sample is lost but to a neighbour in its own
bucket, and deterministic to the byte. Colours come from CSS variables, so that a plot follows
light and dark; no meaning hangs on colour alone. Must not judge, nor read evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports import words
from rig.case import Case
from rig.console_name import is_console
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.expectations.reaction import Reaction
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.subjects import SIGNAL
from rig.judge.verdict import EventMark, Finding, Judgement
from rig.quantities import CELL, kind_of, number_of, unit_of
from rig.trace.model import Channel, Trace
from rig.trace.text import plain

Floats = NDArray[np.float64]

WIDTH, LEFT, RIGHT, TOP = 880, 150, 14, 22
PLOT = WIDTH - LEFT - RIGHT
BUCKETS = 340  # two points each: finer than a screen shows, 5 to 15 kB a plot
GAP = 9
CLOSE_UP_BELOW = 0.06  # of the record: a judged interval shorter than this gets a figure of its own
MOST_FLAGS = 10
DEAD_BAND = 1.0  # pixels
IN_TIME = (Reaction, SignalBecomes, ConsoleSays)  # expectations with a window of time
# What the judge calls the ends of the allowed window; drawn as a band, not as flags.
LIMIT_LABELS = ("earliest allowed", "latest allowed")

CSS = (Path(__file__).parent / "templates" / "waveform.css").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Series:
    """One line in a lane: seconds since the trace began, values, how it is drawn."""

    name: str
    time_s: Floats
    values: Floats
    style: str


@dataclass(frozen=True, slots=True)
class PlotLane:
    """A strip with one scale; without series, a strip of events."""

    label: str
    unit: str
    height: float
    series: tuple[Series, ...] = ()
    levels: tuple[float, ...] = ()  # thresholds
    dots: tuple[tuple[float, float], ...] = ()  # readings: time, value
    ticks: tuple[float, ...] = ()  # events
    names: frozenset[str] = frozenset()  # channels whose windows belong here


@dataclass(frozen=True, slots=True)
class Allowed:
    """The window that an expectation allows, and what was measured in it."""

    channel: str
    begin_s: float
    low_s: float
    high_s: float
    end_s: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Time to horizontal place."""

    begin_s: float
    end_s: float
    zero_s: float = 0.0  # what the tick labels count from

    def x(self, time_s: float) -> float:
        """Place of an instant, kept within the plot."""
        part = (time_s - self.begin_s) / (self.end_s - self.begin_s)
        return LEFT + PLOT * min(max(part, 0.0), 1.0)

    def shows(self, time_s: float) -> bool:
        """The instant lies within the plot."""
        return self.begin_s <= time_s <= self.end_s


def _escaped(text: str) -> str:
    return escape(plain(text))


@dataclass(slots=True)
class Figure:
    """SVG text under construction."""

    parts: list[str] = field(default_factory=list)

    def add(self, *parts: str) -> None:
        """Append elements."""
        self.parts += parts

    def text(self, x: float, y: float, text: str, style: str = "") -> None:
        """Append a text element."""
        kind = f' class="{style}"' if style else ""
        self.add(f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{_escaped(text)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        """Append a line."""
        self.add(f'<path class="{style}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>')


# ---- entries ------------------------------------------------------------------------------------
def figures(
    case: Case, trace: Trace, judgement: Judgement, *, name: str, standalone: bool = False
) -> Iterator[str]:
    """Draw a case, then the judged interval enlarged where it can't be seen in the whole."""
    for number, span_s in enumerate((None, close_up_s(case, trace, judgement))):
        if number == 0 or span_s:
            yield waveform_svg(
                case, trace, judgement, name=f"{name}{number}", span_s=span_s, standalone=standalone
            )


def waveform_svg(  # noqa: PLR0913 - a case in three parts, and how to draw it
    case: Case,
    trace: Trace,
    judgement: Judgement,
    *,
    name: str,
    span_s: tuple[float, float] | None = None,
    standalone: bool = False,
) -> str:
    """Draw what was recorded in a case.

    Parameters
    ----------
    name
        Unique in the page: the title's and description's ids are made of it.
    span_s
        Part of the trace to show, in seconds since it began; all of it where None.
    standalone
        With namespace and style, for a file of its own.
    """
    begin, end = span_s or (0.0, (trace.end_ns - trace.begin_ns) / 1e9)
    axis = Axis(begin, max(end, begin + 1e-6))
    flags = flags_of(case, judgement, axis)
    if span_s and flags:
        axis = replace(axis, zero_s=flags[0].time_s)
    windows = [w for w in windows_of(case, judgement) if _visible(w, axis)]
    lanes = lanes_of(case, trace, judgement, windows)
    figure = Figure()
    bottom = _draw_lanes(figure, lanes, axis, windows)
    _draw_time_axis(figure, axis, bottom)
    _draw_flags(figure, flags, axis, bottom)
    height = _draw_legend(figure, flags, bottom + 34)
    texts = (case.title, _described(judgement, flags))
    return _wrap(figure, height, name, texts, standalone=standalone)


def close_up_s(case: Case, trace: Trace, judgement: Judgement) -> tuple[float, float] | None:
    """The part to show enlarged where a judged interval is too short to be seen in the whole."""
    whole = (trace.end_ns - trace.begin_ns) / 1e9
    spans = [
        (w.begin_s, max(w.begin_s + w.high_s, w.end_s or 0.0)) for w in windows_of(case, judgement)
    ]
    short = [s for s in spans if 0.0 < s[1] - s[0] < CLOSE_UP_BELOW * whole]
    if not short or not trace.waveforms:
        return None
    begin, end = short[0]
    pad = max(0.35 * (end - begin), 20 * max(w.interval_s for w in trace.waveforms))
    return max(begin - pad, 0.0), min(end + pad, whole)


def gauge_svg(value: float, expanded: float, low: float | None, high: float | None) -> str:
    """A measured value with its uncertainty against its limits; the numbers stand beside it."""
    if low is None and high is None:
        return ""
    least = low if low is not None else min(0.0, value - expanded)
    most = high if high is not None else max(value + expanded, least) * 1.2
    width = (most - least) or abs(most) or 1.0
    begin, end = least - 0.3 * width, most + 0.3 * width

    def x(at: float) -> float:
        return 4 + 152 * min(max((at - begin) / (end - begin), 0.0), 1.0)

    beyond = "M158 5l5 5-5 5z" if value > end else "M2 5l-5 5 5 5z" if value < begin else ""
    dot = f'<circle class="gv" cx="{x(value):.1f}" cy="10" r="3.4"/>'
    return (
        '<svg class="gauge" viewBox="-4 0 168 20" aria-hidden="true">'
        '<path class="gt" d="M4 10H156"/>'
        f'<rect class="ga" x="{x(least):.1f}" y="4" width="{x(most) - x(least):.1f}" height="12"/>'
        f'<path class="gu" d="M{x(value - expanded):.1f} 10H{x(value + expanded):.1f}"/>'
        + (f'<path class="gv" d="{beyond}"/>' if beyond else dot)
        + "</svg>"
    )


def strip_svg(values: Sequence[tuple[float, float]], low: float, high: float) -> str:
    """Draw many values with U against the limits they share; the numbers stand beside it."""
    width = (high - low) or 1.0

    def x(at: float) -> float:
        return 4 + 232 * min(max((at - low + 0.2 * width) / (1.4 * width), 0.0), 1.0)

    marks = "".join(f"M{x(v - u):.1f} 11H{x(v + u):.1f}" for v, u in values)
    dots = dict.fromkeys(f"M{x(v):.1f} 5v12" for v, _ in values)
    return (
        '<svg class="strip" viewBox="0 0 240 22" aria-hidden="true">'
        '<path class="gt" d="M4 11H236"/>'
        f'<rect class="ga" x="{x(low):.1f}" y="2" width="{x(high) - x(low):.1f}" height="18"/>'
        f'<path class="gu" d="{marks}"/><path class="gd" d="{"".join(dots)}"/></svg>'
    )


# ---- what is drawn ------------------------------------------------------------------------------
def _marks(case: Case, judgement: Judgement) -> list[EventMark]:
    """All marks; one on "CAN" belongs to the signal that its expectation names."""
    marks = []
    for found, wanted in _judged(case, judgement):
        signal = _channel(wanted) if found.means == "CAN" else ""
        for mark in found.marks:
            of_signal = signal and mark.channel == "CAN"
            marks.append(replace(mark, channel=signal) if of_signal else mark)
    return marks


def _judged(case: Case, judgement: Judgement) -> Iterator[tuple[Finding, Expectation | None]]:
    """Findings with their expectations; with None where the case was judged by another plan."""
    findings = judgement.of_expectations
    same = len(case.expectations) == len(findings)
    for number, found in enumerate(findings):
        yield found, _alone(found, case.expectations[number]) if same else None


def _alone(found: Finding, wanted: Expectation) -> Expectation:
    """Give what was expected of the one whose figures a finding on many bears."""
    if isinstance(wanted, SignalStays) and found.elements:
        return wanted.alone(found.elements.worst)
    return wanted


def flags_of(case: Case, judgement: Judgement, axis: Axis) -> list[EventMark]:
    """Give the instants to point at, in order of time."""
    marks = {(m.time_s, m.label): m for m in _marks(case, judgement)}
    shown = [m for _, m in sorted(marks.items(), key=lambda item: item[0])]
    shown = [m for m in shown if axis.shows(m.time_s) and m.label not in LIMIT_LABELS]
    return shown[:MOST_FLAGS]


def windows_of(case: Case, judgement: Judgement) -> list[Allowed]:
    """Where the findings that are times allow their reaction, and where it was."""
    found = (_window(f, w) for f, w in _judged(case, judgement))
    return [window for window in found if window]


def _window(found: Finding, wanted: Expectation | None) -> Allowed | None:
    low_s, high_s = _limits_s(found, wanted)
    if high_s is None or (found.measurement and found.measurement.unit != "s"):
        return None
    begin_s = _begin_s(found, wanted, high_s)
    if begin_s is None:
        return None
    value_s = found.measurement.value if found.measurement else None
    return Allowed(
        channel=_channel(wanted) or found.marks[-1].channel,
        begin_s=begin_s,
        low_s=max(low_s or 0.0, 0.0),
        high_s=high_s,
        end_s=None if value_s is None else begin_s + value_s,
        text=words.measured(found.measurement, low_s, high_s) if found.measurement else "",
    )


def _begin_s(found: Finding, wanted: Expectation | None, high_s: float) -> float | None:
    """The instant that the limits count from; None where no instant begins the measured time."""
    seen = [m.time_s for m in found.marks if m.label not in LIMIT_LABELS]
    latest = [m.time_s for m in found.marks if m.label == LIMIT_LABELS[1]]
    if latest:
        return latest[0] - high_s
    if not seen or (wanted is not None and not isinstance(wanted, IN_TIME)):
        return None
    if found.measurement is None:
        return seen[0]
    if wanted is None and len(seen) < 2:
        return None
    return seen[-1] - found.measurement.value


def _limits_s(found: Finding, wanted: Expectation | None) -> tuple[float | None, float | None]:
    if found.high is not None or found.measurement is not None:
        return found.low, found.high
    if isinstance(wanted, IN_TIME):
        return wanted.low_s, wanted.high_s
    return None, None


def _channel(wanted: Expectation | None) -> str:
    """The strip that an expectation is about; "" where it is about none or several."""
    if isinstance(wanted, Reaction):
        return wanted.output
    if isinstance(wanted, ConsoleSays):
        return wanted.console
    return wanted.subject.name_of(wanted) if wanted and wanted.subject is SIGNAL else ""


def _visible(window: Allowed, axis: Axis) -> bool:
    return window.begin_s + window.high_s >= axis.begin_s and window.begin_s <= axis.end_s


def lanes_of(
    case: Case, trace: Trace, judgement: Judgement, windows: Sequence[Allowed]
) -> list[PlotLane]:
    """Give what there is to draw of a case, strip by strip from the top."""
    marks = _marks(case, judgement)
    reported = {m.channel for m in marks} | _commanded(case) | {w.channel for w in windows}
    lanes = [*_analog_lanes(case, trace, reported), *_output_lanes(case, trace)]
    lanes = [_with_levels(lane, marks) for lane in lanes]
    drawn = frozenset().union(*(lane.names for lane in lanes)) if lanes else frozenset()
    return lanes + _event_lanes(trace, marks, drawn, windows)


def _commanded(case: Case) -> set[str]:
    """Quantities that a step moves alone: one that sets everything is only the way there."""
    named: set[str] = set()
    for step in case.steps:
        values = getattr(step, "values", None)
        if values is not None and len(values) <= 2:
            named |= set(values)
        named.add(getattr(step, "quantity", ""))
    return named - {""}


def _analog_lanes(case: Case, trace: Trace, reported: set[str]) -> list[PlotLane]:
    """Cells share a lane; other quantities that matter to the case have one each."""
    outputs = _outputs(case, trace)  # these have lanes of their own
    recorded = trace.channels
    cells = [n for n in recorded if kind_of(n) is CELL]
    lanes = [_analog_lane(CELL.name, cells, trace, reported)] if cells else []
    names = {*recorded, *(c.quantity for c in trace.commands)} - {*cells, *outputs}
    lanes += [_analog_lane(name, [name], trace, reported) for name in sorted(names & reported)]
    return [lane for lane in lanes if lane.series]


def _analog_lane(label: str, names: Sequence[str], trace: Trace, reported: set[str]) -> PlotLane:
    recorded = trace.channels
    chosen = [n for n in names if n in reported]
    plain = [n for n in names if n not in reported]
    series = [_recorded(n, trace, recorded[n], f"s{1 + i % 3}") for i, n in enumerate(plain)]
    for name in chosen:
        if name in recorded:
            series.append(_recorded(name, trace, recorded[name], "s0"))
        else:
            series += _commands(name, trace)
    dots = [
        (((r.before_ns + r.after_ns) / 2 - trace.begin_ns) / 1e9, r.value)
        for r in trace.readings
        if r.quantity in names
    ]
    unit = recorded[names[0]].unit if names[0] in recorded else unit_of(names[0])
    tall = 66.0 if len(names) == 1 else 96.0 if chosen else 40.0
    return PlotLane(
        label, unit, tall, tuple(series), dots=tuple(dots[:200]), names=frozenset([*names, label])
    )


def _output_lanes(case: Case, trace: Trace) -> list[PlotLane]:
    recorded = trace.channels
    lanes = []
    for name in _outputs(case, trace):
        series = _recorded(name, trace, recorded[name], "out")
        levels = (case.outputs[name].closed_above,) if name in case.outputs else ()
        lane = PlotLane(name, recorded[name].unit, 58.0, (series,), levels, names=frozenset([name]))
        lanes.append(lane)
    return lanes


def _outputs(case: Case, trace: Trace) -> list[str]:
    """Recorded outputs: those that the case judges, and any other path."""
    recorded = trace.channels
    return [n for n in recorded if n in case.outputs or n.endswith(" path")]


def _event_lanes(
    trace: Trace, marks: Sequence[EventMark], drawn: frozenset[str], windows: Sequence[Allowed]
) -> list[PlotLane]:
    """A strip for each thing that was seen but has no waveform: a CAN flag, the console."""
    names = dict.fromkeys([m.channel for m in marks] + [w.channel for w in windows])
    lanes = [
        _events(name, sorted({m.time_s for m in marks if m.channel == name}))
        for name in names
        if name not in drawn and not is_console(name)
    ]
    for console in sorted({line.console for line in trace.lines}):
        lines = trace.said_on(console)[:400]
        lanes.append(_events(console, ((ln.time_ns - trace.begin_ns) / 1e9 for ln in lines)))
    if not trace.waveforms:
        lanes += _frame_lanes(trace)
    return lanes


def _events(name: str, ticks: Iterable[float], height: float = 20.0) -> PlotLane:
    return PlotLane(name, "", height, ticks=tuple(ticks), names=frozenset([name]))


def _frame_lanes(trace: Trace) -> Iterator[PlotLane]:
    frames = trace.frames
    for can_id in np.unique(frames.can_id)[:8]:
        times_s = (frames.time_ns[frames.can_id == can_id] - trace.begin_ns) / 1e9
        yield _events(f"frames 0x{can_id:X}", times_s[:400], 18.0)


def _with_levels(lane: PlotLane, marks: Iterable[EventMark]) -> PlotLane:
    levels = {m.level for m in marks if m.level is not None and m.channel in lane.names}
    return replace(lane, levels=tuple(sorted({*lane.levels, *levels})[:3]))


def _recorded(name: str, trace: Trace, channel: Channel, style: str) -> Series:
    wave = trace.record_of(name)
    assert wave is not None  # noqa: S101 - a channel is part of a waveform
    begin_s = (wave.start_ns - trace.begin_ns) / 1e9
    time_s = begin_s + np.arange(len(channel.values)) * wave.interval_s
    return Series(name, np.asarray(time_s, dtype=np.float64), channel.values, style)


def _commands(name: str, trace: Trace) -> list[Series]:
    """A commanded quantity as steps, from its first command to the trace's end."""
    sent = [c for c in trace.commands if c.quantity == name]
    if not sent:
        return []
    time_s = np.array([(c.after_ns - trace.begin_ns) / 1e9 for c in sent])
    end_s = (trace.end_ns - trace.begin_ns) / 1e9
    values = np.array([c.value for c in sent], dtype=float)
    steps_s = np.append(np.repeat(time_s, 2)[1:], end_s)
    return [Series(f"{name} (commanded)", steps_s, np.repeat(values, 2), "cmd")]


# ---- drawing ------------------------------------------------------------------------------------
_FLAT = {"V": 0.1, "A": 1.0, "°C": 2.0}  # less than this apart counts as flat


class _Range:
    """A lane's scale: its data and levels, with air; noise is not blown up to full height."""

    def __init__(self, lane: PlotLane, top: float, *data: Floats | Sequence[float]) -> None:
        self.top, self.height = top, lane.height
        ends = [f(np.asarray(d)) for d in (*data, lane.levels) if len(d) for f in (np.min, np.max)]
        low, high = (float(min(ends)), float(max(ends))) if ends else (0.0, 1.0)
        least = _FLAT.get(lane.unit, 1e-3)
        if high - low < least:
            low, high = (low + high - least) / 2, (low + high + least) / 2
        air = 0.1 * (high - low)
        self.low, self.high = low - air, high + air

    def y(self, value: Any) -> Any:
        """Vertical place of a value, or of an array of them."""
        return self.top + self.height * (self.high - value) / (self.high - self.low)


def _draw_lanes(
    figure: Figure, lanes: Sequence[PlotLane], axis: Axis, windows: Sequence[Allowed]
) -> float:
    top = float(TOP)
    for lane in lanes:
        figure.add(
            f'<rect class="frame" x="{LEFT}" y="{top:.1f}" width="{PLOT}"'
            f' height="{lane.height:g}"/>'
        )
        own = [w for w in windows if w.channel in lane.names]
        for window in own:
            _draw_band(figure, window, axis, top, lane.height)
        if lane.series:
            _draw_analog(figure, lane, axis, top)
        else:
            _draw_ticks(figure, lane, axis, top)
        for window in own:
            _draw_measured(figure, window, axis, top + 0.72 * lane.height)
        top += lane.height + GAP
    return top - GAP


def _draw_analog(figure: Figure, lane: PlotLane, axis: Axis, top: float) -> None:
    parts = [s.values[_shown(s, axis)] for s in lane.series]
    inside = [(t, v) for t, v in lane.dots if axis.shows(t)]
    zero = [0.0] if lane.series[0].style == "out" else []
    scale = _Range(lane, top, *parts, [v for _, v in inside], zero)
    _draw_scale(figure, lane, scale)
    for series in lane.series:
        points = _points(series, axis, scale)
        figure.add(f'<polyline class="{series.style}" points="{points}"/>')
    for level in lane.levels:
        y = scale.y(level)
        figure.line(LEFT, y, WIDTH - RIGHT, y, "lim")
        figure.text(LEFT + 5, y - 3, words.quantity(level, lane.unit), "limt halo")
    for time_s, value in inside:
        x, y = axis.x(time_s), scale.y(value)
        figure.add(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')


def _draw_scale(figure: Figure, lane: PlotLane, scale: _Range) -> None:
    for value, text in _round_ticks(scale.low, scale.high, 3):
        y = scale.y(value)
        figure.line(LEFT, y, WIDTH - RIGHT, y, "grid")
        figure.text(LEFT - 6, y + 3.5, text, "dim r")
    top = scale.top
    figure.text(4, top + 11, lane.label, "b")
    figure.text(4, top + 24, f"[{lane.unit}]", "dim")
    main = [s.name for s in lane.series if s.style == "s0" and s.name != lane.label]
    if main and lane.height > 60:
        figure.text(4, top + 41, "━ " + ", ".join(main)[:18])
        others = [s.name for s in lane.series if s.style in {"s1", "s2", "s3"}]
        if others:
            figure.text(4, top + 56, "─ " + _short(others), "dim")


def _short(names: Sequence[str]) -> str:
    """Names of one kind together: "cell 1, 2, 4"."""
    numbers = ", ".join(str(number_of(name)) for name in names[:6])
    kind = kind_of(names[0])
    return f"{kind.word} {numbers}" if kind and kind.numbered else names[0]


def _draw_ticks(figure: Figure, lane: PlotLane, axis: Axis, top: float) -> None:
    figure.text(4, top + lane.height / 2 + 4, lane.label[:19], "b")
    ends = f"{top + 3:.1f}V{top + lane.height - 3:.1f}"
    places = dict.fromkeys(f"{axis.x(t):.1f}" for t in lane.ticks if axis.shows(t))
    if places:
        figure.add(f'<path class="tick" d="{"".join(f"M{x} {ends}" for x in places)}"/>')


def _draw_band(figure: Figure, window: Allowed, axis: Axis, top: float, height: float) -> None:
    x1, x2 = axis.x(window.begin_s + window.low_s), axis.x(window.begin_s + window.high_s)
    figure.add(
        f'<rect class="ok" x="{x1:.1f}" y="{top:.1f}" width="{max(x2 - x1, 1.5):.1f}"'
        f' height="{height:g}"/>'
    )
    if x2 - x1 > 44 and height > 30:
        figure.text((x1 + x2) / 2, top + 0.28 * height, "allowed", "okt m halo")


def _draw_measured(figure: Figure, window: Allowed, axis: Axis, y: float) -> None:
    if window.end_s is None:
        return
    x1, x2 = axis.x(window.begin_s), axis.x(window.end_s)
    ends = [axis.x(t) for t in (window.begin_s, window.end_s) if axis.shows(t)]
    bars = "".join(f"M{x:.1f} {y - 4:.1f}v8" for x in ends)  # no bar where it goes on beyond
    figure.add(f'<path class="meas" d="M{x1:.1f} {y:.1f}H{x2:.1f}{bars}"/>')
    middle, room = (x1 + x2) / 2, x2 - x1
    if room > 6.2 * len(window.text):
        figure.text(middle, y - 5, window.text, "b m halo")
    elif x1 - LEFT > 6.5 * len(window.text):
        figure.text(x1 - 6, y + 4, window.text, "b r halo")
    else:
        figure.text(x2 + 6, y + 4, window.text, "b halo")


def _draw_time_axis(figure: Figure, axis: Axis, bottom: float) -> None:
    scale = words.scale_for("s", axis.end_s - axis.begin_s)
    begin, end = (axis.begin_s - axis.zero_s, axis.end_s - axis.zero_s)
    for tick, text in _round_ticks(begin / scale.factor, end / scale.factor, 8):
        x = axis.x(axis.zero_s + tick * scale.factor)
        figure.line(x, bottom, x, bottom + 4, "frame")
        figure.text(x, bottom + 15, text, "dim m")
    since = "A" if axis.zero_s else "the case began"
    figure.text(WIDTH - RIGHT, bottom + 29, f"time since {since} [{scale.unit}]", "dim r")


def _draw_flags(figure: Figure, flags: Sequence[EventMark], axis: Axis, bottom: float) -> None:
    taken = -99.0
    for letter, mark in zip("ABCDEFGHIJ", flags, strict=False):
        x = axis.x(mark.time_s)
        figure.line(x, TOP - 4, x, bottom, "mark")
        at = max(x, taken + 15)
        taken = at
        figure.add(f'<rect class="flag" x="{at - 7:.1f}" y="3" width="14" height="14" rx="3"/>')
        figure.text(at, 14, letter, "flagt")


def _draw_legend(figure: Figure, flags: Sequence[EventMark], top: float) -> float:
    for row, (letter, mark) in enumerate(zip("ABCDEFGHIJ", flags, strict=False)):
        x, y = LEFT + (row % 2) * PLOT / 2, top + 12 + (row // 2) * 17
        figure.add(
            f'<rect class="flag" x="{x:.1f}" y="{y - 11:.1f}" width="14" height="14" rx="3"/>'
        )
        figure.text(x + 7, y, letter, "flagt")
        figure.text(x + 20, y, _flag_text(mark))
    return top + 6 + 17 * ((len(flags) + 1) // 2)


def _flag_text(mark: EventMark) -> str:
    where = "" if mark.label.startswith(mark.channel) else f"{mark.channel}: "
    return f"{mark.time_s:.4f} s  {where}{mark.label}"[:66]


# ---- points and ticks ---------------------------------------------------------------------------
def _shown(series: Series, axis: Axis) -> slice:
    begin, end = np.searchsorted(series.time_s, [axis.begin_s, axis.end_s])
    return slice(max(int(begin) - 1, 0), int(end) + 1)


def _points(series: Series, axis: Axis, scale: _Range) -> str:
    """Min-max points of the shown part, at half a pixel, without those on a level stretch."""
    chosen = _shown(series, axis)
    time_s, values = min_max(series.time_s[chosen], series.values[chosen], BUCKETS)
    part = np.clip((time_s - axis.begin_s) / (axis.end_s - axis.begin_s), 0.0, 1.0)
    x = np.round((LEFT + PLOT * part) * 2) / 2
    y = np.round(scale.y(values) * 2) / 2
    bent = np.ones(len(y), dtype=bool)  # what lies level between its neighbours says nothing
    bent[1:-1] = (y[1:-1] != y[:-2]) | (y[1:-1] != y[2:])
    if np.ptp(y) < DEAD_BAND:
        bent[1:-1] = False
    points = _without_ripple(x[bent].tolist(), y[bent].tolist())
    return " ".join(f"{a:g},{b:g}" for a, b in points)


def _without_ripple(x: list[float], y: list[float]) -> Iterator[tuple[float, float]]:
    """Leave out what moves by less than a pixel: noise, which would be most of the bytes."""
    last = float("inf")
    for here, (now, then) in enumerate(zip(y, [*y[1:], float("inf")], strict=True)):
        moved = abs(now - last) >= DEAD_BAND
        if moved or abs(then - last) >= DEAD_BAND:
            last = now if moved else last
            yield x[here], last


def min_max(time_s: Floats, values: Floats, buckets: int) -> tuple[Floats, Floats]:
    """Reduce to each bucket's least and greatest sample, in order of time.

    Parameters
    ----------
    time_s, values : float64, shape (n,)
    buckets
        The result has at most twice as many points, and two for the ends.
    """
    count = len(values)
    if count <= 2 * buckets:
        return time_s, values
    size = -(-count // buckets)
    # The last bucket is filled up with its last sample, which changes no extreme.
    padded = np.pad(values, (0, -count % size), mode="edge").reshape(-1, size)
    base = np.arange(len(padded)) * size
    both = np.stack([base + padded.argmin(axis=1), base + padded.argmax(axis=1)], axis=1)
    index = np.concatenate([[0], np.sort(both, axis=1).ravel(), [count - 1]])
    index = np.unique(np.minimum(index, count - 1))
    return time_s[index], values[index]


def _round_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Round numbers from low to high with their texts, at most `most` or one more of them."""
    raw = (high - low) / most
    power = 10.0 ** np.floor(np.log10(raw))
    step = float(next(power * m for m in (1, 2, 5, 10) if power * m >= raw))
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    ticks = [n * step for n in range(first, last + 1)]
    apart = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    places = max(0, -int(np.floor(np.log10(apart) + 1e-9)))
    return [(tick, words.Scale(1.0, "").number(tick, places)) for tick in ticks]


# ---- the whole ----------------------------------------------------------------------------------
def _described(judgement: Judgement, flags: Sequence[EventMark]) -> str:
    marks = "; ".join(_flag_text(mark) for mark in flags)
    return f"Verdict {judgement.verdict.value}: {judgement.sentence}. {marks}"


def _wrap(
    figure: Figure, height: float, name: str, texts: tuple[str, str], *, standalone: bool
) -> str:
    title, description = (_escaped(text) for text in texts)
    space = size = style = ""
    if standalone:
        space = ' xmlns="http://www.w3.org/2000/svg"'
        size = f' width="{WIDTH}" height="{height:.0f}"'
        style = f"<style>{CSS}</style>" + (
            '<rect width="100%" height="100%" style="fill:var(--wf-paper)"/>'
        )
    return (
        f'<svg{space} class="wf"{size} viewBox="0 0 {WIDTH} {height:.0f}" role="img"'
        f' aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{title}</title>'
        f'<desc id="{name}-d">{description}</desc>{style}{"".join(figure.parts)}</svg>'
    )
