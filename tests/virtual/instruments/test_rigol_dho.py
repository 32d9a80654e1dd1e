"""The digitizer: its dialect, its trigger, and waveforms held against the signals themselves."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from rig.virtual.clock import LocalClock
from rig.virtual.instruments import Digitizer
from rig.virtual.instruments.rigol_dho import (
    CODES_PER_DIV,
    GAIN_OF_FULL_SCALE,
    OFFSET_ACCURACY_DIV,
    OFFSET_ACCURACY_OF_OFFSET,
    OFFSET_ACCURACY_V,
)
from rig.virtual.signal import Signal
from tests.virtual.instruments.desk import MS, Desk


@pytest.fixture
def nets(desk: Desk) -> dict[int, Signal]:
    return {n: desk.net(f"net {n}", 3.0) for n in range(1, 9)}


@pytest.fixture
def scope(desk: Desk, nets: dict[int, Signal]) -> Digitizer:
    return a_scope(desk, nets)


def a_scope(desk: Desk, nets: dict[int, Signal], seed: int = 1, ppm: float = 0.0) -> Digitizer:
    clock = LocalClock(desk.kernel, 123_456, ppm)
    factors = {7: 0.01}
    return Digitizer(desk.kernel, clock, desk.rng(seed), channels=nets, volts_per_unit=factors)


def set_up(desk: Desk, scope: Digitizer, *more: str, depth: str = "10k") -> None:
    """1 s of record, a tenth of it before the trigger, 0.5 V/div around 3 V on all channels."""
    channels = [f":CHAN{n}:DISP 1;SCAL 0.5;OFFS -3" for n in range(1, 9)]
    desk.do(scope, ":RUN", f":ACQ:MDEP {depth}", ":TIM:MAIN:SCAL 0.1", ":TIM:MAIN:OFFS 0.4")
    desk.do(scope, *channels, ":TRIG:SWE NORM", *more)
    assert desk.ask(scope, ":SYST:ERR?") == '0,"No error"'


def read(
    desk: Desk, scope: Digitizer, channel: int, form: str = "WORD"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times against the trigger and volts, decoded by the preamble, as Rigol's guides say."""
    pre = desk.numbers(scope, f":WAV:SOUR CHAN{channel};MODE RAW;FORM {form};PRE?")
    block = desk.ask_raw(scope, ":WAV:DATA?")
    assert block[:2] == b"#9"
    data = block[11 : 11 + int(block[2:11])]
    assert block[11 + len(data) :] == b"\n"
    codes = np.frombuffer(data, "<u2" if form == "WORD" else "u1").astype(np.float64)
    assert codes.size == pre[2]
    volts = (codes - pre[8] - pre[9]) * pre[7]
    return (np.arange(codes.size, dtype=np.float64) - pre[6]) * pre[4] + pre[5], volts


def allowed_v(scale: float, offset: float) -> float:
    gain = GAIN_OF_FULL_SCALE * 8 * scale
    limit = OFFSET_ACCURACY_DIV * scale + OFFSET_ACCURACY_V
    return gain + limit + OFFSET_ACCURACY_OF_OFFSET * abs(offset)


def test_a_single_shot_waits_triggers_fills_and_stops(
    desk: Desk, scope: Digitizer, nets: dict[int, Signal]
) -> None:
    set_up(desk, scope, ":TRIG:EDGE:SOUR CHAN1;SLOP POS;LEV 3.5", ":SING")
    assert desk.ask(scope, ":TRIG:STAT?") == "WAIT"

    nets[1].jump(4.0)
    assert desk.ask(scope, ":TRIG:STAT?") == "TD"
    trigger_ns = nets[1].crossings(3.5, rising=True)[0]
    desk.kernel.run_until(trigger_ns + 899 * MS)
    assert scope.status() == "TD"
    desk.kernel.run_until(trigger_ns + 901 * MS)

    assert desk.ask(scope, ":TRIG:STAT?") == "STOP"
    time_s, volts = read(desk, scope, 1)
    rise = int(np.argmax(volts > 3.5))
    assert abs(time_s[rise]) <= 1.5e-4  # 0.1 ms a sample
    assert time_s[0] == pytest.approx(-0.1, abs=1e-9)
    assert len(time_s) == 10_000


