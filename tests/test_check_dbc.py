"""A DBC beside a profile, whatever it holds: one message with its place and what it lacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rig.check import check

DUT = Path(__file__).parents[1] / "fixtures/duts/esp32-4s"


def _said(folder: Path, old: str, new: str) -> str:
    shutil.copy(DUT / "profile.yaml", folder)
    text = (DUT / "bms.dbc").read_text(encoding="utf-8")
    assert old in text
    (folder / "bms.dbc").write_text(text.replace(old, new, 1), encoding="utf-8")
    report = check([folder / "profile.yaml"])
    assert not report.ok
    return report.text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("OV : 16|1@1+ (1,0)", "OV : 16|1@1+ (0,0)", "BMS_Status.OV has a scale of 0"),
        ("Cell2_V : 16|16@1+ (0.001,0)", "Cell2_V : 16|16@1+ (0,0)", "Cell2_V has a scale of 0"),
        ("Cell1_V : 0|16@1+ (0.001,0)", "Cell1_V : 0|16@1+ (inf,0)", "bms.dbc"),
        ("Cell1_V : 0|16@1+ (0.001,0)", "Cell1_V : 0|16@1+ (0.00001,0)", "Cell1_V holds"),
        ("SG_ CRC : 0|8@1+ (1,0)", "SG_ CRC : 0|7@1+ (1,0)", "CRC is not one whole byte"),
        ("SG_ CRC : 0|8@1+ (1,0)", "SG_ CRC : 0|8@1+ (1,2)", "CRC is not one whole byte"),
        ("SG_ CRC : 0|8@1+ (1,0)", "SG_ CRC : 0|8@1+ (99999999999999,0)", "CRC is not one"),
        ("BO_ 256 BMS_Status: 8", "BO_ 256 BMS_Status: 2", "bms.dbc is no DBC that can be read"),
        ("BO_ 256 BMS_Status: 8", "BO_ 99999999999 BMS_Status: 8", "is no DBC that can be read"),
        ("BO_ 256 BMS_Status: 8", 'BO_ 256 "BMS_Status: 8', "is no DBC that can be read"),
    ],
)
def test_a_dbc_that_can_not_carry_what_is_promised(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    said = _said(tmp_path, old, new)

    assert message in said
    assert all(len(line) < 1500 for line in said.splitlines())


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"\xff\xfe\x00", b"[" * 5000, b'"' * 999])
def test_a_file_that_is_no_dbc(content: bytes, tmp_path: Path) -> None:
    shutil.copy(DUT / "profile.yaml", tmp_path)
    (tmp_path / "bms.dbc").write_bytes(content)

    said = check([tmp_path / "profile.yaml"]).text()

    assert "can.dbc:" in said
    assert said.endswith("1 mistake; nothing was touched")


@pytest.mark.parametrize("name", ["x" * 5000, "nul\\0byte", "/dev/zero", "."])
def test_a_name_that_is_no_file(name: str, tmp_path: Path) -> None:
    text = (DUT / "profile.yaml").read_text(encoding="utf-8")
    profile = tmp_path / "profile.yaml"
    profile.write_text(text.replace("dbc: bms.dbc", f'dbc: "{name}"'), encoding="utf-8")

    assert "can.dbc: there is no file" in check([profile]).text()
