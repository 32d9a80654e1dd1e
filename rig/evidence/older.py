"""What makes documents of an older version such as are read today. Each changes one in place.

They see JSON that nobody has checked yet: what doesn't look as expected is left as it is, for the
reader to refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rig.former_words import word_of_today
from rig.steps import Step

_MEMBERS = {"begins": "precondition", "wrong": "frame_fault"}  # of a case, of a step that sends


def case_of_version_3(case: dict[str, Any]) -> None:
    """A signal's address is one text: "Status.Soc", no longer two members `message`, `signal`."""
    for part in _objects(case):
        if "signal" in part and "message" in part:
            message = part.pop("message")
            if message is not None:  # else a report that comes by the console
                part["signal"] = f"{message}.{part['signal']}"


def case_with_words_of_today(case: dict[str, Any]) -> None:
    """A step is called what plans call it, and members have the field's words."""
    for part in _objects(case):
        if "kind" in part:
            part["kind"] = word_of_today(part["kind"], Step.kinds()) or part["kind"]
        for old in _MEMBERS.keys() & part.keys():
            part[_MEMBERS[old]] = part.pop(old)


def case_of_version_4(case: dict[str, Any]) -> None:
    """Gather what every case held of the BMS's claims into one member, now the run's."""
    names = ("cells", "periods", "prints_every_s", "dbcs", "start")
    case["dut"] = {name: case.pop(name) for name in names if name in case}


def _objects(content: Any) -> Iterator[dict[str, Any]]:
    """Give every JSON object in this, itself and those inside it."""
    if isinstance(content, dict):
        yield content
        content = list(content.values())
    for part in content if isinstance(content, list) else ():
        yield from _objects(part)
