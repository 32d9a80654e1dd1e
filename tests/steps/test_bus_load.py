"""Foreign load: how many frames, of whom, and how long the pause."""

from __future__ import annotations

from itertools import pairwise

import pytest

from rig.steps.bus_load import FRAME_BITS, Load

BITRATE = 500_000.0


def a_load(*, share: float = 0.8, burst_s: float = 0.1, bursts: int = 1) -> Load:
    return Load(share=share, burst_s=burst_s, bursts=bursts, first_id=0x0A0, last_id=0x0FF)


@pytest.mark.parametrize("bursts", [1, 3])
def test_the_share_counts_the_pauses_too(bursts: int) -> None:
    slots = list(a_load(bursts=bursts).slots(BITRATE))

    frames = sum(len(slot.frames) for slot in slots)
    whole_s = sum(slot.duration_ns for slot in slots) / 1e9
    assert frames * FRAME_BITS / BITRATE / whole_s == pytest.approx(0.8, rel=0.01)
    assert whole_s == pytest.approx(bursts * 0.1 / 0.8, rel=0.01)


def test_a_burst_has_no_gap_and_a_pause_behind_it() -> None:
    *busy, pause = a_load().slots(BITRATE)

    for slot in busy:
        assert slot.duration_ns == pytest.approx(len(slot.frames) * FRAME_BITS / BITRATE * 1e9)
    assert pause.frames == ()
    assert pause.duration_ns == pytest.approx(25e6)


def test_identifiers_go_round_and_no_two_neighbours_are_alike() -> None:
    frames = [frame for slot in a_load().slots(BITRATE) for frame in slot.frames]

    assert {can_id for can_id, _ in frames} == set(range(0x0A0, 0x100))
    assert all(a != b for a, b in pairwise(frames))
