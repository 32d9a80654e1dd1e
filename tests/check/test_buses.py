"""A profile that names further buses and modules, and plans that expect something there."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.check import check
from rig.dut.profile import load_profile
from rig.plan.expand import expand
from rig.plan.model import load_plan

OWN = Path(__file__).parents[2] / "fixtures" / "duts" / "esp32-4s"
STACK = "\nbuses:\n  stack: {dbc: module.dbc, modules: {count: 250, id step: 0x10}}\n\n"
DBC = """\
VERSION ""
BS_:
BU_: BMS
BO_ 512 Cells: 8 BMS
 SG_ Voltage1 : 0|16@1+ (0.001,0) [0|65.535] "V" BMS
"""


@pytest.fixture(autouse=True)
def _two_buses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "duts" / "two"
    folder.mkdir(parents=True)
    text = (OWN / "profile.yaml").read_text(encoding="utf-8").replace("name: esp32-4s", "name: two")
    (folder / "profile.yaml").write_text(text.replace("\nconsole:", f"{STACK}console:", 1))
    (folder / "bms.dbc").write_bytes((OWN / "bms.dbc").read_bytes())
    (folder / "module.dbc").write_text(DBC)
    monkeypatch.chdir(tmp_path)


def plan(expectation: str, *, step: str = "hold: 1 s") -> Path:
    path = Path("plan.yaml")
    lines = ["plan: own", "for: two", "cases:", "  - name: it says so", "    steps:"]
    path.write_text(
        "\n".join([*lines, f"      - {step}", "    expect:", f"      - {expectation}", ""])
    )
    return path


@pytest.mark.parametrize(
    "expectation",
    [
        "Cells.Voltage1 on stack: stays 3.3",
        "Cells.Voltage1 of module 250 on stack: {between: [3.2, 3.4], unit: V}",
        "Cells of module 3 on stack: {comes: {Voltage1: 3}, within: 1 s, after: {cell 1: above 1 V}}",  # noqa: E501
        "BMS_Status.OV: stays 0",
    ],
)
def test_a_plan_names_signals_of_any_bus_and_module(expectation: str) -> None:
    path = plan(expectation)

    assert check([path]).ok
    [case] = expand(load_plan(path), load_profile("two"), 1)
    address = expectation.partition(":")[0]
    [wanted] = case.expectations
    assert address in {getattr(wanted, name, None) for name in ("signal", "message")}
    assert wanted.sentence().startswith(address.partition(" of")[0].partition(" on")[0])
    assert {bus: (dbc.name, dbc.id_step) for bus, dbc in case.dut.dbcs.items()} == {
        "can": ("bms.dbc", 0), "stack": ("module.dbc", 16),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("expectation", "what", "mend"),
    [
        ("Cells.Voltage1 on stak: stays 3", 'two has no CAN bus "stak"', 'did you mean "stack"?'),
        ("Cell.Voltage1 on stack: stays 3", 'the DBC of stack has no message "Cell"', '"Cells"?'),
        (
            "Cells.Voltage of module 2 on stack: stays 3",
            'Cells of module 2 on stack has no signal "Voltage"', 'did you mean "Voltage1"?',
        ),
        (
            "Cells.Voltage1 of module 251 on stack: stays 3",
            "there is no module 251 on stack", "it has 250 modules",
        ),
        ("BMS_Status.OV of module 2: stays 0", "there is no module 2 on can", "add modules:"),
        ("Cells.Voltage1 on stack: stays 66", "holds 0 to 65.535: 66 is beyond", "correct"),
        ("Cells on stack: {every: 100 ms ± 5 ms}", "comes once and has no period", "write comes:"),
        ("Cells on stack: {is sound: true}", "nothing is claimed of the bytes", "add it to"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_one_error_with_its_line(
    expectation: str, what: str, mend: str
) -> None:
    found = check([plan(expectation)]).mistakes

    assert len(found) == 1
    assert found[0].line == 8
    assert what in found[0].what
    assert mend in found[0].mend


def test_a_wait_for_a_signal_of_another_bus_is_held_against_its_dbc() -> None:
    waits = "wait for: {Cells.Voltage1 on stack: 3, within: 1 s}"
    assert check([plan("BMS_Status.OV: stays 0", step=waits)]).ok

    found = check([plan("BMS_Status.OV: stays 0", step=waits.replace("stack", "stak"))]).mistakes

    assert [m.what for m in found] == ['two has no CAN bus "stak"']


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "there is no file"), ("nothing", "is no DBC that can be read")],
)
def test_a_dbc_that_is_not_there_or_none_is_told_where_it_is_named(
    content: str | None, what: str
) -> None:
    path = Path("duts/two/module.dbc")
    path.unlink() if content is None else path.write_text(content)

    found = check([Path("duts/two/profile.yaml")]).mistakes

    assert len(found) == 1
    assert what in found[0].what
    assert found[0].field == "buses.stack.dbc"


def test_two_dbcs_of_one_name_would_be_one_file_in_a_run_folder() -> None:
    Path("duts/two/sub").mkdir()
    Path("duts/two/module.dbc").rename("duts/two/sub/bms.dbc")
    profile = Path("duts/two/profile.yaml")
    profile.write_text(profile.read_text().replace("module.dbc", "sub/bms.dbc"))

    [found] = check([profile]).mistakes

    assert "have one name" in found.what


def test_a_bench_without_a_bus_that_the_profile_names_does_not_fit() -> None:
    bench = OWN.parents[1] / "benches" / "virtual-esp32-4s.yaml"

    found = check([plan("BMS_Status.OV: stays 0")], bench=str(bench)).mistakes

    assert [m.what for m in found] == ["two has a can link stack, and the bench has none"]
