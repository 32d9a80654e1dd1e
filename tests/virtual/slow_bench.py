"""The virtual bench on a computer that is too slow: its loop stands still now and then.

Started by tests in place of `python -m rig.virtual`, with the same options and `--time real`.
"""

from __future__ import annotations

import sys
import threading

from rig.virtual import __main__ as door
from rig.virtual import assembly
from rig.virtual.loop import Loop

EVERY_NS, STALL_S = 400_000_000, 0.05


def _stand_still() -> None:
    threading.Event().wait(STALL_S)


class SlowLoop(Loop):
    """A loop that stands still."""

    def run(self) -> None:
        """Serve, slowly."""
        self.kernel.every(EVERY_NS, _stand_still)
        super().run()


if __name__ == "__main__":
    setattr(assembly, "Loop", SlowLoop)  # noqa: B010 -- it is not exported for others
    sys.exit(door.main(sys.argv[1:]))
