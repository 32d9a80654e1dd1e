"""What allure-pytest can't know of a case: its names, steps, plots and the verdict.

Call `configure` from pytest_configure, `finish` from pytest_runtest_teardown (the plugin computes
its keys right after it; what is set in the item's setup would be overwritten), `settle` when the
teardown was reported on and `environment` when the run folder is closed. Each does nothing
where no ``--alluredir`` is given.

The plugin has no public way to the status `unknown`, which alone gives `inconclusive` a colour
and a filter of its own; allure_commons' hook `report_result` is public, and there the finished
result can be completed before it is written (reports.allure_results).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.answer import answer
from rig.evidence import Run

if TYPE_CHECKING:
    from reports.allure_results import Results

CATEGORIES = {
    "BMS failures": "failed",
    "Inconclusive: the uncertainty straddles a limit": "unknown",
    "Errors of bench, rig or test: nothing can be said of the BMS": "broken",
    "Skipped": "skipped",
}
# One pytest session a process, as allure_commons has it too.
_active: Results | None = None


# ---- entries ------------------------------------------------------------------------------------
def configure(config: Any) -> None:
    """Join in where allure-pytest writes results in this session."""
    global _active
    _active = None
    if not config.getoption("allure_report_dir", None):
        return
    import allure_commons

    from reports.allure_results import Results

    manager, mine = allure_commons.plugin_manager, Results()
    manager.register(mine)
    config.add_cleanup(lambda: manager.unregister(mine))
    _active = mine


def finish(reported: Any) -> None:
    """Tell Allure what an item is, in its teardown.

    Reads `told.case`, `told.bench_name`, `told.judgement` (None where it never ran), and
    `told.trace` or, without it, `told.folder` (of its evidence; None where there is none).
    """
    if _active is None:
        return
    from reports.allure_results import ReportedCase, load_trace

    trace = reported.trace or load_trace(reported.folder)
    _active.tell(ReportedCase(reported.case, reported.bench_name, reported.judgement, trace))


def settle(reported: Any) -> None:
    """Tell Allure what the item came to in the end, its teardown included."""
    if _active is not None:
        _active.settle(reported.case.id, reported.judgement)


def environment(results: Path, run: Run) -> None:
    """Write what belongs to the whole run: environment, categories, Allure 3 configuration."""
    if not results.is_dir():
        return
    lines = [f"{_key(k)}={_value(v)}\n" for k, v in _facts(run).items()]
    (results / "environment.properties").write_text("".join(lines), encoding="utf-8")
    categories = [{"name": n, "matchedStatuses": [s]} for n, s in CATEGORIES.items()]
    _write_json(results / "categories.json", categories)  # for Allure 2; Allure 3 wants its own
    _write_json(results / "allurerc.json", _configuration(run, results))


# ---- the run ------------------------------------------------------------------------------------
def _facts(run: Run) -> dict[str, str]:
    meta = run.meta
    facts = {
        "Verdicts": f"{len(run.cases)} planned: {_counts(run)}",
        "Run": run.run_id,
        "Bench": run.bench,
        "DUT": meta.dut_title or meta.dut,
        "Firmware": meta.firmware,
        "Plan": ", ".join(meta.plans),
        "Seed": str(meta.seed),
        "Clock": meta.clock,
        "Evidence": run.path.as_posix(),
    }
    facts |= {f"Instrument {i.role}": f"{i.manufacturer} {i.model}" for i in meta.instruments}
    facts |= {f"Version {name}": version for name, version in meta.versions.items()}
    return {name: value for name, value in facts.items() if value}


def _counts(run: Run) -> str:
    return ", ".join(f"{n} {outcome}" for outcome, n in run.counts.items() if n)


def _configuration(run: Run, results: Path) -> Mapping[str, object]:
    """For `allure generate RESULTS -c allurerc.json`; an unknown key would abort it."""
    # The donut leaves `unknown` out of its percentage, so the name says what the run came to.
    out = results.parent
    options = {"singleFile": True, "layout": "split", "groupBy": ["epic", "feature", "story"]}
    return {
        "name": f"{run.run_id}: {answer(run).word} ({_counts(run)})",
        "output": str(out / "allure-report"),
        "historyPath": str(out / "allure-history.jsonl"),
        "historyLimit": 60,
        "categories": [{"name": n, "matchers": [{"statuses": [s]}]} for n, s in CATEGORIES.items()],
        "plugins": {"awesome": {"options": options}},
    }


def _key(text: str) -> str:
    return re.sub(r"[\s:=]+", "_", text)


def _value(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", " ")


def _write_json(path: Path, content: object) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
