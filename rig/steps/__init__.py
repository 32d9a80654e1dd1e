"""What a case does: one file for each kind of step.

``from rig.steps import *`` gives all kinds, those of plugins too, to tests that are written in
Python. They are found when asked for: a plugin's own module imports this package first.
"""

from __future__ import annotations

from typing import Any

from rig.steps.step import Step as Step


def __getattr__(name: str) -> Any:
    if name == "__all__" or name[0].isupper():  # else a module of this package
        kinds = {kind.__name__: kind for kind in Step.kinds().values()}
        if name == "__all__":
            return ["Step", *kinds]
        if name in kinds:
            return kinds[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