def test_the_pre_trigger_part_is_filled_before_it_waits(
    desk: Desk, scope: Digitizer, nets: dict[int, Signal]
) -> None:
    set_up(desk, scope, ":TRIG:EDGE:SOUR CHAN1;SLOP POS;LEV 3.5")
    scope.receive(desk, ":SING")

    assert desk.ask(scope, ":TRIG:STAT?") == "RUN"
    nets[1].jump(4.0)  # too early: the memory isn't full
    desk.do(scope, then_ms=1500)

    assert desk.ask(scope, ":TRIG:STAT?") == "WAIT"


@pytest.mark.parametrize("slope", ["POS", "NEG"])
def test_only_the_chosen_slope_triggers(
    desk: Desk, scope: Digitizer, nets: dict[int, Signal], slope: str
) -> None:
    set_up(desk, scope, f":TRIG:EDGE:SOUR CHAN2;SLOP {slope};LEV 3.2", ":SING")

    nets[2].approach(3.6, slew=10.0)
    desk.do(scope, then_ms=100)

    assert (desk.ask(scope, ":TRIG:STAT?") == "TD") == (slope == "POS")


def test_a_forced_record_starts_at_the_command(desk: Desk, scope: Digitizer) -> None:
    set_up(desk, scope, ":TIM:MAIN:OFFS 0.5", ":SING", ":TFOR")
    assert desk.ask(scope, ":TRIG:STAT?") == "TD"

    desk.do(scope, then_ms=1000)

    assert desk.ask(scope, ":TRIG:STAT?") == "STOP"
    time_s, _ = read(desk, scope, 1)
    assert time_s[0] == pytest.approx(0.0, abs=1e-9)


def test_stopping_early_keeps_what_was_recorded(desk: Desk, scope: Digitizer) -> None:
    set_up(desk, scope, ":TIM:MAIN:OFFS 0.5", ":SING", ":TFOR")
    desk.do(scope, ":STOP", then_ms=0)

    time_s, _ = read(desk, scope, 1)
    assert 0.45 < time_s[-1] < 0.65


@pytest.mark.parametrize("seed", range(10))
def test_samples_are_within_the_accuracy_of_the_data_sheet(
    desk: Desk, nets: dict[int, Signal], seed: int
) -> None:
    scope = a_scope(desk, nets, seed)
    set_up(desk, scope, ":SING", ":TFOR")
    nets[1].approach(4.5, slew=2.0)
    desk.do(scope, then_ms=1200)

    _, volts = read(desk, scope, 1)

    record = scope._record
    assert record is not None
    instants = record.start_ns + record.interval_ns * np.arange(volts.size, dtype=np.float64)
    truth = nets[1].sample(instants)
    assert np.abs(volts - truth).max() <= allowed_v(0.5, -3.0) + 6e-3
    assert np.std(np.diff(volts[:500])) / 2**0.5 == pytest.approx(1.02e-3, rel=0.25)


def test_word_codes_are_twelve_bits_and_bytes_the_upper_eight(desk: Desk, scope: Digitizer) -> None:
    set_up(desk, scope, ":SING", ":TFOR")
    desk.do(scope, then_ms=1200)
    _, words = read(desk, scope, 1, "WORD")
    _, octets = read(desk, scope, 1, "BYTE")

    assert not (scope.codes(1) & 0xF).any()
    assert np.diff(np.unique(words)).min() == pytest.approx(0.5 / CODES_PER_DIV, rel=1e-6)
    assert np.abs(words - octets).max() <= 0.5 / 25 + 1e-9


def test_what_is_beyond_the_screen_is_clipped(
    desk: Desk, scope: Digitizer, nets: dict[int, Signal]
) -> None:
    nets[1].jump(12.0)
    nets[2].jump(-12.0)
    nets[3].jump(float("nan"))
    set_up(desk, scope, ":SING", ":TFOR")
    desk.do(scope, then_ms=1200)

    assert set(scope.codes(1)) == {4095 << 4}
    assert set(scope.codes(2)) == {0}


def test_a_probe_factor_and_a_current_probe_scale_the_signal(
    desk: Desk, scope: Digitizer, nets: dict[int, Signal]
) -> None:
    nets[7].jump(-30.0)  # A, through 10 mV/A
    set_up(desk, scope, ":CHAN7:SCAL 0.1", ":CHAN7:OFFS 0", ":SING", ":TFOR")
    desk.do(scope, then_ms=1200)

    _, volts = read(desk, scope, 7)

    assert volts.mean() == pytest.approx(-0.3, abs=allowed_v(0.1, 0.0))


