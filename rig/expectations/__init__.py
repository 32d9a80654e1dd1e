"""What a case expects: one file for each kind of expectation.

``from rig.expectations import *`` gives all kinds, those of plugins too, and the addresses that
they take, to tests that are written in Python. They are found when asked for: a plugin's own module
imports this package first.
"""

from __future__ import annotations

from typing import Any

from rig.can_address import MessageAddress as MessageAddress
from rig.can_address import SignalAddress as SignalAddress
from rig.expectations.expectation import Expectation as Expectation


def __getattr__(name: str) -> Any:
    kinds = {kind.__name__: kind for kind in Expectation.kinds().values()}
    if name == "__all__":
        return ["Expectation", "MessageAddress", "SignalAddress", *kinds]
    if name not in kinds:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return kinds[name]
