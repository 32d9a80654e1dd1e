"""Defects of trips and recoveries on the desk: each differs from the good firmware as it says."""

from __future__ import annotations

import pytest

from rig.virtual.guests import build_of
from rig.virtual.guests.reference.protections import BIT, Debounce, LeakyDebounce
from tests.virtual.guests.desk import Desk, a_reference

COLD_OHM, FREEZING_OHM, HOT_OHM = 33_000.0, 90_000.0, 3_800.0  # about -4, -25 and 56 degC


def desk_of(variant: str) -> Desk:
    return a_reference(build=build_of("esp32-4s", variant))


def gates(desk: Desk) -> tuple[bool, bool]:
    """Whether charge and discharge path are closed."""
    return desk.value("charge gate") > 6.0, desk.value("discharge gate") > 6.0


def test_a_leaky_counter_goes_down_as_it_went_up_and_stays_within_its_limit() -> None:
    leaky = LeakyDebounce(3)

    assert [leaky.step(bad=True) for _ in range(5)] == [1, 2, 3, 3, 3]
    assert [leaky.step(bad=False) for _ in range(5)] == [2, 1, 0, 0, 0]


def test_a_counter_in_a_row_starts_again_at_one_good_value() -> None:
    counter = Debounce(9)

    assert [counter.step(bad=bad) for bad in (True, True, False, True)] == [1, 2, 0, 1]


@pytest.mark.parametrize(
    ("variant", "trips"),
    [("released", False), ("counts-down-instead-of-again", True)],
)
def test_bad_for_most_of_the_time_trips_a_leaky_counter(variant: str, trips: bool) -> None:  # noqa: FBT001
    desk = desk_of(variant)
    for _ in range(6):
        desk.set(cell_3=3.70)
        desk.run(0.7)
        desk.set(cell_3=3.30)
        desk.run(0.3)

    assert gates(desk) == (not trips, True)


@pytest.mark.parametrize(
    ("variant", "nets", "seconds", "closed"),
    [
        ("empty-cell-ignored", {"cell_1": 2.3}, 2.0, (True, True)),
        ("cold-first-sensor-ignored", {"ntc_1": COLD_OHM}, 3.0, (True, True)),
        ("undervoltage-forbids-charging", {"cell_1": 2.3}, 2.0, (False, False)),
        ("overvoltage-opens-the-discharge-path", {"cell_1": 3.7}, 2.0, (True, False)),
        ("charge-overcurrent-at-once", {"current": 25.0}, 0.2, (False, True)),
        ("nothing-lasts", {"cell_1": 3.7}, 5.0, (True, True)),
        ("late-where-it-is-close", {"cell_1": 3.655}, 1.05, (True, True)),
        ("limits-in-steps-of-25-mv", {"cell_1": 3.657}, 2.0, (True, True)),
    ],
)
def test_what_a_steady_violation_does(
    variant: str, nets: dict[str, float], seconds: float, closed: tuple[bool, bool]
) -> None:
    good, broken = desk_of("released"), desk_of(variant)
    for desk in (good, broken):
        desk.set(**nets)
        desk.run(seconds)

    assert gates(broken) == closed
    assert gates(good) != closed


@pytest.mark.parametrize("variant", ["never-recovers", "discharge-never-again"])
def test_what_stays_open_after_its_cause_is_gone(variant: str) -> None:
    good, broken = desk_of("released"), desk_of(variant)
    for desk in (good, broken):
        desk.set(cell_2=2.3)
        desk.run(1.5)
        desk.set(cell_2=3.30)
        desk.run(3.0)

    assert gates(good) == (True, True)
    assert gates(broken) == (True, False)


def test_one_recovery_is_all_that_a_worn_retry_counter_allows() -> None:
    desk = desk_of("recovers-only-once")
    seen = []
    for _ in range(2):
        desk.set(cell_2=3.70)
        desk.run(1.5)
        desk.set(cell_2=3.30)
        desk.run(3.0)
        seen.append(gates(desk))

    assert seen == [(True, True), (False, True)]


