"""Case families: each expands one idea of a test over everything that a profile claims.

A family is a function of profile and options that yields drafts (`rig.plan.families.draft`), marked
with its name in any module of this package; `rig.plan.expand` makes cases of them. New ones plug in
through the entry point group ``rig.families``, which names the function.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import FunctionType
from typing import Any

from rig.kinds import modules_of
from rig.plan.families.draft import Draft, Family, Options, Part, family, named_families
from rig.plugins import brought

__all__ = ["Draft", "Family", "Options", "Part", "families", "family"]


@cache
def families() -> Mapping[str, Family]:
    """Give the case families there are by name: the rig's own and those that plug in.

    Raises
    ------
    DescriptionError
        A plugin can't be loaded.
    """
    modules_of(__name__)
    plugged: dict[str, Any] = dict(brought("rig.families", "family", FunctionType))
    return dict(sorted({**named_families(), **plugged}.items()))
