"""In which way a frame is wrong that is else made right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

from rig.description import mistake_error, suggest


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFault:
    """One way in which frames are wrong that are else made right: counter, checksum, length.

    "crc": all its bits inverted. "bit": one bit of the frame flipped, another one each time, `by`
    counting from which. "counter stands": as in the frame before. "counter skips": `by` numbers
    are left out. "length": `by` bytes, the checksum right over what is left. "identifier": `by`
    added to it. "data id": `by` added to it, so that the checksum is another message's.
    "swapped": the frame changes places with the next one.
    """

    what: Literal[
        "crc",
        "bit",
        "counter stands",
        "counter skips",
        "length",
        "identifier",
        "data id",
        "swapped",
    ]
    by: int = 0
    every: int = 1  # each so-manieth frame is wrong; 0: just the first

    def written(self) -> dict[str, int]:
        """Give it in a plan's words."""
        often = {"every": self.every} if self.every != 1 else {}
        return {self.what: self.by, **often}

    def sentence(self) -> str:
        """Say which frames are wrong, and how: "each 2nd with the counter of the one before"."""
        said = {
            "crc": "a wrong checksum",
            "bit": "one flipped bit",
            "counter stands": "the counter of the one before",
            "counter skips": f"{self.by} numbers of the counter left out",
            "length": f"{self.by} bytes only",
            "identifier": "another identifier",
            "data id": "the checksum of another message",
            "swapped": "the place of the next one",
        }[self.what]
        order = {2: "2nd", 3: "3rd"}.get(self.every, f"{self.every}th")
        which = {0: "the first", 1: "each"}.get(self.every, f"each {order}")
        return f"{which} with {said}"


def frame_fault(value: Any) -> FrameFault:
    """Read "crc", or {counter skips: 3, every: 2}: one way to be wrong, and how often."""
    given = {value: 0} if isinstance(value, str) else value
    if not isinstance(given, dict) or len(given.keys() - {"every"}) != 1:
        raise mistake_error(
            f'"{value}" is no way in which a frame is wrong', "write for example {length: 4}"
        )
    [what] = given.keys() - {"every"}
    if what not in _KNOWN:
        raise mistake_error(f'a frame is not wrong by "{what}"', suggest(str(what), _KNOWN))
    by, every = given[what], given.get("every", 1)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in (by, every)):
        raise mistake_error(f'"{value}" counts in whole numbers', "write for example {length: 4}")
    return FrameFault(what=what, by=by, every=every)


_KNOWN: tuple[str, ...] = get_args(get_type_hints(FrameFault)["what"])