@pytest.mark.parametrize(
    ("variant", "closed"),
    [
        ("released", (False, False)),
        ("one-fault-hides-another", (False, True)),
        ("blind-while-tripped", (False, True)),
    ],
)
def test_a_second_fault_while_one_is_tripped(variant: str, closed: tuple[bool, bool]) -> None:
    desk = desk_of(variant)
    desk.set(cell_1=3.70)
    desk.run(1.5)
    desk.set(cell_2=2.3)
    desk.run(1.5)

    assert gates(desk) == closed


def test_one_recovery_takes_the_other_fault_with_it_so_that_it_must_trip_again() -> None:
    trips = []
    for variant in ("released", "one-recovery-clears-all"):
        desk = desk_of(variant)
        desk.set(cell_1=3.70, cell_2=2.3)
        desk.run(1.5)
        desk.set(cell_1=3.30)
        desk.run(3.5)
        trips.append(sum(trip["protection"] == "UVP" for trip in desk.noted("trip")))

    assert trips == [1, 2]


def test_counters_freeze_while_current_flows_the_other_way() -> None:
    good, broken = desk_of("released"), desk_of("counters-freeze-in-the-other-direction")
    for desk in (good, broken):
        desk.set(current=-10.0, ntc_1=HOT_OHM)
        desk.run(3.0)

    assert gates(good) == (False, True)
    assert gates(broken) == (True, True)


def test_a_short_circuit_is_cleared_under_its_load() -> None:
    desk = desk_of("short-circuit-cleared-under-load")
    desk.set(current=-90.0)
    desk.run(0.1)
    desk.set(current=0.0, pack_terminal=0.0)
    desk.say("clear faults")
    desk.run(0.1)

    assert gates(desk) == (True, True)


@pytest.mark.parametrize("variant", ["released", "blind-behind-the-one-that-tripped"])
def test_a_loop_left_by_its_bound_sees_nothing_behind_the_cell_that_tripped(variant: str) -> None:
    desk = desk_of(variant)
    for cell in ("cell_1", "cell_2"):
        desk.set(**{cell: 3.70})
        desk.run(1.5)
        desk.set(**{cell: 3.30})
        desk.run(3.0)

    tripped = [trip["channel"] for trip in desk.noted("trip")]
    assert tripped == ([1, 2] if variant == "released" else [1])


@pytest.mark.parametrize("variant", ["released", "warning-forgotten-between-its-levels"])
def test_a_warning_between_its_levels_is_dropped_by_its_age(variant: str) -> None:
    desk = desk_of(variant)
    desk.set(cell_1=2.95)
    desk.run(6.0)
    desk.set(cell_1=3.05)
    desk.run(9.0)
    soon = len(desk.noted("cleared"))
    desk.run(2.0)

    assert soon == 0
    assert len(desk.noted("cleared")) == (variant != "released")


@pytest.mark.parametrize("variant", ["released", "closes-on-a-hot-battery"])
def test_a_start_that_does_not_ask_the_sensors_closes_for_a_moment(variant: str) -> None:
    desk = a_reference(build=build_of("esp32-4s", variant), ready=False, ntc_1=HOT_OHM)
    desk.run(4.0)

    closed = [done["output"] for done in desk.noted("closed")]
    assert ("charge gate" in closed) == (variant != "released")
    assert gates(desk) == (False, True)


@pytest.mark.parametrize(
    ("at_s", "lost"), [(0.0, False), (0.6, True), (1.5, False)], ids=["before", "in it", "after"]
)
def test_only_an_alert_that_comes_during_the_self_test_is_lost(at_s: float, lost: bool) -> None:  # noqa: FBT001
    build = build_of("esp32-4s", "alert-of-the-self-test-lost")
    desk = a_reference(build=build, ready=False)
    desk.run(at_s)
    desk.set(cell_3=3.70)
    desk.run(3.0)

    assert gates(desk) == (lost, True)


