"""What is generated for readers: JSON Schemas of the descriptions, tables of the kinds for docs.

``python -m rig.schemas`` writes them to docs/; a test sees that they are up to date. The schemas
show words, kinds and examples; what a value means is checked by the rig, whose messages say more.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rig.bench.description import BenchFile
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.expectation import InSpan, InTime
from rig.plan.model import BARE_WORDS, PlanFile
from rig.steps import Step

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
PAGE = FOLDER.parent / "write-tests-in-python.md"
# What may stand in place of the mapping (the models' own validators take it so).
_SHORT_FORMS: dict[str, list[dict[str, Any]]] = {
    "PlanStep": [{"const": word} for word in BARE_WORDS],
}
_TABLES: dict[str, Callable[[], Mapping[str, type[Any]]]] = {
    "steps": Step.kinds,
    "expectations": Expectation.kinds,
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


# ---- tables -------------------------------------------------------------------------------------
def table(kinds: Iterable[type[Any]]) -> str:
    """Give a row for each kind: in Python, in a plan, what its docstring says first."""
    return "".join(
        f"| `{kind.__name__}({', '.join(_own_fields(kind))})`"
        f" | {', '.join(f'`{word}`' for word in _plan_words(kind))} | {_first_paragraph(kind)} |\n"
        for kind in kinds
    )


def _plan_words(kind: type[Any]) -> Iterable[str]:
    """Give the words that name a step, or lead an expectation."""
    found: Iterable[str] = getattr(kind.words, "leads", kind.words)
    return found


def _own_fields(kind: type[Any]) -> list[str]:
    """Name its fields; when and between which marks it holds comes last, as in a sentence."""
    names = [field.name for field in fields(kind) if field.name not in ("mark", "kind", "claims")]
    when = {
        field.name for base in (InTime, InSpan) if issubclass(kind, base) for field in fields(base)
    }
    return sorted(names, key=when.__contains__)


def _first_paragraph(kind: type[Any]) -> str:
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split()).rstrip(".")


def page(text: str) -> str:
    """Give a page of docs with its tables as they are now; each stands below a comment."""
    for name, kinds in _TABLES.items():
        head = rf"(<!-- {name}: .* -->\n\|.*\n\|.*\n)"
        rows = table(kinds().values()).replace("\\", r"\\")
        text = re.sub(head + r"(?:\|.*\n)*", rf"\1{rows}", text)
    return text


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the schemas, and the tables of the page about tests in Python."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [PAGE]
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name, text in schemas().items():
        paths.append(folder / name)
        paths[-1].write_text(text, encoding="utf-8")
    return paths


if __name__ == "__main__":
    write()