def test_its_clock_runs_fast_against_the_kernel(desk: Desk, nets: dict[int, Signal]) -> None:
    scope = a_scope(desk, nets, ppm=100.0)
    set_up(desk, scope, ":TRIG:EDGE:SOUR CHAN1;SLOP POS;LEV 3.2", ":SING", depth="100k")
    nets[1].jump(4.0)
    desk.do(scope, then_ms=0)
    edge_ns = nets[1].crossings(3.2, rising=True)[0]
    desk.kernel.run_until(edge_ns + 800 * MS)
    nets[1].jump(3.0)
    desk.do(scope, then_ms=1000)

    time_s, volts = read(desk, scope, 1)

    fall = int(np.flatnonzero(volts > 3.5)[-1])
    assert time_s[fall] == pytest.approx(0.8 * (1 + 100e-6), abs=1.6e-5)


def test_paging_reads_the_same_codes_as_one_block(desk: Desk, scope: Digitizer) -> None:
    set_up(desk, scope, ":SING", ":TFOR")
    desk.do(scope, then_ms=1200)
    _, whole = read(desk, scope, 1)

    pages = []
    for first in range(1, 10_001, 2_500):
        desk.do(scope, f":WAV:STAR {first}", f":WAV:STOP {first + 2_499}", then_ms=0)
        assert desk.numbers(scope, ":WAV:PRE?")[2] == 2_500
        block = desk.ask_raw(scope, ":WAV:DATA?")
        pages.append(np.frombuffer(block[11:-1], "<u2"))

    np.testing.assert_array_equal(np.concatenate(pages), scope.codes(1))
    assert whole.size == 10_000


def test_a_capture_has_noise_of_its_own_and_a_seed_repeats_it() -> None:
    def captures() -> list[bytes]:
        desk = Desk()
        scope = a_scope(desk, {1: desk.net("net", 3.0)})
        set_up(desk, scope)
        found = []
        for _ in range(2):
            desk.do(scope, ":SING", ":TFOR", then_ms=1200)
            found.append(scope.codes(1).tobytes())
        return found

    first, again = captures(), captures()

    assert first == again
    assert first[0] != first[1]


def test_the_screen_has_a_thousand_points_and_ascii_is_in_volts(
    desk: Desk, scope: Digitizer
) -> None:
    set_up(desk, scope, ":SING", ":TFOR")
    desk.do(scope, then_ms=1200)

    block = desk.ask_raw(scope, ":WAV:SOUR CHAN1;MODE NORM;FORM ASC;DATA?")

    volts = np.array(block[11:-1].split(b","), float)
    assert volts.size == 1000
    assert volts.mean() == pytest.approx(3.0, abs=allowed_v(0.5, -3.0))


@pytest.mark.parametrize(
    ("commands", "error"),
    [
        ([":RUN", ":ACQ:MDEP 12345"], "-222"),
        ([":STOP", ":ACQ:MDEP 100k"], "-221"),
        ([":CHAN9:SCAL 1"], "-114"),
        ([":TRIG:EDGE:SOUR CHAN9"], "-224"),
        ([":CHAN1:PROB 3"], "-224"),
        ([":RUN", ":WAV:MODE RAW", ":WAV:DATA?"], "-221"),
    ],
)
def test_what_it_refuses(desk: Desk, scope: Digitizer, commands: list[str], error: str) -> None:
    desk.do(scope, *commands)

    assert desk.ask(scope, ":SYST:ERR?").startswith(error)


def test_the_time_base_has_steps_of_one_two_five(desk: Desk, scope: Digitizer) -> None:
    for wanted, got in [(0.1, 0.1), (0.11, 0.2), (0.3, 0.5), (0.51, 1.0)]:
        desk.do(scope, f":TIM:MAIN:SCAL {wanted}")
        assert desk.numbers(scope, ":TIM:MAIN:SCAL?") == [pytest.approx(got)]


def test_eight_channels_are_rendered_fast(
    desk: Desk, scope: Digitizer, nets: dict[int, Signal]
) -> None:
    set_up(desk, scope, ":SING", ":TFOR", depth="100k")
    for n in range(1, 9):
        nets[n].approach(4.0, slew=500.0, tau_s=1e-3)
    desk.do(scope, then_ms=1200)

    began = time.perf_counter()
    for n in range(1, 9):
        scope.codes(n)

    assert time.perf_counter() - began < 0.25  # 8 x 100 k points; a loaded machine is allowed for
