"""A result of `rig mutants` names its schema and version, and is read by them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rig.errors import RigError
from rig.judge.verdict import Verdict
from rig.mutants.result import load_result, save_result
from tests.mutants.factories import a_result


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("bms-hil-rig/mutants/99", "newer rig"),
        ("bms-hil-rig/judgement/1", "is a judgement"),
        (7, "names no schema"),
    ],
)
def test_another_version_or_kind_is_refused_in_a_sentence(
    tmp_path: Path, schema: object, said: str
) -> None:
    path = tmp_path / "mutants.json"
    save_result(a_result({"late-trip": {"trip[a]": Verdict.FAIL}}), path)
    content = json.loads(path.read_bytes())
    assert content["schema"].startswith("bms-hil-rig/mutants/")
    path.write_text(json.dumps({**content, "schema": schema}), encoding="utf-8")

    with pytest.raises(RigError, match=said):
        load_result(path)
