"""A variant overrides what a part offers for it: no private of a part, and nothing untyped."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from rig.virtual.guests import reference, variants

PARTS, VARIANTS = (Path(str(module.__file__)).parent for module in (reference, variants))


def named(node: ast.AST) -> str:
    """Give the name that a node defines or uses of an object, "" if it does neither."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.FunctionDef):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return ""


def privates_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Find each private name of an object, with where it stands."""
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = named(node)
            if name.startswith("_") and not name.startswith("__"):
                yield name, f"{path.name}:{getattr(node, 'lineno', 0)}: {name}"


def private_access() -> list[str]:
    """Find where a variant uses, overrides or declares a private of a part."""
    of_parts = {name for name, _ in privates_in(PARTS)}
    return [where for name, where in privates_in(VARIANTS) if name in of_parts]


def unchecked() -> list[str]:
    """Find where a variant asks the type checker to look away."""
    lines = (
        f"{path.name}:{number}: {line}"
        for path in sorted(VARIANTS.glob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    )
    return [line for line in lines if "type: ignore" in line]


def test_no_variant_reaches_into_a_private_of_a_part() -> None:
    assert private_access() == []


def test_every_variant_is_typed() -> None:
    assert unchecked() == []
