"""Power-up, resets of every cause, watchdog, brown-out, download strap."""

from __future__ import annotations

import re

import pytest

from rig.virtual.guests.reference.protections import BIT
from tests.virtual.guests.desk import MS, Desk, S, a_reference

CHARGE, DISCHARGE = "charge gate", "discharge gate"
SEEDS = range(6)
# The UART needs 0.1 ms a byte: the ROM log and the lines before "ready" are on the wire for 45 ms.
WIRE_NS = 50 * MS


def ready_ns(desk: Desk, since_ns: int = 0) -> int:
    return next(
        t for t, data in desk.pins.uart if t >= since_ns and data.endswith(b"bms: ready\r\n")
    )


def flags(desk: Desk) -> int:
    last = [frame for frame in desk.pins.frames if frame.can_id == 0x100][-1]
    return int.from_bytes(last.data[2:4], "little")


@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_ready_within_a_second_and_closes_within_half_a_second_more(seed: int) -> None:
    desk = a_reference(seed, ready=False, aux=0.0)
    desk.run(0.3)

    power_ns = desk.kernel.now_ns
    desk.set(aux=12.0)
    desk.run(2.0)

    assert desk.console().startswith(
        "ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13"
    )
    ready = ready_ns(desk)
    assert ready - power_ns + WIRE_NS < 0.9 * S
    for gate in (CHARGE, DISCHARGE):
        (closed_ns,) = desk.times(gate, 0.1, rising=True)
        assert 0 < closed_ns - ready < 0.4 * S


def test_it_starts_at_once_when_the_supply_is_on_already() -> None:
    desk = a_reference(ready=False)
    desk.run(1.5)

    assert desk.value(CHARGE) == desk.value(DISCHARGE) == 12.0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("nets", "path"),
    [
        ({"cell_2": 3.70}, CHARGE),
        ({"cell_2": 2.40}, DISCHARGE),
        ({"ntc_1": 4000.0}, CHARGE),
        ({"ntc_2": 2500.0}, DISCHARGE),
        ({"ntc_1": 1e9}, CHARGE),
        ({"ntc_1": 1e9}, DISCHARGE),
    ],
    ids=["OV", "UV", "OTC", "OTD", "sensor open, charge", "sensor open, discharge"],
)
def test_a_fault_at_power_up_keeps_its_path_from_ever_closing(
    seed: int, nets: dict[str, float], path: str
) -> None:
    desk = a_reference(seed, ready=False)
    desk.set(**nets)

    desk.run(4.0)

    assert not desk.times(path, 0.01, rising=True)
    assert flags(desk) & BIT["AnyFault"]


def test_a_broken_wire_at_power_up_keeps_both_paths_open() -> None:
    desk = a_reference(ready=False)
    desk.board.break_wire("cell 1", is_open=True)

    desk.run(4.0)

    assert not desk.times(CHARGE, 0.01, rising=True)
    assert not desk.times(DISCHARGE, 0.01, rising=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hung_main_task_is_reset_within_half_a_second_and_starts_again(seed: int) -> None:
    desk = a_reference(seed)

    hung_ns = desk.kernel.now_ns
    desk.say("test hang")
    desk.run(2.5)

    opened_ns = 0
    for gate in (CHARGE, DISCHARGE):
        (opened_ns,) = desk.times(gate, 6.0, rising=False, since_ns=hung_ns)
        assert 0.2 * S < opened_ns - hung_ns < 0.4 * S
    console = desk.console(hung_ns)
    assert "rst:0x8 (TG1WDT_SYS_RESET)" in console
    assert ready_ns(desk, hung_ns) - opened_ns + WIRE_NS < 0.9 * S
    assert desk.value(CHARGE) == desk.value(DISCHARGE) == 12.0
    assert flags(desk) == BIT["WatchdogReset"]


def test_the_watchdog_flag_stands_for_ten_seconds() -> None:
    desk = a_reference()
    desk.say("test hang")
    desk.run(10.4)
    late = flags(desk)
    desk.run(0.6)

    assert late == BIT["WatchdogReset"]
    assert flags(desk) == 0


def test_it_is_never_reset_by_its_watchdog_in_an_ordinary_minute() -> None:
    desk = a_reference()

    desk.run(60.0)

    assert desk.console().count("rst:") == 1


def test_a_dip_of_the_supply_is_a_brown_out_and_an_outage_a_power_on() -> None:
    desk = a_reference()

    desk.set(aux=4.0)
    desk.run(0.05)
    off_v = desk.value(CHARGE), desk.value(DISCHARGE)
    desk.set(aux=12.0)
    desk.run(1.5)
    desk.set(aux=0.0)
    desk.run(0.05)
    desk.set(aux=12.0)
    desk.run(1.5)

    assert off_v == (0.0, 0.0)
    causes = re.findall(r"rst:0x\w+ \((\w+)\)", desk.console())
    assert causes == ["POWERON_RESET", "RTCWDT_BROWN_OUT_RESET", "POWERON_RESET"]
    assert desk.console().count("Brownout detector was triggered") == 1


def test_en_low_holds_it_in_reset_and_its_release_is_a_power_on() -> None:
    desk = a_reference()

    desk.pins.set_enable(True)
    desk.run(2.0)
    held_v = desk.value(CHARGE), desk.value(DISCHARGE)
    frames_while_held = [f for f in desk.pins.frames if f.time_ns > desk.kernel.now_ns - S]
    desk.pins.set_enable(False)
    desk.run(1.5)

    assert held_v == (0.0, 0.0)
    assert not frames_while_held
    assert desk.console().count("rst:0x1 (POWERON_RESET)") == 2
    assert desk.value(CHARGE) == 12.0


def test_io0_low_at_the_release_of_en_asks_for_the_download_mode() -> None:
    desk = a_reference()

    desk.pins.set_enable(True)
    desk.pins.set_strap(False)
    desk.pins.set_enable(False)
    desk.run(3.0)

    assert desk.console().endswith(
        "(DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n"
    )
    assert desk.value(CHARGE) == 0.0


def test_nothing_of_the_time_before_a_reset_goes_on_after_it() -> None:
    desk = a_reference()
    pending = len(desk.kernel._heap) - desk.kernel._dead

    for _ in range(5):
        desk.say("test hang")
        desk.run(2.0)

    # A leaked periodic task would add an event for each of the five starts.
    assert len(desk.kernel._heap) - desk.kernel._dead <= pending + 5


def test_phases_differ_from_start_to_start() -> None:
    desk = a_reference()
    starts = []
    for _ in range(4):
        since_ns = desk.kernel.now_ns
        desk.say("test hang")
        desk.run(2.0)
        status = [f for f in desk.pins.frames if f.can_id == 0x100 and f.time_ns > since_ns + S]
        starts.append(status[0].time_ns // MS % 100)

    assert len(set(starts)) > 2
