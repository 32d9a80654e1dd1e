"""The committed JSON Schemas are those of the models, and accept our own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig.schemas import FOLDER, PAGE, page, schemas

ROOT = Path(__file__).parents[1]
OURS = [
    *((p, "profile") for p in sorted(ROOT.glob("fixtures/duts/*/profile.yaml"))),
    *((p, "bench") for p in sorted(ROOT.glob("fixtures/benches/*.yaml"))),
    *((p, "plan") for p in sorted(ROOT.glob("testplans/*.yaml"))),
]


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_committed_schema_is_up_to_date(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")

    assert committed == schemas()[name], "run python -m rig.schemas and commit what it wrote"


def test_the_committed_tables_are_up_to_date() -> None:
    committed = PAGE.read_text(encoding="utf-8")

    assert committed == page(committed), "run python -m rig.schemas and commit what it wrote"


@pytest.mark.parametrize(
    ("path", "kind"), [pytest.param(p, k, id=p.relative_to(ROOT).as_posix()) for p, k in OURS]
)
def test_our_own_files_name_and_fit_their_schema(path: Path, kind: str) -> None:
    text = path.read_text(encoding="utf-8")
    schema = json.loads(schemas()[f"{kind}.schema.json"])

    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")

    assert (path.parent / named).resolve() == FOLDER / f"{kind}.schema.json"
    assert list(_misfits(yaml.safe_load(text), schema, schema, "")) == []


def test_a_schema_refuses_an_unknown_key() -> None:
    schema = json.loads(schemas()["plan.schema.json"])

    found = list(_misfits({"plan": "x", "cases": [{"famly": "trip"}]}, schema, schema, ""))

    assert found == ["/cases/0: famly"]


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def _misfits(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    """Find what an editor would underline; the part of JSON Schema that pydantic writes."""
    if "$ref" in schema:
        return _misfits(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, at)
    if "anyOf" in schema:
        tried = [_misfits(value, option, root, at) for option in schema["anyOf"]]
        return min(tried, key=len)
    if "const" in schema or "enum" in schema:
        # PyYAML reads on and off as YAML 1.1 did; editors read them as words.
        return [] if value in schema.get("enum", [schema.get("const")]) else [f"{at}: {value}"]
    if "type" in schema and not isinstance(value, _TYPES[schema["type"]]):
        return [] if schema.get("format") == "date" else [f"{at}: {value!r}"]
    if isinstance(value, list):
        items = schema.get("items", {})
        return [m for i, v in enumerate(value) for m in _misfits(v, items, root, f"{at}/{i}")]
    return _mapping_misfits(value, schema, root, at) if isinstance(value, dict) else []


def _mapping_misfits(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> list[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{at}: no {key}" for key in schema.get("required", ()) if key not in value]
    for key, inner in value.items():
        if key in known:
            found += _misfits(inner, known[key], root, f"{at}/{key}")
        elif isinstance(others, dict):
            found += _misfits(inner, others, root, f"{at}/{key}")
        elif not others:
            found.append(f"{at}: {key}")
    return found
