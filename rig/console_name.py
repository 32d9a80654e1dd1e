"""Names of consoles: "console" is the BMS's own, "console of the gateway" another on its bench.

A name is the same text in a bench file, a plan, a finding and a stored case. Must not know a port.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from rig.description import mistake_error

OWN_CONSOLE = "console"  # the one that the profile speaks of


def is_console(name: str) -> bool:
    """Whether something of this name can only be a console."""
    return name == OWN_CONSOLE or name.startswith(f"{OWN_CONSOLE} ")


def _console(name: str) -> str:
    if not is_console(name):
        raise mistake_error(f'"{name}" names no console', f'write "{OWN_CONSOLE} {name}"')
    return name


ConsoleName = Annotated[str, AfterValidator(_console)]
