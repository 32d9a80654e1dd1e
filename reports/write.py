"""All reports of a run, made from its folder. The one entry for whoever has just closed a run."""

from __future__ import annotations

from pathlib import Path

from reports.junit import write_junit
from reports.run_page import write_run_page
from rig.evidence import Run


def write_reports(run: Run, out: Path, *, every_plot: bool = False) -> Path:
    """Write run page and JUnit XML to ``out/reports/<run>/``; return the page.

    A run folder is never written to: its manifest would no longer hold.
    """
    target = Path(out) / "reports" / run.run_id
    write_junit(run, target / "junit.xml")
    return write_run_page(run, target / "index.html", every_plot=every_plot)
