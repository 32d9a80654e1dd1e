"""`rig check` on broken descriptions, each with its golden message, and on our own.

``python tests/test_check.py`` writes the golden messages anew; read their diff before you commit.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from rig.check import Report, check
from rig.description import BrokenDescriptionError
from rig.errors import DescriptionError

ROOT = Path(__file__).parents[1]
BROKEN = sorted(p.relative_to(ROOT) for p in (ROOT / "tests" / "broken").glob("*.yaml"))
BENCHES = dict.fromkeys(("plan-no-tap", "plan-no-relay"), "tests/broken/with/no-taps.yaml")


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # messages name files from here


def _check(path: Path) -> Report:
    return check([path], bench=BENCHES.get(path.stem))


@pytest.mark.parametrize("path", BROKEN, ids=lambda p: p.stem)
def test_a_broken_description_gives_its_golden_message(path: Path) -> None:
    report = _check(path)

    assert not report.ok
    assert report.text() + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_there_are_broken_descriptions_of_each_kind() -> None:
    kinds = [path.stem.partition("-")[0] for path in BROKEN]

    assert len(BROKEN) >= 15
    assert {"plan", "profile", "bench"} == set(kinds)


@pytest.mark.parametrize("path", BROKEN, ids=lambda p: p.stem)
def test_every_mistake_has_a_place_and_says_how_to_mend_it(path: Path) -> None:
    report = _check(path)

    assert report.mistakes
    for mistake in report.mistakes:
        assert mistake.file == path.as_posix()
        assert mistake.line >= 1
        assert mistake.column >= 1
        assert mistake.what
        assert mistake.mend


@pytest.mark.parametrize(
    "path",
    [
        *("testplans/smoke.yaml", "testplans/nightly.yaml", "testplans/pbmslsuite-o.yaml"),
        *("fixtures/duts/esp32-4s", "fixtures/duts/pbmslsuite-o/profile.yaml"),
        *(p.relative_to(ROOT).as_posix() for p in (ROOT / "fixtures" / "benches").glob("*.yaml")),
    ],
)
def test_our_own_descriptions_are_well(path: str) -> None:
    report = check([path])

    assert report.ok, report.text()


def test_the_report_lists_the_cases_and_the_most_that_they_command(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "plan: small\nfor: esp32-4s\ncases:\n"
        "  - name: up and down\n"
        "    steps:\n"
        "      - set: {cells: 3.2 V, cell 3: 3.70 V, current: 10 A}\n"
        "      - set: {current: -20 A, temperature 2: 40 °C}\n"
        "    expect: [{charge path: stays closed}]\n",
        encoding="utf-8",
    )

    lines = check([plan]).text().splitlines()

    reported = r"1 case, about \d\.\d s of bench time, their starts included, and \d\.\d s at most"
    assert re.fullmatch(reported, lines[2])
    assert lines == [
        f"{plan}: 1 case for esp32-4s on virtual-esp32-4s",
        "  steps[up-and-down]  up and down",
        lines[2],
        "would command at most: cell voltage 3.200 V to 3.700 V, temperature 25 °C to 40 °C,"
        " current -20 A to 10 A, supply 12.000 V to 12.000 V",
    ]


def test_a_plan_beyond_the_limits_of_the_bench_is_refused_naming_step_and_limit(
    tmp_path: Path,
) -> None:
    bench = tmp_path / "small.yaml"
    text = (ROOT / "fixtures/benches/virtual-esp32-4s.yaml").read_text(encoding="utf-8")
    bench.write_text(text.replace("cell voltage: 4.5 V", "cell voltage: 3.6 V"), encoding="utf-8")
    line = 1 + text.splitlines().index("  cell voltage: 4.5 V")

    report = check(["testplans/smoke.yaml"], bench=bench)

    assert not report.ok
    first = str(report.mistakes[0])
    assert "cell 1 would be" in first
    assert f"the bench virtual-esp32-4s allows at most 3.600 V ({bench}:{line})" in first
    assert "nothing was switched on" in first


def test_the_rating_of_a_single_instrument_is_a_limit_too(tmp_path: Path) -> None:
    bench = tmp_path / "weak.yaml"
    text = (ROOT / "fixtures/benches/virtual-esp32-4s.yaml").read_text(encoding="utf-8")
    bench.write_text(text.replace("current: 45 A", "current: 25 A"), encoding="utf-8")

    report = check(["testplans/smoke.yaml"], bench=bench)

    assert "charger (limits in the bench virtual-esp32-4s) allows at most 25 A" in report.text()


def test_a_profile_that_asks_for_what_the_dbc_lacks_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "fixtures/duts/esp32-4s", tmp_path / "bms")
    profile = tmp_path / "bms" / "profile.yaml"
    text = profile.read_text(encoding="utf-8").replace("BMS_Status.OV:", "BMS_Status.OVV:")
    text = text.replace("length: 4", "length: 5").replace("count: 4", "count: 5")
    profile.write_text(text, encoding="utf-8")

    text = check([profile]).text()

    assert 'BMS_Status has no signal "OVV"; did you mean "OV"?' in text
    assert 'BMS_CellVoltages has no signal "Cell5_V"' in text
    assert 'BMS_Status has no signal "Bal5"' in text
    assert "the DBC gives BMS_Temperatures 4 bytes, not 5" in text


def test_mistakes_of_several_files_are_named_together() -> None:
    report = check([p for p in BROKEN if p.stem in ("plan-no-unit", "profile-no-unit")])

    assert len({m.file for m in report.mistakes}) == 2


def test_a_file_that_is_not_there_is_a_mistake() -> None:
    assert "there is no such file" in check(["testplans/nigtly.yaml"]).text()


def test_a_wrong_name_as_an_option_has_no_line() -> None:
    report = check(["testplans/smoke.yaml"], dut="esp32-4")

    first = report.text().splitlines()[0]
    assert first.startswith('esp32-4: there is no description "esp32-4" here, nor in duts/;')


def test_a_report_raises_its_mistakes_as_they_are() -> None:
    wrong = check([BROKEN[0]])

    with pytest.raises(BrokenDescriptionError) as raised:
        wrong.raise_mistakes()
    assert set(raised.value.mistakes) == set(wrong.mistakes)
    with pytest.raises(DescriptionError, match="volts"):
        Report(refused=(DescriptionError("no volts", "plan", "add some"),)).raise_mistakes()
    Report().raise_mistakes()


if __name__ == "__main__":
    for broken in BROKEN:
        golden = (ROOT / broken).with_suffix(".txt")
        golden.write_text(_check(broken).text() + "\n", encoding="utf-8")
