"""Kinds that a room finds by itself: one module for each, and those that a plugin brings.

Adding or removing a module changes no other. An installed plugin names a module of its own by an
entry point of the group that is called like the package: ``[project.entry-points."rig.steps"]``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from importlib.metadata import entry_points
from types import ModuleType


def modules(package: str) -> list[ModuleType]:
    """Import and return the modules of a package, by name, then those that plugins bring."""
    home = importlib.import_module(package)
    own = sorted(found.name for found in pkgutil.iter_modules(home.__path__, f"{package}."))
    brought = sorted(entry_points(group=package), key=lambda point: point.name)
    return [importlib.import_module(name) for name in own] + [point.load() for point in brought]


def classes(package: str) -> dict[str, type]:
    """Return the public classes that these modules define, by their names."""
    return {
        name: found
        for module in modules(package)
        for name, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__ and not name.startswith("_")
    }
