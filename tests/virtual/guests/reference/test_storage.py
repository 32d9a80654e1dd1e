"""Settings in flash: kept through every cut of the supply, refused where they are not legal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.carrier.flash import ERASED, PAGE
from rig.virtual.guests import build_of
from rig.virtual.guests.reference import esp32_4s
from rig.virtual.guests.reference.protections import BIT
from rig.virtual.guests.reference.settings import Refused, StoredSettings
from rig.virtual.guests.reference.storage import packed
from tests.virtual.guests.desk import MS, Desk, a_reference

CHARGE, DISCHARGE = "charge gate", "discharge gate"


def answer(desk: Desk, line: str, wait_s: float = 0.1) -> str:
    since_ns = desk.kernel.now_ns
    desk.say(line)
    desk.run(wait_s)
    return desk.console(since_ns)


def restart(desk: Desk) -> None:
    desk.set(aux=0.0)
    desk.run(0.3)
    desk.set(aux=12.0)
    desk.run(1.5)


def a_table() -> StoredSettings:
    return StoredSettings(esp32_4s.SETTINGS, esp32_4s.RULES)


def storage_fault(desk: Desk) -> bool:
    last = [frame for frame in desk.pins.frames if frame.can_id == 0x100][-1]
    return bool(last.data[5] << 16 & BIT["StorageFault"])


# ---- what is kept -------------------------------------------------------------------------------
def test_a_saved_setting_outlives_a_power_cycle_and_an_unsaved_one_does_not() -> None:
    desk = a_reference()
    answer(desk, "set ovp.trip 3.600")
    assert "OK saved" in answer(desk, "save")
    answer(desk, "set uvp.trip 2.600")

    restart(desk)

    assert "ovp.trip=3.600 V" in answer(desk, "get ovp.trip")
    assert "uvp.trip=2.500 V" in answer(desk, "get uvp.trip")


def test_what_is_restored_one_field_short_is_right_only_after_the_next_start() -> None:
    desk = a_reference(build=build_of("esp32-4s", "last-setting-not-restored"))
    answer(desk, "set utc.delay 3.000")
    answer(desk, "save")
    assert "OK saved" in answer(desk, "factory")
    before = answer(desk, "get utc.delay")

    restart(desk)

    assert "utc.delay=3.000 s" in before
    assert "utc.delay=2.000 s" in answer(desk, "get utc.delay")


@pytest.mark.parametrize("variant", ["released", "setting-clears-the-next"])
def test_a_field_written_a_word_wide_clears_the_one_behind(variant: str) -> None:
    desk = a_reference(build=build_of("esp32-4s", variant))
    assert "OK" in answer(desk, "set ovp.delay 2.000")

    assert "ovp.delay=2.000 s" in answer(desk, "get ovp.delay")
    shown = "2.500" if variant == "released" else "0.000"
    assert f"uvp.trip={shown} V" in answer(desk, "get uvp.trip")


@pytest.mark.parametrize("variant", ["released", "lost-settings-taken-for-none"])
def test_two_bad_copies_taken_for_a_new_device_are_no_fault(variant: str) -> None:
    desk = a_reference(build=build_of("esp32-4s", variant))
    answer(desk, "test storage")
    restart(desk)

    assert storage_fault(desk) == (variant == "released")
    assert (desk.value(CHARGE) > 6.0) == (variant != "released")


@pytest.mark.parametrize("cut_ms", range(0, 60, 2))
def test_a_supply_cut_while_saving_leaves_the_old_or_the_new_value(cut_ms: int) -> None:
    desk = a_reference()
    answer(desk, "set ovp.trip 3.600")
    answer(desk, "save")
    answer(desk, "set ovp.trip 3.700")

    desk.say("save")
    desk.run(cut_ms / 1000.0)
    restart(desk)

    shown = answer(desk, "get ovp.trip")
    assert "ovp.trip=3.600 V" in shown or "ovp.trip=3.700 V" in shown
    assert not storage_fault(desk)


def test_a_reset_while_saving_does_not_tear_what_the_flash_does_by_itself() -> None:
    desk = a_reference()
    answer(desk, "set ovp.trip 3.600")

    desk.say("save")
    desk.run(0.010)
    desk.pins.set_enable(True)
    desk.pins.set_enable(False)
    desk.run(1.5)

    assert "copy 1 is bad" in desk.console()  # erased, and never programmed
    assert "ovp.trip=3.650 V" in answer(desk, "get ovp.trip")


def test_copies_are_written_in_turn_and_only_when_something_changed() -> None:
    desk = a_reference()
    for volts in ("3.600", "3.600", "3.610", "3.620"):
        answer(desk, f"set ovp.trip {volts}")
        assert "OK saved" in answer(desk, "save")

    assert desk.flash.wear == [1, 2]


def test_with_both_copies_bad_paths_stay_open_until_it_is_acknowledged() -> None:
    desk = a_reference()
    answer(desk, "set ovp.trip 3.600")
    answer(desk, "save")
    answer(desk, "test storage")

    restart(desk)
    assert desk.value(CHARGE) == desk.value(DISCHARGE) == 0.0
    assert storage_fault(desk)
    assert "ovp.trip=3.650 V" in answer(desk, "get ovp.trip")

    answer(desk, "clear faults", 0.3)
    assert desk.value(CHARGE) == desk.value(DISCHARGE) == 12.0
    assert not storage_fault(desk)
    restart(desk)
    assert desk.value(CHARGE) == 12.0


@given(at=st.integers(0, PAGE - 1), bit=st.integers(0, 7))
def test_a_record_with_one_wrong_bit_is_bad_or_the_bit_was_not_in_it(at: int, bit: int) -> None:
    desk = a_reference(ready=False)
    desk.run(0.5)
    store = desk.chip.program.settings._store  # type: ignore[union-attr]
    record = packed(7, b"some settings")
    page = bytearray(record.ljust(PAGE, b"\xff"))
    page[at] ^= 1 << bit
    desk.flash.pages[:] = [bytes(page), ERASED]

    assert (store.load() is None) == (at < len(record))


@pytest.mark.parametrize(("older", "newer"), [(0, 1), (7, 8), (2**32 - 1, 0)])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_newer_of_two_copies_counts_also_where_its_number_wraps(
    older: int, newer: int, *, swapped: bool
) -> None:
    desk = a_reference(ready=False)
    desk.run(0.5)
    store = desk.chip.program.settings._store  # type: ignore[union-attr]
    pages = [packed(n, text).ljust(PAGE, b"\xff") for n, text in ((older, b"old"), (newer, b"new"))]
    desk.flash.pages[:] = pages[::-1] if swapped else pages

    assert store.load().payload == b"new"


# ---- what is refused ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ovp.trip", "3.449"),
        ("ovp.trip", "3.851"),
        ("ovp.trip", "3.500"),
        ("ovp.release", "3.650"),
        ("uvp.release", "2.500"),
        ("utc.release", "0.0"),
        ("ovp.delay", "1.5"),
        ("ocd1.delay", "0.5"),
        ("otc.trip", "nan"),
        ("otc.trip", "inf"),
        ("otc.trip", "hot"),
        ("no.such", "1"),
    ],
)
def test_what_is_not_legal_is_refused_and_changes_nothing(name: str, text: str) -> None:
    settings = a_table()
    before = dict(settings.values)

    with pytest.raises(Refused):
        settings.change(name, text)

    assert settings.values == before


@given(st.data())
def test_what_is_stored_reads_back_and_what_is_shown_is_taken_again(data: st.DataObject) -> None:
    settings, other = a_table(), a_table()
    for name, item in settings.items.items():
        settings.values[name] = data.draw(st.integers(item.low, item.high))

    assert other.decode(settings.encode())
    assert other.values == settings.values
    for name in settings.items:
        text = settings.shown(name).partition("=")[2].split()[0]
        assert settings.steps(settings.items[name], float(text)) == settings.values[name]


def test_a_record_of_another_length_is_not_taken() -> None:
    assert not a_table().decode(b"too short")


# ---- what follows from it -----------------------------------------------------------------------
def test_the_factory_settings_leave_every_rule_as_it_was_compiled_in() -> None:
    assert a_table().applied_to(esp32_4s.RULES) == list(esp32_4s.RULES)


@pytest.mark.parametrize(
    ("name", "text", "short", "ticks"),
    [("ovp.delay", "2", "OVP", 198), ("uvp.delay", "8", "UVP", 798),
     ("ocd1.delay", "0.32", "OCD1", 32), ("otc.delay", "1.5", "OTC", 148)],
)  # fmt: skip
def test_a_delay_becomes_runs_of_the_main_task(
    name: str, text: str, short: str, ticks: int
) -> None:
    settings = a_table()
    settings.change(name, text)

    rules = {rule.short: rule for rule in settings.applied_to(esp32_4s.RULES)}

    assert rules[short].ticks == ticks


def test_a_stricter_limit_acts_at_once_on_a_voltage_that_stands_already() -> None:
    desk = a_reference(cell_2=3.60)
    desk.run(0.5)
    assert desk.value(CHARGE) == 12.0

    set_ns = desk.kernel.now_ns
    answer(desk, "set ovp.trip 3.550")
    desk.run(1.2)

    (opened_ns,) = desk.times(CHARGE, 6.0, rising=False, since_ns=set_ns)
    assert 950 * MS < opened_ns - set_ns < 1100 * MS
