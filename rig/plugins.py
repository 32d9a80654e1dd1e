"""What installed packages bring by entry points. Must not know what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from rig.errors import DescriptionError

P = TypeVar("P")


def brought(group: str, noun: str, wanted: type[P]) -> Iterator[tuple[str, P]]:
    """Give name and object of each entry point of a group, by name; raises as `loaded` does."""
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        yield point.name, loaded(point, noun, wanted)


def loaded(point: EntryPoint, noun: str, wanted: type[P]) -> P:
    """Load what an entry point names: a `noun`, which is a `wanted`.

    Raises
    ------
    DescriptionError
        It can't be loaded, or is something else.
    """
    where = f"entry point {point.value} of {point.dist.name if point.dist else 'a package'}"
    try:
        found = point.load()
    except Exception as error:  # whatever a stranger's module does when it is imported
        raise DescriptionError(
            f"the {noun} {point.name!r} can't be loaded: {type(error).__name__}: {error}",
            where,
            "reinstall that package, or correct its entry point",
        ) from error
    if not isinstance(found, wanted):
        raise DescriptionError(
            f"the {noun} {point.name!r} is a {type(found).__name__}, not a {wanted.__name__}",
            where,
            f"let the entry point name a {wanted.__module__}.{wanted.__name__}",
        )
    return found
