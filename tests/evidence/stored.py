"""A finished run on the disk whose cases the judge passes, for tests that meddle with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rig.case import Case
from rig.evidence import RunFolder
from rig.evidence.names import case_folder
from rig.judging import judge
from tests.evidence.factories import TickingClock, a_case, a_meta, a_trace

IDS = ("trip-cell1", "trip-cell2", "trip-cell3")


def output_case(case_id: str, **changes: object) -> Case:
    """Make a case that looks at the output alone, so that no DBC is needed."""
    case = a_case(case_id)
    facts: dict[str, object] = {"expectations": case.expectations[:1], **changes}
    return a_case(case_id, **facts)


def a_stored_run(
    out: Path, bench: str = "Lab 2", *, ids: tuple[str, ...] = IDS, finished: bool = True
) -> Path:
    """Drive nothing, judge a made-up trace for each case, and store all of it."""
    folder = RunFolder.create(
        out,
        bench,
        a_meta(),
        {"plan.yaml": b"plan: nightly\n", "profile.yaml": b"name: ESP32\n"},
        [output_case(case_id) for case_id in ids],
        now=TickingClock(),
    )
    for case in folder.planned:
        trace = a_trace()
        folder.case_started(case)
        folder.case_done(case, trace, judge(case, trace), wall_s=0.02, virtual_s=2.0)
    return folder.finish("finished" if finished else "aborted")


def of_case(run: Path, number: int, ids: tuple[str, ...] = IDS) -> Path:
    """Folder of the run's case of this number, from 1."""
    return run / "cases" / case_folder(number, ids[number - 1])


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text in a file that must have it."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def edit_json(path: Path, **changes: Any) -> None:
    """Set members of a JSON object."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **changes}), encoding="utf-8")
