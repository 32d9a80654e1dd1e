"""What a profile says, and what it refuses; the thermistor's curve against the reference."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.description import BrokenDescriptionError, parse
from rig.dut.profile import Profile, Temperatures, find_described, load_profile

ROOT = Path(__file__).parents[2]

SMALL = """\
name: small
chip: esp32
cells: {count: 2, chemistry: LFP}
measures current: true
nominal: {cells: 3.30 V}
limits:
  cell voltage: 0 to 4.5 V
  temperature: 0 to 50 °C
  charge current: 10 A
  discharge current: 60 A
start: {ready within: 1 s, closed within: 1 s, closes: path, by: reset}
outputs: {path: {closed above: 6 V}}
protections:
  short circuit:
    short: SCD
    watches: discharge current
    direction: above
    threshold: 50 A ± 1 A
    delay: 200 µs to 500 µs
    opens: path
"""


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def a_profile(text: str = SMALL) -> Profile:
    return parse(text.replace("nominal: {cells: 3.30 V}", _NOMINAL), Profile, "small.yaml").model


_NOMINAL = "nominal: {cells: 3.30 V, temperatures: 25 °C}"


def ntc(**curve: object) -> Temperatures:
    return Temperatures.model_validate({"count": 1, "kind": "NTC", "r25": "10 kΩ", **curve})


# By R = R25 exp(B (1/T - 1/298.15 K)), worked with six digits.
@pytest.mark.parametrize(
    ("beta", "degc", "ohm"),
    [
        ("3435 K", -20.0, 77_522.6),
        ("3435 K", 0.0, 28_704.3),
        ("3435 K", 45.0, 4_846.87),
        ("3435 K", 60.0, 2_980.85),
        ("3950 K", 0.0, 33_620.6),
        ("3950 K", 60.0, 2_486.16),
    ],
)
def test_a_beta_curve_gives_the_reference_resistance(beta: str, degc: float, ohm: float) -> None:
    assert ntc(beta=beta).ohm_at(degc) == pytest.approx(ohm, rel=2e-6)


def test_a_resistance_gives_the_reference_temperature() -> None:
    assert ntc(beta="3435 K").degc_at(5000.0) == pytest.approx(44.0861, abs=5e-5)
    assert ntc(beta="3950 K").degc_at(5000.0) == pytest.approx(41.4602, abs=5e-5)


_103AT = [
    {"at": "-9 °C", "is": "40.56 kΩ"},
    {"at": "0 °C", "is": "27.28 kΩ"},
    {"at": "25 °C", "is": "10 kΩ"},
    {"at": "50 °C", "is": "4161 Ω"},
]


def test_a_table_is_met_at_its_points() -> None:
    curve = ntc(table=_103AT)

    assert [curve.ohm_at(t) for t in (-9.0, 0.0, 25.0)] == pytest.approx([40_560, 27_280, 10_000])


@given(st.floats(-40.0, 120.0), st.sampled_from([{"beta": "3435 K"}, {"table": _103AT}]))
def test_a_curve_and_its_inverse_agree(degc: float, shape: dict[str, object]) -> None:
    curve = ntc(**shape)

    assert curve.degc_at(curve.ohm_at(degc)) == pytest.approx(degc, abs=1e-6)


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        ({}, "either beta or a table"),
        ({"beta": "3435 K", "table": _103AT}, "either beta or a table"),
        ({"table": _103AT[::-1]}, "must rise in °C and fall in ohm"),
    ],
    ids=["none", "both", "falling"],
)
def test_a_thermistor_has_one_curve(curve: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ntc(**curve)


def test_a_discharge_current_is_negative_in_a_case() -> None:
    protection = a_profile().protections["short circuit"]

    assert protection.level == -50.0
    assert not protection.rising
    assert protection.quantities(a_profile()) == ("current",)


def test_a_level_above_which_it_trips_is_crossed_rising() -> None:
    profile = load_profile("esp32-4s")

    overvoltage = profile.protections["cell overvoltage"]

    assert (overvoltage.level, overvoltage.rising, overvoltage.recovery_level) == (3.65, True, 3.5)
    assert overvoltage.quantities(profile) == ("cell 1", "cell 2", "cell 3", "cell 4")
    assert overvoltage.opens == ("charge path",)


def test_what_can_be_set_starts_from_nominal_within_the_limits() -> None:
    profile = load_profile("esp32-4s")

    assert profile.nominal_values.keys() == profile.fed.keys()
    assert all(profile.nominal_of(q) in profile.allowed(q) for q in profile.settable)


def test_without_a_supply_there_is_none_to_switch() -> None:
    assert "supply" not in a_profile().settable
    assert a_profile().supply_v == 0.0


def test_names_with_a_number_are_filled_in() -> None:
    report = load_profile("esp32-4s").telemetry.reports()["cell voltage"]

    assert report.signal_for(3) == "BMS_CellVoltages.Cell3_V"


def test_the_first_bms_promises_no_can_and_no_current() -> None:
    profile = load_profile("pbmslsuite-o")

    assert profile.can is None
    assert profile.dbc_path is None
    assert set(profile.fed) == {*profile.cell_names, "temperature 1", "supply"}
    assert set(profile.settable) == {*profile.fed, "stack"}


def test_the_dbc_lies_beside_the_profile() -> None:
    path = load_profile("fixtures/duts/esp32-4s/profile.yaml").dbc_path

    assert path is not None
    assert path.is_file()


def test_a_folder_and_a_name_find_the_same_profile() -> None:
    assert load_profile("fixtures/duts/esp32-4s") == load_profile("esp32-4s")


def test_a_text_is_parsed_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = Mock(wraps=parse)
    monkeypatch.setattr("rig.dut.profile.parse", parsed)
    text = (ROOT / "fixtures/duts/esp32-4s/profile.yaml").read_text(encoding="utf-8")
    texts = [f"{text}# {tmp_path}\n", f"{text}# {tmp_path}\n".replace("count: 4", "count: 5", 1)]
    paths = [tmp_path / "profile.yaml", tmp_path / "copy.yaml"]
    for changed in texts:
        for path in paths:
            path.write_text(changed, encoding="utf-8")
        assert load_profile(paths[0]) == load_profile(paths[1])

    assert load_profile(paths[0]).cells.count == 5
    assert [call.args[0] for call in parsed.call_args_list] == texts


def test_profiles_of_one_text_have_their_own_dbcs(tmp_path: Path) -> None:
    text = (ROOT / "fixtures/duts/esp32-4s/profile.yaml").read_text(encoding="utf-8")
    for lab in ("a", "b"):
        (tmp_path / lab).mkdir()
        (tmp_path / lab / "profile.yaml").write_text(text, encoding="utf-8")

    dbcs = [load_profile(tmp_path / lab).dbc_path for lab in ("a", "b", "a")]

    assert dbcs == [tmp_path / lab / "bms.dbc" for lab in ("a", "b", "a")]


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(BrokenDescriptionError, match='did you mean "esp32-4s"'):
        load_profile("esp32-4")


def test_a_labs_own_folder_comes_before_the_rigs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "duts" / "esp32-4s" / "profile.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(SMALL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert find_described("esp32-4s", "duts", "profile.yaml").resolve() == own


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    direction: above\n", "", "needs direction and threshold"),
        ("50 A ± 1 A", "50 V ± 1 V", "is a voltage, a current is wanted"),
        ("discharge current\n", "sense wire\n", '"sense wire" has no level'),
        ("opens: path", "recovers: {below: 55 A ± 1 A}", "where it trips"),
        ("opens: path", "recovers: {after: 2 s ± 1 s}", "just one of below, above, when"),
        ("opens: path", 'console: "("', "no regular expression"),
        ("protections:", "telemetry: {soc: {console: soc}}\nprotections:", "just one group"),
        ("opens: path", "recovers: {below: 1 V ± 1 V}", "a voltage, a current is wanted"),
        ("opens: path", "flags for: 10 s ± 1 s", "a trip that a reboot ends"),
    ],
)
def test_a_protection_that_contradicts_itself_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(BrokenDescriptionError, match=message):
        a_profile(SMALL.replace(old, new))


_BALANCING = """\
balancing: {above: 3.4 V, stops below: 3.3 V, begins within: 1 s, by: output, output: "balance {n}"}
"""


def test_balancing_outputs_have_the_name_by_which_they_are_judged() -> None:
    pins = "{path: {closed above: 6 V}, NAME 1: {closed above: 2 V}, NAME 2: {closed above: 2 V}}"
    text = SMALL.replace("{path: {closed above: 6 V}}", pins) + _BALANCING

    balancing = a_profile(text.replace("NAME", "balance")).balancing

    assert balancing is not None
    assert balancing.output == "balance {n}"
    with pytest.raises(BrokenDescriptionError, match=r'"bleeder \{n\}" is none of the words'):
        a_profile(text.replace("NAME", "bleeder").replace("balance {n}", "bleeder {n}"))
