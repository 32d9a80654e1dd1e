"""The verb `rig mutants`: options in, a result and its words out. Prints; makes no HTML."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence

from rig.errors import DescriptionError
from rig.mutants.hunt import Ground, Hunt, ground
from rig.mutants.result import (
    FOUND,
    RELEASED,
    Control,
    Extent,
    Result,
    Row,
    Variant,
    load_result,
    save_result,
)
from rig.mutants.text import progress, row_line, text_of
from rig.mutants.variants import chosen, listed, sampled
from rig.pool import Done, Ran

_WIDTH = 200
_PROGRESS_S = 0.2  # between two looks of the progress line, of wall time


def hunt(options: argparse.Namespace, command: str) -> tuple[Result, bool]:
    """Run the plan against the variants; print progress and table; store the JSON.

    Returns
    -------
    The result, and whether it was interrupted.
    """
    earlier = load_result(options.order_from) if options.order_from else None
    where = ground(options.plan, dut=options.dut, bench=options.bench, seed=options.seed)
    running = hunt_for(
        where,
        _variants(options, where),
        extent=_extent(options),
        control=options.control or ("plan" if options.sample is None else "findings"),
        jobs=options.jobs,
        earlier=earlier,
    )
    result = running.result(command)
    print(f"\n{text_of(result, width=max(_WIDTH, shutil.get_terminal_size().columns))}")
    save_result(result, options.out / "mutants.json")
    if running.interrupted:
        print("interrupted: this is what was found up to then", file=sys.stderr)
    return result, running.interrupted


def hunt_for(  # noqa: PLR0913  what a hunt is made of, by name
    where: Ground,
    variants: Sequence[Variant],
    *,
    extent: Extent = "fail",
    control: Control = "plan",
    jobs: int | None = None,
    earlier: Result | None = None,
) -> Hunt:
    """Run the plan against variants, with a progress line; return the hunt, at its end."""
    running = Hunt(
        ground=where,
        variants=variants,
        extent=extent,
        control=control,
        jobs=jobs,
        earlier=earlier,
        on_event=_Progress().show,
    )
    running.run()
    return running


def _extent(options: argparse.Namespace) -> Extent:
    if options.all_cases:
        return "end"
    return "each family" if options.each_family else "fail"


def _variants(options: argparse.Namespace, where: Ground) -> Sequence[Variant]:
    found = chosen(listed(where.bench, options.own), options.variants)
    if options.sample is not None:
        found = sampled(found, options.sample, options.seed)
    if not found:
        raise DescriptionError(
            "there is no variant to run the plan against",
            str(options.own or f"bench {where.bench.name}"),
            "name some with --variants, or write your own: docs/mutants.md",
        )
    return found


class _Progress:
    """A line that is written over on a terminal; elsewhere a line for each finished build."""

    def __init__(self) -> None:
        self._shown_s = -1.0
        self._rewrites = sys.stderr.isatty()

    def show(self, hunt: Hunt, event: Ran | Done) -> None:
        """Show where the hunt is."""
        if not self._rewrites:
            if isinstance(event, Done):
                print(row_line(_row_of(hunt, event)), file=sys.stderr, flush=True)
            return
        if hunt.lasted_s - self._shown_s < _PROGRESS_S:
            return
        self._shown_s = hunt.lasted_s
        found = sum(hunt.row(variant).state == FOUND for variant in hunt.variants)
        total = len(hunt.variants)
        text = progress(hunt.finished, total, found, hunt.lasted_s, event.work)
        columns = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:columns].ljust(columns)}", end="", file=sys.stderr, flush=True)


def _row_of(hunt: Hunt, done: Done) -> Row:
    every = [*hunt.variants, RELEASED]
    return hunt.row(next(v for v in every if v.name == done.work))
