"""A pytest plugin that plays a made-up night through allure-pytest, as fixtures/plugin.py would.

Run as ``pytest -p tests.reports.night_plugin night.night --alluredir …``: the file's text is the
number of cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports import allure_glue
from rig.case import Case
from rig.evidence import RunFolder, load_run
from rig.judge.verdict import Judgement, Verdict
from rig.trace.model import Trace
from tests.evidence.factories import TickingClock, a_meta
from tests.reports.synthetic import an_outcome, the_cases

FOLDER = pytest.StashKey[RunFolder]()


class NightFile(pytest.File):
    def collect(self) -> Iterator[NightItem]:
        cases = list(the_cases(int(self.path.read_text())))
        for number, case in enumerate(cases):
            yield NightItem.from_parent(self, name=case.id, case=case, number=number)
        self.config.stash[FOLDER] = RunFolder.create(
            self.path.parent, "lab", a_meta(), {}, cases, now=TickingClock()
        )


class NightItem(pytest.Item):
    def __init__(self, *, case: Case, number: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.case, self.number, self.bench_name = case, number, "lab"
        self.judgement: Judgement | None = None
        self.folder: Path | None = None
        self.trace: Trace | None = None
        if number == 5:
            self.add_marker(pytest.mark.skip(reason="not tonight"))

    def runtest(self) -> None:
        trace, self.judgement = an_outcome(self.case, self.number, bad=True)
        folder = self.config.stash[FOLDER]
        self.folder = folder.case_done(self.case, trace, self.judgement, wall_s=0.01, virtual_s=2.0)
        self.trace = trace
        if self.judgement.verdict is not Verdict.PASS:
            raise RuntimeError(self.judgement.sentence)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name

    def repr_failure(self, excinfo: Any, *_: Any) -> str:
        return str(excinfo.value)


def pytest_configure(config: pytest.Config) -> None:
    allure_glue.configure(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> NightFile | None:
    return NightFile.from_parent(parent, path=file_path) if file_path.suffix == ".night" else None


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    allure_glue.finish(item)


def pytest_sessionfinish(session: pytest.Session) -> None:
    folder = session.config.stash[FOLDER].finish()
    allure_glue.environment(Path(session.config.getoption("allure_report_dir")), load_run(folder))
