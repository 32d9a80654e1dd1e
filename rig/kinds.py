"""Kinds that a room finds by itself: one file for each, and those that a plugin brings.

Adding or removing a file changes no other. An installed plugin names a module of its own by an
entry point of the group that is called like the package:

    [project.entry-points."rig.steps"]
    pulse = "our_lab.pulse"

A kind is a frozen dataclass below the room's base class, told from the others by its field `kind`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Annotated, Any, Union

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from rig.errors import DescriptionError
from rig.plugins import brought


@cache
def kinds_of(base: type[Any]) -> Mapping[str, type[Any]]:
    """Give the kinds below a room's base class by their stored `kind`, in the order of their files.

    Raises
    ------
    DescriptionError
        A plugin can't be loaded, or two kinds have one name.
    """
    found: dict[str, type[Any]] = {}
    package = base.__module__.rpartition(".")[0]
    plugged = (module for _, module in brought(package, "plugin", ModuleType))
    for module in (*modules_of(package), *plugged):
        for kind in _defined(module, base):
            name = kind.__dataclass_fields__["kind"].default
            if name in found:
                raise DescriptionError(
                    f"there is a kind {name!r} already: {found[name].__module__}",
                    module.__name__,
                    "give it a name of its own",
                )
            found[name] = kind
    return found


def one_of(base: type[Any], source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Give pydantic's schema of a base class, any of its kinds; of a kind its own."""
    if source is not base:
        return handler(source)
    union: Any = Union[tuple(kinds_of(base).values())]  # noqa: UP007 -- of as many as there are
    return handler.generate_schema(Annotated[union, Field(discriminator="kind")])


def modules_of(package: str) -> list[ModuleType]:
    """Import the modules of a package, in the order of their names."""
    home = importlib.import_module(package)
    names = sorted(found.name for found in pkgutil.iter_modules(home.__path__, f"{package}."))
    return [importlib.import_module(name) for name in names]


def _defined(module: ModuleType, base: type[Any]) -> list[type[Any]]:
    if getattr(module.__spec__, "_initializing", False):  # its classes are still to come
        raise DescriptionError(
            f"{module.__name__} asks for all kinds of {base.__name__} while it is imported",
            module.__name__,
            "let it import each kind from its own module",
        )
    return [
        found
        for name, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__
        and issubclass(found, base)
        and not inspect.isabstract(found)
        and not name.startswith("_")
    ]
