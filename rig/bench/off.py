"""Everything of a bench off, now: from its file alone, on no profile and no plan.

For an idle bench. Must not print.
"""

from __future__ import annotations

from pathlib import Path

from rig import ending
from rig.bench.connect import racked
from rig.bench.description import load_bench
from rig.rack import Off

__all__ = ["bench_off"]


def bench_off(bench: Path | str) -> list[Off]:
    """Switch everything off that a bench file names, and say of each instrument whether it is.

    A signal waits until all of them were tried.

    Raises
    ------
    DescriptionError
        The file is wrong; nothing was touched.
    BenchError
        A process that the bench needs does not start.
    """
    description = load_bench(bench)
    with ending.held(), racked(description) as (_, rack):
        return rack.switch_off()
