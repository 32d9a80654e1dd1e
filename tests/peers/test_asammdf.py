"""A BLF file of ours becomes an MF4 file whose frames have their true date."""

from __future__ import annotations

from pathlib import Path

import can
import numpy as np
import pytest

from rig.trace import files
from tests.trace.test_blf_start import BEGUN, a_dated_trace

FIRST_S = BEGUN.timestamp() - 1.7e-3


@pytest.fixture
def blf(tmp_path: Path) -> Path:
    """Frames from 1.7 ms before the begin of a case to 1 s after it."""
    files.save(a_dated_trace(-1_700_000, 0, 10**9), tmp_path)
    return tmp_path / "can.blf"


def dates_in(path: Path) -> list[float]:
    """Seconds since 1970 of each frame, as asammdf reads them."""
    with pytest.importorskip("asammdf").MDF(path) as mdf:
        frames = mdf.get("CAN_DataFrame")
        return list(mdf.header.start_time.timestamp() + frames.timestamps)


def test_python_cans_converter_to_mf4_keeps_the_dates(blf: Path) -> None:
    with can.Logger(blf.with_suffix(".mf4")) as logger:
        for message in can.BLFReader(blf):
            logger(message)

    found = dates_in(blf.with_suffix(".mf4"))

    assert found == pytest.approx([FIRST_S, FIRST_S + 1.7e-3, FIRST_S + 1.0017], abs=1e-5)


def test_asammdf_takes_the_start_and_no_time_is_negative(blf: Path) -> None:
    asammdf = pytest.importorskip("asammdf")
    reader = can.BLFReader(blf)
    stamps = np.array([message.timestamp for message in reader]) - reader.start_timestamp
    ids = asammdf.Signal(np.full(stamps.size, 0x100, np.uint32), stamps, name="CAN_DataFrame")
    with asammdf.MDF() as mdf:
        mdf.start_time = BEGUN.fromtimestamp(reader.start_timestamp, BEGUN.tzinfo)
        mdf.append([ids])
        mdf.save(blf.with_suffix(".mf4"))

    assert stamps.min() >= 0.0
    assert dates_in(blf.with_suffix(".mf4"))[0] == pytest.approx(FIRST_S, abs=1e-5)