def test_the_first_line_of_cell_2_is_taken_for_a_repeat_and_the_next_is_not() -> None:
    desk = desk_of("first-line-of-cell-2-missing")
    said = []
    for _ in range(2):
        since_ns = desk.kernel.now_ns
        desk.set(cell_2=3.70)
        desk.run(1.5)
        desk.set(cell_2=3.30)
        desk.run(3.0)
        said.append("OVP cell 2" in desk.console(since_ns))

    assert said == [False, True]


@pytest.mark.parametrize("variant", ["released", "fuse-of-a-smaller-pack"])
def test_a_fuse_of_a_smaller_pack_opens_in_time_below_the_limit(variant: str) -> None:
    desk = desk_of(variant)
    desk.set(current=-29.0)
    desk.run(30.0)
    soon = gates(desk)
    desk.run(30.0)

    assert soon == (True, True)
    assert gates(desk) == (True, variant == "released")
    assert not desk.noted("trip")


@pytest.mark.parametrize("variant", ["released", "overcurrent-says-both-ways"])
def test_a_mask_with_two_bits_says_overcurrent_of_charge_too(variant: str) -> None:
    desk = desk_of(variant)
    desk.set(current=-60.0)
    desk.run(0.5)

    data = [frame.data for frame in desk.pins.frames if frame.can_id == 0x100][-1]
    says = {name for name in ("OCC", "OCD") if (data[2] | data[3] << 8) & BIT[name]}
    assert says == ({"OCD"} if variant == "released" else {"OCC", "OCD"})
    assert gates(desk) == (True, False)


@pytest.mark.parametrize(
    ("variant", "cell", "opens"),
    [
        ("released", "cell_1", False),
        ("cell-1-goes-on-counting", "cell_1", True),
        ("cell-1-goes-on-counting", "cell_4", False),
    ],
)
def test_the_first_cell_alone_goes_on_counting(variant: str, cell: str, opens: bool) -> None:  # noqa: FBT001
    desk = desk_of(variant)
    for _ in range(2):
        desk.set(**{cell: 3.70})
        desk.run(0.6)
        desk.set(**{cell: 3.30})
        desk.run(0.3)

    assert (len(desk.noted("trip")) > 0) == opens


@pytest.mark.parametrize(
    ("variant", "cell", "others", "waits"),
    [
        ("released", "cell_3", 3.30, True),
        ("cell-3-does-not-wait", "cell_3", 3.30, False),
        ("cell-3-does-not-wait", "cell_3", 3.60, True),
        ("cell-3-does-not-wait", "cell_4", 3.30, True),
    ],
)
def test_cell_3_does_not_wait_where_cell_4_was_good_all_along(
    variant: str,
    cell: str,
    others: float,
    waits: bool,  # noqa: FBT001
) -> None:
    desk = desk_of(variant)
    desk.run(3.0)
    cells = ("cell_1", "cell_2", "cell_3", "cell_4")
    desk.set(**(dict.fromkeys(cells, others) | {cell: 3.70}))
    desk.run(1.5)
    assert gates(desk) == (False, True)
    desk.set(**dict.fromkeys(cells, 3.30))
    desk.run(0.5)

    assert gates(desk) == (not waits, True)
    desk.run(2.0)
    assert gates(desk) == (True, True)


@pytest.mark.parametrize(
    ("variant", "jumps", "trips"),
    [
        ("released", 60, True),
        ("held-after-forty-jumps", 30, True),
        ("held-after-forty-jumps", 60, False),
    ],
)
def test_a_cell_that_jumped_forty_times_is_held_for_good(
    variant: str,
    jumps: int,
    trips: bool,  # noqa: FBT001
) -> None:
    desk = desk_of(variant)
    for volts in [3.40, 3.30] * (jumps // 2):
        desk.set(cell_2=volts)
        desk.run(0.1)
    desk.set(cell_2=3.70)
    desk.run(2.0)

    assert gates(desk) == (not trips, True)
