"""JSON Schemas of the three descriptions, generated from their models, for editors.

``python -m rig.schemas`` writes them to docs/schemas/; a test sees that they are up to date. They
show words, kinds and examples; what a value means is checked by the rig, whose messages say more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rig.bench.description import BenchFile
from rig.dut.profile import Profile
from rig.plan.model import BARE_WORDS, PlanFile

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
# What may stand in place of the mapping (the models' own validators take it so).
_SHORT_FORMS: dict[str, list[dict[str, Any]]] = {
    "PlanStep": [{"const": word} for word in BARE_WORDS],
}
_MODELS: dict[str, type[BaseModel]] = {"profile": Profile, "bench": BenchFile, "plan": PlanFile}


def schemas() -> dict[str, str]:
    """Give the schemas as texts, by file name."""
    return {f"{kind}.schema.json": _schema(kind, model) for kind, model in _MODELS.items()}


def _schema(kind: str, model: type[BaseModel]) -> str:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"BMS rig: {kind}",
        **{k: v for k, v in model.model_json_schema(by_alias=True).items() if k != "title"},
    }
    lean = _lean(schema)
    for name, forms in _SHORT_FORMS.items():
        if name in lean["$defs"]:
            lean["$defs"][name] = {"anyOf": [*forms, lean["$defs"][name]]}
    return json.dumps(lean, indent=2, ensure_ascii=False) + "\n"


_NOISE = {"title", "gt", "ge", "lt", "le"}  # bounds of a text are no JSON Schema


def _lean(node: Any) -> Any:
    """Leave out pydantic's titles (the keys again) and "null": a key is left out instead."""
    if isinstance(node, list):
        return [_lean(item) for item in node]
    if not isinstance(node, dict):
        return node
    lean = {k: _lean(v) for k, v in node.items() if k not in _NOISE or isinstance(v, dict)}
    if "$schema" in node:
        lean["title"] = node["title"]
    if lean.get("default", ...) is None or lean.get("type") == "string":
        lean.pop("default", None)  # a default is in SI units inside, a text here
    options = [o for o in lean.get("anyOf", ()) if o != {"type": "null"}]
    if len(options) == 1:
        lean = {**{k: v for k, v in lean.items() if k != "anyOf"}, **options[0]}
    elif options:
        lean["anyOf"] = options
    return lean


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the schemas."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in schemas().items():
        paths.append(folder / name)
        paths[-1].write_text(text, encoding="utf-8")
    return paths


if __name__ == "__main__":
    write()
