"""A waveform's picture: complete, deterministic, and readable without seeing it."""

# ruff: noqa: S314 - what is parsed is our own
from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reports import svg
from rig.expectations.trips import Trips
from rig.facts import Output
from rig.judge.measurement import Measurement
from rig.judge.verdict import EventMark, Finding, Verdict
from rig.time_reference import Mark
from tests.evidence.factories import a_case, a_finding, a_judgement, a_trace

SPACE = "{http://www.w3.org/2000/svg}"


def drawn(title: str = "Cell overvoltage") -> ElementTree.Element:
    case = a_case(title=title)
    text = svg.waveform_svg(case, a_trace(), a_judgement(case), name="w", standalone=True)
    return ElementTree.fromstring(text)


def texts(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SPACE}text")]


def test_a_picture_says_in_words_what_it_shows() -> None:
    picture = drawn()

    title, description = picture.find(f"{SPACE}title"), picture.find(f"{SPACE}desc")
    assert picture.get("role") == "img"
    assert title is not None
    assert title.text == "Cell overvoltage"
    assert description is not None
    assert "threshold crossed" in (description.text or "")


def test_threshold_window_and_measured_interval_are_drawn_in() -> None:
    picture = drawn()

    assert "3.650 V" in texts(picture)
    assert "1.0300 ± 0.0030 s" in texts(picture)
    assert "time since the case began [s]" in texts(picture)
    assert [r for r in picture.iter(f"{SPACE}rect") if r.get("class") == "ok"]


def test_a_reaction_that_never_came_still_shows_when_it_was_due() -> None:
    case = a_case(expectations=a_case().expectations[:1])
    crossed = EventMark(label="cell 3 rose", channel="cell 3", time_s=0.5, level=3.65)
    never = Finding(
        expectation="charge path opens",
        means="output",
        verdict=Verdict.FAIL,
        sentence="charge path did not open",
        marks=(crossed,),
    )

    text = svg.waveform_svg(case, a_trace(), a_judgement(case, never), name="w")

    assert text.count('class="ok"') == 1


def test_the_same_trace_gives_the_same_bytes() -> None:
    case = a_case()

    one, two = (svg.waveform_svg(case, a_trace(), a_judgement(case), name="w") for _ in range(2))

    assert one == two


def test_a_title_can_not_break_the_picture() -> None:
    picture = drawn(title='</title><script>alert("1")</script> & more')

    assert not list(picture.iter(f"{SPACE}script"))


def test_a_trace_without_a_waveform_shows_its_frames() -> None:
    case = a_case(outputs={}, expectations=())
    text = svg.waveform_svg(case, a_trace({}), a_judgement(case), name="w", standalone=True)

    assert "frames 0x100" in texts(ElementTree.fromstring(text))


def test_a_short_reaction_in_a_long_record_gets_a_close_up() -> None:
    case = a_case(expectations=a_case().expectations[:1])
    time_s = np.arange(50_000) * 1e-4
    trace = a_trace({"charge path": np.where(time_s < 2.0003, 12.0, 0.0)}, interval_s=1e-4)
    quick = a_finding(
        measurement=Measurement(value=3e-4, expanded=1e-5, unit="s"),
        low=2e-4,
        high=5e-4,
        marks=(
            EventMark(label="crossed", channel="current", time_s=2.0),
            EventMark(label="opened", channel="charge path", time_s=2.0003),
        ),
    )

    span_s = svg.close_up_s(case, trace, a_judgement(case, quick))

    assert span_s is not None
    begin_s, end_s = span_s
    assert begin_s < 2.0
    assert end_s > 2.0005
    assert svg.close_up_s(a_case(), a_trace(), a_judgement()) is None


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=400), st.integers(2, 20))
def test_downsampling_loses_no_extreme_and_keeps_both_ends(
    samples: list[int], buckets: int
) -> None:
    time_s, values = np.linspace(0, len(samples) - 1, len(samples)), np.array(samples, float)

    kept_s, kept = svg.min_max(time_s, values, buckets)

    assert len(kept) <= max(2 * buckets + 2, 2)
    assert kept.min() == values.min()
    assert kept.max() == values.max()
    assert (kept_s[0], kept_s[-1]) == (time_s[0], time_s[-1])
    assert (np.diff(kept_s) > 0).all()
    np.testing.assert_array_equal(values[kept_s.astype(int)], kept)


def test_a_glitch_of_one_sample_among_a_hundred_thousand_is_in_the_picture() -> None:
    values = np.full(100_000, 12.0)
    values[54_321] = 0.0

    _, kept = svg.min_max(np.linspace(0.0, 1.0, 100_000), values, svg.BUCKETS)

    assert (kept == 0.0).sum() == 1


def test_an_output_of_any_name_has_one_lane() -> None:
    name = "no fault led"
    case = a_case(
        outputs={name: Output(closed_above=1.65)},
        expectations=(Trips(output=name, since=Mark(mark="high"), low_s=0.0, high_s=2.0),),
    )
    light = np.where(np.arange(2_000) < 1_500, 3.3, 0.0)
    lit = EventMark(label="no fault led opened", channel=name, time_s=1.5)
    found = a_finding(marks=(lit,))

    text = svg.waveform_svg(
        case, a_trace({name: light}), a_judgement(case, found), name="w", standalone=True
    )

    assert texts(ElementTree.fromstring(text)).count(name) == 1
