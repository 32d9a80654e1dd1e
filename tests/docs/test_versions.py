"""The versions of stored documents that docs/run-folder.md tells of are those that are written."""

from __future__ import annotations

import re
from pathlib import Path

import rig.evidence.forms
import rig.mutants.result
import rig.trace.files
import rig.trace.unfinished
from rig.documents import Document

TEXT = Path("docs/run-folder.md").read_text(encoding="utf-8")
MODULES = (rig.evidence.forms, rig.mutants.result, rig.trace.files, rig.trace.unfinished)
WRITTEN = {
    document.kind: document
    for module in MODULES
    for document in vars(module).values()
    if isinstance(document, Document)
}


def test_the_table_has_the_version_of_each_kind() -> None:
    table = dict(re.findall(r"^\|[^|]*\| `(\w+)` \| (\d+) \|", TEXT, re.MULTILINE))

    assert WRITTEN
    assert {kind: table.get(kind) for kind in WRITTEN} == {
        kind: str(document.version) for kind, document in WRITTEN.items()
    }


def test_the_example_is_one_that_is_written() -> None:
    assert f'`"{WRITTEN["case"].schema}"`' in TEXT
