"""Drivers against the virtual instruments: the effect at the wire is what counts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rig.errors import BenchError, LimitError
from rig.instruments.capabilities import Instrument
from rig.instruments.registry import DRIVERS
from rig.instruments.session import Session
from tests.instruments.conftest import ROLES, VirtualBench
from tests.instruments.peer import Peer, a_dictionary


@pytest.mark.parametrize("name", ROLES)
def test_a_driver_knows_its_instrument_and_offers_its_capability(
    virtual: VirtualBench, name: str
) -> None:
    driver = virtual.driver(name)

    identity = driver.identity()

    assert identity.model
    assert isinstance(driver, Instrument)
    assert all(isinstance(driver, capability) for capability in DRIVERS[name].capabilities)


def test_a_driver_refuses_an_instrument_of_another_kind(virtual: VirtualBench) -> None:
    supply = virtual.driver("keysight-e36312a")
    emulator = DRIVERS["ngi-n83624"].create(supply.session, virtual.clock)

    with pytest.raises(BenchError, match=r"this is a Keysight.*E36312A.*NGI N83624"):
        emulator.identity()


# ---- cell emulator ------------------------------------------------------------------------------
def test_cells_come_to_their_levels_within_the_stated_accuracy(virtual: VirtualBench) -> None:
    emulator = virtual.driver("ngi-n83624")
    emulator.protect((1, 2, 3, 4), 4.7, 1.0)

    emulator.set_voltage({1: 3.3, 2: 3.3, 3: 3.7123, 4: 2.5})
    emulator.output((1, 2, 3, 4), on=True)
    virtual.sleep_s(emulator.settle_s)

    for cell, level in ((1, 3.3), (2, 3.3), (3, 3.7123), (4, 2.5)):
        assert virtual.value(f"cell {cell}") == pytest.approx(
            level, abs=emulator.accuracy_v(level) + 1e-4
        )
    measured = emulator.measure_v((3,))[3]
    assert measured.value == pytest.approx(virtual.value("cell 3"), abs=measured.accuracy + 5e-4)


@pytest.mark.parametrize("volts", [6.01, -0.1, math.nan])
def test_a_level_beyond_the_emulators_range_is_refused_and_nothing_is_sent(
    virtual: VirtualBench, volts: float
) -> None:
    emulator = virtual.driver("ngi-n83624")
    emulator.session.transcript.take()

    with pytest.raises(LimitError, match="outside 0 to 6"):
        emulator.set_voltage({1: 3.3, 2: volts})

    assert emulator.session.transcript.take() == ()


def test_a_live_channel_refuses_to_break_its_wire(virtual: VirtualBench) -> None:
    emulator = virtual.driver("ngi-n83624")
    emulator.set_voltage({2: 3.3})
    emulator.output((2,), on=True)
    virtual.sleep_s(0.05)

    with pytest.raises(BenchError, match="FAUL2:SIMU 1 was not taken"):
        emulator.open_wire(2, present=True)


def test_a_channel_that_tripped_is_noticed(virtual: VirtualBench) -> None:
    emulator = virtual.driver("ngi-n83624")
    emulator.set_voltage({4: 3.2})
    emulator.protect((4,), 3.5, 1.0)
    emulator.output((4,), on=True)
    emulator.set_voltage({4: 3.6})
    virtual.sleep_s(0.1)

    with pytest.raises(BenchError, match=r"channel 4 switched itself off \(OVP\)"):
        emulator.check()

    emulator.output((4,), on=False)
    emulator.protect((4,), 4.7, 1.0)


def test_safe_leaves_every_cell_dead(virtual: VirtualBench) -> None:
    emulator = virtual.driver("ngi-n83624")
    emulator.set_voltage(dict.fromkeys((1, 2, 3), 3.3))
    emulator.output((1, 2, 3), on=True)
    emulator.session.transcript.take()

    emulator.safe()
    virtual.sleep_s(0.1)

    assert all(abs(virtual.value(f"cell {n}")) < 1e-3 for n in (1, 2, 3))
    off = [line.split(" > ")[1] for line in emulator.session.transcript.take() if "ONOFF 0" in line]
    assert off == ["OUTP3:ONOFF 0", "OUTP2:ONOFF 0", "OUTP1:ONOFF 0"]


# ---- supplies and load --------------------------------------------------------------------------
def test_the_auxiliary_supply_feeds_the_bms(virtual: VirtualBench) -> None:
    supply = virtual.driver("keysight-e36312a")
    supply.protect(2, 13.0, 1.0)

    supply.set_level(2, 12.0, 1.0)
    supply.output(2, on=True)
    virtual.sleep_s(0.2)

    assert virtual.value("aux") == pytest.approx(12.0, abs=0.012)
    assert supply.measure(2)[0].value == pytest.approx(12.0, abs=0.02)
    supply.safe()
    virtual.sleep_s(0.5)
    assert virtual.value("aux") == pytest.approx(0.0, abs=0.05)


def test_a_supply_whose_own_protection_acted_is_noticed(virtual: VirtualBench) -> None:
    supply = virtual.driver("keysight-e36312a")
    supply.protect(3, 5.0, 1.0)
    supply.set_level(3, 6.0, 1.0)
    supply.output(3, on=True)
    virtual.sleep_s(0.2)

    with pytest.raises(BenchError, match="output 3 was switched off by its own protection"):
        supply.check()

    supply.prepare()
    supply.check()


def test_the_error_queue_is_told_whole(virtual: VirtualBench) -> None:
    supply = virtual.driver("keysight-e36312a")
    supply.session.write("FLAVOUR SWEET")
    supply.session.write("VOLT 99,(@2)")

    with pytest.raises(BenchError, match=r"-113.*-222"):
        supply.check()

    supply.check()


def test_a_charger_takes_its_ratings_from_its_name(virtual: VirtualBench) -> None:
    charger = virtual.driver("tdk-genesys-plus")

    charger.protect(0, 17.0, 50.0)
    charger.set_level(0, 15.0, 12.5)

    assert charger.most(0) == (20.0, 75.0)
    assert charger.session.query_number("VOLT:PROT:LEV?") == pytest.approx(17.0, abs=0.01)
    with pytest.raises(LimitError, match="CURR 76 A is outside 0 to 75"):
        charger.set_current(0, 76.0)


def test_a_load_takes_current_slew_and_protection(virtual: VirtualBench) -> None:
    load = virtual.driver("itech-it8500-plus")

    load.protect(110.0)
    load.set_slew(1e6)
    load.set_current(42.0)

    assert load.most() == 240.0
    assert load.session.query_number("CURR:SLEW?") == pytest.approx(1.0)
    assert load.session.query_number("CURR:PROT?") == pytest.approx(110.0)
    load.set_current(0.0)
    load.check()


# ---- resistors, meter, digitizer ----------------------------------------------------------------
@pytest.mark.parametrize("ohms", [27280.04, 9999.96, 1086.67])
def test_a_resistor_is_set_to_its_nearest_step_and_says_so(
    virtual: VirtualBench, ohms: float
) -> None:
    resistors = virtual.driver("iet-prs")

    actual = resistors.set_ohms({1: ohms, 2: 10_000.0})
    virtual.sleep_s(resistors.settle_s)

    assert actual[1] == pytest.approx(ohms, abs=0.0501)
    assert virtual.value("ntc 1") == pytest.approx(ohms, abs=resistors.accuracy_ohm(ohms))
    assert virtual.value("ntc 2") == pytest.approx(10_000.0, abs=2.2)


def test_a_resistor_opens_and_shorts(virtual: VirtualBench) -> None:
    resistors = virtual.driver("iet-prs")

    resistors.open(1)
    resistors.short(2)
    virtual.sleep_s(resistors.settle_s)

    assert virtual.value("ntc 1") > 1e8
    assert virtual.value("ntc 2") < 1.0


def test_the_meter_reads_what_is_there_within_its_accuracy(virtual: VirtualBench) -> None:
    emulator, meter = virtual.driver("ngi-n83624"), virtual.driver("keysight-daq970a")
    emulator.set_voltage({1: 3.65, 2: 2.5})
    emulator.output((1, 2), on=True)
    meter.configure({101: 5.0, 102: 5.0, 106: 15.0})
    virtual.sleep_s(0.05)

    readings = meter.read((102, 101))

    for channel, cell in ((101, "cell 1"), (102, "cell 2")):
        reading = readings[channel]
        assert abs(reading.value - virtual.value(cell)) <= reading.accuracy
        assert reading.accuracy < 0.3e-3
    meter.check()


def test_a_meter_beyond_its_range_has_no_measurement(virtual: VirtualBench) -> None:
    emulator, meter = virtual.driver("ngi-n83624"), virtual.driver("keysight-daq970a")
    emulator.set_voltage({1: 3.65})
    emulator.output((1,), on=True)
    meter.configure({101: 0.1})

    assert math.isnan(meter.read((101,))[101].value)

    meter.configure({101: 5.0})


def test_the_digitizer_records_a_step_where_it_happened(virtual: VirtualBench) -> None:
    emulator, digitizer = virtual.driver("ngi-n83624"), virtual.driver("rigol-dho")
    emulator.set_voltage({1: 3.0})
    emulator.output((1,), on=True)
    virtual.sleep_s(0.05)
    digitizer.arm({1: (0.0, 5.0)}, 1.0, 1e-5)
    virtual.sleep_s(0.4)  # set up, it waits for as long as it takes
    started = digitizer.start()
    virtual.sleep_s(0.1)
    since_ns = virtual.clock.now_ns()
    emulator.set_voltage({1: 4.0})
    virtual.sleep_s(0.1)

    stopped = digitizer.stop()
    recording = digitizer.fetch()

    samples = recording.samples[1]
    step = int(np.argmax(samples > 3.5))
    truth = virtual.ask(
        {"do": "crossings", "net": "cell 1", "level": 3.5, "rising": True, "since_ns": since_ns}
    )["times_ns"][0]
    after_start_ns = step * recording.interval_s * 1e9
    assert started.before_ns - 1e6 <= truth - after_start_ns <= started.after_ns + 1e6
    assert stopped is not None
    assert samples[:1000].mean() == pytest.approx(3.0, abs=recording.accuracy_v[1])
    assert samples[:1000].std() == pytest.approx(recording.noise_v[1], rel=0.5)


def test_a_record_that_ran_to_its_end_says_that_nobody_stopped_it(virtual: VirtualBench) -> None:
    digitizer = virtual.driver("rigol-dho")
    digitizer.arm({1: (0.0, 5.0), 5: (0.0, 15.0)}, 0.1, 1e-4)
    digitizer.start()
    virtual.sleep_s(0.3)

    assert digitizer.stop() is None
    assert {n: s.size for n, s in digitizer.fetch().samples.items()} == {1: 1000, 5: 1000}


def test_a_record_too_long_for_the_memory_is_refused(virtual: VirtualBench) -> None:
    with pytest.raises(LimitError, match="does not fit its memory"):
        virtual.driver("rigol-dho").arm({1: (0.0, 5.0)}, 100.0, 1e-6)


def test_an_instrument_that_restarted_is_noticed(virtual: VirtualBench) -> None:
    peer = Peer(a_dictionary({b"*ESR?": b"128\n", b"SYST:ERR?": b'+0,"No error"\n'}))
    session = Session("dmm", peer.resource)
    session.open()

    with pytest.raises(BenchError, match="restarted in the middle of the run"):
        DRIVERS["keysight-daq970a"].create(session, virtual.clock).check()

    session.close()
    peer.close()


# ---- relays -------------------------------------------------------------------------------------
def test_relays_that_were_left_moved_are_at_rest_once_they_are_claimed(
    virtual: VirtualBench,
) -> None:
    meter = virtual.driver("keysight-daq970a")
    meter.session.write("ROUT:CLOS (@201,204)")

    meter.claim((201, 202, 203, 204))

    assert meter.session.query("ROUT:CLOS? (@201,202,203,204)") == "0,0,0,0"


def test_safe_lets_a_moved_relay_go(virtual: VirtualBench) -> None:
    meter = virtual.driver("keysight-daq970a")
    meter.claim((201,))
    meter.switch(201, closed=True)
    assert meter.session.query("ROUT:CLOS? (@201)") == "1"

    meter.safe()

    assert meter.session.query("ROUT:CLOS? (@201)") == "0"


@pytest.mark.parametrize(("channel", "reported"), [(101, "slot 1 is a DAQM901A"), (301, "no card")])
def test_a_slot_without_an_actuator_card_is_refused(
    virtual: VirtualBench, channel: int, reported: str
) -> None:
    with pytest.raises(BenchError, match=reported):
        virtual.driver("keysight-daq970a").claim((channel,))
