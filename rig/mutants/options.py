"""Options of `rig mutants` and `rig campaign`; apart, so that no other verb loads their rest."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `rig mutants`."""
    add = parser.add_argument
    add("plan", type=Path, metavar="PLAN")
    _add_common(parser)
    add("--sample", type=_count, metavar="N", help="only N variants, drawn by the seed")
    add(
        "--control",
        choices=("plan", "findings"),
        help="what the good firmware runs: the whole plan, or the cases that found something"
        " (plan; of a sample: findings)",
    )
    add("--order-from", type=Path, metavar="FILE.json", help="put first what found most there")
    add("--out", type=Path, default=Path("out/mutants"), help="for page and JSON (out/mutants)")
    until = parser.add_mutually_exclusive_group()
    until.add_argument(
        "--all-cases", action="store_true", help="the whole matrix, not only the first finding"
    )
    until.add_argument(
        "--each-family", action="store_true", help="then: what does each family alone find?"
    )


def add_campaign_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `rig campaign`."""
    add = parser.add_argument
    add("--hours", type=float, required=True, metavar="H", help="virtual time to be spent")
    add("--plan", type=Path, default=Path("testplans/nightly.yaml"), help="whose holes are sought")
    _add_common(parser)
    add(
        "--missed-of",
        type=Path,
        metavar="FILE.json",
        help="what this result of rig mutants left unfound, in place of running the plan first",
    )
    add("--out", type=Path, default=Path("out/campaign"), help="for proposals (out/campaign)")


def _add_common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--dut", help="DUT profile: a path, a folder or a short name (the one the plan is for)")
    add("--bench", help="bench description (the virtual one of the BMS)")
    add("--variants", default="all", help='names with commas; "a+b" is both in one build (all)')
    add("--own", type=Path, metavar="FILE.py", help="variants of your own, in place of the bench's")
    add("--seed", type=int, default=1, help="of every random choice (1)")
    add("--jobs", type=_count, help="worker processes (one for each processor core)")


def _count(text: str) -> int:
    """Read a number of things; none of them would be asked for in vain."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)
