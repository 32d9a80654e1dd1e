"""One made-up night of every verdict, written once for all tests that only read it."""

from __future__ import annotations

import pytest

from rig.evidence import Run, load_run
from tests.reports.synthetic import write_night


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """85 cases, some of each verdict."""
    return load_run(write_night(tmp_path_factory.mktemp("night"), 85))


@pytest.fixture(scope="session")
def aborted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that died after 20 of 30 cases."""
    return load_run(write_night(tmp_path_factory.mktemp("died"), 30, stop_after=20))
